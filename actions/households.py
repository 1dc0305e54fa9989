"""Households: one chain for everything that is known of one family."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.models import Household, Referral
from store.vault import Vault


def household_for(
    session: Session,
    *,
    vault: Vault,
    phone: str | None,
    id_number: str | None,
    conversation_id: int | None,
    now: datetime,
    another: bool = False,
    name: str | None = None,
) -> Household:
    """The household that these belong to, else a new one (flushed, so that it has its id).

    Looked for by identity number, then by telephone, then by what this conversation opened before. `another` says that the family spoken
    of is not the one known by this telephone or conversation: then only the identity number counts. An erased household is never found.
    """
    identity_key = vault.lookup_key("identity", id_number.upper()) if id_number else None
    phone_key = vault.lookup_key("phone", plain_phone(phone)) if phone else None
    household = _by(session, Household.identity_key == identity_key) if identity_key else None
    if household is None and not another:
        household = _by(session, Household.phone_key == phone_key) if phone_key else None
        if household is None and conversation_id is not None:
            household = _of_conversation(session, conversation_id)
    if household is None:
        household = Household(created_at=now, changed_at=now)
        session.add(household)
    remember_contact(household, now, vault=vault, phone=phone, id_number=id_number, name=name)
    session.flush()
    return household


def remember_contact(
    household: Household,
    now: datetime,
    *,
    vault: Vault,
    phone: str | None = None,
    id_number: str | None = None,
    name: str | None = None,
) -> None:
    """How the family is reached, as far as it was given; a later value wins. The keys by which it is found stay the first ones."""
    given = {key: value for key, value in (("phone", phone), ("id_number", id_number), ("name", name)) if value}
    contact = {**(household.contact or {}), **given}
    if contact != (household.contact or {}):
        household.contact = contact
        household.changed_at = now
    if phone and household.phone_key is None:
        household.phone_key = vault.lookup_key("phone", plain_phone(phone))
    if id_number and household.identity_key is None:
        household.identity_key = vault.lookup_key("identity", id_number.upper())


def remember_facts(household: Household, facts: Mapping[str, Any], now: datetime, unit_code: str | None = None) -> None:
    """Merge what was learnt; a later value wins. Contact data is kept in `contact`, not here."""
    kept = {name: value for name, value in facts.items() if name not in ("phone", "id_number", "ticket_number")}
    merged = {**(household.facts or {}), **kept}
    if merged != household.facts or (unit_code and unit_code != household.unit_code):
        household.facts = merged
        household.unit_code = unit_code or household.unit_code
        household.changed_at = now


def plain_phone(phone: str) -> str:
    """Digits only, without the country's 86, so that the same telephone is always the same key."""
    digits = re.sub(r"\D", "", phone)
    return re.sub(r"^(0086|86)(?=1\d{10}$)", "", digits)


def _by(session: Session, clause: Any) -> Household | None:
    """The oldest: the first family of a telephone is the one that it is known by."""
    found = select(Household).where(clause, Household.erased_at.is_(None)).order_by(Household.id).limit(1)
    return session.scalars(found).first()


def _of_conversation(session: Session, conversation_id: int) -> Household | None:
    latest = (
        select(Household)
        .join(Referral, Referral.household_id == Household.id)
        .where(Referral.conversation_id == conversation_id, Household.erased_at.is_(None))
        .order_by(Referral.id.desc())
        .limit(1)
    )
    return session.scalars(latest).first()
