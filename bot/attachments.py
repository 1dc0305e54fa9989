"""Photos and files: fetched from their channel after the message is safe in the inbox, sealed, and kept with the referral."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import select

from bot.outbox import DeliveryDelayed, DeliveryRefused
from store.models import Attachment, Conversation, Referral
from store.session import Store

log = structlog.get_logger()

LARGEST_FILE = 20 * 1024 * 1024  # bytes; what the Telegram Bot API lets a bot fetch
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=30)
MAX_ATTEMPTS = 12


class Fetcher(Protocol):
    """The fetching half of a channel."""

    async def fetch(self, reference: str) -> bytes:
        """The file's content. Raises DeliveryDelayed (try again) or DeliveryRefused (it cannot be had)."""
        ...


async def fetch_waiting(store: Store, fetchers: Mapping[str, Fetcher], now: datetime, limit: int = 5) -> int:
    """Fetch files that wait. The number tried; one that fails for good stays in the record as `failed`."""
    query = (
        select(Attachment.id, Attachment.channel_reference, Conversation.channel)
        .join(Conversation, Conversation.id == Attachment.conversation_id)
        .where(
            Attachment.status == "waiting",
            Attachment.next_try_at <= now,
            Conversation.channel.in_(tuple(fetchers)),
            Conversation.erased_at.is_(None),
        )
        .order_by(Attachment.id)
        .limit(limit)
    )
    with store.session() as session:
        waiting = session.execute(query).all()
    for row_id, reference, channel in waiting:
        content, status, wait = None, "waiting", timedelta()
        try:
            content = await fetchers[channel].fetch(reference)
            status = "stored" if len(content) <= LARGEST_FILE else "failed"
        except DeliveryRefused as error:
            status = "failed"
            log.warning("file_refused", attachment_id=row_id, reason=str(error))
        except DeliveryDelayed as error:
            wait = error.wait or FIRST_DELAY
        _write_down(store, row_id, content, status, wait, now)
    return len(waiting)


def _write_down(store: Store, row_id: int, content: bytes | None, status: str, wait: timedelta, now: datetime) -> None:
    with store.begin() as session:
        row = session.get(Attachment, row_id)
        if row is None or row.status != "waiting":
            return
        row.attempts += 1
        if status == "stored" and content is not None:
            row.content, row.size = store.vault.seal(content), len(content)
        if status == "waiting" and row.attempts >= MAX_ATTEMPTS:
            status = "failed"
        row.status = status
        row.next_try_at = now + min(max(wait, FIRST_DELAY * 2 ** (row.attempts - 1)), LONGEST_DELAY)
        if row.referral_id is None:
            latest = (
                select(Referral.id).where(Referral.conversation_id == row.conversation_id).order_by(Referral.id.desc())
            )
            row.referral_id = session.scalars(latest.limit(1)).first()
