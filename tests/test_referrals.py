"""The life of a referral: opened, added to, seen by whom, worked on, ended; households; erasure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.calendars import load_calendar
from actions.erasure import erase_conversation, expire, finish_erasures
from actions.errors import NotAllowed, ReasonNeeded, ReferralNotFound, UnknownOutcome, WrongStatus
from actions.households import household_for, plain_phone, remember_facts
from actions.referrals import (
    HELP_GIVEN,
    OUTCOMES,
    NewReferral,
    accept,
    add_to_referral,
    close,
    find_by_number,
    get_for,
    give_back,
    list_for,
    mark_aided,
    open_referral,
    progress_of,
    withdraw,
)
from actions.routing import Destination, load_routes, route
from store.models import Attachment, Audit, Conversation, Household, Inbox, Officer, Outbox, Referral, ReferralEvent
from store.session import Store

POLICY = Path(__file__).parent.parent / "policy"
ROUTES, CALENDAR = load_routes(POLICY), load_calendar(POLICY)
YUEKOU, JINGLING, COUNTY = "429006107", "429006001", "429006"


@pytest.fixture
def session(store: Store) -> Iterator[Session]:
    with store.begin() as opened:
        yield opened


def goes(**given: Any) -> Destination:
    case: dict[str, Any] = {"kind": "help", "needs": ["living"], "dangers": [], "programmes": [], "urgency": "routine"}
    place: dict[str, Any] = {"event_unit": None, "residence_unit": YUEKOU, "hukou": None, "hukou_unit": None}
    return route(ROUTES, **(case | place | {"facts": {}} | given))


def household(session: Session, now: datetime) -> Household:
    row = Household(created_at=now, changed_at=now)
    session.add(row)
    session.flush()
    return row


def conversation(session: Session, now: datetime, key: str = "a") -> Conversation:
    row = Conversation(
        channel="web",
        address="somewhere",
        address_key=key,
        state={"words": "x"},
        created_at=now,
        last_at=now,
        version=0,
    )
    session.add(row)
    session.flush()
    return row


def opened(session: Session, now: datetime, **given: Any) -> Referral:
    defaults: dict[str, Any] = {
        "kind": "help",
        "channel": "web",
        "conversation_id": None,
        "urgency": "routine",
        "dangers": [],
        "needs": ["living"],
        "programmes": ["dibao"],
        "event_place": None,
        "destination": goes(),
        "summary": "家里揭不开锅",
        "facts": {"household_size": 2},
        "consent": "given",
    }
    given.setdefault("household_id", household(session, now).id)
    return open_referral(session, NewReferral(**(defaults | given)), now, CALENDAR)


def added(session: Session, referral: Referral, now: datetime, **given: Any) -> bool:
    same: dict[str, Any] = {
        "summary": referral.summary,
        "facts": {},
        "needs": [],
        "dangers": [],
        "programmes": [],
        "urgency": "routine",
        "destination": None,
        "consent": None,
    }
    return add_to_referral(session, referral, **(same | given), now=now, calendar=CALENDAR)


def officer(session: Session, now: datetime, role: str, department: str | None, unit_code: str | None) -> Officer:
    login = f"{role}-{department}-{unit_code}"
    found = session.scalars(select(Officer).filter_by(login=login)).one_or_none()
    if found is None:
        found = Officer(
            login=login,
            name=login,
            role=role,
            department=department,
            unit_code=unit_code,
            password_hash="!",
            created_at=now,
        )
        session.add(found)
        session.flush()
    return found


def caseworker(session: Session, now: datetime, unit_code: str | None = YUEKOU, of: str = "civil_affairs") -> Officer:
    return officer(session, now, "caseworker", of, unit_code)


def steps(session: Session, referral: Referral) -> list[str]:
    return [event.kind for event in events(session, referral)]


def events(session: Session, referral: Referral) -> list[ReferralEvent]:
    rows = select(ReferralEvent).filter_by(referral_id=referral.id).order_by(ReferralEvent.id)
    return list(session.scalars(rows))


# --- opening --------------------------------------------------------------------------------------------------------------


def test_a_referral_lies_with_an_office_and_has_a_number_and_due_times(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    assert (referral.department, referral.level, referral.unit_code) == ("civil_affairs", "township", YUEKOU)
    assert referral.office_id is not None
    assert referral.status == "open"
    assert now < referral.response_due_at <= referral.aid_due_at <= referral.paperwork_due_at
    assert find_by_number(session, referral.number.lower().replace("-", " ")) is referral
    assert steps(session, referral) == ["opened"]


def test_a_critical_one_alerts_a_person(session: Session, now: datetime) -> None:
    referral = opened(session, now, urgency="critical", dangers=["self_harm"])
    assert steps(session, referral) == ["opened", "alerted"]
    assert referral.response_due_at - now == timedelta(minutes=15)


def test_events_hold_no_words(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    added(session, referral, now, summary="家里揭不开锅\n还欠了债", facts={"debt": 3000})
    for event in events(session, referral):
        assert event.note is None
        assert "揭不开" not in str(event.data)
        assert "3000" not in str(event.data)


def test_a_mistyped_number_finds_nothing(session: Session, now: datetime) -> None:
    number = opened(session, now).number
    wrong = number[:4] + str((int(number[4]) + 1) % 10) + number[5:]
    assert find_by_number(session, wrong) is None
    assert find_by_number(session, "") is None


def test_progress_tells_no_person(session: Session, now: datetime) -> None:
    progress = progress_of(opened(session, now))
    assert progress.status == "open"
    assert progress.department == "civil_affairs"
    assert not hasattr(progress, "summary")


# --- adding ---------------------------------------------------------------------------------------------------------------


def test_what_comes_later_is_merged(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    later = now + timedelta(hours=1)
    changed = added(
        session,
        referral,
        later,
        summary="家里揭不开锅\n老伴也病了",
        facts={"serious_illness": True},
        needs=["medical"],
        programmes=["medical_aid", "dibao"],
    )
    assert changed
    assert referral.summary == "家里揭不开锅\n老伴也病了"
    assert referral.facts == {"household_size": 2, "serious_illness": True}
    assert referral.needs == ["living", "medical"]
    assert referral.programmes == ["medical_aid", "dibao"]
    assert steps(session, referral) == ["opened", "added"]


def test_nothing_new_changes_nothing(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    assert not added(session, referral, now, destination=goes())
    assert steps(session, referral) == ["opened"]


def test_urgency_only_rises_and_due_times_only_move_forward(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    later = now + timedelta(minutes=5)
    assert added(session, referral, later, urgency="critical", dangers=["medical_emergency"])
    first = (referral.response_due_at, referral.aid_due_at, referral.paperwork_due_at)
    assert referral.response_due_at == later + timedelta(minutes=15)
    assert steps(session, referral) == ["opened", "added", "alerted"]
    added(session, referral, later + timedelta(hours=1), urgency="routine", programmes=["tekun"])
    assert referral.urgency == "critical"
    assert (referral.response_due_at, referral.aid_due_at, referral.paperwork_due_at) == first
    assert steps(session, referral).count("alerted") == 1


def test_it_is_routed_anew_while_nobody_has_it(session: Session, now: datetime) -> None:
    referral = opened(session, now, destination=goes(residence_unit=None))
    assert referral.unit_code == COUNTY
    assert added(session, referral, now, destination=goes(residence_unit=JINGLING))
    assert referral.unit_code == JINGLING
    assert events(session, referral)[-1].data["from_unit_code"] == COUNTY
    accept(session, referral, caseworker(session, now, JINGLING), now)
    added(session, referral, now, destination=goes(residence_unit=YUEKOU))
    assert referral.unit_code == JINGLING


def test_a_second_danger_does_not_take_the_first_off_its_desk(session: Session, now: datetime) -> None:
    hungry = goes(dangers=["no_food"], urgency="urgent", residence_unit=None)
    referral = opened(session, now, urgency="urgent", dangers=["no_food"], destination=hungry)
    beaten = goes(dangers=["no_food", "violence"], urgency="critical")
    assert added(session, referral, now, urgency="critical", dangers=["violence"], destination=beaten)
    assert referral.department == "civil_affairs"
    assert "alerted" in steps(session, referral)
    assert added(session, referral, now, facts={"event_place": "岳口"}, destination=goes(dangers=["no_food"]))
    assert referral.unit_code == YUEKOU
    give_back(session, referral, caseworker(session, now), "涉及家暴", ROUTES, now, CALENDAR)
    assert (referral.department, referral.unit_code) == ("civil_affairs", COUNTY)
    give_back(session, referral, caseworker(session, now, COUNTY), "涉及家暴", ROUTES, now, CALENDAR)
    assert (referral.department, referral.unit_code) == ("public_security", COUNTY)


def test_words_of_one_talk_are_not_repeated_and_stay_bounded(session: Session, now: datetime) -> None:
    referral = opened(session, now, summary="开头" * 200)
    for n in range(30):
        added(session, referral, now, summary="开头" * 200 + "话" * 400 + str(n))
    assert len(referral.summary) < 1000
    added(session, referral, now, summary="隔了几天,另外说起" * 2000)
    assert len(referral.summary) < 8100


def test_consent_the_residents_word_counts(session: Session, now: datetime) -> None:
    referral = opened(session, now, consent="not_asked")
    for given, kept in (("emergency", "emergency"), ("given", "given"), ("not_asked", "given"), ("refused", "refused")):
        added(session, referral, now, consent=given)
        assert referral.consent == kept


def test_a_finished_one_takes_nothing_more(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    assert withdraw(session, referral, now, "resident")
    assert not added(session, referral, now, needs=["medical"])
    assert referral.needs == ["living"]


def test_withdrawing_twice_does_no_harm(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    assert withdraw(session, referral, now, actor="resident")
    assert not withdraw(session, referral, now + timedelta(hours=1), actor="resident")
    assert (referral.status, referral.outcome, referral.closed_at) == ("withdrawn", "withdrawn", now)
    assert steps(session, referral) == ["opened", "withdrawn"]


# --- who sees what ----------------------------------------------------------------------------------------------------------


def seen(session: Session, by: Officer, now: datetime) -> set[int]:
    return {referral.id for referral in list_for(session, by, now).items}


def test_who_sees_what(session: Session, now: datetime) -> None:
    yuekou = opened(session, now).id
    jingling = opened(session, now, destination=goes(residence_unit=JINGLING)).id
    county = opened(session, now, destination=goes(residence_unit=None)).id
    school = opened(session, now, destination=goes(needs=["education"])).id
    old = opened(session, now - timedelta(days=91)).id
    everything = {yuekou, jingling, county, school, old}
    table: list[tuple[tuple[str, str | None, str | None], set[int]]] = [
        (("caseworker", "civil_affairs", YUEKOU), {yuekou, old}),
        (("caseworker", "civil_affairs", JINGLING), {jingling}),
        (("caseworker", "civil_affairs", COUNTY), {county}),
        (("caseworker", "civil_affairs", None), {county}),
        (("caseworker", "education", COUNTY), {school}),
        (("caseworker", "education", YUEKOU), set()),
        (("caseworker", None, YUEKOU), set()),
        (("supervisor", None, COUNTY), everything),
        (("supervisor", "education", None), {school}),
        (("operator", None, None), everything - {old}),
        (("monitoring_officer", None, None), set()),
        (("administrator", None, None), set()),
    ]
    for (role, department, unit), expected in table:
        by = officer(session, now, role, department, unit)
        assert seen(session, by, now) == expected, (role, department, unit)
        for referral_id in everything - expected:
            with pytest.raises(ReferralNotFound):
                get_for(session, by, referral_id, now)
        for referral_id in expected:
            assert get_for(session, by, referral_id, now).id == referral_id


def test_reading_is_audited_and_refusal_is_not_told_from_absence(session: Session, now: datetime) -> None:
    referral, by = opened(session, now), caseworker(session, now)
    got = get_for(session, by, referral.id, now)
    assert [event.kind for event in got.events] == ["opened"]
    assert got.office is not None
    entry = session.scalars(select(Audit).filter_by(action="read_referral")).one()
    assert (entry.officer_id, entry.object_id) == (by.id, referral.id)
    with pytest.raises(ReferralNotFound):
        get_for(session, by, 999_999, now)


def test_an_operator_does_not_read_the_closing_note_and_it_stays_stored(store: Store, now: datetime) -> None:
    with store.begin() as session:
        referral = opened(session, now)
        close(session, referral, caseworker(session, now), "not_qualified", "名下有两套房", now)
        referral_id = referral.id
        operator_id = officer(session, now, "operator", None, None).id
    with store.begin() as session:
        by = session.get_one(Officer, operator_id)
        got = get_for(session, by, referral_id, now)
        assert got.outcome_note is None
        assert all(event.note is None for event in got.events)
        assert list_for(session, by, now).items[0].outcome_note is None
    with store.begin() as session:
        got = get_for(session, caseworker(session, now), referral_id, now)
        assert got.outcome_note == "名下有两套房"
        assert got.events[-1].note == "名下有两套房"


def test_the_list_is_by_severity_then_by_waiting_and_in_pages(session: Session, now: datetime) -> None:
    routine = opened(session, now - timedelta(days=2))
    urgent = opened(session, now, urgency="urgent")
    critical = opened(session, now, urgency="critical")
    urgent_before = opened(session, now - timedelta(hours=1), urgency="urgent")
    done = opened(session, now - timedelta(days=3), urgency="critical")
    by = caseworker(session, now)
    close(session, done, by, "helped", None, now)
    order = [row.id for row in list_for(session, by, now).items]
    assert order == [critical.id, urgent_before.id, urgent.id, routine.id, done.id]
    second = list_for(session, by, now, page=2, per_page=2)
    assert ([row.id for row in second.items], second.total, second.pages) == ([urgent.id, routine.id], 5, 3)
    assert [row.id for row in list_for(session, by, now, status="closed").items] == [done.id]
    assert list_for(session, by, now, status=("open", "returned")).total == 4


# --- working on it ------------------------------------------------------------------------------------------------------------


def test_from_opening_to_closing(session: Session, now: datetime) -> None:
    referral, by = opened(session, now), caseworker(session, now)
    accept(session, referral, by, now)
    mark_aided(session, referral, by, now + timedelta(hours=3))
    close(session, referral, by, "helped", None, now + timedelta(days=2))
    assert referral.status == "closed"
    assert referral.accepted_at == now
    assert referral.aided_at == now + timedelta(hours=3)
    assert referral.closed_at == now + timedelta(days=2)
    assert steps(session, referral) == ["opened", "accepted", "aided", "closed"]
    actions = session.scalars(select(Audit.action).order_by(Audit.id)).all()
    assert list(actions) == ["accepted_referral", "aided_referral", "closed_referral"]


@pytest.mark.parametrize("outcome", sorted(set(OUTCOMES) - set(HELP_GIVEN)))
def test_no_help_needs_a_reason(session: Session, now: datetime, outcome: str) -> None:
    referral, by = opened(session, now), caseworker(session, now)
    with pytest.raises(ReasonNeeded):
        close(session, referral, by, outcome, "  ", now)
    close(session, referral, by, outcome, "已核实", now)
    assert referral.outcome == outcome


def test_an_unknown_outcome_is_refused(session: Session, now: datetime) -> None:
    with pytest.raises(UnknownOutcome):
        close(session, opened(session, now), caseworker(session, now), "great", "x", now)


def test_steps_that_make_no_sense_are_refused(session: Session, now: datetime) -> None:
    referral, by = opened(session, now), caseworker(session, now)
    accept(session, referral, by, now)
    with pytest.raises(WrongStatus):
        accept(session, referral, by, now)
    close(session, referral, by, "helped", None, now)
    with pytest.raises(WrongStatus):
        close(session, referral, by, "helped", None, now)
    with pytest.raises(WrongStatus):
        mark_aided(session, referral, by, now)
    with pytest.raises(WrongStatus):
        give_back(session, referral, by, "不归我们", ROUTES, now, CALENDAR)
    assert steps(session, referral) == ["opened", "accepted", "closed"]


def test_only_the_desk_it_lies_on_and_the_supervisor_may_work_on_it(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    for by in (
        caseworker(session, now, JINGLING),
        caseworker(session, now, COUNTY),
        caseworker(session, now, YUEKOU, "education"),
        officer(session, now, "operator", None, None),
        officer(session, now, "administrator", None, None),
        officer(session, now, "supervisor", "education", None),
    ):
        with pytest.raises(NotAllowed):
            accept(session, referral, by, now)
    accept(session, referral, officer(session, now, "supervisor", None, COUNTY), now)
    assert referral.status == "accepted"


def test_given_back_it_goes_on_to_the_next_office(session: Session, now: datetime) -> None:
    referral = opened(session, now, needs=["medical"], destination=goes(needs=["medical"]))
    aid, paperwork = referral.aid_due_at, referral.paperwork_due_at
    later = now + timedelta(days=3)
    give_back(session, referral, caseworker(session, now), "属医保职责", ROUTES, later, CALENDAR)
    assert (referral.status, referral.department, referral.level) == ("returned", "medical_insurance", "county")
    assert referral.office_id is not None
    assert referral.accepted_at is None
    assert referral.response_due_at > later
    assert (referral.aid_due_at, referral.paperwork_due_at) == (aid, paperwork)

    insurance = caseworker(session, now, COUNTY, "medical_insurance")
    accept(session, referral, insurance, later)
    give_back(session, referral, insurance, "未参保", ROUTES, later, CALENDAR)
    assert (referral.department, referral.unit_code) == ("civil_affairs", COUNTY)
    last = events(session, referral)[-1]
    assert (last.kind, last.note, last.data["from_department"]) == ("returned", "未参保", "medical_insurance")
    accept(session, referral, caseworker(session, now, COUNTY), later)


def test_a_county_desk_gives_back_to_the_township_of_the_case(session: Session, now: datetime) -> None:
    referral = opened(session, now, needs=["disability"], destination=goes(needs=["disability"]))
    federation = caseworker(session, now, COUNTY, "disabled_persons_federation")
    give_back(session, referral, federation, "属民政补贴", ROUTES, now, CALENDAR)
    assert (referral.department, referral.unit_code) == ("civil_affairs", YUEKOU)


def test_given_back_in_an_emergency_it_goes_to_the_superior(session: Session, now: datetime) -> None:
    there = goes(dangers=["treatment_blocked"], urgency="urgent")
    referral = opened(session, now, urgency="urgent", dangers=["treatment_blocked"], destination=there)
    give_back(session, referral, caseworker(session, now), "备用金不足", ROUTES, now + timedelta(hours=1), CALENDAR)
    assert (referral.department, referral.unit_code) == ("civil_affairs", COUNTY)
    assert referral.response_due_at <= referral.aid_due_at


def test_what_was_given_back_is_not_sent_there_again_by_a_later_word(session: Session, now: datetime) -> None:
    referral = opened(session, now, needs=["medical"], destination=goes(needs=["medical"]))
    give_back(session, referral, caseworker(session, now), "属医保职责", ROUTES, now, CALENDAR)
    added(session, referral, now, facts={"age": 60}, destination=goes(needs=["medical"]))
    assert referral.department == "medical_insurance"


def test_giving_back_needs_a_reason(session: Session, now: datetime) -> None:
    referral = opened(session, now)
    with pytest.raises(ReasonNeeded):
        give_back(session, referral, caseworker(session, now), " ", ROUTES, now, CALENDAR)
    assert referral.status == "open"


# --- households -----------------------------------------------------------------------------------------------------------------


def find(session: Session, store: Store, now: datetime, **given: Any) -> Household:
    known: dict[str, Any] = {"phone": None, "id_number": None, "conversation_id": None}
    return household_for(session, vault=store.vault, now=now, **(known | given))


def test_a_household_is_found_by_phone_and_by_identity(store: Store, now: datetime) -> None:
    with store.begin() as session:
        first = find(session, store, now, phone="19900001234", id_number="11010519491231002X")
        assert find(session, store, now, phone="+86 199-0000-1234") is first
        assert find(session, store, now, phone="19900009999", id_number="11010519491231002x") is first
        assert find(session, store, now, phone="19900005555") is not first
        assert first.contact == {"phone": "19900009999", "id_number": "11010519491231002x"}


def test_a_second_household_on_one_phone_is_kept_apart(store: Store, now: datetime) -> None:
    with store.begin() as session:
        first = find(session, store, now, phone="19900001234")
        second = find(session, store, now, phone="19900001234", another=True)
        assert second is not first
        assert find(session, store, now, phone="19900001234") is first


def test_an_anonymous_household_is_found_by_its_conversation(store: Store, now: datetime) -> None:
    with store.begin() as session:
        talk = conversation(session, now)
        first = find(session, store, now, conversation_id=talk.id)
        opened(session, now, household_id=first.id, conversation_id=talk.id)
        assert find(session, store, now, conversation_id=talk.id) is first
        assert find(session, store, now, conversation_id=None) is not first


def test_facts_are_merged_and_numbers_are_kept_out(session: Session, now: datetime) -> None:
    row = household(session, now)
    remember_facts(row, {"household_size": 2, "phone": "19900001234"}, now, YUEKOU)
    remember_facts(row, {"household_size": 3}, now + timedelta(days=1))
    assert (row.facts, row.unit_code) == ({"household_size": 3}, YUEKOU)
    assert row.changed_at == now + timedelta(days=1)


def test_phones_are_told_apart_by_their_digits_only() -> None:
    assert plain_phone("+86 199 0000 1234") == plain_phone("0086-19900001234") == "19900001234"
    assert plain_phone("0728-0000001") == "07280000001"


# --- erasure --------------------------------------------------------------------------------------------------------------------


def talked(session: Session, store: Store, now: datetime, key: str = "a") -> tuple[Conversation, Household, Referral]:
    """A conversation with a message, a reply, a photo, and a referral for a household with a phone."""
    talk = conversation(session, now, key)
    message = Inbox(
        channel="web",
        external_id=f"1-{key}",
        conversation_id=talk.id,
        text="救命",
        understanding={"text": "救命"},
        status="answered",
        next_try_at=now,
        received_at=now,
    )
    session.add(message)
    session.flush()
    session.add(
        Outbox(
            conversation_id=talk.id,
            inbox_id=message.id,
            template="x",
            text="您说的",
            status="sent",
            next_try_at=now,
            created_at=now,
        )
    )
    family = find(session, store, now, phone="19900001234")
    remember_facts(family, {"household_size": 2}, now)
    referral = opened(session, now, household_id=family.id, conversation_id=talk.id, event_place="岳口")
    session.add(
        Attachment(
            conversation_id=talk.id,
            inbox_id=message.id,
            referral_id=referral.id,
            channel_reference="r",
            next_try_at=now,
            created_at=now,
        )
    )
    session.flush()
    return talk, family, referral


def test_erasing_leaves_the_bare_steps_only(store: Store, now: datetime) -> None:
    with store.begin() as session:
        talk, family, referral = talked(session, store, now)
        mark_aided(session, referral, caseworker(session, now), now, "送了米面")
        erased = erase_conversation(session, talk.id, now, farewell=False)
        assert (erased.withdrawn, erased.households) == (1, 1)
        talk_id, family_id, referral_id, number = talk.id, family.id, referral.id, referral.number
    with store.begin() as session:
        talk = session.get_one(Conversation, talk_id)
        assert (talk.state, talk.address) == (None, None)
        assert talk.erased_at == now
        assert session.scalars(select(Inbox.text)).all() == [None]
        assert session.scalars(select(Inbox.understanding)).all() == [None]
        assert session.scalars(select(Outbox.text)).all() == [""]
        assert session.scalars(select(Attachment)).all() == []
        family = session.get_one(Household, family_id)
        assert (family.contact, family.facts, family.phone_key) == (None, None, None)
        referral = session.get_one(Referral, referral_id)
        assert (referral.number, referral.status) == (number, "withdrawn")
        assert (referral.summary, referral.facts, referral.event_place) == ("", None, None)
        rows = events(session, referral)
        assert [event.kind for event in rows] == ["opened", "aided", "withdrawn"]
        assert all(event.note is None for event in rows)
        assert session.scalars(select(Audit).filter_by(action="erase_conversation")).one().object_id == talk_id
        assert find(session, store, now, phone="19900001234").id != family_id


def test_a_household_that_somebody_else_asked_help_for_stays(store: Store, now: datetime) -> None:
    with store.begin() as session:
        talk, family, _ = talked(session, store, now)
        neighbour = opened(session, now, household_id=family.id, kind="report")
        assert erase_conversation(session, talk.id, now).households == 0
        assert family.contact == {"phone": "19900001234"}
        assert neighbour.status == "open"


def test_the_farewell_still_leaves_then_the_address_goes(store: Store, now: datetime) -> None:
    with store.begin() as session:
        talk, _, _ = talked(session, store, now)
        erase_conversation(session, talk.id, now)
        farewell = Outbox(conversation_id=talk.id, template="erased", text="都删掉了", next_try_at=now, created_at=now)
        session.add(farewell)
        session.flush()
        assert finish_erasures(session) == 0
        assert talk.address == "somewhere"
        farewell.status = "sent"
        assert finish_erasures(session) == 1
        assert talk.address is None
        assert finish_erasures(session) == 0
    with store.session() as session:
        assert set(session.scalars(select(Outbox.text))) == {""}


def test_who_writes_again_is_not_swept_away(store: Store, now: datetime) -> None:
    with store.begin() as session:
        talk, _, _ = talked(session, store, now)
        erase_conversation(session, talk.id, now)
        talk.last_at = now + timedelta(minutes=1)
        assert finish_erasures(session) == 0
        assert talk.address == "somewhere"


def test_erasing_twice_does_no_harm(store: Store, now: datetime) -> None:
    with store.begin() as session:
        talk, _, _ = talked(session, store, now)
        erase_conversation(session, talk.id, now)
        again = erase_conversation(session, talk.id, now)
        assert (again.withdrawn, again.households) == (0, 0)


def test_retention_spares_what_is_recent_or_worked_on(store: Store, now: datetime) -> None:
    with store.begin() as session:
        old, _, done = talked(session, store, now - timedelta(days=400))
        worked, _, _ = talked(session, store, now - timedelta(days=400), "b")
        recent = conversation(session, now, "c")
        withdraw(session, done, now - timedelta(days=399), "resident")
        assert expire(session, now, 365) == 1
        assert expire(session, now, 365) == 0
        assert old.erased_at == now
        assert old.address is None
        assert worked.erased_at is None
        assert recent.erased_at is None
