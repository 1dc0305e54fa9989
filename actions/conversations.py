"""Conversations that a person must look at: who waits, who owns which, what was said, the officer's answer.

Who owns a conversation is stored, and changed only by an UPDATE that says what it expects to find: of two officers who take the same
one at once, one gets it and the other is told. While it is owned the assistant is silent (bot/turn.py). The caller commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import structlog
from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from actions import audit
from actions.errors import HotlineError
from store.models import Audit, Conversation, Inbox, Officer, Outbox, Referral

log = structlog.get_logger()

SEVERITIES: Final = ("routine", "urgent", "critical")
IN_QUEUE: Final = ("waiting", "owned")
SHOWN_TO_OFFICERS: Final = ("waiting", "owned", "returned")  # one that nobody asked a person to see stays closed
LONGEST_ANSWER: Final = 2000  # characters; at most 4,000 UTF-16 units, so every channel takes it in one message
LONGEST_QUEUE: Final = 200
SHOWN_LINES: Final = 200
READ_AGAIN_AFTER: Final = timedelta(
    minutes=10
)  # an open page is entered in the audit every so often, not at every poll
SAME_ANSWER_WITHIN: Final = timedelta(seconds=30)  # a button pressed twice sends once


class ConversationNotFound(HotlineError):
    """No such conversation, or nobody has asked that a person look at it."""

    code: ClassVar[str] = "conversation_not_found"


class TakenAlready(HotlineError):
    """Somebody else owns it."""

    code: ClassVar[str] = "taken_already"


class NotTheOwner(HotlineError):
    """Only who owns a conversation may speak in it; a supervisor may give it back as well."""

    code: ClassVar[str] = "not_the_owner"


class EmptyAnswer(HotlineError):
    """An answer without words."""

    code: ClassVar[str] = "empty_answer"


class AnswerTooLong(HotlineError):
    """More than LONGEST_ANSWER characters."""

    code: ClassVar[str] = "answer_too_long"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line of the queue. `since` is when it came into this state; `unanswered` is when the resident last wrote without an officer's
    answer after it, None when there is one."""

    id: int
    channel: str
    severity: str
    handoff: str
    since: datetime
    owner_id: int | None
    owner_name: str | None
    dangers: tuple[str, ...]
    needs: tuple[str, ...]
    unanswered: datetime | None
    referral_id: int | None
    referral_number: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One message. `author`: resident, assistant, officer; `kind` as in the inbox; `status`: waiting, answered, sent, failed."""

    author: str
    kind: str
    text: str
    at: datetime
    status: str
    dangers: tuple[str, ...] = ()


def queue(session: Session) -> list[Waiting]:
    """What waits for a person or is in a person's hands: by severity, then who has waited longest. Five queries, however long it is."""
    rank = case({name: n for n, name in enumerate(SEVERITIES)}, value=Conversation.severity)
    rows = session.scalars(
        select(Conversation)
        .where(Conversation.handoff.in_(IN_QUEUE), Conversation.erased_at.is_(None))
        .order_by(rank.desc(), Conversation.handoff == "owned", Conversation.handoff_at, Conversation.id)
        .limit(LONGEST_QUEUE)
    ).all()
    return _described(session, rows)


def describe(session: Session, conversation: Conversation) -> Waiting:
    """The line of one conversation."""
    return _described(session, [conversation])[0]


def read_conversation(session: Session, officer: Officer, conversation_id: int, now: datetime) -> Conversation:
    """A conversation that a person was asked to see; the reading is entered in the audit. Raises ConversationNotFound."""
    found = session.scalars(
        select(Conversation).where(
            Conversation.id == conversation_id,
            Conversation.handoff.in_(SHOWN_TO_OFFICERS),
            Conversation.erased_at.is_(None),
        )
    ).one_or_none()
    if found is None:
        raise ConversationNotFound(str(conversation_id))
    entered = select(Audit.id).where(
        Audit.object_kind == "conversation",
        Audit.object_id == conversation_id,
        Audit.officer_id == officer.id,
        Audit.action == "read_conversation",
        Audit.at > now - READ_AGAIN_AFTER,
    )
    if session.scalar(entered.limit(1)) is None:
        _enter(session, officer, "read_conversation", conversation_id, now)
    return found


def transcript(session: Session, conversation_id: int) -> list[Line]:
    """The last messages both ways, oldest first. An answer never comes before the words that it answers."""
    heard = session.scalars(
        select(Inbox).where(Inbox.conversation_id == conversation_id).order_by(Inbox.id.desc()).limit(SHOWN_LINES)
    )
    said = session.scalars(
        select(Outbox).where(Outbox.conversation_id == conversation_id).order_by(Outbox.id.desc()).limit(SHOWN_LINES)
    )
    lines = [
        Line("resident", row.kind, row.text or "", row.received_at, row.status, _names(row.understanding, "dangers"))
        for row in reversed(heard.all())
    ]
    lines += [Line(row.author, "text", row.text, row.created_at, row.status) for row in reversed(said.all())]
    lines.sort(key=lambda line: (line.at, line.author != "resident"))
    return lines[-SHOWN_LINES:]


