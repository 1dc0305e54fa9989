"""A PostgreSQL cluster of the tests' own: in a temporary folder, on a free port of loopback, gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

MISSING = "PostgreSQL's initdb and pg_ctl were not found; install it, for example: apt-get install postgresql"
_numbers = count(1)


@dataclass(frozen=True)
class Cluster:
    port: int

    def new_database(self) -> str:
        """The SQLAlchemy URL of a fresh, empty database."""
        name = f"hotline_{next(_numbers)}"
        with psycopg.connect(f"host=127.0.0.1 port={self.port} user=hotline dbname=postgres", autocommit=True) as admin:
            admin.execute(f"create database {name}")
        return f"postgresql+psycopg://hotline@127.0.0.1:{self.port}/{name}"


def programs() -> Path:
    """The folder of initdb and pg_ctl."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise AssertionError(MISSING)
    return Path(on_path).resolve().parent


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster. It refuses to run as root, so then it is user postgres's."""
    binaries = programs()
    owner = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="hotline-pg-"))
    data = folder / "data"
    if owner:
        shutil.chown(folder, owner, owner)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    said = folder / "out.txt"  # a file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open

    def do(*command: str | Path) -> None:
        with said.open("ab") as out:
            done = subprocess.run(
                [str(part) for part in command],
                user=owner,
                group=owner,
                extra_groups=() if owner else None,
                cwd=folder,
                env={**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise AssertionError(f"{command[0]}: {said.read_text(errors='replace')[-2000:]}")

    # Processes are killed here, not machines: nothing need reach the disk.
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=50 -c fsync=off -c full_page_writes=off"
    try:
        do(binaries / "initdb", "-D", data, "-U", "hotline", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        do(binaries / "pg_ctl", "-D", data, "-o", settings, "-w", "-t", "60", "start")
        try:
            yield Cluster(port)
        finally:
            do(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
