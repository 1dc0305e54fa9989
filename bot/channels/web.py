"""The resident's web page: one conversation a browser, known by a random cookie, the same after a reload.

The page works without JavaScript (a form, a redirect) and better with it (replies come by server-sent events). A reply is delivered
by being fetched, so sending always succeeds.
"""

from __future__ import annotations

import asyncio
import html
import json
import secrets
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from bot.inbox import IncomingMessage, receive
from store.models import Conversation, Inbox, Outbox
from store.session import Store

CHANNEL = "web"
COOKIE = "hotline_chat"
COOKIE_DAYS = 60
LONGEST_TEXT = 200_000  # characters; a whole letter fits many times over
LONGEST_BODY = 1_000_000  # bytes
MESSAGES_A_MINUTE = 30
SHOWN = 200  # messages of the past shown on the page
EVENT_SECONDS = 0.5
EVENTS_END_AFTER = 55.0  # the browser opens the stream again by itself; a dead one does not stay open for ever
FORM_WAITS = 4.0  # seconds that a page without JavaScript waits for the reply

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parents[2] / "templates" / "web"),
    undefined=StrictUndefined,
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)


class WebSender:
    """The sending half: the page fetches what is in the outbox, so there is nothing to do."""

    name = CHANNEL

    async def send(self, address: str, text: str, *, key: str) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Line:
    """One message as the page shows it. `author`: resident, assistant or officer."""

    author: str
    text: str
    at: datetime
    cursor: int  # the outbox row's id for a reply, 0 for the resident's own


class TooFast:
    """At most so many messages a minute from one browser. Kept in memory: a restart forgives."""

    def __init__(self, limit: int = MESSAGES_A_MINUTE) -> None:
        self.limit = limit
        self._seen: dict[str, deque[datetime]] = defaultdict(deque)

    def __call__(self, address: str, now: datetime) -> bool:
        seen = self._seen[address]
        while seen and now - seen[0] > timedelta(minutes=1):
            seen.popleft()
        if len(seen) >= self.limit:
            return True
        seen.append(now)
        if len(self._seen) > 10_000:
            self._seen = defaultdict(
                deque,
                {name: times for name, times in self._seen.items() if times and now - times[-1] < timedelta(minutes=1)},
            )
        return False


def transcript(store: Store, address: str, after: int = 0) -> list[Line]:
    """What was said in this browser's conversation; with `after` only replies newer than that cursor."""
    with store.session() as session:
        key = store.vault.lookup_key(f"address:{CHANNEL}", address)
        conversation = session.scalars(select(Conversation).filter_by(channel=CHANNEL, address_key=key)).one_or_none()
        if conversation is None:
            return []
        replies = session.scalars(
            select(Outbox)
            .where(Outbox.conversation_id == conversation.id, Outbox.id > after)
            .order_by(Outbox.id.desc())
            .limit(SHOWN)
        ).all()
        lines = [Line(row.author, row.text, row.created_at, row.id) for row in reversed(replies) if row.text]
        if after:
            return lines
        heard = session.scalars(
            select(Inbox).where(Inbox.conversation_id == conversation.id).order_by(Inbox.id.desc()).limit(SHOWN)
        )
        own = [Line("resident", row.text, row.received_at, 0) for row in heard if row.text]
    # A reply never comes before the words that it answers, even when both carry the same time.
    return sorted([*own[::-1], *lines], key=lambda line: (line.at, line.author != "resident"))


def unanswered(store: Store, address: str) -> bool:
    """Whether a message of this browser still waits for its turn."""
    with store.session() as session:
        key = store.vault.lookup_key(f"address:{CHANNEL}", address)
        waiting = (
            select(Inbox.id)
            .join(Conversation, Conversation.id == Inbox.conversation_id)
            .where(Conversation.channel == CHANNEL, Conversation.address_key == key, Inbox.status == "waiting")
        )
        return session.scalar(waiting.limit(1)) is not None


