"""The terminal: the same turn for a person at a keyboard (`hotline chat`) and, line by line, for programs (`hotline chat --json`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

from sqlalchemy import select

from actions.perform import ReferralView, Results, view_of
from bot.inbox import IncomingMessage, answer_waiting, receive
from bot.outbox import mark_sent
from bot.step import Part
from bot.turn import House, Turn
from store.models import Conversation, Inbox
from store.session import Store


class TurnFailed(Exception):
    """A fault of ours: the message is kept, and the log says which kind of error it was."""


class BadLine(Exception):
    """A line that is not what `chat --json` reads. The text says what is wrong, in the user's words."""


def say(store: Store, house: House, message: IncomingMessage, now: datetime) -> Turn:
    """Put one message through inbox, turn and commit; the turn that answered it."""
    turns: dict[int, Turn] = {}
    row = receive(store, message, now)
    if row is None:
        raise TurnFailed
    while row not in turns:
        before = len(turns)
        answer_waiting(store, house, now, on_turn=lambda inbox, turn: turns.update({inbox.id: turn}))
        if len(turns) == before:
            raise TurnFailed
    mark_sent(store, row, now)
    return turns[row]


def chat_lines(lines: Iterable[str], store: Store, house: House, clock: Callable[[], datetime]) -> Iterator[str]:
    """One JSON line in, one JSON line out, in order. A bad line gives {"error": …} and the run goes on."""
    numbers = count(1)
    for line in lines:
        if not line.strip():
            continue
        try:
            yield json.dumps(_chat_line(line, store, house, clock, next(numbers)), ensure_ascii=False)
        except BadLine as error:
            yield json.dumps({"error": str(error)}, ensure_ascii=False)
        except TurnFailed:
            yield json.dumps({"error": "这句话处理时出了错,已经存下,没有丢"}, ensure_ascii=False)


def _chat_line(line: str, store: Store, house: House, clock: Callable[[], datetime], number: int) -> dict[str, Any]:
    request = _read_line(line)
    conversation, channel = request["conversation"], request["channel"]
    message = IncomingMessage(channel, conversation, f"line-{number}", request["text"])
    turn = say(store, house, message, _moment(request.get("at"), clock))
    with store.session() as session:
        row = session.scalars(
            select(Conversation).join(Inbox).filter(Inbox.channel == channel, Inbox.external_id == f"line-{number}")
        ).one()
        referral = turn.results.referral or view_of(session, turn.state.referral, house.tools)
    return {
        "conversation": conversation,
        "replies": [turn.reply] if turn.reply else [],
        "understanding": turn.heard.understanding.as_json() if turn.heard else {},
        "facts": dict(turn.state.facts),
        "asked": turn.state.asked,
        "hints": [
            {
                "programme": hint.programme,
                "verdict": hint.verdict,
                "missing": list(hint.missing),
                "reasons": [{"text": r.text, "holds": r.holds, "source": r.source} for r in hint.reasons],
            }
            for hint in turn.hints
        ],
        "referral": _referral_json(referral),
        "handoff": row.handoff in ("waiting", "owned"),
    }


def _read_line(line: str) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLine("这一行不是正确的 JSON") from error
    if not isinstance(request, dict):
        raise BadLine("每一行要是一个 JSON 对象")
    if not isinstance(request.get("text"), str):
        raise BadLine("缺少 text,或者它不是文字")
    conversation = request.get("conversation", "1")
    channel = request.get("channel", "terminal")
    if not isinstance(conversation, str | int) or not isinstance(channel, str) or not channel or len(channel) > 20:
        raise BadLine("conversation 要是文字或数字,channel 要是不超过20个字的文字")
    text = request["text"].encode("utf-8", "replace").decode("utf-8")
    return {**request, "conversation": str(conversation), "channel": channel, "text": text}


def _moment(at: Any, clock: Callable[[], datetime]) -> datetime:
    if at is None:
        return clock()
    try:
        moment = datetime.fromisoformat(at)
    except (TypeError, ValueError) as error:
        raise BadLine(f"时间 at 写得不对:{at!r};要像 2026-11-23T09:00:00+08:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _referral_json(referral: ReferralView | None) -> dict[str, Any] | None:
    if referral is None:
        return None
    return {
        "number": referral.number,
        "status": referral.status,
        "urgency": referral.urgency,
        "needs": list(referral.needs),
        "programmes": list(referral.programmes),
        "department": referral.department,
        "level": referral.level,
        "office": referral.office,
        "aid_due_at": referral.aid_due_at.isoformat(),
        "paperwork_due_at": referral.paperwork_due_at.isoformat(),
    }


def talk(store: Store, house: House, clock: Callable[[], datetime]) -> None:
    """A conversation for a person at a terminal. Ends with an empty end of input (Ctrl-D) or Ctrl-C."""
    from rich.console import Console

    console = Console()
    session_name = f"terminal-{clock().timestamp():.0f}"
    console.print(house.wording.render(Part("welcome", {"first": True}), Results(), clock()), style="cyan")
    for number in count(1):
        try:
            text = console.input("\n[bold]> [/bold]")
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if not text.strip():
            continue
        message = IncomingMessage("terminal", session_name, f"{session_name}-{number}", text)
        try:
            reply = say(store, house, message, clock()).reply
        except TurnFailed:
            reply = house.wording.render(Part("our_fault"), Results(), clock())
        console.print(reply, style="cyan", markup=False)
