"""The console put together: its routes, and what an officer sees when something is in the way."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from actions.conversations import ConversationNotFound
from actions.errors import BadOfficer, ReferralNotFound
from console import account, directory, queue, referrals, status, users
from console.pages import page, sections_for
from console.security import FormExpired, NotAllowed, NotSignedIn, PasswordDue, Visit, signed_in
from store.vault import VaultError

log = structlog.get_logger()


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


def install_handlers(app: FastAPI) -> None:
    """What is shown instead of a page. Outside the console each error keeps the treatment that it had."""
    app.add_exception_handler(NotSignedIn, lambda *_: RedirectResponse("/console/sign-in", 303))
    app.add_exception_handler(PasswordDue, lambda *_: RedirectResponse("/console/password", 303))
    app.add_exception_handler(NotAllowed, lambda *_: _trouble("not_allowed", 403))
    app.add_exception_handler(FormExpired, lambda *_: _trouble("form_expired", 403))
    for missing in (ReferralNotFound, ConversationNotFound, BadOfficer):
        app.add_exception_handler(missing, lambda *_: _trouble("not_found", 404))
    for failed in (SQLAlchemyError, VaultError):
        app.add_exception_handler(failed, _store_trouble)
    app.add_exception_handler(RequestValidationError, _wrong_request)
    app.add_exception_handler(HTTPException, _http_trouble)


def _trouble(kind: str, status_code: int) -> Response:
    return page("trouble/problem.html", None, status_code, kind=kind)


def _in_console(request: Request) -> bool:
    return request.url.path == "/console" or request.url.path.startswith("/console/")


async def _store_trouble(request: Request, error: Exception) -> Response:
    log.error("store_trouble", error=type(error).__name__, path=request.scope.get("path", "").split("/")[1:3])
    if _in_console(request):
        return _trouble("store_trouble", 503)
    return PlainTextResponse("503", 503)


async def _wrong_request(request: Request, error: Exception) -> Response:
    if _in_console(request) or not isinstance(error, RequestValidationError):
        return _trouble("wrong_request", 422)
    return await request_validation_exception_handler(request, error)


async def _http_trouble(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if _in_console(request):
        return _trouble("not_found" if error.status_code in (404, 405) else "wrong_request", error.status_code)
    return await http_exception_handler(request, error)
