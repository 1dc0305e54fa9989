"""Golden conversations: what is said, which replies come, and what comes of it. Words are asserted only where they matter.

A turn may give: say; at (hours after the first turn); reply (template names that must be among the parts, in order);
never (template names that must not); asked; facts (a subset); needs; dangers; urgency; referral (opened | none | withdrawn | a subset of
its fields); handoff; contains; lacks (words).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from bot.channels.terminal import say
from bot.inbox import IncomingMessage
from bot.turn import House, Turn
from store.models import Conversation, Referral
from store.session import Store

FOLDER = Path(__file__).parent / "conversations"
KEYS = {
    "say", "at", "reply", "never", "asked", "facts", "needs", "dangers", "urgency", "referral", "handoff", "contains",
    "lacks", "verdicts", "unknown",
}  # fmt: skip
PROMISES = ("您一定能", "肯定能批", "恭喜您", "已审批通过", "所有救助都不看户口", "您符合", "您不符合", "一定能领")


def conversations() -> list[Any]:
    return [
        pytest.param(talk, id=f"{path.stem}: {talk['name']}")
        for path in sorted(FOLDER.glob("*.yaml"))
        for talk in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def test_there_are_two_hundred_golden_turns() -> None:
    turns = [turn for talk in conversations() for turn in talk.values[0]["turns"]]
    assert len(turns) >= 200
    assert not [turn for turn in turns if not set(turn) <= KEYS or len(set(turn) - {"say", "at"}) == 0]


@pytest.mark.parametrize("talk", conversations())
def test_conversation(talk: dict[str, Any], store: Store, house: House, now: datetime) -> None:
    channel = talk.get("channel", "web")
    for number, expected in enumerate(talk["turns"], 1):
        message = IncomingMessage(channel, "resident", str(number), expected["say"])
        turn = say(store, house, message, now + timedelta(hours=expected.get("at", 0), minutes=number))
        with store.session() as session:
            conversation = session.scalars(select(Conversation)).one()
            referrals = list(session.scalars(select(Referral).order_by(Referral.id)))
        wrong = list(differences(expected, turn, conversation, referrals))
        said = [part.template for part in turn.parts]
        assert not wrong, f"turn {number} {expected['say']!r}: {wrong}\nparts {said}\n{turn.reply}"


def differences(expected: dict[str, Any], turn: Turn, conversation: Conversation, referrals: list[Referral]) -> Any:
    """What differs from what was expected, in words. The laws that every turn keeps are checked as well."""
    reply, parts = turn.reply or "", [part.template for part in turn.parts]
    yield from _laws(turn, reply, parts)
    remaining = iter(parts)
    for name in _list(expected.get("reply")):
        if name not in remaining:
            yield f"no part {name} (in this order)"
    yield from (f"part {name} must not come" for name in _list(expected.get("never")) if name in parts)
    if "asked" in expected and turn.state.asked != expected["asked"]:
        yield f"asked {turn.state.asked}"
    for name, value in expected.get("facts", {}).items():
        if turn.state.facts.get(name) != value:
            yield f"fact {name} is {turn.state.facts.get(name)!r}"
    yield from (f"fact {name} is known" for name in _list(expected.get("unknown")) if name in turn.state.facts)
    understood = turn.heard.understanding if turn.heard else None
    for key in ("needs", "dangers"):
        if key in expected and understood and not set(_list(expected[key])) <= set(getattr(understood, key)):
            yield f"{key} {getattr(understood, key)}"
    if "urgency" in expected and understood and understood.urgency != expected["urgency"]:
        yield f"urgency {understood.urgency} {understood.dangers}"
    yield from _referral(expected.get("referral"), referrals)
    if "handoff" in expected and (conversation.handoff in ("waiting", "owned")) != expected["handoff"]:
        yield f"handoff {conversation.handoff}"
    verdicts = {hint.programme: hint.verdict for hint in turn.hints}
    for programme, verdict in expected.get("verdicts", {}).items():
        if verdicts.get(programme) not in _list(verdict):
            yield f"{programme} is {verdicts.get(programme)}"
    yield from (f"{words!r} is not said" for words in _list(expected.get("contains")) if words not in reply)
    yield from (f"{words!r} is said" for words in _list(expected.get("lacks")) if words in reply)


def _laws(turn: Turn, reply: str, parts: list[str]) -> Any:
    if not reply and turn.heard:
        yield "no reply"
    questions = [name for name in parts if name.startswith("ask_") or name in ("which", "offer", "offer_again")]
    if len(questions) > 1:
        yield f"more than one question: {questions}"
    if turn.state.questions > 6:
        yield "more than six questions"
    yield from (f"promises: {words}" for words in PROMISES if words in reply)


def _referral(expected: Any, referrals: list[Referral]) -> Any:
    if expected is None:
        return
    if expected == "none":
        if referrals:
            yield f"a referral was opened: {referrals[-1].kind}"
        return
    if not referrals:
        yield "no referral"
        return
    last = referrals[-1]
    if expected == "withdrawn":
        expected = {"status": "withdrawn"}
    elif expected == "opened":
        expected = {"status": "open"}
    for name, value in expected.items():
        actual = len(referrals) if name == "count" else getattr(last, name)
        if actual != value:
            yield f"referral {name} is {actual!r}"


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def test_a_hundred_thousand_bytes_are_answered_and_kept(store: Store, house: House, now: datetime) -> None:
    text = "我老伴得了癌症，家里两口人，住岳口镇。" + "这些年的苦说不完。" * 4000 + "你帮我登记吧，电话19900001399"
    assert len(text.encode()) > 100_000
    turn = say(store, house, IncomingMessage("web", "resident", "1", text), now)
    assert turn.state.facts["household_size"] == 2
    assert turn.parts[-1].template == "long_message"
    assert turn.reply is not None
    assert len(turn.reply) < 1500
    assert len(turn.state.words) < 5000


def test_a_withdrawal_by_somebody_elses_number_stops_nothing(store: Store, house: House, now: datetime) -> None:
    """A number overheard must not be enough to stop somebody's help; how it stands may be told, but nobody's words."""
    plea = "我得了重病，家里困难，帮我登记，住岳口镇，电话19900001398"
    number = say(store, house, IncomingMessage("web", "owner", "1", plea), now).state.referral
    assert number
    stranger = say(store, house, IncomingMessage("web", "stranger", "2", f"撤回登记号{number}"), now)
    assert "不能替您撤" in (stranger.reply or "")
    progress = say(store, house, IncomingMessage("web", "stranger", "3", f"登记号{number}办得怎么样了"), now)
    assert "19900001398" not in (progress.reply or "")
    assert "重病" not in (progress.reply or "")
    with store.session() as session:
        assert [referral.status for referral in session.scalars(select(Referral))] == ["open"]
    own = say(store, house, IncomingMessage("web", "owner", "4", f"撤回登记号{number}"), now)
    assert number in (own.reply or "")
    with store.session() as session:
        assert [referral.status for referral in session.scalars(select(Referral))] == ["withdrawn"]


def test_progress_by_a_number_with_a_mistyped_character(store: Store, house: House, now: datetime) -> None:
    plea = "我得了重病，家里困难，帮我登记，住岳口镇，电话19900001397"
    number = say(store, house, IncomingMessage("web", "resident", "1", plea), now).state.referral or ""
    wrong = number[:-1] + ("A" if number[-1] != "A" else "B")
    missed = say(store, house, IncomingMessage("web", "resident", "2", f"登记号{wrong}办到哪了"), now)
    assert "没有查到" in (missed.reply or "")
    found = say(store, house, IncomingMessage("web", "resident", "3", f"看错了，是{number}"), now)
    assert f"登记号{number}" in (found.reply or "")
