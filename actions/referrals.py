"""Referrals: opened, added to, seen, accepted, given back, aided, closed, withdrawn. Every step is an event; events are never edited.

The caller commits. Two officers who act on one referral at once: the second commit fails with SQLAlchemy's StaleDataError.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, and_, case, false, func, select, true
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from actions import audit
from actions.calendars import Calendar, DueTimes
from actions.directory import office_for
from actions.errors import NotAllowed, ReasonNeeded, ReferralNotFound, UnknownOutcome, WrongStatus
from actions.numbers import new_number, parse_number
from actions.routing import Destination, Level, Routes, next_after_return
from store.models import Officer, Referral, ReferralEvent

log = structlog.get_logger()

KINDS: Final = ("help", "report", "complaint", "change", "danger", "warning")
URGENCIES: Final = ("routine", "urgent", "critical")
WAITING: Final = ("open", "returned")  # nobody has taken it on
WORKED: Final = ("accepted", "aided")
FINISHED: Final = ("closed", "withdrawn")

# What came of a referral. The first group is help; for every other one the officer says why.
HELP_GIVEN: Final = ("helped", "helped_partly")
OUTCOMES: Final = (
    *HELP_GIVEN, "passed_on", "not_qualified", "no_funds", "not_found", "declined", "withdrawn", "duplicate", "other",
)  # fmt: skip

OPERATOR_DAYS: Final = 90
LONGEST_SUMMARY: Final = 8000  # characters; beginning and end of what the resident said are kept
_SAME_BEGINNING: Final = 200


@dataclass(frozen=True, slots=True)
class NewReferral:
    """What a referral is opened with. `summary` holds the resident's own words; `consent`: given, not_asked, refused, emergency."""

    kind: str
    channel: str
    conversation_id: int | None
    household_id: int
    urgency: str
    dangers: Sequence[str]
    needs: Sequence[str]
    programmes: Sequence[str]
    event_place: str | None
    destination: Destination
    summary: str
    facts: Mapping[str, Any]
    consent: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What a resident may be told by number alone: no person, no words, no note."""

    number: str
    status: str
    urgency: str
    department: str
    level: str
    unit_code: str
    opened_at: datetime
    response_due_at: datetime
    aid_due_at: datetime
    paperwork_due_at: datetime
    accepted_at: datetime | None
    aided_at: datetime | None
    closed_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some referrals of a longer list; `number` counts from 1."""

    items: list[Referral]
    total: int
    number: int
    per_page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.per_page))


# --- the resident's side -----------------------------------------------------------------------------------------------


def open_referral(session: Session, new: NewReferral, now: datetime, calendar: Calendar) -> Referral:
    """Open a referral and hand it to the office responsible; flushed, so that it has its id."""
    due = calendar.due(new.urgency, new.programmes, now)
    referral = Referral(
        number=_fresh_number(session),
        household_id=new.household_id,
        conversation_id=new.conversation_id,
        kind=new.kind,
        channel=new.channel,
        status="open",
        urgency=new.urgency,
        dangers=list(new.dangers),
        needs=list(new.needs),
        programmes=list(new.programmes),
        event_place=new.event_place,
        summary=_kept(new.summary),
        facts=dict(new.facts),
        consent=new.consent,
        opened_at=now,
    )
    _set_due(referral, due)
    _hand_to(session, referral, new.destination)
    session.add(referral)
    session.flush()
    _event(session, referral, now, "opened", _actor(new.channel), **_where(new.destination), urgency=new.urgency)
    if new.urgency == "critical":
        _event(session, referral, now, "alerted", "assistant", dangers=list(new.dangers))
    session.flush()
    log.info("referral_opened", referral_id=referral.id, department=referral.department, urgency=referral.urgency)
    return referral


