"""The inbox of referrals: list, one referral, its steps and files. Which ones an officer may see is decided in actions/referrals.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session, defer
from sqlalchemy.orm.exc import StaleDataError

from actions import audit, referrals
from actions.errors import HotlineError, ReferralNotFound
from actions.perform import Tools
from console.house import House
from console.pages import fact_lines, page, programme_labels
from console.security import CASE_ROLES, WORK_ROLES, CheckedForm, SameOrigin, Visit, for_roles
from store.models import Attachment, Household, Officer, Referral
from store.session import Store

router = APIRouter(prefix="/referrals")
Reader = Annotated[Visit, Depends(for_roles(*CASE_ROLES))]
Worker = Annotated[Visit, Depends(for_roles(*WORK_ROLES))]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]

PER_PAGE = 50
LONGEST_NOTE = 2000
STATUSES = ("open", "returned", "accepted", "aided", "closed", "withdrawn")
# Types that a browser may be told; everything else is only bytes to it.
PLAIN_TYPES = ("image/jpeg", "image/png", "image/webp", "application/pdf", "audio/ogg", "audio/mpeg", "video/mp4")


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two clocks: whether each is stopped by what it waits for, and whether it ran out."""

    responded: bool
    aided: bool
    response_late: bool
    aid_late: bool


def clocks(referral: Referral, now: datetime) -> Clocks:
    ended = referral.status in referrals.FINISHED
    responded = ended or referral.accepted_at is not None
    aided = ended or referral.aided_at is not None
    return Clocks(
        responded, aided, not responded and now > referral.response_due_at, not aided and now > referral.aid_due_at
    )


