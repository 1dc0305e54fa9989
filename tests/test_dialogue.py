"""Laws of the dialogue that hold for whatever is heard: Hypothesis makes up what the NLU layer might have understood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.requests import AlertPerson, EraseEverything, OpenReferral, WithdrawReferral
from bot.dialogue import RETURN_AFTER, Counsel, decide
from bot.learning import OWN_QUESTIONS
from bot.state import MAX_QUESTIONS, State
from bot.step import Step
from bot.turn import House
from nlu.answers import Answer
from nlu.hear import Heard
from nlu.labels import DANGERS, FACT_CHOICES, FACT_TYPES, INTENTS, NEEDS, STATUSES, urgency_of
from nlu.remarks import signs
from nlu.understanding import Understanding

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
TEXTS = ("家里困难", "三口人", "我不晓得该怎么说，反正就是过不下去了", "好", "hello can you help me")
PLACES = ("岳口镇", "湖南衡阳", "天门")
BEFORE_A_DANGER = {"welcome_back", "another_household", "stay"}  # words of welcome, and of a danger that is over
EXTRA = ("sudden_event", "away_from_home", "natural_disaster", "legal_matter", "income_source", "event_place")
VALUES_OF_EXTRA: Mapping[str, Any] = {
    "sudden_event": ("accident", "fire", "grave_illness", "death_of_earner", "job_loss", "other", "none"),
    "legal_matter": ("wages", "support", "injury", "none"),
    "event_place": PLACES,
}
LAWS = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def value_of(name: str) -> st.SearchStrategy[Any]:
    if name == "current_status":
        return st.lists(st.sampled_from(STATUSES), unique=True, max_size=2).map(sorted)
    if name in FACT_CHOICES:
        return st.sampled_from(FACT_CHOICES[name])
    if name in VALUES_OF_EXTRA:
        return st.sampled_from(VALUES_OF_EXTRA[name])
    if name.endswith("place"):
        return st.sampled_from(PLACES)
    kind = FACT_TYPES.get(name, bool)
    if kind is int:
        # 1..4 fits every number; 300 is no age and no household
        return st.sampled_from((1, 2, 3, 4, 300, -5))
    return st.booleans() if kind is bool else st.sampled_from(("19900001301", "TM-12345"))


def facts_of(names: tuple[str, ...], most: int) -> st.SearchStrategy[dict[str, Any]]:
    chosen = st.lists(st.sampled_from(names), unique=True, max_size=most)
    return chosen.flatmap(lambda picked: st.fixed_dictionaries({name: value_of(name) for name in picked}))


def answers_to(asked: str | None) -> st.SearchStrategy[Answer | None]:
    if asked is None:
        return st.none()
    known = asked in FACT_TYPES or asked in EXTRA
    value = st.booleans() if asked in OWN_QUESTIONS or not known else value_of(asked)
    return st.one_of(
        value.map(lambda v: Answer("value", v)),
        st.sampled_from((Answer("declined"), Answer("unknown"), Answer("none"), Answer("impossible", "300"))),
    )


@st.composite
def heard_after(draw: st.DrawFn, asked: str | None, dangers: bool = True) -> Heard:
    """Anything that might be understood while the question `asked` stands open."""
    found = draw(st.lists(st.sampled_from(DANGERS), unique=True, max_size=2)) if dangers and draw(st.booleans()) else []
    understanding = Understanding(
        text=draw(st.sampled_from(TEXTS)),
        intent=draw(st.sampled_from(INTENTS)),
        confidence=draw(st.sampled_from((0.1, 0.4, 0.9))),
        needs=tuple(draw(st.lists(st.sampled_from(NEEDS), unique=True, max_size=2))),
        dangers=tuple(found),
        facts=draw(facts_of(tuple(FACT_TYPES), 3)),
    )
    return Heard(
        understanding,
        extra=draw(facts_of(EXTRA, 2)),
        remarks=frozenset(draw(st.lists(st.sampled_from(signs()), unique=True, max_size=2))),
        programmes=tuple(draw(st.lists(st.sampled_from(("dibao", "medical_aid")), unique=True, max_size=1))),
        answer=draw(answers_to(asked)),
    )


def after(step: Step) -> State:
    """The state as bot/turn.py leaves it: a referral that was asked for is open, one withdrawn is gone."""
    state = step.state
    for request in step.requests:
        if isinstance(request, OpenReferral) and state.referral is None:
            state = replace(state, referral="TM-12345")
        if isinstance(request, WithdrawReferral) and state.referral:
            state = replace(state, referral=None, earlier_referrals=(*state.earlier_referrals, state.referral))
    return state


def questions_of(step: Step) -> list[str]:
    return [
        p.template
        for p in step.parts
        if p.template.startswith("ask_") or p.template in ("which", "offer", "offer_again")
    ]


def talk(data: st.DataObject, house: House, turns: int) -> list[tuple[State, Heard, datetime, Step]]:
    """A conversation of made-up turns; every step with the state and the message that led to it."""
    state, now, steps = State(), NOON, []
    for _ in range(turns):
        heard = data.draw(heard_after(state.conflict.fact if state.conflict else state.asked))
        step = decide(state, heard, house.counsel, now)
        steps.append((state, heard, now, step))
        state, now = after(step), now + data.draw(st.sampled_from((timedelta(minutes=1), timedelta(days=3))))
    return steps


@LAWS
@given(data=st.data())
def test_at_most_one_question_never_one_asked_answered_or_declined_and_at_most_six(
    data: st.DataObject, shared_house: House
) -> None:
    for before, heard, _, step in talk(data, shared_house, 8):
        said = questions_of(step)
        assert len(said) <= 1, said
        assert step.state.questions <= MAX_QUESTIONS
        same_household = step.state.household == before.household
        for part in step.parts:
            fact = part.template.removeprefix("ask_")
            if not part.template.startswith("ask_") or fact == "erase":
                continue
            assert fact not in step.state.facts
            assert fact not in step.state.declined
            repeated = part.data.get("again", False)
            if repeated:
                assert fact == (before.conflict.fact if before.conflict else before.asked)
            elif same_household:
                assert fact not in before.asked_before, heard


@LAWS
@given(data=st.data())
def test_danger_comes_first_and_a_person_is_called(data: st.DataObject, shared_house: House) -> None:
    for before, heard, _, step in talk(data, shared_house, 4):
        dangers = heard.understanding.dangers
        if not dangers or (before.asked == "company" and dangers == ("unattended",)):
            continue
        spoken = [part.template for part in step.parts if part.template not in BEFORE_A_DANGER]
        assert spoken[0].startswith("danger_")
        assert any(isinstance(request, OpenReferral) for request in step.requests)
        assert AlertPerson(urgency_of(dangers)) in step.requests
        assert set(dangers) <= set(step.state.dangers)
        assert not any(isinstance(request, EraseEverything | WithdrawReferral) for request in step.requests)


@LAWS
@given(data=st.data())
def test_a_step_follows_from_its_inputs_alone_and_changes_none_of_them(
    data: st.DataObject, shared_house: House
) -> None:
    for before, heard, now, step in talk(data, shared_house, 4):
        kept = deepcopy((before, heard))
        assert decide(before, heard, shared_house.counsel, now) == step
        assert (before, heard) == kept


@LAWS
@given(data=st.data())
def test_every_state_that_is_reached_survives_being_stored(data: st.DataObject, shared_house: House) -> None:
    for _, _, _, step in talk(data, shared_house, 6):
        state = after(step)
        assert State.from_json(json.loads(json.dumps(state.as_json()))) == state


@LAWS
@given(data=st.data(), silence=st.sampled_from(("", "。。。", "👍", "？", " \n")))
def test_silence_changes_nothing_and_keeps_the_question(data: st.DataObject, silence: str, shared_house: House) -> None:
    steps = talk(data, shared_house, 4)
    state, now = after(steps[-1][3]), steps[-1][2]
    nothing = Heard(Understanding(silence, "other", 0.2))
    step = decide(state, nothing, shared_house.counsel, now)
    assert step.parts[0].template in ("nudge", "welcome_back")
    assert step.requests == ()
    assert replace(step.state, turns=state.turns, last_at=state.last_at) == state


@LAWS
@given(data=st.data())
def test_who_comes_back_is_welcomed_once_and_starts_nothing_over(data: st.DataObject, shared_house: House) -> None:
    steps = talk(data, shared_house, 3)
    state = replace(after(steps[-1][3]), last_at=NOON.isoformat())
    heard = data.draw(heard_after(state.asked, dangers=False))
    step = decide(state, heard, shared_house.counsel, NOON + RETURN_AFTER)
    greeted = [part.template for part in step.parts].count("welcome_back")
    assert greeted == (1 if state.kind or state.referral else 0)
    again = decide(after(step), heard, shared_house.counsel, NOON + RETURN_AFTER + timedelta(minutes=1))
    assert "welcome_back" not in [part.template for part in again.parts]


@LAWS
@given(intent=st.sampled_from(("ask_policy", "ask_apply", "ask_hukou", "ask_progress", "donate", "greet", "thank", "goodbye", "other")),
       needs=st.lists(st.sampled_from(NEEDS), unique=True, max_size=2),
       confidence=st.sampled_from((0.1, 0.5, 0.9)))  # fmt: skip
def test_a_question_about_nobody_opens_nothing(
    intent: str, needs: list[str], confidence: float, shared_house: House
) -> None:
    heard = Heard(Understanding("低保怎么办", intent, confidence, needs=tuple(needs)))
    step = decide(State(), heard, shared_house.counsel, NOON)
    assert not any(isinstance(request, OpenReferral | AlertPerson) for request in step.requests)
    assert step.parts


@LAWS
@given(data=st.data())
def test_deleting_asks_once_and_forgets_all(data: st.DataObject, shared_house: House) -> None:
    state = replace(after(talk(data, shared_house, 3)[-1][3]), asked="erase", conflict=None)
    yes = Heard(Understanding("确定", "affirm", 0.9), answer=Answer("value", True))
    step = decide(state, yes, shared_house.counsel, NOON)
    if urgency_of(state.dangers) == "critical":
        return  # with a life in danger nothing is thrown away by one word
    assert step.requests == (EraseEverything(),)
    assert replace(step.state, turns=0, last_at=None) == State()
    no = Heard(Understanding("不删", "deny", 0.9), answer=Answer("value", False))
    assert decide(state, no, shared_house.counsel, NOON).requests == ()


def test_the_counsel_finds_the_townships_of_the_county(shared_house: House) -> None:
    counsel: Counsel = shared_house.counsel
    unit = counsel.find_unit("岳口镇")
    assert unit is not None
    assert unit.code == "429006107"
    assert counsel.find_unit("湖南衡阳") is None
