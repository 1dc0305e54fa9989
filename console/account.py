"""Signing in and out, and the officer's own password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from actions.errors import HotlineError
from actions.officers import ABSOLUTE, MIN_PASSWORD, authenticate, change_password, sign_in, sign_out
from console.pages import page
from console.security import COOKIE, CheckedForm, SameOrigin, Somebody
from store.models import Officer
from store.session import Store

router = APIRouter()


@router.get("/sign-in")
def sign_in_page(changed: bool = False) -> Response:
    return page("account/sign_in.html", None, problem="", changed=changed)


@router.post("/sign-in", dependencies=[SameOrigin])
def enter(
    request: Request,
    login: Annotated[str, Form(max_length=60)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    store: Store = request.app.state.store
    now: datetime = request.app.state.clock()
    if request.app.state.too_many_sign_ins(request.client.host if request.client else "", now):
        return page("account/sign_in.html", None, 429, problem="too_fast", changed=False)
    problem, token = "", ""
    with store.begin() as session:
        try:
            officer = authenticate(session, login, password, now)
        except HotlineError as error:
            problem = error.code  # committed all the same: a failed attempt counts
        else:
            token, _ = sign_in(session, officer, now)
    if problem:
        return page("account/sign_in.html", None, 403, problem=problem, changed=False)
    response = RedirectResponse("/console", 303)
    secure = request.url.scheme == "https" or request.app.state.settings.public_url.startswith("https")
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(ABSOLUTE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=secure,
        path="/console",
    )
    return response


@router.post("/sign-out", dependencies=[SameOrigin, CheckedForm])
def leave(request: Request, visit: Somebody) -> Response:
    store: Store = request.app.state.store
    with store.begin() as session:
        sign_out(session, visit.token, request.app.state.clock())
    return _to_sign_in("/console/sign-in")


@router.get("/password")
def password_page(visit: Somebody) -> Response:
    return _password_form(visit, "")


@router.post("/password", dependencies=[SameOrigin, CheckedForm])
def new_password(
    request: Request,
    visit: Somebody,
    old: Annotated[str, Form(max_length=200)] = "",
    new: Annotated[str, Form(max_length=200)] = "",
    again: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    if new != again:
        return _password_form(visit, "passwords_differ")
    store: Store = request.app.state.store
    with store.begin() as session:
        try:
            officer = session.get_one(Officer, visit.officer.id)
            change_password(session, officer, old, new, request.app.state.clock())
        except HotlineError as error:  # committed all the same: a wrong old password counts
            return _password_form(visit, error.code)
    return _to_sign_in("/console/sign-in?changed=true")  # changing it ended every session


def _password_form(visit: Somebody, problem: str) -> Response:
    return page(
        "account/password.html",
        visit,
        422 if problem else 200,
        problem=problem,
        least=MIN_PASSWORD,
    )


def _to_sign_in(address: str) -> Response:
    response = RedirectResponse(address, 303)
    response.delete_cookie(COOKIE, path="/console", httponly=True, samesite="strict")
    return response