def add_to_referral(
    session: Session,
    referral: Referral,
    *,
    summary: str,
    facts: Mapping[str, Any],
    needs: Iterable[str],
    dangers: Iterable[str],
    programmes: Iterable[str],
    urgency: str,
    destination: Destination | None,
    consent: str | None,
    now: datetime,
    calendar: Calendar,
) -> bool:
    """Merge what came later. Returns whether anything changed; a finished referral never does.

    Needs, dangers and facts are joined, `programmes` (when there are any) replace the earlier hints. Urgency only rises and due times only
    move forward. While nobody has had it in hand yet the referral goes to `destination` if that is another office now; but an urgent one
    stays with its department, see `_may_move`, and the other department is noted as concerned.
    """
    if referral.status in FINISHED:
        return False
    before = _content(referral)
    earlier_urgency = referral.urgency
    referral.summary = _kept(_joined(referral.summary, summary))
    referral.facts = {**(referral.facts or {}), **facts}
    referral.needs = _union(referral.needs, needs)
    referral.dangers = _union(referral.dangers, dangers)
    referral.programmes = list(dict.fromkeys(programmes)) or referral.programmes
    referral.event_place = facts.get("event_place") or referral.event_place
    referral.urgency = max(referral.urgency, urgency, key=URGENCIES.index)
    referral.consent = _consent(referral.consent, consent)
    changed = [name for name, value in _content(referral).items() if value != before[name]]
    moved = (
        destination is not None
        and _elsewhere(referral, destination)
        and _may_move(referral, destination, earlier_urgency)
    )
    if not changed and not moved:
        return False
    data: dict[str, Any] = {"changed": changed}
    if destination is not None and moved:
        data |= {"from_department": referral.department, "from_unit_code": referral.unit_code, **_where(destination)}
        _hand_to(session, referral, destination)
    elif destination is not None and destination.department != referral.department:
        data["concerned"] = [destination.department]
    if referral.urgency != earlier_urgency or "programmes" in changed:
        _set_due(referral, _due(referral).or_earlier(calendar.due(referral.urgency, referral.programmes, now)))
    _event(session, referral, now, "added", _actor(referral.channel), **data)
    if referral.urgency == "critical" != earlier_urgency:
        _event(session, referral, now, "alerted", "assistant", dangers=list(referral.dangers))
    session.flush()
    log.info("referral_added_to", referral_id=referral.id, moved=moved)
    return True


def withdraw(session: Session, referral: Referral, now: datetime, actor: str, by: Officer | None = None) -> bool:
    """Take a referral back at the resident's wish. False when it was finished already, so that asking twice does no harm."""
    if referral.status in FINISHED:
        return False
    referral.status, referral.outcome, referral.closed_at = "withdrawn", "withdrawn", now
    _event(session, referral, now, "withdrawn", actor, by=by)
    session.flush()
    log.info("referral_withdrawn", referral_id=referral.id)
    return True


def find_by_number(session: Session, number: str) -> Referral | None:
    """The referral of a number, however it is written; None when there is none or the number is mistyped."""
    exact = parse_number(number)
    return session.scalars(select(Referral).where(Referral.number == exact)).one_or_none() if exact else None


def progress_of(referral: Referral) -> Progress:
    return Progress(**{name: getattr(referral, name) for name in Progress.__dataclass_fields__})


# --- who sees what -----------------------------------------------------------------------------------------------------


def visible_to(officer: Officer, now: datetime) -> ColumnElement[bool]:
    """The referrals that an officer may read, as a where clause.

    Caseworker: own department and own township; at the county desk the department's county-level ones. Supervisor: the whole county, of
    the own department if there is one. Operator: what was opened in the last 90 days. Everybody else: nothing.
    """
    match officer.role:
        case "caseworker" if officer.department:
            own = Referral.department == officer.department
            if _at_county(officer.unit_code):
                return and_(own, Referral.level == "county")
            return and_(own, Referral.unit_code == officer.unit_code)
        case "supervisor":
            return Referral.department == officer.department if officer.department else true()
        case "operator":
            return Referral.opened_at >= now - timedelta(days=OPERATOR_DAYS)
    return false()


def list_for(
    session: Session,
    officer: Officer,
    now: datetime,
    *,
    status: str | Collection[str] | None = None,
    page: int = 1,
    per_page: int = 50,
) -> Page:
    """What an officer may see, with its office: unfinished ones by urgency and how soon they are due, then finished ones, newest first.

    `status` is one status or several. Pages count from 1; a page beyond the last is empty.
    """
    wanted = visible_to(officer, now)
    if status is not None:
        wanted = and_(wanted, Referral.status.in_([status] if isinstance(status, str) else list(status)))
    finished = Referral.status.in_(FINISHED)
    rank = case({name: n for n, name in enumerate(reversed(URGENCIES))}, value=Referral.urgency)
    total = session.scalar(select(func.count()).select_from(Referral).where(wanted)) or 0
    rows = session.scalars(
        select(Referral)
        .where(wanted)
        .options(joinedload(Referral.office))
        .order_by(
            finished,
            case((finished, 0), else_=rank),
            case((finished, None), else_=Referral.response_due_at),
            Referral.closed_at.desc(),
            Referral.id,
        )
        .limit(per_page)
        .offset((max(page, 1) - 1) * per_page)
    ).all()
    return Page([_masked(row, officer) for row in rows], total, max(page, 1), per_page)


