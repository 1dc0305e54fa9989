"""How the product is: interpreter, store, messages and replies that wait or failed, figures that must be looked at again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from actions.eligibility.describe import review
from console.house import House
from console.pages import CHINA, page
from console.security import STATUS_ROLES, Visit, for_roles
from nlu.rasa_client import RasaInterpreter
from store.models import Attachment, Inbox, Outbox
from store.session import Store, is_current

router = APIRouter(prefix="/status")
Watcher = Annotated[Visit, Depends(for_roles(*STATUS_ROLES))]
SOON_DAYS = 60


@router.get("")
def status(request: Request, visit: Watcher) -> Response:
    store: Store = request.app.state.store
    house: House = request.app.state.house
    now: datetime = request.app.state.clock()
    with store.session() as session:
        counts = {
            "messages": _counts(session, Inbox.status),
            "replies": _counts(session, Outbox.status),
            "files": _counts(session, Attachment.status),
        }
        oldest = session.scalar(select(func.min(Inbox.received_at)).where(Inbox.status == "waiting"))
    return page(
        "status/one.html",
        visit,
        interpreter=house.interpreter.name,
        rasa=house.interpreter.look() if isinstance(house.interpreter, RasaInterpreter) else None,
        database=store.engine.dialect.name,
        current=is_current(store),
        telegram=request.app.state.telegram is not None,
        counts=counts,
        oldest=oldest,
        figures=review(house.policy, now.astimezone(CHINA).date(), SOON_DAYS),
        soon_days=SOON_DAYS,
        now=now,
    )


def _counts(session: Session, column: Any) -> dict[str, int]:
    found: dict[str, int] = dict(session.execute(select(column, func.count()).group_by(column)).all())
    return {name: found.get(name, 0) for name in ("waiting", "failed")}
