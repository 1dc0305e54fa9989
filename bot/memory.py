"""What a conversation leaves for the next turn, loaded from and saved to its row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.state import State
from store.models import Conversation
from store.vault import Vault


def conversation_at(session: Session, vault: Vault, channel: str, address: str, now: datetime) -> Conversation:
    """The conversation of this address of this channel, made when it is the first message from there."""
    key = vault.lookup_key(f"address:{channel}", address)
    found = session.scalars(select(Conversation).filter_by(channel=channel, address_key=key)).one_or_none()
    if found is None:
        found = Conversation(channel=channel, address=address, address_key=key, created_at=now, last_at=now, version=0)
        session.add(found)
        session.flush()
    elif found.address is None:  # erased once, and writes again: a new beginning
        found.address, found.erased_at = address, None
    return found


def recall(conversation: Conversation) -> State:
    return State.from_json(conversation.state)


def remember(conversation: Conversation, state: State, now: datetime) -> None:
    conversation.state = state.as_json()
    conversation.last_at = now
