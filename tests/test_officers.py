"""Accounts, signing in, lockout, sessions, audit entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from actions import audit, officers
from actions.errors import AccountLocked, BadCredentials, BadOfficer, HotlineError, LoginTaken, WeakPassword
from actions.officers import (
    authenticate,
    change_password,
    create_officer,
    officer_of_session,
    reset_password,
    sign_in,
    sign_out,
)
from store.models import Audit, ConsoleSession, Officer
from store.session import Store

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def session(store: Store) -> Iterator[Session]:
    with store.begin() as opened:
        yield opened


def made(session: Session, now: datetime, login: str = "wang") -> tuple[Officer, str]:
    password = create_officer(session, login, "王某", "caseworker", "civil_affairs", "429006107", now)
    return session.scalars(select(Officer).filter_by(login=login)).one(), password


def fail(session: Session, login: str, now: datetime, times: int) -> None:
    for _ in range(times):
        with pytest.raises(BadCredentials):
            authenticate(session, login, "wrong password", now)


def test_a_new_officer_signs_in_with_the_one_time_password_and_must_change_it(session: Session, now: datetime) -> None:
    officer, password = made(session, now)
    assert len(password) >= 12
    assert password not in officer.password_hash
    assert officer.must_change_password
    assert authenticate(session, " WANG ", password, now) is officer


@pytest.mark.parametrize(
    ("login", "role", "department", "error"),
    [
        ("wang", "operator", None, LoginTaken),
        (" Wang", "operator", None, LoginTaken),
        ("", "operator", None, BadOfficer),
        ("li", "king", None, BadOfficer),
        ("li", "caseworker", None, BadOfficer),
        ("l" * 61, "operator", None, BadOfficer),
    ],
)
def test_accounts_that_cannot_be(
    session: Session, now: datetime, login: str, role: str, department: str | None, error: type[HotlineError]
) -> None:
    made(session, now)
    with pytest.raises(error):
        create_officer(session, login, "李某", role, department, None, now)


def test_unknown_wrong_and_inactive_say_the_same(session: Session, now: datetime) -> None:
    officer, password = made(session, now)
    said = []
    for login, given in (("nobody", password), ("wang", "wrong password"), ("wang", "\ud800"), ("wang", "x" * 100_000)):
        with pytest.raises(BadCredentials) as caught:
            authenticate(session, login, given, now)
        said.append(str(caught.value))
    officer.active = False
    with pytest.raises(BadCredentials) as caught:
        authenticate(session, "wang", password, now)
    assert {*said, str(caught.value)} == {""}


def test_an_unknown_login_costs_one_verification_too(
    session: Session, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(session, now)
    verified: list[str] = []
    real = officers._fits

    def counted(password_hash: str, password: str) -> bool:
        verified.append(password_hash)
        return real(password_hash, password)

    monkeypatch.setattr(officers, "_fits", counted)
    for login in ("nobody", "wang"):
        verified.clear()
        with pytest.raises(BadCredentials):
            authenticate(session, login, "wrong password", now)
        assert len(verified) == 1
        assert verified[0].startswith("$argon2id$")


def test_five_failures_lock_for_fifteen_minutes(session: Session, now: datetime) -> None:
    _, password = made(session, now)
    fail(session, "wang", now, 5)
    for moment in (now, now + 14 * MINUTE):
        with pytest.raises(AccountLocked):
            authenticate(session, "wang", password, moment)
    assert authenticate(session, "wang", password, now + 15 * MINUTE).login == "wang"


def test_a_success_begins_the_count_anew(session: Session, now: datetime) -> None:
    _, password = made(session, now)
    fail(session, "wang", now, 4)
    authenticate(session, "wang", password, now)
    fail(session, "wang", now, 4)
    authenticate(session, "wang", password, now)


def test_failures_are_counted_when_the_caller_commits(store: Store, now: datetime) -> None:
    with store.begin() as session:
        made(session, now)
    for _ in range(5):
        with store.begin() as session:
            fail(session, "wang", now, 1)
    with store.begin() as session, pytest.raises(AccountLocked):
        authenticate(session, "wang", "wrong password", now)


# --- passwords ------------------------------------------------------------------------------------------------------------


def test_changing_the_password_ends_every_session(session: Session, now: datetime) -> None:
    officer, password = made(session, now)
    token, _ = sign_in(session, officer, now)
    change_password(session, officer, password, "a better secret", now)
    assert not officer.must_change_password
    assert officer_of_session(session, token, now) is None
    authenticate(session, "wang", "a better secret", now)
    with pytest.raises(BadCredentials):
        authenticate(session, "wang", password, now)


@pytest.mark.parametrize(
    "new", ["short", "ninechars", "wang-2026-wang", "WANG-is-my-name", "x" * 201, "with\x00nothing inside"]
)
def test_weak_passwords(session: Session, now: datetime, new: str) -> None:
    officer, password = made(session, now)
    with pytest.raises(WeakPassword):
        change_password(session, officer, password, new, now)


def test_the_new_password_is_not_the_old_one_and_the_old_one_is_asked(session: Session, now: datetime) -> None:
    officer, password = made(session, now)
    with pytest.raises(WeakPassword):
        change_password(session, officer, password, password, now)
    with pytest.raises(BadCredentials):
        change_password(session, officer, "wrong password", "a better secret", now)


def test_a_reset_unlocks_and_signs_out(session: Session, now: datetime) -> None:
    officer, _ = made(session, now)
    token, _ = sign_in(session, officer, now)
    fail(session, "wang", now, 5)
    fresh = reset_password(session, officer, None, now)
    assert officer_of_session(session, token, now) is None
    assert authenticate(session, "wang", fresh, now).must_change_password


# --- sessions ---------------------------------------------------------------------------------------------------------------


def test_a_session_is_stored_by_its_hash(session: Session, now: datetime) -> None:
    officer, _ = made(session, now)
    token, csrf = sign_in(session, officer, now)
    row = session.scalars(select(ConsoleSession)).one()
    assert token not in (row.token_hash, row.csrf)
    found = officer_of_session(session, token, now)
    assert found is not None
    assert (found.officer, found.csrf) == (officer, csrf)
    for other in (None, "", "x", token + "x", "\ud800"):
        assert officer_of_session(session, other, now) is None


def test_a_session_ends_when_idle_and_after_twelve_hours(session: Session, now: datetime) -> None:
    officer, _ = made(session, now)
    idle, _ = sign_in(session, officer, now)
    busy, _ = sign_in(session, officer, now)
    for hours in range(1, 12):
        assert officer_of_session(session, busy, now + hours * HOUR) is not None
    assert officer_of_session(session, busy, now + 12 * HOUR) is None
    assert officer_of_session(session, idle, now + 2 * HOUR) is None


def test_sessions_that_are_over_are_swept_at_the_next_sign_in(session: Session, now: datetime) -> None:
    officer, _ = made(session, now)
    sign_in(session, officer, now)
    sign_in(session, officer, now + 13 * HOUR)
    assert len(session.scalars(select(ConsoleSession)).all()) == 1


def test_signing_out_and_losing_the_account(session: Session, now: datetime) -> None:
    officer, _ = made(session, now)
    token, _ = sign_in(session, officer, now)
    sign_out(session, token, now)
    sign_out(session, token, now)
    assert officer_of_session(session, token, now) is None
    token, _ = sign_in(session, officer, now)
    officer.active = False
    assert officer_of_session(session, token, now) is None


def test_what_an_officer_does_is_audited(session: Session, now: datetime) -> None:
    officer, password = made(session, now)
    fail(session, "wang", now, 1)
    authenticate(session, "wang", password, now)
    token, _ = sign_in(session, officer, now)
    sign_out(session, token, now)
    done = list(session.scalars(select(Audit.action).order_by(Audit.id)))
    assert done == ["create_officer", "sign_in_failed", "sign_in", "sign_out"]


def test_audit_takes_no_words(session: Session, now: datetime) -> None:
    with pytest.raises(ValueError, match="identifier"):
        audit.record(session, at=now, action="x", object_kind="referral", note="王某家里困难")
    with pytest.raises(ValueError, match="identifier"):
        audit.record(session, at=now, action="x", object_kind="referral", note="a" * 61)
