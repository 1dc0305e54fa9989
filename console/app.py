"""The console put together: its routes, and what an officer sees when something is in the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from actions.conversations import ConversationNotFound
from actions.errors import BadOfficer, ReferralNotFound
from console import account, directory, queue, referrals, status, users
from console.pages import page, sections_for
from console.security import FormExpired, NotAllowed, NotSignedIn, PasswordDue, Visit, signed_in
from store.vault import VaultError

log = structlog.get_logger()

Handler = Callable[[Request, Exception], Awaitable[Response]]


def console_routes() -> APIRouter:
    """Everything below /console."""
    router = APIRouter()
    router.add_api_route("", home, methods=["GET"])
    for noun in (account, queue, referrals, users, directory, status):
        router.include_router(noun.router)
    return router


def home(visit: Annotated[Visit, Depends(signed_in)]) -> Response:
    """The first page that the role may use."""
    sections = sections_for(visit.officer.role)
    return RedirectResponse(f"/console/{sections[0]}", 303) if sections else page("home/nothing.html", visit)


def install_handlers(app: FastAPI, elsewhere: Callable[[int], Response]) -> None:
    """What is shown instead of a page: in the console ours, outside it what `elsewhere` makes of the status."""

    def shown(kind: str, status_code: int) -> Handler:
        async def handle(request: Request, error: Exception) -> Response:
            if status_code >= 500:  # the kind only: an error's text may hold somebody's words
                log.error(kind, error=type(error).__name__, path=request.scope.get("path", "").split("/")[1:3])
            return _trouble(kind, status_code) if _in_console(request) else elsewhere(status_code)

        return handle

    async def http_trouble(request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 500
        return await shown("not_found" if code in (404, 405) else "wrong_request", code)(request, error)

    app.add_exception_handler(NotSignedIn, lambda *_: RedirectResponse("/console/sign-in", 303))
    app.add_exception_handler(PasswordDue, lambda *_: RedirectResponse("/console/password", 303))
    app.add_exception_handler(NotAllowed, lambda *_: _trouble("not_allowed", 403))
    app.add_exception_handler(FormExpired, lambda *_: _trouble("form_expired", 403))
    for missing in (ReferralNotFound, ConversationNotFound, BadOfficer):
        app.add_exception_handler(missing, lambda *_: _trouble("not_found", 404))
    for failed in (SQLAlchemyError, VaultError):
        app.add_exception_handler(failed, shown("store_trouble", 503))
    app.add_exception_handler(RequestValidationError, shown("wrong_request", 422))
    app.add_exception_handler(HTTPException, http_trouble)
    app.add_exception_handler(Exception, shown("our_fault", 500))


def _trouble(kind: str, status_code: int) -> Response:
    return page("trouble/problem.html", None, status_code, kind=kind)


def _in_console(request: Request) -> bool:
    return request.url.path == "/console" or request.url.path.startswith("/console/")
