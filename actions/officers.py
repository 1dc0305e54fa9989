"""Officers: accounts, signing in, sessions. Passwords are kept as argon2id hashes, session tokens as SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from actions import audit
from actions.errors import AccountLocked, BadCredentials, BadOfficer, LoginTaken, WeakPassword
from store.models import ConsoleSession, Conversation, Officer

log = structlog.get_logger()

ROLES: Final = ("operator", "caseworker", "supervisor", "monitoring_officer", "administrator")
MAX_FAILURES: Final = 5
LOCKED_FOR: Final = timedelta(minutes=15)
IDLE: Final = timedelta(hours=2)
ABSOLUTE: Final = timedelta(hours=12)
SEEN_EVERY: Final = timedelta(minutes=1)  # so that reading a page does not always write a row
MIN_PASSWORD: Final = 10
MAX_PASSWORD: Final = 200  # hashing a megabyte would be a way to keep us busy
_ONE_TIME_LENGTH: Final = 14
_READABLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # read out or copied by hand: no l 1 i o 0

_hasher: Final = PasswordHasher()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whose session it is, and the token that every form must bring back."""

    officer: Officer
    csrf: str
    expires_at: datetime


def create_officer(
    session: Session,
    login: str,
    name: str,
    role: str,
    department: str | None,
    unit_code: str | None,
    now: datetime,
) -> str:
    """Create an officer and return the one-time password, which must be changed at the first sign-in. Raises LoginTaken, BadOfficer."""
    login = plain_login(login)
    if not login or not login.isprintable() or len(login) > 60:
        raise BadOfficer("login")
    if role not in ROLES:
        raise BadOfficer("role")
    if role == "caseworker" and not department:
        raise BadOfficer("department")  # without one they would see nothing
    if _find(session, login) is not None:
        raise LoginTaken(login)
    password = one_time_password()
    officer = Officer(
        login=login,
        name=name,
        role=role,
        department=department,
        unit_code=unit_code,
        password_hash=_hasher.hash(password),
        created_at=now,
    )
    session.add(officer)
    session.flush()
    audit.record(session, at=now, action="create_officer", object_kind="officer", object_id=officer.id, role=role)
    return password


def authenticate(session: Session, login: str, password: str, now: datetime) -> Officer:
    """The officer of a login and password. Raises BadCredentials, or AccountLocked for 15 minutes after 5 wrong passwords.

    Commit also when this raises: the failures are counted in the session. An unknown login takes as long and says the same as a
    wrong password. While locked the password is not looked at, so that guessing on does not help.
    """
    officer = _find(session, plain_login(login))
    if officer is None or not officer.active:
        _fits(_decoy(), password)
        raise BadCredentials
    if officer.locked_until is not None and now < officer.locked_until:
        _fits(_decoy(), password)
        raise AccountLocked
    if not _fits(officer.password_hash, password):
        _count_failure(session, officer, now)
        raise BadCredentials
    officer.failed_attempts, officer.locked_until = 0, None
    if _hasher.check_needs_rehash(officer.password_hash):
        officer.password_hash = _hasher.hash(password)
    session.flush()
    return officer


def change_password(session: Session, officer: Officer, old: str, new: str, now: datetime) -> None:
    """Replace the password and end every session. Raises BadCredentials (the old one is wrong, which counts as a failure), WeakPassword."""
    authenticate(session, officer.login, old, now)
    too_plain = officer.login in new.casefold() or new == old or not new.isprintable()
    if too_plain or not MIN_PASSWORD <= len(new) <= MAX_PASSWORD:
        raise WeakPassword
    officer.password_hash, officer.must_change_password = _hasher.hash(new), False
    end_sessions(session, officer)
    audit.record(
        session,
        at=now,
        officer_id=officer.id,
        action="change_password",
        object_kind="officer",
        object_id=officer.id,
    )
    session.flush()


def reset_password(session: Session, officer: Officer, by: Officer | None, now: datetime) -> str:
    """A new one-time password, for somebody who forgot theirs; unlocks the account and ends every session."""
    password = one_time_password()
    officer.password_hash, officer.must_change_password = _hasher.hash(password), True
    officer.failed_attempts, officer.locked_until = 0, None
    end_sessions(session, officer)
    audit.record(
        session,
        at=now,
        officer_id=by.id if by else None,
        action="reset_password",
        object_kind="officer",
        object_id=officer.id,
    )
    session.flush()
    return password


