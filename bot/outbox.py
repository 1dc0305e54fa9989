"""How replies leave: after commit, in order per conversation, with retry and back-off.

A channel that delivers by being asked (the web page fetches its replies) takes a reply at once. Telegram may refuse for a while
(429 with a time to wait, 5xx, no network): then the reply waits. It may refuse for good (the resident blocked the bot): then the
reply is `failed`, and later ones of that conversation are not held up by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import func, select

from store.models import Conversation, Outbox
from store.session import Store

log = structlog.get_logger()

FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=10)
LEASE = timedelta(minutes=2)  # a worker that dies while sending holds a reply up for so long
GIVE_UP_AFTER = timedelta(days=2)


LONGEST = {"telegram": 4096}  # UTF-16 code units that a channel takes in one message
SENTENCE_ENDS = "\n。!?！？;；"


def split(text: str, limit: int | None) -> list[str]:
    """Cut a text into pieces of at most `limit` UTF-16 code units, at the end of a sentence where there is one."""
    pieces = []
    while limit is not None and _units(text) > limit:
        cut = limit
        while _units(text[:cut]) > limit:
            cut -= 1
        end = max(text.rfind(mark, 0, cut) for mark in SENTENCE_ENDS) + 1
        if end > cut // 4:
            cut = end
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text] if text or not pieces else pieces


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
    oldest = (
        select(func.min(Outbox.id).label("id"))
        .where(Outbox.status == "waiting")
        .group_by(Outbox.conversation_id)
        .subquery()
    )
    query = (
        select(Outbox, Conversation.channel, Conversation.address)
        .join(oldest, Outbox.id == oldest.c.id)
        .join(Conversation, Conversation.id == Outbox.conversation_id)
        .where(Outbox.next_try_at <= now, Outbox.status == "waiting", Conversation.channel.in_(channels))
        .order_by(Outbox.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Outbox)
    )
    with store.begin() as session:
        claimed = session.execute(query).all()
        for row, _, _ in claimed:
            row.next_try_at = now + LEASE
        return [
            Due(row.id, channel, address, row.text, row.attempts, row.created_at) for row, channel, address in claimed
        ]


async def deliver(store: Store, sender: Sender, reply: Due, now: datetime) -> bool:
    """Try one reply once and write down what came of it. True when it is gone, one way or the other."""
    status, wait = "sent", timedelta()
    try:
        if reply.address is None:
            raise DeliveryRefused("erased")
        await sender.send(reply.address, reply.text, key=str(reply.id))
    except DeliveryRefused as error:
        status = "failed"
        log.warning("reply_refused", outbox_id=reply.id, channel=reply.channel, reason=str(error))
    except DeliveryDelayed as error:
        status = "waiting" if now - reply.created_at < GIVE_UP_AFTER else "failed"
        wait = error.wait or min(FIRST_DELAY * 2**reply.attempts, LONGEST_DELAY)
        log.info("reply_delayed", outbox_id=reply.id, channel=reply.channel, seconds=wait.total_seconds())
    with store.begin() as session:
        row = session.get(Outbox, reply.id)
        if row is None or row.status != "waiting":
            return True
        row.status, row.attempts, row.next_try_at = status, row.attempts + 1, now + wait
        row.sent_at = now if status == "sent" else None
    return status != "waiting"


def mark_sent(store: Store, inbox_id: int, now: datetime) -> None:
    """For a channel that hands the reply over itself, such as the terminal: what answered this message has been delivered."""
    with store.begin() as session:
        for row in session.scalars(select(Outbox).filter_by(inbox_id=inbox_id, status="waiting")):
            row.status, row.attempts, row.sent_at = "sent", 1, now
