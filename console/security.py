"""Who is at the door: the session cookie, the form token, the roles. Every page of the console but the sign-in depends on `any_officer`."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Form, Request

from actions.officers import officer_of_session
from store.models import Officer
from store.session import Store

COOKIE = "hotline_console"
CASE_ROLES = ("operator", "caseworker", "supervisor")  # may read referrals; which ones: actions/referrals.py
WORK_ROLES = ("caseworker", "supervisor")  # may take steps on them
QUEUE_ROLES = ("operator", "supervisor")
ADMIN_ROLES = ("administrator",)
STATUS_ROLES = ("supervisor", "administrator")


class NotSignedIn(Exception):
    """Shown as the sign-in page."""


class PasswordDue(Exception):
    """A one-time password must be changed before anything else."""


class NotAllowed(Exception):
    """Signed in, but this is not theirs."""


class FormExpired(Exception):
    """The form's token does not fit the session: an old page, or somebody else's."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a signed-in officer. `officer` is detached: only its own columns may be read."""

    officer: Officer
    csrf: str
    token: str


def any_officer(request: Request) -> Visit:
    """Signed in, whatever the password's age: for the page that changes it and for signing out."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        raise NotSignedIn
    store: Store = request.app.state.store
    now: datetime = request.app.state.clock()
    with store.session() as session:
        found = officer_of_session(session, token, now)
        to_write = bool(session.dirty)  # once a minute: that somebody was here
    if to_write:
        with store.begin() as session:
            found = officer_of_session(session, token, now)
    if found is None:
        raise NotSignedIn
    return Visit(found.officer, found.csrf, token)


Somebody = Annotated[Visit, Depends(any_officer)]


def signed_in(visit: Somebody) -> Visit:
    if visit.officer.must_change_password:
        raise PasswordDue
    return visit


def for_roles(*roles: str) -> Callable[[Visit], Visit]:
    """A dependency that lets only these roles in."""

    def allowed(visit: Annotated[Visit, Depends(signed_in)]) -> Visit:
        if visit.officer.role not in roles:
            raise NotAllowed
        return visit

    return allowed


def same_origin(request: Request) -> None:
    """No form on somebody else's page may be sent to us, not even the one for signing in."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise FormExpired
        return
    origin = request.headers.get("origin")
    if origin is not None and origin.split("://", 1)[-1] != request.headers.get("host", ""):
        raise FormExpired


def check_form(visit: Somebody, csrf: Annotated[str, Form()] = "") -> None:
    """Every form of a signed-in officer carries the session's token."""
    if not hmac.compare_digest(csrf.encode("utf-8", "replace"), visit.csrf.encode()):
        raise FormExpired


SameOrigin = Depends(same_origin)
CheckedForm = Depends(check_form)