def get_for(session: Session, officer: Officer, referral_id: int, now: datetime) -> Referral:
    """One referral with its events and office, for an officer who may read it; the reading is entered in the audit.

    Raises ReferralNotFound for what is not there and for what the officer may not see. An operator gets it without the closing note:
    the value is emptied in memory only.
    """
    referral = session.scalars(
        select(Referral)
        .where(Referral.id == referral_id, visible_to(officer, now))
        .options(joinedload(Referral.office), selectinload(Referral.events))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if referral is None:
        raise ReferralNotFound(str(referral_id))
    audit.record(
        session, at=now, officer_id=officer.id, action="read_referral", object_kind="referral", object_id=referral.id
    )
    return _masked(referral, officer)


# --- the office's side ---------------------------------------------------------------------------------------------------


def accept(session: Session, referral: Referral, by: Officer, now: datetime) -> None:
    """Take it on. Raises WrongStatus unless it is waiting, NotAllowed when it is not the officer's to work on."""
    _may_work(by, referral)
    _must_be(referral, WAITING)
    referral.status, referral.accepted_at = "accepted", now
    _step(session, referral, by, now, "accepted")


def mark_aided(session: Session, referral: Referral, by: Officer, now: datetime, note: str | None = None) -> None:
    """Help has arrived; papers may still be missing. One that nobody accepted is accepted with it."""
    _may_work(by, referral)
    _must_be(referral, (*WAITING, "accepted"))
    referral.accepted_at = referral.accepted_at or now
    referral.status, referral.aided_at = "aided", now
    _step(session, referral, by, now, "aided", note)


def close(session: Session, referral: Referral, by: Officer, outcome: str, note: str | None, now: datetime) -> None:
    """End it with one of OUTCOMES. Raises ReasonNeeded when no help was given and the note is empty, UnknownOutcome, WrongStatus."""
    _may_work(by, referral)
    _must_be(referral, (*WAITING, *WORKED))
    if outcome not in OUTCOMES:
        raise UnknownOutcome(outcome)
    reason = (note or "").strip() or None
    if outcome not in HELP_GIVEN and reason is None:
        raise ReasonNeeded(outcome)
    if outcome in HELP_GIVEN and referral.aided_at is None:
        referral.aided_at = now
    referral.accepted_at = referral.accepted_at or now
    referral.status, referral.closed_at = "closed", now
    referral.outcome, referral.outcome_note = outcome, reason
    _step(session, referral, by, now, "closed", reason, outcome=outcome)


def give_back(
    session: Session, referral: Referral, by: Officer, reason: str, routes: Routes, now: datetime, calendar: Calendar
) -> Destination:
    """Not ours: it goes to the next responsible office, which gets a fresh time to respond; the times for aid and papers run on.

    Raises ReasonNeeded, WrongStatus (it must be waiting or accepted), NotAllowed.
    """
    _may_work(by, referral)
    _must_be(referral, (*WAITING, "accepted"))
    if not reason.strip():
        raise ReasonNeeded("give_back")
    history = _history(session, referral)
    target = next_after_return(
        routes,
        _current(referral, routes, history),
        urgency=referral.urgency,
        returns=1 + sum(event.kind == "returned" for event in history),
        tried=_gave_it_back(history),
    )
    left = {"from_department": referral.department, "from_unit_code": referral.unit_code}
    referral.status, referral.accepted_at = "returned", None
    _hand_to(session, referral, target)
    fresh = calendar.due(referral.urgency, referral.programmes, now).response
    referral.response_due_at = min(fresh, referral.aid_due_at) if referral.aid_due_at > now else fresh
    _step(session, referral, by, now, "returned", reason.strip(), **left, **_where(target))
    return target


def may_work_on(officer: Officer, referral: Referral) -> bool:
    """Whether the officer may take steps: the caseworker whose desk it is on, and the supervisor."""
    if officer.role == "supervisor":
        return officer.department in (None, referral.department)
    if officer.role != "caseworker" or officer.department != referral.department:
        return False
    return referral.level == "county" if _at_county(officer.unit_code) else officer.unit_code == referral.unit_code


# --- the small parts -----------------------------------------------------------------------------------------------------


def _may_work(officer: Officer, referral: Referral) -> None:
    if not may_work_on(officer, referral):
        raise NotAllowed(f"officer {officer.id}, referral {referral.id}")


def _must_be(referral: Referral, statuses: Collection[str]) -> None:
    if referral.status not in statuses:
        raise WrongStatus(referral.status)


def _at_county(unit_code: str | None) -> bool:
    """Unit codes of a county have six digits, those of a township nine."""
    return unit_code is None or len(unit_code) <= 6


def _step(
    session: Session, referral: Referral, by: Officer, now: datetime, kind: str, note: str | None = None, **data: Any
) -> None:
    _event(session, referral, now, kind, "officer", by=by, note=note, **data)
    audit.record(
        session,
        at=now,
        officer_id=by.id,
        action=f"{kind}_referral",
        object_kind="referral",
        object_id=referral.id,
    )
    session.flush()
    log.info("referral_step", referral_id=referral.id, step=kind, officer_id=by.id)


def _event(
    session: Session,
    referral: Referral,
    at: datetime,
    kind: str,
    actor: str,
    *,
    by: Officer | None = None,
    note: str | None = None,
    **data: Any,
) -> None:
    session.add(
        ReferralEvent(
            referral_id=referral.id,
            at=at,
            kind=kind,
            actor=actor,
            officer_id=by.id if by else None,
            note=note,
            data=data,
        )
    )


def _actor(channel: str) -> str:
    """Who speaks on a channel: at the desk an officer types what the caller says."""
    return "officer" if channel == "desk" else "resident"


def _fresh_number(session: Session) -> str:
    while True:
        number = new_number()
        if session.scalar(select(Referral.id).where(Referral.number == number)) is None:
            return number


def _hand_to(session: Session, referral: Referral, destination: Destination) -> None:
    referral.department, referral.level = destination.department, destination.level
    referral.unit_code = destination.unit_code
    office = office_for(session, destination.department, destination.unit_code)
    referral.office_id = office.id if office else None


def _where(destination: Destination) -> dict[str, Any]:
    return {
        "department": destination.department,
        "level": destination.level,
        "unit_code": destination.unit_code,
        "why": destination.why,
        "rule": destination.rule,
        "also": list(destination.also),
        "township": destination.township,
    }


def _elsewhere(referral: Referral, destination: Destination) -> bool:
    return (referral.department, referral.unit_code) != (destination.department, destination.unit_code)


def _may_move(referral: Referral, destination: Destination, earlier_urgency: str) -> bool:
    """Whether a referral may still be sent elsewhere.

    Not when somebody has had it in hand. Not to another department when it was urgent already: a second danger must not take the first
    one off the desk that is to deal with it today; what is more urgent still alerts a person anyway.
    """
    if referral.status != "open":
        return False
    return earlier_urgency == "routine" or destination.department == referral.department


def _current(referral: Referral, routes: Routes, history: Sequence[ReferralEvent]) -> Destination:
    """Where it is now, and which other departments its events name as concerned, the last sending first."""
    sent = [name for event in reversed(history) for name in event.data.get("also", ())]
    later = [name for event in history for name in event.data.get("concerned", ())]
    also = tuple(name for name in dict.fromkeys((*sent, *later)) if name != referral.department)
    level: Level = "township" if routes.is_township(referral.unit_code) else "county"
    name = routes.unit_name(referral.unit_code)
    townships = [event.data["township"] for event in history if event.data.get("township")]
    return Destination(
        referral.department,
        level,
        referral.unit_code,
        name,
        "given_back",
        None,
        also,
        township=townships[-1] if townships else None,
    )


def _gave_it_back(history: Iterable[ReferralEvent]) -> set[tuple[str, str]]:
    """Who gave it back before."""
    back = [event.data for event in history if event.kind == "returned"]
    return {(data["from_department"], data["from_unit_code"]) for data in back}


def _history(session: Session, referral: Referral) -> Sequence[ReferralEvent]:
    return session.scalars(
        select(ReferralEvent).where(ReferralEvent.referral_id == referral.id).order_by(ReferralEvent.id)
    ).all()


def _set_due(referral: Referral, due: DueTimes) -> None:
    referral.response_due_at, referral.aid_due_at, referral.paperwork_due_at = due.response, due.aid, due.paperwork


def _due(referral: Referral) -> DueTimes:
    return DueTimes(referral.response_due_at, referral.aid_due_at, referral.paperwork_due_at)


def _content(referral: Referral) -> dict[str, Any]:
    names = ("summary", "facts", "needs", "dangers", "programmes", "event_place", "urgency", "consent")
    return {name: getattr(referral, name) for name in names}


def _union(old: Sequence[str], new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys((*old, *new)))


def _joined(old: str, new: str) -> str:
    """The same talk told further replaces what was told so far; another talk is added to it."""
    new = new.strip()
    if new in old:
        return old
    if old in new or old[:_SAME_BEGINNING] == new[:_SAME_BEGINNING]:
        return new
    return f"{old}\n{new}"


def _kept(text: str) -> str:
    half = LONGEST_SUMMARY // 2
    return text if len(text) <= LONGEST_SUMMARY else f"{text[:half]}\n……\n{text[-half:]}"


def _consent(old: str, new: str | None) -> str:
    """A resident's yes or no is the last word; an emergency stands in for it until then."""
    if new in ("given", "refused") or (new == "emergency" and old == "not_asked"):
        return new
    return old


def _masked(referral: Referral, officer: Officer) -> Referral:
    """Without the closing note for an operator. `set_committed_value` leaves no change behind that a flush could write."""
    if officer.role != "operator":
        return referral
    set_committed_value(referral, "outcome_note", None)
    for event in referral.__dict__.get("events", ()):
        if event.kind == "closed":
            set_committed_value(event, "note", None)
    return referral