def routes() -> APIRouter:
    router = APIRouter()
    too_fast = TooFast()

    @router.get("/", response_class=HTMLResponse)
    async def page(request: Request) -> Response:
        address = _address(request)
        store: Store = request.app.state.store
        try:
            lines = await run_in_threadpool(transcript, store, address) if address else []
        except SQLAlchemyError:
            return _page("trouble.html", 503)
        response = _page(
            "chat.html",
            lines=lines,
            cursor=max((line.cursor for line in lines), default=0),
            key=secrets.token_urlsafe(12),
            notice=request.query_params.get("notice", ""),
        )
        if not address:
            _set_cookie(request, response, secrets.token_urlsafe(32))
        return response

    @router.post("/messages")
    async def send(
        request: Request, text: Annotated[str, Form()] = "", key: Annotated[str, Form(max_length=60)] = ""
    ) -> Response:
        wants_json = "application/json" in request.headers.get("accept", "")
        if not _same_origin(request):
            return _answer(wants_json, "elsewhere", 403)
        if len(text) > LONGEST_TEXT:
            return _answer(wants_json, "long", 413)
        if not text.strip():
            return _answer(wants_json, "empty", 422)
        address = _address(request)
        fresh = not address
        address = address or secrets.token_urlsafe(32)
        now: datetime = request.app.state.clock()
        if too_fast(address, now):
            return _answer(wants_json, "fast", 429)
        store: Store = request.app.state.store
        message = IncomingMessage(CHANNEL, address, f"{address[:16]}-{key or secrets.token_urlsafe(12)}", text)
        try:
            await run_in_threadpool(receive, store, message, now)
        except SQLAlchemyError:
            return _answer(wants_json, "trouble", 503)
        request.app.state.wake()
        response: Response
        if wants_json:
            response = JSONResponse({"stored": True}, 202)
        else:
            await _wait_for_answer(store, address)
            response = RedirectResponse("/#end", 303)
        if fresh:
            _set_cookie(request, response, address)
        return response

    @router.get("/events")
    async def events(request: Request, after: int = 0) -> Response:
        address = _address(request)
        if not address:
            return Response(status_code=204)
        last = request.headers.get("last-event-id", "")
        start = max(after, int(last)) if last.isdecimal() else after
        return StreamingResponse(
            _events(request, address, start),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @router.get("/leave", response_class=HTMLResponse)
    async def left() -> Response:
        return _page("left.html")

    @router.post("/leave")
    async def leave(request: Request) -> Response:
        """Quick exit: the browser forgets us; what was said stays with the people who help."""
        response = RedirectResponse("/leave", 303)
        response.delete_cookie(COOKIE, path="/")
        response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return _private(response)

    return router


async def _wait_for_answer(store: Store, address: str) -> None:
    for _ in range(int(FORM_WAITS / 0.1)):
        if not await run_in_threadpool(unanswered, store, address):
            return
        await asyncio.sleep(0.1)


async def _events(request: Request, address: str, after: int) -> AsyncIterator[str]:
    yield "retry: 1500\n\n"
    for _ in range(int(EVENTS_END_AFTER / EVENT_SECONDS)):
        if await request.is_disconnected():
            return
        try:
            lines = await run_in_threadpool(transcript, request.app.state.store, address, max(after, 0) or -1)
        except SQLAlchemyError:
            return
        for line in lines:
            if line.cursor > after:
                after = line.cursor
                data = json.dumps({"author": line.author, "html": _as_html(line.text)}, ensure_ascii=False)
                yield f"id: {line.cursor}\ndata: {data}\n\n"
        await asyncio.sleep(EVENT_SECONDS)


def _as_html(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def _address(request: Request) -> str | None:
    value = request.cookies.get(COOKIE, "")
    return value if 20 <= len(value) <= 64 and value.isascii() else None


def _set_cookie(request: Request, response: Response, address: str) -> None:
    public: str = request.app.state.settings.public_url
    secure = request.url.scheme == "https" or public.startswith("https")
    response.set_cookie(
        COOKIE, address, max_age=COOKIE_DAYS * 86400, httponly=True, samesite="lax", secure=secure, path="/"
    )


def _same_origin(request: Request) -> bool:
    """A form on somebody else's page must not speak in a resident's name."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or origin.split("://", 1)[-1] == request.headers.get("host", "")


def _answer(wants_json: bool, notice: str, status: int) -> Response:
    """A refusal: the page's script gets the sentence, a plain form gets the page with it."""
    sentence = _pages.get_template("notice.html").render(notice=notice).strip()
    if wants_json:
        return JSONResponse({"error": sentence}, status)
    return _page("refused.html", status, sentence=sentence)


def _page(name: str, status: int = 200, **data: object) -> HTMLResponse:
    response = HTMLResponse(_pages.get_template(name).render(**data), status)
    _private(response)
    return response


def _private(response: Response) -> Response:
    """Nothing of this page may stay in a cache, be framed, or load anything from elsewhere."""
    response.headers.update(
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return response