def deactivate(session: Session, officer: Officer, by: Officer, now: datetime) -> None:
    """Let an officer in no more, and end every session. The row stays. Raises BadOfficer for one's own account.

    Conversations that they own wait for somebody else: owned by nobody who can sign in, they would be met with silence for ever.
    """
    if officer.id == by.id:
        raise BadOfficer("own account")  # somebody must be left who can let others in
    officer.active = False
    session.execute(
        update(Conversation)
        .where(Conversation.owner_id == officer.id)
        .values(handoff="waiting", owner_id=None, handoff_at=now, version=Conversation.version + 1),
        execution_options={"synchronize_session": False},
    )
    end_sessions(session, officer)
    audit.record(
        session,
        at=now,
        officer_id=by.id,
        action="deactivate_officer",
        object_kind="officer",
        object_id=officer.id,
    )
    session.flush()


def sign_in(session: Session, officer: Officer, now: datetime) -> tuple[str, str]:
    """Begin a session: (token for the cookie, CSRF token for forms). Only the token's hash is stored."""
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    session.execute(delete(ConsoleSession).where(ConsoleSession.expires_at <= now))
    session.add(
        ConsoleSession(
            token_hash=_token_hash(token),
            officer_id=officer.id,
            csrf=csrf,
            created_at=now,
            seen_at=now,
            expires_at=now + ABSOLUTE,
        )
    )
    audit.record(session, at=now, officer_id=officer.id, action="sign_in", object_kind="officer", object_id=officer.id)
    session.flush()
    log.info("officer_signed_in", officer_id=officer.id)
    return token, csrf


def officer_of_session(session: Session, token: str | None, now: datetime) -> SignedIn | None:
    """Who is signed in with this token; None when nobody is, it is 2 hours idle or 12 hours old, or the officer is no longer active."""
    if not token:
        return None
    row = session.scalars(
        select(ConsoleSession)
        .where(ConsoleSession.token_hash == _token_hash(token))
        .options(joinedload(ConsoleSession.officer))
    ).one_or_none()
    if row is None:
        return None
    if now >= row.expires_at or now - row.seen_at >= IDLE or not row.officer.active:
        return None
    if now - row.seen_at >= SEEN_EVERY:
        row.seen_at = now
    return SignedIn(row.officer, row.csrf, min(row.expires_at, row.seen_at + IDLE))


def sign_out(session: Session, token: str | None, now: datetime) -> None:
    """End the session of this token, if there is one."""
    if not token:
        return
    row = session.scalars(select(ConsoleSession).where(ConsoleSession.token_hash == _token_hash(token))).one_or_none()
    if row is None:
        return
    audit.record(
        session,
        at=now,
        officer_id=row.officer_id,
        action="sign_out",
        object_kind="officer",
        object_id=row.officer_id,
    )
    session.delete(row)
    session.flush()


def end_sessions(session: Session, officer: Officer) -> None:
    """Sign the officer out everywhere."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.officer_id == officer.id))


def plain_login(login: str) -> str:
    return login.strip().casefold()


def one_time_password() -> str:
    return "".join(secrets.choice(_READABLE) for _ in range(_ONE_TIME_LENGTH))


def _find(session: Session, login: str) -> Officer | None:
    return session.scalars(select(Officer).where(Officer.login == login)).one_or_none()


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _fits(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password[: MAX_PASSWORD + 1])
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


@cache
def _decoy() -> str:
    """A hash that no password fits, to spend on an unknown login the time that a known one takes."""
    return _hasher.hash(secrets.token_urlsafe(32))


def _count_failure(session: Session, officer: Officer, now: datetime) -> None:
    officer.failed_attempts += 1
    if officer.failed_attempts >= MAX_FAILURES:
        officer.failed_attempts, officer.locked_until = 0, now + LOCKED_FOR
        log.warning("officer_locked", officer_id=officer.id)
        audit.record(session, at=now, action="lock_officer", object_kind="officer", object_id=officer.id)
    audit.record(session, at=now, action="sign_in_failed", object_kind="officer", object_id=officer.id)
    session.flush()
