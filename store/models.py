"""The tables. Every class says the life of its rows; relationships never load by themselves (`lazy="raise"`)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, MetaData, String, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import DateTime, TypeDecorator

from store.vault import EncryptedJSON, EncryptedText


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC. A naive one is refused: it would be somebody's guess."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UTCDateTime(),
        str: String(200),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


class Conversation(Base):
    """What one address of one channel has told us, and how far the talk has come.

    Born with the first message. `state` is replaced at every turn. While `owner_id` is set a person owns the conversation and the
    assistant is silent. When the resident asks for deletion, `state` and `address` are emptied and `erased_at` is set.
    """

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("channel", "address_key"),
        CheckConstraint("handoff in ('none', 'waiting', 'owned', 'returned')", name="handoff"),
        CheckConstraint("severity in ('routine', 'urgent', 'critical')", name="severity"),
        Index("ix_conversation_queue", "handoff", "severity", "handoff_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    address: Mapped[str | None] = mapped_column(EncryptedText)
    address_key: Mapped[str] = mapped_column(String(64))
    state: Mapped[Any] = mapped_column(EncryptedJSON, nullable=True)
    version: Mapped[int] = mapped_column(default=0)
    handoff: Mapped[str] = mapped_column(String(10), default="none")
    handoff_at: Mapped[datetime | None]
    severity: Mapped[str] = mapped_column(String(10), default="routine")
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("officer.id"))
    created_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)
    erased_at: Mapped[datetime | None]

    __mapper_args__ = {"version_id_col": version}


class Inbox(Base):
    """A message that reached us. `waiting` until its turn is committed, then `answered`; `failed` after the last attempt.

    (channel, external_id) is what makes a message that comes twice be answered once.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        CheckConstraint("status in ('waiting', 'answered', 'failed')", name="status"),
        CheckConstraint("kind in ('text', 'voice', 'file', 'other')", name="kind"),
        Index("ix_inbox_waiting", "status", "next_try_at"),
        Index("ix_inbox_conversation", "conversation_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    external_id: Mapped[str] = mapped_column(String(120))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    kind: Mapped[str] = mapped_column(String(10), default="text")
    text: Mapped[str | None] = mapped_column(EncryptedText)
    understanding: Mapped[Any] = mapped_column(EncryptedJSON, nullable=True)
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    received_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class Outbox(Base):
    """A reply that must leave. `waiting` until the channel took it, then `sent`; `failed` when the channel refuses it for good."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("inbox_id", "n"),
        CheckConstraint("status in ('waiting', 'sent', 'failed')", name="status"),
        Index("ix_outbox_waiting", "status", "next_try_at"),
        Index("ix_outbox_conversation", "conversation_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    inbox_id: Mapped[int | None] = mapped_column(ForeignKey("inbox.id"))
    n: Mapped[int] = mapped_column(default=0)
    author: Mapped[str] = mapped_column(String(20), default="assistant")  # assistant | officer
    template: Mapped[str] = mapped_column(String(60))
    text: Mapped[str] = mapped_column(EncryptedText)
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class Attachment(Base):
    """A photo or file that a resident sent. `waiting` until fetched from the channel, then `stored`; `failed` if it cannot be had."""

    __tablename__ = "attachment"
    __table_args__ = (
        CheckConstraint("status in ('waiting', 'stored', 'failed')", name="status"),
        Index("ix_attachment_waiting", "status", "next_try_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), index=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inbox.id"), index=True)
    referral_id: Mapped[int | None] = mapped_column(ForeignKey("referral.id"), index=True)
    channel_reference: Mapped[str] = mapped_column(EncryptedText)
    name: Mapped[str | None] = mapped_column(EncryptedText)
    media_type: Mapped[str] = mapped_column(String(100), default="application/octet-stream")
    size: Mapped[int | None]
    content: Mapped[bytes | None] = mapped_column(LargeBinary)  # sealed by the vault
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    created_at: Mapped[datetime]


class Household(Base):
    """One household, one chain: everything known of it hangs here. Never deleted while a referral is open; emptied on request."""

    __tablename__ = "household"

    id: Mapped[int] = mapped_column(primary_key=True)
    phone_key: Mapped[str | None] = mapped_column(String(64), index=True)
    identity_key: Mapped[str | None] = mapped_column(String(64), index=True)
    contact: Mapped[Any] = mapped_column(EncryptedJSON, nullable=True)  # {"phone", "name", "id_number"} as far as given
    facts: Mapped[Any] = mapped_column(EncryptedJSON, nullable=True)
    unit_code: Mapped[str | None] = mapped_column(String(12), index=True)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class Referral(Base):
    """A request that an office take over.

    Life: open → accepted → aided → closed; or returned (re-routed, open again), withdrawn. Each step is a `ReferralEvent`;
    events are never edited. `number` is what the resident is told: speakable, not guessable, with a check character.
    """

    __tablename__ = "referral"
    __table_args__ = (
        CheckConstraint("status in ('open', 'accepted', 'aided', 'closed', 'returned', 'withdrawn')", name="status"),
        CheckConstraint("urgency in ('routine', 'urgent', 'critical')", name="urgency"),
        CheckConstraint("level in ('township', 'county')", name="level"),
        CheckConstraint("consent in ('given', 'not_asked', 'refused', 'emergency')", name="consent"),
        Index("ix_referral_inbox", "department", "unit_code", "status", "opened_at"),
        Index("ix_referral_status", "status", "opened_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    household_id: Mapped[int] = mapped_column(ForeignKey("household.id"), index=True)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))  # help | report | complaint | change | danger | warning
    channel: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(10), default="open")
    urgency: Mapped[str] = mapped_column(String(10))
    dangers: Mapped[list[str]] = mapped_column(default=list)
    needs: Mapped[list[str]] = mapped_column(default=list)
    programmes: Mapped[list[str]] = mapped_column(default=list)
    department: Mapped[str] = mapped_column(String(40))
    level: Mapped[str] = mapped_column(String(10))
    unit_code: Mapped[str] = mapped_column(String(12))  # township (429006107) or county (429006)
    office_id: Mapped[int | None] = mapped_column(ForeignKey("office.id"))
    event_place: Mapped[str | None] = mapped_column(EncryptedText)
    summary: Mapped[str] = mapped_column(EncryptedText)  # the resident's own words, for the caseworker
    facts: Mapped[Any] = mapped_column(EncryptedJSON, nullable=True)
    consent: Mapped[str] = mapped_column(String(12), default="not_asked")
    opened_at: Mapped[datetime]
    response_due_at: Mapped[datetime]
    aid_due_at: Mapped[datetime]
    paperwork_due_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    aided_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(40))
    outcome_note: Mapped[str | None] = mapped_column(EncryptedText)
    version: Mapped[int] = mapped_column(default=0)

    office: Mapped[Office | None] = relationship(lazy="raise")
    events: Mapped[list[ReferralEvent]] = relationship(
        lazy="raise", order_by="ReferralEvent.id", back_populates="referral"
    )

    __mapper_args__ = {"version_id_col": version}


class ReferralEvent(Base):
    """One step in the life of a referral. Written once, never changed."""

    __tablename__ = "referral_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    referral_id: Mapped[int] = mapped_column(ForeignKey("referral.id"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(30))  # opened accepted returned aided closed withdrawn added note alerted
    actor: Mapped[str] = mapped_column(String(20))  # resident | assistant | officer
    officer_id: Mapped[int | None] = mapped_column(ForeignKey("officer.id"))
    note: Mapped[str | None] = mapped_column(EncryptedText)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)

    referral: Mapped[Referral] = relationship(lazy="raise", back_populates="events")


class Office(Base):
    """An office of the directory: who takes referrals for a department in a unit. `sample` rows are made up and say so."""

    __tablename__ = "office"
    __table_args__ = (UniqueConstraint("department", "unit_code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    department: Mapped[str] = mapped_column(String(40))
    level: Mapped[str] = mapped_column(String(10))
    unit_code: Mapped[str] = mapped_column(String(12), index=True)
    unit_name: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(120))
    phone: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(200))
    hours: Mapped[str | None] = mapped_column(String(200))
    sample: Mapped[bool] = mapped_column(default=False)


class Officer(Base):
    """Somebody who may sign in to the console. Never deleted: `active` is set to false, so that events keep their author."""

    __tablename__ = "officer"
    __table_args__ = (
        CheckConstraint(
            "role in ('operator', 'caseworker', 'supervisor', 'monitoring_officer', 'administrator')", name="role"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(20))
    department: Mapped[str | None] = mapped_column(
        String(40)
    )  # None: every department (supervisor, operator, administrator)
    unit_code: Mapped[str | None] = mapped_column(
        String(12)
    )  # a township's code; the county's code or None: the whole county
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    active: Mapped[bool] = mapped_column(default=True)
    failed_attempts: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class ConsoleSession(Base):
    """A signed-in browser. Ends by signing out, by time, or when the officer's password changes."""

    __tablename__ = "console_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)

    officer: Mapped[Officer] = relationship(lazy="raise")


class Audit(Base):
    """Who read or changed what. Written with the deed, in its transaction; never changed."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_object", "object_kind", "object_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    officer_id: Mapped[int | None] = mapped_column(ForeignKey("officer.id"), index=True)
    action: Mapped[str] = mapped_column(String(40))  # read_referral, read_conversation, close_referral, sign_in, ...
    object_kind: Mapped[str] = mapped_column(String(30))
    object_id: Mapped[int | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)  # identifiers only, never words of a resident


class Holiday(Base):
    """A day on which the working week differs: a statutory holiday (`working` false) or a make-up working day (true)."""

    __tablename__ = "holiday"

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    name: Mapped[str] = mapped_column(String(60))
