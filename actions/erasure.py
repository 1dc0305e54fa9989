"""Deleting what a resident left with us: at their wish, and when it has been kept long enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from actions import audit
from actions.referrals import FINISHED, withdraw
from store.models import Attachment, Conversation, Household, Inbox, Outbox, Referral, ReferralEvent

log = structlog.get_logger()

EMPTY: Final = ""
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: how many open referrals it withdrew, how many households it emptied."""

    withdrawn: int
    households: int


def erase_conversation(
    session: Session, conversation_id: int, now: datetime, *, officer_id: int | None = None, farewell: bool = True
) -> Erased:
    """Delete what a conversation left with us.

    Emptied: its state, the texts of all messages, attachments, and of its referrals the words, the facts and the notes. Referrals that are
    not finished are withdrawn. Of a referral there stay number, kind, unit, times, outcome and the events without notes. A household is
    emptied too, unless a referral of somebody else for it is still being worked on. Doing it twice does no harm.

    With `farewell` the address, and the message that is being answered, stay until the answer has left: `finish_erasures` empties them.
    """
    referrals = session.scalars(select(Referral).where(Referral.conversation_id == conversation_id)).all()
    withdrawn = sum(withdraw(session, referral, now, "resident") for referral in referrals)
    for referral in referrals:
        _empty_referral(session, referral)
    session.flush()
    households = {referral.household_id for referral in referrals}
    emptied = sum(_empty_household(session, household_id, now) for household_id in sorted(households))
    _empty_messages(session, conversation_id)
    conversation = session.get(Conversation, conversation_id)
    if conversation is not None:
        conversation.state, conversation.erased_at = None, now
        # Nobody is to be called to an empty conversation, nor to the same resident's next one because of this.
        conversation.handoff, conversation.handoff_at, conversation.owner_id = "none", None, None
        conversation.severity = "routine"
        if not farewell:
            _empty_rest(session, conversation)
    audit.record(
        session,
        at=now,
        officer_id=officer_id,
        action="erase_conversation",
        object_kind="conversation",
        object_id=conversation_id,
        withdrawn=withdrawn,
        households=emptied,
    )
    session.flush()
    log.info("conversation_erased", conversation_id=conversation_id, withdrawn=withdrawn, households=emptied)
    return Erased(withdrawn, emptied)


def finish_erasures(session: Session) -> int:
    """Empty the address and the last words of erased conversations whose farewell has left, or was refused. Returns how many.

    One that was written to again since is left alone: it is a new beginning.
    """
    pending = exists().where(Outbox.conversation_id == Conversation.id, Outbox.status == "waiting")
    unanswered = exists().where(Inbox.conversation_id == Conversation.id, Inbox.status == "waiting")
    over = select(Conversation).where(
        Conversation.erased_at.is_not(None),
        Conversation.last_at <= Conversation.erased_at,
        Conversation.address.is_not(None),
        ~pending,
        ~unanswered,
    )
    conversations = session.scalars(over.limit(_BATCH)).all()
    for conversation in conversations:
        _empty_rest(session, conversation)
    session.flush()
    return len(conversations)


def expire(session: Session, now: datetime, days: int) -> int:
    """Retention: erase conversations of which nothing was heard for `days` days and whose referrals are all finished.

    At most 500 at a time, so that the transaction stays short; returns how many. Call it again until it returns 0.
    """
    quiet = select(Conversation.id).where(
        Conversation.last_at < now - timedelta(days=days), Conversation.erased_at.is_(None), ~_being_worked()
    )
    ids = session.scalars(quiet.order_by(Conversation.id).limit(_BATCH)).all()
    for conversation_id in ids:
        erase_conversation(session, conversation_id, now, farewell=False)
    return len(ids)


def _being_worked() -> ColumnElement[bool]:
    return exists().where(Referral.conversation_id == Conversation.id, Referral.status.not_in(FINISHED))


def _empty_referral(session: Session, referral: Referral) -> None:
    referral.summary, referral.facts, referral.event_place, referral.outcome_note = EMPTY, None, None, None
    # "Never changed" means the step: what was done, when and by whom stays; only words that the resident wants gone go.
    session.execute(
        update(ReferralEvent).where(ReferralEvent.referral_id == referral.id).values(note=None),
        execution_options={"synchronize_session": "fetch"},
    )


def _empty_household(session: Session, household_id: int, now: datetime) -> bool:
    household = session.get(Household, household_id)
    if household is None or household.erased_at is not None:
        return False
    worked = select(Referral.id).where(Referral.household_id == household_id, Referral.status.not_in(FINISHED))
    if session.scalar(worked.limit(1)) is not None:
        return False
    household.contact, household.facts = None, None
    household.phone_key, household.identity_key = None, None
    household.changed_at = household.erased_at = now
    return True


def _empty_messages(session: Session, conversation_id: int) -> None:
    """(channel, external_id) of the inbox stays: a message that comes again must still be known. What waits is still to be answered."""
    session.execute(
        update(Inbox)
        .where(Inbox.conversation_id == conversation_id, Inbox.status != "waiting")
        .values(text=None, understanding=None)
    )
    session.execute(
        update(Outbox)
        .where(Outbox.conversation_id == conversation_id, Outbox.status != "waiting")
        .values(text=EMPTY, template=EMPTY)  # which reply it was tells what was said
    )
    session.execute(delete(Outbox).where(Outbox.conversation_id == conversation_id, Outbox.status == "waiting"))
    session.execute(delete(Attachment).where(Attachment.conversation_id == conversation_id))


def _empty_rest(session: Session, conversation: Conversation) -> None:
    _empty_messages(session, conversation.id)
    conversation.state, conversation.address = None, None
