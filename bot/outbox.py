"""How replies leave: after commit, in order per conversation, with retry and back-off.

A channel that delivers by being asked (the web page fetches its replies) takes a reply at once. Telegram may refuse for a while
(429 with a time to wait, 5xx, no network): then the reply waits. It may refuse for good (the resident blocked the bot): then the
reply is `failed`, and later ones of that conversation are not held up by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import bindparam, func, select, update

from store.models import Conversation, Outbox
from store.session import Store

log = structlog.get_logger()

FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=10)
LEASE = timedelta(minutes=2)  # a worker that dies while sending holds a reply up for so long
GIVE_UP_AFTER = timedelta(days=2)


LONGEST = {"telegram": 4096}  # UTF-16 code units that a channel takes in one message
SENTENCE_ENDS = "\n。!?！？;；"
CLOSERS = '”’」』）)》】"'  # what closes a quotation or a bracket stays with the sentence that it closes

_OLDEST = (
    select(func.min(Outbox.id).label("id"))
    .where(Outbox.status == "waiting")
    .group_by(Outbox.conversation_id)
    .subquery()
)
_DUE = (
    select(Outbox, Conversation.channel, Conversation.address)
    .join(_OLDEST, Outbox.id == _OLDEST.c.id)
    .join(Conversation, Conversation.id == Outbox.conversation_id)
    .where(
        Outbox.next_try_at <= bindparam("now"),
        Outbox.status == "waiting",
        Conversation.channel.in_(bindparam("channels", expanding=True)),
    )
    .order_by(Outbox.id)
    .limit(bindparam("limit"))
)
_ANY_DUE = _DUE.with_only_columns(Outbox.id)
_CLAIM = _DUE.with_for_update(skip_locked=True, key_share=True, of=Outbox)


def split(text: str, limit: int | None) -> list[str]:
    """Cut a text into pieces of at most `limit` UTF-16 code units, at the end of a sentence where there is one.

    Nothing is lost but white space at the cuts. A text of white space alone is no message: no pieces.
    """
    if limit is None:
        return [text] if text.strip() else []
    pieces = []
    while _units(text) > limit:
        cut = _cut(text, limit)
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [piece for piece in (*pieces, text) if piece.strip()]


def _cut(text: str, limit: int) -> int:
    """Where to cut: after the last sentence within the limit, unless that leaves a stump."""
    longest = _fitting(text, limit)
    end = max(text.rfind(mark, 0, longest) for mark in SENTENCE_ENDS) + 1
    while 0 < end < longest and text[end] in CLOSERS:
        end += 1
    return end if end > longest // 4 else longest


def _fitting(text: str, limit: int) -> int:
    """How many characters from the start fit into `limit` UTF-16 code units."""
    units = 0
    for index, character in enumerate(text):
        units += 1 + (character > "\uffff")
        if units > limit:
            return max(index, 1)
    return len(text)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class DeliveryDelayed(Exception):
    """The channel cannot take it now. `wait` is what the channel asked for, if it did."""

    def __init__(self, reason: str, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class DeliveryRefused(Exception):
    """The channel will never take it."""


class Sender(Protocol):
    """The sending half of a channel."""

    name: str

    async def send(self, address: str, text: str, *, key: str) -> None:
        """Deliver one reply. `key` is the same at every attempt. Raises DeliveryDelayed or DeliveryRefused."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """A reply whose turn it is."""

    id: int
    channel: str
    address: str | None
    text: str
    attempts: int
    created_at: datetime


def claim_replies(store: Store, channels: tuple[str, ...], now: datetime, limit: int = 20) -> list[Due]:
    """The oldest waiting reply of each conversation, if it may be tried now. Each is ours for `LEASE`, then anybody's again."""
    parameters = {"now": now, "channels": channels, "limit": limit}
    with store.session() as session:  # so that an idle worker takes no lock
        if session.connection().execute(_ANY_DUE, parameters).first() is None:
            return []
    with store.begin() as session:
        claimed = session.execute(_CLAIM, parameters).all()
        for row, _, _ in claimed:
            row.next_try_at = now + LEASE
        return [
            Due(row.id, channel, address, row.text, row.attempts, row.created_at) for row, channel, address in claimed
        ]


async def deliver(store: Store, sender: Sender, reply: Due, clock: Callable[[], datetime]) -> bool:
    """Try one reply once and write down what came of it. True when it is gone, one way or the other."""
    status, asked = "sent", None
    try:
        if reply.address is None:
            raise DeliveryRefused("erased")
        await sender.send(reply.address, reply.text, key=str(reply.id))
    except DeliveryRefused as error:
        status = "failed"
        log.warning("reply_refused", outbox_id=reply.id, channel=reply.channel, reason=str(error))
    except DeliveryDelayed as error:
        status, asked = "waiting", error.wait
        log.info("reply_delayed", outbox_id=reply.id, channel=reply.channel, reason=str(error))
    except Exception as error:  # a fault of ours in one channel must not stop the others, nor lose the reply
        status = "waiting"
        log.error("send_failed", outbox_id=reply.id, channel=reply.channel, error=type(error).__name__)
    now = clock()  # after the attempt: a wait that the channel asked for begins with its answer
    if status == "waiting" and now - reply.created_at >= GIVE_UP_AFTER:
        status = "failed"
        log.warning("reply_given_up", outbox_id=reply.id, channel=reply.channel)
    wait = asked or min(FIRST_DELAY * 2 ** min(reply.attempts, 20), LONGEST_DELAY)
    return _write_down(store, reply.id, status, wait, now)


def _write_down(store: Store, outbox_id: int, status: str, wait: timedelta, now: datetime) -> bool:
    this = update(Outbox).where(Outbox.id == outbox_id, Outbox.status == "waiting")
    values = {"status": status, "attempts": Outbox.attempts + 1, "next_try_at": now + wait}
    with store.begin() as session:
        session.connection().execute(this.values(**values, sent_at=now if status == "sent" else None))
    return status != "waiting"


def hand_over(store: Store, channels: tuple[str, ...], now: datetime) -> int:
    """For channels whose residents fetch their replies, such as the web page: everything that waits is theirs now. How many replies."""
    if not channels:
        return 0
    mine = select(Conversation.id).where(Conversation.channel.in_(channels))
    waiting = (Outbox.status == "waiting", Outbox.conversation_id.in_(mine))
    with store.session() as session:
        if session.connection().execute(select(Outbox.id).where(*waiting).limit(1)).first() is None:
            return 0
    with store.begin() as session:
        done = session.connection().execute(
            update(Outbox).where(*waiting).values(status="sent", attempts=1, sent_at=now)
        )
        return done.rowcount


def mark_sent(store: Store, inbox_id: int, now: datetime) -> None:
    """For a channel that hands the reply over itself, such as the terminal: what answered this message has been delivered."""
    with store.begin() as session:
        session.connection().execute(
            update(Outbox)
            .where(Outbox.inbox_id == inbox_id, Outbox.status == "waiting")
            .values(status="sent", attempts=1, sent_at=now)
        )
