"""What a conversation leaves for the next turn, loaded from and saved to its row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bot.state import State
from store.models import Conversation
from store.vault import Vault

_KNOWN = select(Conversation.id, Conversation.erased_at).where(
    Conversation.channel == bindparam("channel"), Conversation.address_key == bindparam("key")
)


def conversation_at(session: Session, vault: Vault, channel: str, address: str, now: datetime) -> int:
    """The id of the conversation at this address of this channel, made when it is the first message from there."""
    key = vault.lookup_key(f"address:{channel}", address)
    known = session.connection().execute(_KNOWN, {"channel": channel, "key": key}).first()
    if known is None:
        made = Conversation(channel=channel, address=address, address_key=key, created_at=now, last_at=now, version=0)
        session.add(made)
        session.flush()
        return made.id
    if known.erased_at is not None:
        _begin_anew(session.get_one(Conversation, known.id), address)
    return int(known.id)


def _begin_anew(conversation: Conversation, address: str) -> None:
    """Erased once, and writes again. Until its farewell has left, the address is still there and the erasure not over."""
    if conversation.address is None:
        conversation.address, conversation.erased_at = address, None


def recall(conversation: Conversation) -> State:
    return State.from_json(conversation.state)


def remember(conversation: Conversation, state: State, now: datetime) -> None:
    conversation.state = state.as_json()
    conversation.last_at = now
    if conversation.erased_at is not None and conversation.erased_at < now:
        conversation.erased_at = None  # written to again after "delete everything": a new beginning