@router.get("")
def inbox(
    request: Request,
    visit: Reader,
    status: Annotated[str, Query(max_length=20)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
    notice: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    store: Store = request.app.state.store
    house: House = request.app.state.house
    now: datetime = request.app.state.clock()
    chosen = status if status in STATUSES else None
    with store.session() as session:
        found = referrals.list_for(session, visit.officer, now, status=chosen, page=number, per_page=PER_PAGE)
    return page(
        "referrals/list.html",
        visit,
        found=found,
        rows=[(row, house.tools.routes.unit_name(row.unit_code), clocks(row, now)) for row in found.items],
        status=chosen or "",
        statuses=STATUSES,
        notice=notice,
        now=now,
    )


@router.get("/{referral_id}")
def one(
    request: Request, visit: Reader, referral_id: Number, problem: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    store: Store = request.app.state.store
    with store.begin() as session:
        return _shown(request, session, visit, referral_id, problem=problem)


@router.post("/{referral_id}/phone", dependencies=[SameOrigin, CheckedForm])
def show_phone(request: Request, visit: Reader, referral_id: Number) -> Response:
    """The same page with the telephone number in full; that it was looked at is entered in the audit."""
    store: Store = request.app.state.store
    with store.begin() as session:
        shown = _shown(request, session, visit, referral_id, with_phone=True)
        audit.record(
            session,
            at=request.app.state.clock(),
            officer_id=visit.officer.id,
            action="show_phone",
            object_kind="referral",
            object_id=referral_id,
        )
        return shown


@router.get("/{referral_id}/files/{file_id}")
def download(request: Request, visit: Reader, referral_id: Number, file_id: Number) -> Response:
    store: Store = request.app.state.store
    now: datetime = request.app.state.clock()
    with store.begin() as session:
        referrals.get_for(session, visit.officer, referral_id, now)
        file = session.scalars(
            select(Attachment).filter_by(id=file_id, referral_id=referral_id, status="stored")
        ).one_or_none()
        if file is None or file.content is None:
            raise ReferralNotFound(f"{referral_id}, file {file_id}")
        audit.record(
            session,
            at=now,
            officer_id=visit.officer.id,
            action="download_file",
            object_kind="attachment",
            object_id=file.id,
        )
        content, name, media_type = store.vault.open(file.content), file.name or "", file.media_type
    return Response(
        content,
        media_type=media_type if media_type in PLAIN_TYPES else "application/octet-stream",
        headers={
            "Content-Disposition": f"attachment; filename=\"file-{file_id}\"; filename*=UTF-8''{_file_name(file_id, name)}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


@router.post("/{referral_id}/accept", dependencies=[SameOrigin, CheckedForm])
def accept(request: Request, visit: Worker, referral_id: Number) -> Response:
    def step(session: Session, referral: Referral, by: Officer, now: datetime) -> None:
        referrals.accept(session, referral, by, now)

    return _take_step(request, visit, referral_id, step)


@router.post("/{referral_id}/aided", dependencies=[SameOrigin, CheckedForm])
def aided(
    request: Request,
    visit: Worker,
    referral_id: Number,
    note: Annotated[str, Form(max_length=LONGEST_NOTE)] = "",
) -> Response:
    def step(session: Session, referral: Referral, by: Officer, now: datetime) -> None:
        referrals.mark_aided(session, referral, by, now, note.strip() or None)

    return _take_step(request, visit, referral_id, step)


@router.post("/{referral_id}/return", dependencies=[SameOrigin, CheckedForm])
def give_back(
    request: Request,
    visit: Worker,
    referral_id: Number,
    reason: Annotated[str, Form(max_length=LONGEST_NOTE)] = "",
) -> Response:
    tools: Tools = request.app.state.house.tools

    def step(session: Session, referral: Referral, by: Officer, now: datetime) -> None:
        referrals.give_back(session, referral, by, reason, tools.routes, now, tools.calendar)

    return _take_step(request, visit, referral_id, step, after="/console/referrals?notice=returned")


@router.post("/{referral_id}/close", dependencies=[SameOrigin, CheckedForm])
def close(
    request: Request,
    visit: Worker,
    referral_id: Number,
    outcome: Annotated[str, Form(max_length=40)] = "",
    note: Annotated[str, Form(max_length=LONGEST_NOTE)] = "",
) -> Response:
    def step(session: Session, referral: Referral, by: Officer, now: datetime) -> None:
        referrals.close(session, referral, by, outcome, note, now)

    return _take_step(request, visit, referral_id, step)


def _take_step(
    request: Request,
    visit: Visit,
    referral_id: int,
    step: Callable[[Session, Referral, Officer, datetime], None],
    after: str = "",
) -> Response:
    """Take one step; what stands in its way is said on the referral's page. Raises ReferralNotFound."""
    store: Store = request.app.state.store
    now: datetime = request.app.state.clock()
    back = f"/console/referrals/{referral_id}"
    try:
        with store.begin() as session:
            step(session, referrals.get_for(session, visit.officer, referral_id, now), visit.officer, now)
    except ReferralNotFound:
        raise
    except HotlineError as error:
        return RedirectResponse(f"{back}?problem={error.code}", 303)
    except StaleDataError:
        return RedirectResponse(f"{back}?problem=changed_meanwhile", 303)
    return RedirectResponse(after or back, 303)


def _shown(
    request: Request,
    session: Session,
    visit: Visit,
    referral_id: int,
    *,
    problem: str = "",
    with_phone: bool = False,
) -> Response:
    house: House = request.app.state.house
    now: datetime = request.app.state.clock()
    referral = referrals.get_for(session, visit.officer, referral_id, now)
    household = session.get_one(Household, referral.household_id)
    authors = {event.officer_id for event in referral.events if event.officer_id is not None}
    routes = house.tools.routes
    return page(
        "referrals/one.html",
        visit,
        referral=referral,
        unit_name=routes.unit_name(referral.unit_code),
        events=[(event, _target(event.data, routes.unit_name)) for event in referral.events],
        officers=dict(session.execute(select(Officer.id, Officer.name).where(Officer.id.in_(authors))).all()),
        contact=household.contact or {},
        reporter_phone=(referral.facts or {}).get("phone") if referral.kind == "report" else None,
        with_phone=with_phone,
        facts=fact_lines(house.policy, referral.facts),
        programmes=programme_labels(house.policy, referral.programmes),
        files=session.scalars(
            select(Attachment).filter_by(referral_id=referral.id).options(defer(Attachment.content))
        ).all(),
        clocks=clocks(referral, now),
        may_work=referrals.may_work_on(visit.officer, referral),
        outcomes=[outcome for outcome in referrals.OUTCOMES if outcome != "withdrawn"],
        help_given=referrals.HELP_GIVEN,
        problem=problem,
        now=now,
    )


def _target(data: dict[str, str], unit_name: Callable[[str], str]) -> tuple[str, str] | None:
    """Department and unit that an event sent the referral to."""
    return (data["department"], unit_name(data["unit_code"])) if "unit_code" in data else None


def _file_name(file_id: int, name: str) -> str:
    plain = name.replace("/", "_").replace("\\", "_").strip(". ")
    return quote(plain[:100] or f"file-{file_id}", safe="")
