"""Photos and files: fetched from their channel after the message is safe in the inbox, sealed, and kept with the referral.

A file that cannot be had (too large, gone) stays in the record as `failed`, and its sender is told, because they were told that it
would come along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.outbox import DeliveryDelayed, DeliveryRefused
from bot.step import Part
from store.models import Attachment, Conversation, Outbox, Referral
from store.session import Store

log = structlog.get_logger()

LARGEST_FILE = 20 * 1024 * 1024  # bytes; what the Telegram Bot API lets a bot fetch
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=30)
GIVE_UP_AFTER = timedelta(days=2)
APOLOGY = Part("file_not_stored")


class Fetcher(Protocol):
    """The fetching half of a channel."""

    async def fetch(self, reference: str) -> bytes:
        """The file's content. Raises DeliveryDelayed (try again) or DeliveryRefused (it cannot be had)."""
        ...


async def fetch_waiting(
    store: Store,
    fetchers: Mapping[str, Fetcher],
    clock: Callable[[], datetime],
    apology: Callable[[datetime], str],
    limit: int = 5,
) -> int:
    """Fetch files that wait, one after the other. The number tried. `apology` gives the words for a file that cannot be had."""
    query = (
        select(Attachment.id, Attachment.channel_reference, Conversation.channel)
        .join(Conversation, Conversation.id == Attachment.conversation_id)
        .where(
            Attachment.status == "waiting",
            Attachment.next_try_at <= clock(),
            Conversation.channel.in_(tuple(fetchers)),
        )
        .order_by(Attachment.id)
        .limit(limit)
    )
    with store.session() as session:
        waiting = session.execute(query).all()
    for row_id, reference, channel in waiting:
        content, status, wait = None, "waiting", None
        try:
            content = await fetchers[channel].fetch(reference)
            status = "stored" if len(content) <= LARGEST_FILE else "failed"
        except DeliveryRefused as error:
            status = "failed"
            log.warning("file_refused", attachment_id=row_id, reason=str(error))
        except DeliveryDelayed as error:
            wait = error.wait
        except Exception as error:  # a fault of ours with one file must not stop the others
            log.error("fetch_failed", attachment_id=row_id, error=type(error).__name__)
        now = clock()
        _write_down(store, row_id, content if status == "stored" else None, status, wait, now, apology)
    return len(waiting)


def _write_down(
    store: Store,
    row_id: int,
    content: bytes | None,
    status: str,
    wait: timedelta | None,
    now: datetime,
    apology: Callable[[datetime], str],
) -> None:
    sealed = store.vault.seal(content) if content is not None else None  # before the lock: sealing 20 MB takes a while
    with store.begin() as session:
        row = session.get(Attachment, row_id)
        if row is None or row.status != "waiting":  # erased meanwhile, or another worker was quicker
            return
        row.attempts += 1
        if status == "waiting" and now - row.created_at >= GIVE_UP_AFTER:
            status = "failed"
        row.status = status
        row.next_try_at = now + (wait or min(FIRST_DELAY * 2 ** min(row.attempts - 1, 20), LONGEST_DELAY))
        if content is not None:
            row.content, row.size = sealed, len(content)
        if row.referral_id is None:
            row.referral_id = _latest_referral(session, row.conversation_id)
        if status == "failed":
            _apologise(session, row.conversation_id, apology(now), now)


def _latest_referral(session: Session, conversation_id: int) -> int | None:
    mine = select(Referral.id).where(Referral.conversation_id == conversation_id)
    return session.scalars(mine.order_by(Referral.id.desc()).limit(1)).first()


def _apologise(session: Session, conversation_id: int, text: str, now: datetime) -> None:
    session.add(
        Outbox(conversation_id=conversation_id, template=APOLOGY.template, text=text, next_try_at=now, created_at=now)
    )
