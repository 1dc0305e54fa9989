"""How a message enters, once, and how waiting messages become turns.

`receive` stores; `answer_waiting` takes the oldest waiting message of each conversation and answers several conversations in one
transaction, each turn in a savepoint of its own, so that one that fails takes no other with it. A message that cannot be answered
is tried again later and at last marked `failed` and put before a person: it is never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from actions.perform import Results
from bot import memory
from bot.step import Part
from bot.turn import House, Turn, take_turn
from store.models import Attachment, Conversation, Inbox, Outbox
from store.session import Store

log = structlog.get_logger()

BATCH = 16  # conversations answered in one transaction
MAX_ATTEMPTS = 5
FIRST_DELAY = timedelta(seconds=2)  # doubled with each attempt


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A photo or file as the channel names it; fetched later, see bot/attachments.py."""

    reference: str
    name: str | None
    media_type: str
    size: int | None


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """What a channel hands over. `external_id` is the channel's own number of the message: seen twice, it is stored once."""

    channel: str
    address: str
    external_id: str
    text: str | None
    kind: str = "text"
    files: Sequence[IncomingFile] = ()


def receive(store: Store, message: IncomingMessage, now: datetime) -> int | None:
    """Store a message; its row's id, or None when it was seen before. When this returns, it can no longer be lost."""
    try:
        with store.begin() as session:
            return _store(session, store, message, now)
    except IntegrityError:  # another worker stored it between our look and our write
        return None


def _store(session: Session, store: Store, message: IncomingMessage, now: datetime) -> int | None:
    seen = select(Inbox.id).filter_by(channel=message.channel, external_id=message.external_id)
    if session.scalar(seen) is not None:
        return None
    conversation = memory.conversation_at(session, store.vault, message.channel, message.address, now)
    row = Inbox(
        channel=message.channel,
        external_id=message.external_id,
        conversation_id=conversation.id,
        kind=message.kind,
        text=message.text,
        next_try_at=now,
        received_at=now,
    )
    session.add(row)
    session.flush()
    for file in message.files:
        session.add(
            Attachment(
                conversation_id=conversation.id,
                inbox_id=row.id,
                channel_reference=file.reference,
                name=file.name,
                media_type=file.media_type,
                size=file.size,
                next_try_at=now,
                created_at=now,
            )
        )
    return row.id


def answer_waiting(
    store: Store,
    house: House,
    now: datetime,
    *,
    limit: int = BATCH,
    on_turn: Callable[[Inbox, Turn], None] | None = None,
) -> int:
    """Answer the oldest waiting message of up to `limit` conversations. The number of messages answered.

    Order within a conversation is kept because a conversation offers only its oldest waiting message, and on PostgreSQL its row is
    locked while another worker is at it.
    """
    with store.begin() as session:
        rows = _claim(session, now, limit)
        answered = 0
        for message, conversation in rows:
            try:
                with session.begin_nested():
                    turn = take_turn(session, message, conversation, house, now)
                    session.flush()
            except SQLAlchemyError:
                raise  # the store itself is in trouble: nothing of this batch is committed, all of it is tried again
            except Exception as error:  # a fault of ours in one turn must not stop the others
                log.error("turn_failed", inbox_id=message.id, error=type(error).__name__)
                _try_later(session, message, conversation, house, now)
            else:
                answered += 1
                if on_turn:
                    on_turn(message, turn)
        return answered


def _claim(session: Session, now: datetime, limit: int) -> list[tuple[Inbox, Conversation]]:
    oldest = (
        select(func.min(Inbox.id).label("id"))
        .where(Inbox.status == "waiting")
        .group_by(Inbox.conversation_id)
        .subquery()
    )
    due = (
        select(Inbox, Conversation)
        .join(oldest, Inbox.id == oldest.c.id)
        .join(Conversation, Conversation.id == Inbox.conversation_id)
        .where(Inbox.next_try_at <= now)
        .order_by(Inbox.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=(Inbox, Conversation))
    )
    rows = session.execute(due).all()
    # Between reading and locking another worker may have answered the row; what is locked now is what counts.
    return [(message, conversation) for message, conversation in rows if message.status == "waiting"]


def _try_later(session: Session, message: Inbox, conversation: Conversation, house: House, now: datetime) -> None:
    message.attempts += 1
    if message.attempts < MAX_ATTEMPTS:
        message.next_try_at = now + FIRST_DELAY * 2 ** (message.attempts - 1)
        return
    message.status, message.answered_at = "failed", now
    conversation.handoff, conversation.handoff_at = "waiting", now
    part = Part("our_fault")
    session.add(
        Outbox(
            conversation_id=conversation.id,
            inbox_id=message.id,
            template=part.template,
            text=house.wording.reply([part], Results(), now),
            next_try_at=now,
            created_at=now,
        )
    )
