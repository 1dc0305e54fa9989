"""The directory of offices, as referrals use it. For the administrator; editing comes with the console issue's administration."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import select

from console.pages import page
from console.security import ADMIN_ROLES, Visit, for_roles
from store.models import Office
from store.session import Store

router = APIRouter(prefix="/directory")
Administrator = Annotated[Visit, Depends(for_roles(*ADMIN_ROLES))]


@router.get("")
def offices(request: Request, visit: Administrator) -> Response:
    store: Store = request.app.state.store
    with store.session() as session:
        rows = session.scalars(select(Office).order_by(Office.level, Office.unit_code, Office.department)).all()
    return page("directory/list.html", visit, rows=rows, samples=sum(row.sample for row in rows))
