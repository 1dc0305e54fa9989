"""Encryption at rest of what identifies a person, and keyed look-up of what must be found again.

A column of type `EncryptedText` or `EncryptedJSON` holds a Fernet token (AES-128-CBC with HMAC-SHA256). The keys hang on the
engine's dialect, so two stores in one process (as in the tests) can have two keys and there is no global.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

VAULT_ATTRIBUTE = "hotline_vault"


class VaultError(Exception):
    """A key is missing, malformed, or not the one that the data was written with."""


class Vault:
    """Encrypts, decrypts and derives look-up keys. The first key writes; all of them read."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise VaultError("a data key must be 32 url-safe base64-encoded bytes") from error
        # The look-up key must survive rotation, so it comes from the oldest key.
        self._lookup = hashlib.sha256(b"lookup:" + keys[-1].encode()).digest()

    def seal(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def open(self, token: bytes) -> bytes:
        try:
            return self._fernet.decrypt(token)
        except InvalidToken as error:
            raise VaultError("the data key does not fit the stored data") from error

    def lookup_key(self, kind: str, value: str) -> str:
        """A keyed digest by which `value` can be found again without being stored. Hex, 32 characters."""
        return hmac.new(self._lookup, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()[:32]


def vault_from_file(path: Path) -> Vault:
    """The vault of the key file, which is made (mode 0600) when there is none. One key a line, newest first."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_key_file(path)
    try:
        keys = [line.strip() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise VaultError(f"the key file {path} holds no keys") from error
    if not keys:
        raise VaultError(f"the key file {path} is empty")
    return Vault(keys)


def _make_key_file(path: Path) -> None:
    """All of it at once and on the disk, so that neither a process that starts beside us nor a power cut leaves half a key."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(Fernet.generate_key().decode("ascii") + "\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):  # another process of the same start was quicker: its key counts
            os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _vault(dialect: Dialect) -> Vault:
    vault = getattr(dialect, VAULT_ATTRIBUTE, None)
    if not isinstance(vault, Vault):
        raise VaultError("this engine was opened without a vault; use store.session.open_store")
    return vault


class EncryptedText(TypeDecorator[str]):
    """Text that is stored sealed."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _vault(dialect).seal(value.encode("utf-8", "surrogatepass"))

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else _vault(dialect).open(bytes(value)).decode("utf-8", "surrogatepass")


class EncryptedJSON(TypeDecorator[Any]):
    """A JSON value that is stored sealed. Replace it to change it: changes inside are not seen."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return _vault(dialect).seal(text.encode("utf-8", "surrogatepass"))

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return json.loads(_vault(dialect).open(bytes(value)).decode("utf-8", "surrogatepass"))
