"""How a message enters, once, and how waiting messages become turns.

`receive` stores; `answer_waiting` takes the oldest waiting message of each conversation and answers several conversations in one
transaction. When one of them fails, the batch is done again with each turn in a savepoint of its own, so that one that fails takes no
other with it. A message that cannot be answered is tried again later and at last marked `failed` and put before a person: it is never
lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, case, func, insert, select, update
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

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
RECEIVE_ATTEMPTS = 5  # of one message, when another process writes at the same moment
LARGEST_INTEGER = 2**31 - 1  # a file may be called larger than the column holds

# Built once: putting a statement together costs more than running it.
_SEEN = select(Inbox.id).where(Inbox.channel == bindparam("channel"), Inbox.external_id == bindparam("external_id"))
_STORE = insert(Inbox)
_STORE_FILES = insert(Attachment)
_DUE = select(Inbox.id).where(Inbox.status == "waiting", Inbox.next_try_at <= bindparam("now")).limit(1)
_OLDEST = (
    select(func.min(Inbox.id).label("id")).where(Inbox.status == "waiting").group_by(Inbox.conversation_id).subquery()
)
_CLAIM = (
    select(Inbox, Conversation)
    .join(_OLDEST, Inbox.id == _OLDEST.c.id)
    .join(Conversation, Conversation.id == Inbox.conversation_id)
    # On PostgreSQL another worker may have answered the row between our reading and our locking it: what is locked is what counts.
    .where(Inbox.next_try_at <= bindparam("now"), Inbox.status == "waiting")
    .order_by(Inbox.id)
    .limit(bindparam("limit"))
    # NO KEY: a new message of the same conversation, which refers to its row, need not wait for us.
    .with_for_update(skip_locked=True, key_share=True, of=(Inbox, Conversation))
)
_CLAIM_KEYS = _CLAIM.with_only_columns(Inbox.id, Conversation.id)


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
    """Store a message; its row's id, or None when it was seen before. When this returns, it can no longer be lost.

    Raises SQLAlchemyError when the store cannot take it.
    """
    for attempt in range(1, RECEIVE_ATTEMPTS + 1):
        try:
            with store.begin() as session:
                return _store(session, store, message, now)
        except (IntegrityError, StaleDataError):
            # Another process stored this message, or made or changed its conversation, between our look and our write: look again.
            if attempt == RECEIVE_ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def receive_all(store: Store, messages: Sequence[IncomingMessage], now: datetime) -> int:
    """Store messages that came together, in one transaction; how many were new. When this returns, none can be lost any more.

    One that no store would take (a fault of ours) is logged and left out: it must not keep all that come after it from being heard.
    Raises SQLAlchemyError when the store is in trouble; then all of them are to be offered again.
    """
    try:
        with store.begin() as session:
            return sum(_store(session, store, message, now) is not None for message in messages)
    except Exception as error:
        if is_store_trouble(error):
            raise
    return sum(_receive_or_report(store, message, now) for message in messages)


def _receive_or_report(store: Store, message: IncomingMessage, now: datetime) -> bool:
    try:
        return receive(store, message, now) is not None
    except Exception as error:
        if is_store_trouble(error):
            raise
        log.error("message_not_stored", external_id=message.external_id, error=type(error).__name__)
        return False


def _store(session: Session, store: Store, message: IncomingMessage, now: datetime) -> int | None:
    connection = session.connection()
    named = {"channel": message.channel, "external_id": message.external_id}
    if connection.execute(_SEEN, named).first() is not None:
        return None
    conversation_id = memory.conversation_at(session, store.vault, message.channel, message.address, now)
    values = {
        **named,
        "conversation_id": conversation_id,
        "kind": message.kind,
        "text": message.text,
        "next_try_at": now,
        "received_at": now,
    }
    key = connection.execute(_STORE, values).inserted_primary_key
    assert key is not None
    inbox_id = int(key[0])
    if message.files:
        _store_files(connection, message.files, conversation_id, inbox_id, now)
    return inbox_id


def _store_files(
    connection: Connection, files: Sequence[IncomingFile], conversation_id: int, inbox_id: int, now: datetime
) -> None:
    rows: list[dict[str, Any]] = [
        {
            "conversation_id": conversation_id,
            "inbox_id": inbox_id,
            "channel_reference": file.reference,
            "name": file.name,
            "media_type": "".join(c for c in file.media_type if c.isprintable())[:100],
            "size": None if file.size is None else min(file.size, LARGEST_INTEGER),
            "next_try_at": now,
            "created_at": now,
        }
        for file in files
    ]
    connection.execute(_STORE_FILES, rows)


def anything_due(store: Store, now: datetime) -> bool:
    """Whether a message may be answered now. Only reads, so that an idle worker takes no lock."""
    with store.session() as session:
        return session.connection().execute(_DUE, {"now": now}).first() is not None


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
    locked while another worker is at it. `on_turn` is called after the commit. Raises SQLAlchemyError when the store is in trouble:
    then nothing was changed, and all of it is done at the next call.
    """
    try:
        turns = _answer_together(store, house, now, limit)
    except Exception as error:  # one turn is at fault, or the store; answering one by one tells which
        if is_store_trouble(error):
            raise
        turns = _answer_one_by_one(store, house, now, limit)
    if on_turn:
        for message, turn in turns:
            on_turn(message, turn)
    return len(turns)


