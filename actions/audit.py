"""Who read or changed what: written with the deed, in its transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from store.models import Audit

LONGEST_DETAIL = 60


def record(
    session: Session,
    *,
    at: datetime,
    action: str,
    object_kind: str,
    object_id: int | None = None,
    officer_id: int | None = None,
    **detail: str | int | bool | None,
) -> Audit:
    """Add an entry. `detail` takes identifiers only; a text that could be a resident's words raises ValueError."""
    for name, value in detail.items():
        if isinstance(value, str) and not (value.isascii() and len(value) <= LONGEST_DETAIL):
            raise ValueError(f"audit detail {name} must be an identifier")
    entry = Audit(
        at=at, officer_id=officer_id, action=action, object_kind=object_kind, object_id=object_id, detail=dict(detail)
    )
    session.add(entry)
    return entry
