"""Carries out what the conversation asks for, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.calendars import Calendar
from actions.erasure import erase_conversation
from actions.households import household_for, remember_contact, remember_facts
from actions.referrals import (
    FINISHED,
    URGENCIES,
    NewReferral,
    Progress,
    add_to_referral,
    find_by_number,
    open_referral,
    progress_of,
    withdraw,
)
from actions.requests import (
    AddToReferral,
    AlertPerson,
    EraseEverything,
    LookUpProgress,
    OpenReferral,
    Request,
    WithdrawReferral,
)
from actions.routing import Destination, Routes, Unit, route
from store.models import Attachment, Conversation, Household, Office, Referral
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Tools:
    """What actions need beside the session."""

    routes: Routes
    calendar: Calendar
    vault: Vault
    find_unit: Callable[[str | None], Unit | None]


@dataclass(frozen=True, slots=True)
class Case:
    """What the conversation knows of the present household, as a referral needs it."""

    facts: Mapping[str, Any]
    needs: tuple[str, ...]
    dangers: tuple[str, ...]
    urgency: str
    programmes: tuple[str, ...]
    words: str
    referral: str | None
    household: int


@dataclass(frozen=True, slots=True)
class ReferralView:
    """What a reply, and the line of `chat --json`, say of a referral. Times are aware."""

    number: str
    status: str
    urgency: str
    needs: tuple[str, ...]
    programmes: tuple[str, ...]
    department: str
    level: str
    unit_name: str
    office: str | None
    office_phone: str | None
    sample: bool
    response_due_at: datetime
    aid_due_at: datetime
    paperwork_due_at: datetime
    fresh: bool


@dataclass(frozen=True, slots=True)
class Results:
    """What came of a turn's requests; the templates see it as `results`."""

    referral: ReferralView | None = None
    progress: Progress | None = None
    asked_number: str | None = None
    withdrawn: str | None = None
    erased: bool = False
    alerted: str | None = None


def perform(
    requests: Iterable[Request], case: Case, conversation: Conversation, session: Session, tools: Tools, now: datetime
) -> Results:
    """Carry out the requests in order. Everything joins the caller's transaction, or none of it does."""
    results = Results()
    for request in requests:
        match request:
            case OpenReferral():
                results = replace(results, referral=_open(request, case, conversation, session, tools, now))
            case AddToReferral():
                results = replace(results, referral=_add(case, conversation, session, tools, now))
            case AlertPerson():
                _alert(conversation, request.severity, now)
                results = replace(results, alerted=request.severity)
            case LookUpProgress():
                results = replace(
                    results,
                    progress=_progress(request.number, case, conversation, session),
                    asked_number=request.number,
                )
            case WithdrawReferral():
                results = replace(results, withdrawn=_withdraw(request.number, case, conversation, session, now))
            case EraseEverything():
                erase_conversation(session, conversation.id, now)
                results = replace(results, erased=True)
    return results


def _destination(case: Case, kind: str, tools: Tools) -> Destination:
    facts = case.facts
    unit = tools.find_unit
    event, residence, registered = (unit(facts.get(n)) for n in ("event_place", "residence_place", "hukou_place"))
    return route(
        tools.routes,
        kind=kind,
        needs=case.needs,
        dangers=case.dangers,
        programmes=case.programmes,
        urgency=case.urgency,
        event_unit=event.code if event else None,
        residence_unit=residence.code if residence else None,
        hukou=facts.get("hukou"),
        hukou_unit=registered.code if registered else None,
        facts=facts,
        legal_matter=facts.get("legal_matter"),
    )


def _open(
    request: OpenReferral, case: Case, conversation: Conversation, session: Session, tools: Tools, now: datetime
) -> ReferralView:
    present = _add(case, conversation, session, tools, now, consent=request.consent)
    if present is not None:
        return present
    # A reporter's telephone is the reporter's: it must not make one household of all that they report.
    reported = request.kind == "report"
    household = household_for(
        session,
        vault=tools.vault,
        phone=None if reported else case.facts.get("phone"),
        id_number=case.facts.get("id_number"),
        conversation_id=conversation.id,
        another=reported or case.household > 1,
        now=now,
    )
    destination = _destination(case, request.kind, tools)
    remember_facts(household, case.facts, now, destination.unit_code)
    referral = open_referral(
        session,
        NewReferral(
            kind=request.kind,
            channel=conversation.channel,
            conversation_id=conversation.id,
            household_id=household.id,
            urgency=case.urgency,
            dangers=list(case.dangers),
            needs=list(case.needs),
            programmes=list(case.programmes),
            event_place=case.facts.get("event_place") or case.facts.get("residence_place"),
            destination=destination,
            summary=case.words,
            facts=dict(case.facts),
            consent=request.consent,
        ),
        now,
        tools.calendar,
    )
    session.flush()
    _attach(session, conversation, referral)
    return _view(session, referral, destination.unit_name, fresh=True)