def _answer_together(store: Store, house: House, now: datetime, limit: int) -> list[tuple[Inbox, Turn]]:
    with store.begin() as session:
        claimed = session.execute(_CLAIM, {"now": now, "limit": limit}).all()
        return [(message, take_turn(session, message, conversation, house, now)) for message, conversation in claimed]


def _answer_one_by_one(store: Store, house: House, now: datetime, limit: int) -> list[tuple[Inbox, Turn]]:
    turns = []
    with store.begin() as session:
        # Keys only: a row that cannot be read back (a damaged seal) must be the fault of its own message, not of the batch.
        for inbox_id, conversation_id in session.execute(_CLAIM_KEYS, {"now": now, "limit": limit}).all():
            try:
                with session.begin_nested():
                    message = session.get_one(Inbox, inbox_id)
                    turn = take_turn(session, message, session.get_one(Conversation, conversation_id), house, now)
            except Exception as error:
                if is_store_trouble(error):
                    raise
                log.error("turn_failed", inbox_id=inbox_id, error=type(error).__name__)
                _try_later(session, inbox_id, conversation_id, house, now)
            else:
                turns.append((message, turn))
    return turns


def is_store_trouble(error: Exception) -> bool:
    """Locked, full, damaged or unreachable: no fault of any message, so none is counted against it."""
    if not isinstance(error, SQLAlchemyError):
        return False
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    kinds = (OperationalError, InternalError, InterfaceError, PoolTimeout, DisconnectionError)
    return isinstance(error, kinds) or type(error) is DatabaseError


def _try_later(session: Session, inbox_id: int, conversation_id: int, house: House, now: datetime) -> None:
    """Reads and writes nothing that is sealed, so that it works for a row that cannot be opened."""
    attempts = 1 + session.scalars(select(Inbox.attempts).where(Inbox.id == inbox_id)).one()
    this = update(Inbox).where(Inbox.id == inbox_id)
    if attempts < MAX_ATTEMPTS:
        later = now + FIRST_DELAY * 2 ** (attempts - 1)
        session.execute(this.values(attempts=attempts, next_try_at=later))
        return
    log.error("turn_given_up", inbox_id=inbox_id)
    session.execute(this.values(attempts=attempts, status="failed", answered_at=now))
    session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id, Conversation.handoff != "owned")
        # What nobody could read may be an emergency.
        .values(
            handoff="waiting",
            handoff_at=now,
            severity=case((Conversation.severity == "critical", "critical"), else_="urgent"),
            version=Conversation.version + 1,
        )
    )
    part = Part("our_fault")
    session.add(
        Outbox(
            conversation_id=conversation_id,
            inbox_id=inbox_id,
            template=part.template,
            text=house.wording.reply([part], Results(), now),
            next_try_at=now,
            created_at=now,
        )
    )
