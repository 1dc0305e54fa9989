"""The accounts of the console: who there is, a new one, a new one-time password, an end. For the administrator."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from actions import audit
from actions.directory import units
from actions.errors import BadOfficer, HotlineError
from actions.officers import ROLES, create_officer, deactivate, plain_login, reset_password
from actions.routing import Routes
from console.pages import page
from console.security import ADMIN_ROLES, CheckedForm, SameOrigin, Visit, for_roles
from store.models import Officer
from store.session import Store

router = APIRouter(prefix="/users")
Administrator = Annotated[Visit, Depends(for_roles(*ADMIN_ROLES))]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("")
def users(request: Request, visit: Administrator, problem: Annotated[str, Query(max_length=40)] = "") -> Response:
    return _list(request, visit, problem)


@router.post("", dependencies=[SameOrigin, CheckedForm])
def add(
    request: Request,
    visit: Administrator,
    login: Annotated[str, Form(max_length=60)] = "",
    name: Annotated[str, Form(max_length=60)] = "",
    role: Annotated[str, Form(max_length=30)] = "",
    department: Annotated[str, Form(max_length=40)] = "",
    unit: Annotated[str, Form(max_length=12)] = "",
) -> Response:
    store: Store = request.app.state.store
    routes: Routes = request.app.state.house.tools.routes
    now = request.app.state.clock()
    try:
        _check_place(routes, department, unit)
        with store.begin() as session:
            password = create_officer(
                session, login, name.strip() or plain_login(login), role, department or None, unit or None, now
            )
            officer = session.scalars(select(Officer).where(Officer.login == plain_login(login))).one()
            audit.record(
                session,
                at=now,
                officer_id=visit.officer.id,
                action="add_officer",
                object_kind="officer",
                object_id=officer.id,
            )
    except HotlineError as error:
        return _list(request, visit, error.code, {"login": login, "name": name, "role": role, "unit": unit})
    return page("users/password.html", visit, one=officer, password=password)


@router.post("/{officer_id}/password", dependencies=[SameOrigin, CheckedForm])
def new_password(request: Request, visit: Administrator, officer_id: Number) -> Response:
    """A one-time password, shown on this page and never again."""
    store: Store = request.app.state.store
    with store.begin() as session:
        officer = _find(session, officer_id)
        password = reset_password(session, officer, visit.officer, request.app.state.clock())
    return page("users/password.html", visit, one=officer, password=password)


@router.post("/{officer_id}/deactivate", dependencies=[SameOrigin, CheckedForm])
def end(request: Request, visit: Administrator, officer_id: Number) -> Response:
    store: Store = request.app.state.store
    try:
        with store.begin() as session:
            deactivate(session, _find(session, officer_id), visit.officer, request.app.state.clock())
    except HotlineError as error:
        return RedirectResponse(f"/console/users?problem={error.code}", 303)
    return RedirectResponse("/console/users", 303)


def _list(request: Request, visit: Visit, problem: str = "", draft: dict[str, str] | None = None) -> Response:
    store: Store = request.app.state.store
    routes: Routes = request.app.state.house.tools.routes
    with store.session() as session:
        rows = session.scalars(select(Officer).order_by(Officer.active.desc(), Officer.id)).all()
    return page(
        "users/list.html",
        visit,
        422 if draft else 200,
        rows=[(row, routes.unit_name(row.unit_code) if row.unit_code else "") for row in rows],
        roles=ROLES,
        departments=list(routes.departments),
        county=routes.county,
        units=units(routes),
        problem=problem,
        draft=draft or {"login": "", "name": "", "role": "", "unit": ""},
        now=request.app.state.clock(),
    )


def _find(session: Session, officer_id: int) -> Officer:
    officer = session.get(Officer, officer_id)
    if officer is None:
        raise BadOfficer("unknown")
    return officer


def _check_place(routes: Routes, department: str, unit: str) -> None:
    if department and department not in routes.departments:
        raise BadOfficer("department")
    if unit and unit != routes.county.code and not routes.is_township(unit):
        raise BadOfficer("unit")