def _add(
    case: Case,
    conversation: Conversation,
    session: Session,
    tools: Tools,
    now: datetime,
    consent: str | None = None,
) -> ReferralView | None:
    referral = _own(case, session)
    if referral is None or referral.status in FINISHED:
        return None  # what is finished takes nothing more in: the conversation opens a new one
    destination = _destination(case, referral.kind, tools)
    add_to_referral(
        session,
        referral,
        summary=case.words,
        facts=dict(case.facts),
        needs=list(case.needs),
        dangers=list(case.dangers),
        programmes=list(case.programmes),
        urgency=case.urgency,
        destination=destination,
        consent=consent,
        now=now,
        calendar=tools.calendar,
    )
    _learn_contact(session, referral, case, tools, now)
    _attach(session, conversation, referral)
    return _view(session, referral, tools.routes.unit_name(referral.unit_code), fresh=False)


def _learn_contact(session: Session, referral: Referral, case: Case, tools: Tools, now: datetime) -> None:
    """In an emergency the referral is opened first and the telephone asked for afterwards. A reporter's is not the family's."""
    household = session.get(Household, referral.household_id)
    if household is None or household.erased_at is not None:
        return
    phone = None if referral.kind == "report" else case.facts.get("phone")
    remember_contact(household, now, vault=tools.vault, phone=phone, id_number=case.facts.get("id_number"))


def _own(case: Case, session: Session) -> Referral | None:
    return find_by_number(session, case.referral) if case.referral else None


def _attach(session: Session, conversation: Conversation, referral: Referral) -> None:
    """Photos and files that came before the referral go with it."""
    waiting = select(Attachment).where(Attachment.conversation_id == conversation.id, Attachment.referral_id.is_(None))
    for attachment in session.scalars(waiting):
        attachment.referral_id = referral.id


def is_finished(session: Session, number: str | None) -> bool:
    """Whether the referral of this number is closed or withdrawn, so that what comes now is a new matter."""
    if number is None:
        return False
    return session.scalar(select(Referral.status).filter_by(number=number)) in FINISHED


def view_of(session: Session, number: str | None, tools: Tools) -> ReferralView | None:
    """The referral of this number as replies see it."""
    referral = find_by_number(session, number) if number else None
    return _view(session, referral, tools.routes.unit_name(referral.unit_code), fresh=False) if referral else None


def _view(session: Session, referral: Referral, unit_name: str, *, fresh: bool) -> ReferralView:
    office = session.get(Office, referral.office_id) if referral.office_id else None
    return ReferralView(
        number=referral.number,
        status=referral.status,
        urgency=referral.urgency,
        needs=tuple(referral.needs),
        programmes=tuple(referral.programmes),
        department=referral.department,
        level=referral.level,
        unit_name=unit_name,
        office=office.name if office else None,
        office_phone=office.phone if office else None,
        sample=bool(office and office.sample),
        response_due_at=referral.response_due_at,
        aid_due_at=referral.aid_due_at,
        paperwork_due_at=referral.paperwork_due_at,
        fresh=fresh,
    )


def _alert(conversation: Conversation, severity: str, now: datetime) -> None:
    """Put the conversation into the operators' queue; a person who owns it keeps it, a higher severity wins."""
    conversation.severity = worse(conversation.severity, severity)
    if conversation.handoff != "owned":
        if conversation.handoff != "waiting":
            conversation.handoff_at = now
        conversation.handoff = "waiting"


def worse(one: str, other: str) -> str:
    """The graver of two severities."""
    return max(one, other, key=URGENCIES.index)


def _progress(number: str | None, case: Case, conversation: Conversation, session: Session) -> Progress | None:
    referral = find_by_number(session, number) if number else _own(case, session)
    if referral is None and number is None:
        latest = (
            select(Referral)
            .where(Referral.conversation_id == conversation.id)
            .order_by(Referral.opened_at.desc(), Referral.id.desc())
        )
        referral = session.scalars(latest.limit(1)).first()
    return progress_of(referral) if referral else None


def _withdraw(
    number: str | None, case: Case, conversation: Conversation, session: Session, now: datetime
) -> str | None:
    """Only a referral that this conversation opened: a number overheard must not be enough to stop somebody's help."""
    referral = find_by_number(session, number) if number else _own(case, session)
    if referral is None or referral.conversation_id != conversation.id:
        return None
    withdraw(session, referral, now=now, actor="resident")
    return referral.number