def take_over(session: Session, officer: Officer, conversation_id: int, now: datetime) -> None:
    """Make it the officer's own. Taking one's own again changes nothing. Raises TakenAlready, ConversationNotFound."""
    taken = session.execute(
        update(Conversation)
        .where(
            Conversation.id == conversation_id,
            Conversation.owner_id.is_(None),
            Conversation.handoff.in_(("waiting", "returned")),
            Conversation.erased_at.is_(None),
        )
        # The version moves too, so that a turn which began before us fails and is taken again, silently.
        .values(handoff="owned", owner_id=officer.id, handoff_at=now, version=Conversation.version + 1)
        .execution_options(synchronize_session=False)
    )
    if _rows(taken) == 0:
        owner = _owner(session, conversation_id)
        if owner == officer.id:
            return
        raise TakenAlready(str(conversation_id))
    _enter(session, officer, "take_over", conversation_id, now)


def answer(session: Session, officer: Officer, conversation_id: int, text: str, now: datetime) -> Outbox | None:
    """Put the officer's words into the outbox, for whatever channel the resident uses.

    None when the very same words were sent a moment ago. Raises NotTheOwner, EmptyAnswer, AnswerTooLong, ConversationNotFound.
    """
    words = text.strip()
    if not words:
        raise EmptyAnswer
    if len(words) > LONGEST_ANSWER:
        raise AnswerTooLong(str(len(words)))
    if _owner(session, conversation_id) != officer.id:
        raise NotTheOwner(str(conversation_id))
    last = session.scalars(
        select(Outbox).where(Outbox.conversation_id == conversation_id).order_by(Outbox.id.desc()).limit(1)
    ).one_or_none()
    if last and last.author == "officer" and last.text == words and now - last.created_at < SAME_ANSWER_WITHIN:
        return None
    row = Outbox(
        conversation_id=conversation_id,
        author="officer",
        template="officer",
        text=words,
        next_try_at=now,
        created_at=now,
    )
    session.add(row)
    _enter(session, officer, "answer_conversation", conversation_id, now)
    return row


def hand_back(session: Session, officer: Officer, conversation_id: int, now: datetime) -> None:
    """Give it back to the assistant. The owner may, and a supervisor for an owner who left. Raises NotTheOwner, ConversationNotFound."""
    owner = _owner(session, conversation_id)
    if owner is None or (owner != officer.id and officer.role != "supervisor"):
        raise NotTheOwner(str(conversation_id))
    given = session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id, Conversation.owner_id == owner)
        # A danger that comes later is ranked by itself, not by what has been dealt with.
        .values(handoff="returned", owner_id=None, handoff_at=now, severity="routine", version=Conversation.version + 1)
        .execution_options(synchronize_session=False)
    )
    if _rows(given) == 0:
        raise NotTheOwner(str(conversation_id))
    _enter(session, officer, "hand_back", conversation_id, now)


def _described(session: Session, rows: Iterable[Conversation]) -> list[Waiting]:
    rows = list(rows)
    ids = [row.id for row in rows]
    owners = {row.owner_id for row in rows if row.owner_id is not None}
    names = dict(session.execute(select(Officer.id, Officer.name).where(Officer.id.in_(owners))).all())
    heard = _latest(session, select(Inbox.conversation_id, func.max(Inbox.received_at)), Inbox.conversation_id, ids)
    answered = _latest(
        session,
        select(Outbox.conversation_id, func.max(Outbox.created_at)).where(Outbox.author == "officer"),
        Outbox.conversation_id,
        ids,
    )
    referrals = {
        conversation: (referral, number)
        for conversation, referral, number in session.execute(
            select(Referral.conversation_id, Referral.id, Referral.number)
            .where(Referral.conversation_id.in_(ids))
            .order_by(Referral.id)
        )
    }
    return [
        Waiting(
            id=row.id,
            channel=row.channel,
            severity=row.severity,
            handoff=row.handoff,
            since=row.handoff_at or row.last_at,
            owner_id=row.owner_id,
            owner_name=names.get(row.owner_id) if row.owner_id is not None else None,
            dangers=_names(row.state, "dangers"),
            needs=_names(row.state, "needs"),
            unanswered=_unanswered(heard.get(row.id), answered.get(row.id)),
            referral_id=referrals.get(row.id, (None, None))[0],
            referral_number=referrals.get(row.id, (None, None))[1],
        )
        for row in rows
    ]


def _latest(session: Session, query: Any, column: Any, ids: list[int]) -> Mapping[int, datetime]:
    return dict(session.execute(query.where(column.in_(ids)).group_by(column)).all())


def _unanswered(heard: datetime | None, answered: datetime | None) -> datetime | None:
    return heard if heard and (answered is None or heard > answered) else None


def _names(data: Any, field: str) -> tuple[str, ...]:
    return tuple(data.get(field) or ()) if isinstance(data, Mapping) else ()


def _owner(session: Session, conversation_id: int) -> int | None:
    row = session.execute(
        select(Conversation.owner_id)
        .where(
            Conversation.id == conversation_id,
            Conversation.handoff.in_(SHOWN_TO_OFFICERS),
            Conversation.erased_at.is_(None),
        )
        .with_for_update()  # nobody gives it away between this look and what follows from it
    ).one_or_none()
    if row is None:
        raise ConversationNotFound(str(conversation_id))
    owner: int | None = row[0]
    return owner


def _rows(result: Any) -> int:
    count: int = result.rowcount
    return count


def _enter(session: Session, officer: Officer, action: str, conversation_id: int, now: datetime) -> None:
    audit.record(
        session, at=now, officer_id=officer.id, action=action, object_kind="conversation", object_id=conversation_id
    )
    log.info(action, conversation_id=conversation_id, officer_id=officer.id)
