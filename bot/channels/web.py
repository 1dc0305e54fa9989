"""The resident's web page: one conversation a browser, known by a random cookie, the same after a reload.

The page works without JavaScript (a form, a redirect) and better with it (replies come by server-sent events). A reply is delivered
by being fetched from the outbox, so nothing is sent from here.
"""

from __future__ import annotations

import asyncio
import html
import json
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bot.channels.limits import BodyTooLong, read_body
from bot.inbox import IncomingMessage, receive
from store.models import Conversation, Inbox, Outbox
from store.session import Store

log = structlog.get_logger()

CHANNEL = "web"
COOKIE = "hotline_chat"
COOKIE_DAYS = 60
LONGEST_TEXT = 200_000  # characters; a whole letter fits many times over
LONGEST_BODY = (
    4_000_000  # bytes: so many characters, each as the up to 12 bytes of a form's %XX, and some more to say so in words
)
MESSAGES_A_MINUTE = 30
NEW_TALKS_A_MINUTE = 60  # from one address of the network: a flood of made-up emergencies must not hide the real ones
SHOWN = 200  # messages of the past shown on the page
EVENT_SECONDS = 0.5
QUIET_EVENT_SECONDS = 2.0  # when nothing was said for a while: many pages stay open with nobody before them
QUIET_AFTER = 20.0
EVENTS_END_AFTER = 55.0  # the browser opens the stream again by itself; a dead one does not stay open for ever
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
FORM_WAITS = 4.0  # seconds that a page without JavaScript waits for the reply

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parents[2] / "templates" / "web"),
    undefined=StrictUndefined,
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)


_CONVERSATION = select(Conversation.id).where(
    Conversation.channel == CHANNEL, Conversation.address_key == bindparam("key")
)
_REPLIES = (
    select(Outbox.id, Outbox.author, Outbox.text, Outbox.created_at)
    .where(Outbox.conversation_id == bindparam("conversation_id"), Outbox.id > bindparam("after"))
    .order_by(Outbox.id.desc())
    .limit(SHOWN)
)
_UNANSWERED = (
    select(Inbox.id)
    .join(Conversation, Conversation.id == Inbox.conversation_id)
    .where(Conversation.channel == CHANNEL, Conversation.address_key == bindparam("key"), Inbox.status == "waiting")
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Line:
    """One message as the page shows it. `author`: resident, assistant or officer."""

    author: str
    text: str
    at: datetime
    cursor: int  # the outbox row's id for a reply, 0 for the resident's own


class TooFast:
    """At most so many a minute from one address. Kept in memory: a restart forgives."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._seen: dict[str, deque[datetime]] = defaultdict(deque)
        self._lock = threading.Lock()

    def __call__(self, address: str, now: datetime) -> bool:
        with self._lock:
            return self._one_more(address, now)

    def _one_more(self, address: str, now: datetime) -> bool:
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


class Flood:
    """Whether a message is one too many: of this browser, or of browsers unknown so far behind one address of the network.

    A cookie may be made up, so it is the store that says whether the browser is known.
    """

    def __init__(self) -> None:
        self._messages, self._new = TooFast(MESSAGES_A_MINUTE), TooFast(NEW_TALKS_A_MINUTE)

    def __call__(self, store: Store, address: str, client: str, now: datetime) -> bool:
        """Raises SQLAlchemyError."""
        known = is_known(store, address)
        return self._messages(address, now) or (not known and self._new(client, now))


def transcript(store: Store, address: str) -> list[Line]:
    """What was said in this browser's conversation, the latest of it."""
    with store.session() as session:
        conversation_id = _conversation(session, store, address)
        if conversation_id is None:
            return []
        lines = _replies(session, conversation_id, 0)
        heard = session.scalars(
            select(Inbox).where(Inbox.conversation_id == conversation_id).order_by(Inbox.id.desc()).limit(SHOWN)
        )
        own = [Line("resident", row.text, row.received_at, 0) for row in heard if row.text]
    # A reply never comes before the words that it answers, even when both carry the same time.
    return sorted([*own[::-1], *lines], key=lambda line: (line.at, line.author != "resident"))


def new_replies(store: Store, address: str, after: int) -> list[Line]:
    """The replies of this browser's conversation that are newer than the cursor."""
    with store.session() as session:
        conversation_id = _conversation(session, store, address)
        return [] if conversation_id is None else _replies(session, conversation_id, after)


def _conversation(session: Session, store: Store, address: str) -> int | None:
    key = store.vault.lookup_key(f"address:{CHANNEL}", address)
    return session.connection().scalar(_CONVERSATION, {"key": key})


def _replies(session: Session, conversation_id: int, after: int) -> list[Line]:
    rows = session.connection().execute(_REPLIES, {"conversation_id": conversation_id, "after": after}).all()
    return [Line(row.author, row.text, row.created_at, row.id) for row in reversed(rows) if row.text]


def is_known(store: Store, address: str) -> bool:
    """Whether this browser has written before."""
    with store.session() as session:
        return _conversation(session, store, address) is not None


def client_of(request: Request) -> str:
    """The address of the network that a request comes from. Behind a proxy it is the one that the proxy names, if uvicorn trusts it."""
    return request.client.host if request.client else ""


def unanswered(store: Store, address: str) -> bool:
    """Whether a message of this browser still waits for its turn."""
    with store.session() as session:
        key = store.vault.lookup_key(f"address:{CHANNEL}", address)
        return session.connection().execute(_UNANSWERED, {"key": key}).first() is not None


def routes() -> APIRouter:
    router = APIRouter()
    flood = Flood()

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
    async def send(request: Request) -> Response:
        wants_json = "application/json" in request.headers.get("accept", "")
        if not _same_origin(request):
            return _answer(wants_json, "elsewhere", 403)
        try:
            text, key = await _read_form(request)
        except BodyTooLong:
            return _answer(wants_json, "long", 413)
        if len(text) > LONGEST_TEXT:
            return _answer(wants_json, "long", 413)
        if not text.strip():
            return _answer(wants_json, "empty", 422)
        address = _address(request)
        fresh = not address
        address = address or secrets.token_urlsafe(32)
        now: datetime = request.app.state.clock()
        store: Store = request.app.state.store
        message = IncomingMessage(CHANNEL, address, _external_id(store, address, key, text), text)
        try:
            if await run_in_threadpool(flood, store, address, client_of(request), now):
                return _answer(wants_json, "fast", 429)
            await run_in_threadpool(receive, store, message, now)
        except SQLAlchemyError as error:
            log.error("store_trouble", error=type(error).__name__)
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
        return _private(response)

    @router.get("/events")
    async def events(request: Request, after: str = "0") -> Response:
        address = _address(request)
        if not address:
            return Response(status_code=204)
        seen = (request.headers.get("last-event-id", ""), after)
        start = max(int(number) if number.isdecimal() and len(number) < 16 else 0 for number in seen)
        return StreamingResponse(
            _events(request, address, start),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    router.add_api_route("/leave", left, response_class=HTMLResponse)
    router.add_api_route("/leave", leave, methods=["POST"])
    return router


def left() -> Response:
    return _page("left.html")


def leave(request: Request) -> Response:
    """Quick exit: the browser forgets us; what was said stays with the people who help."""
    response = RedirectResponse("/leave", 303)
    if not _same_origin(request):  # somebody else's page must not make us forget a conversation
        return _private(response)
    response.delete_cookie(COOKIE, path="/")
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return _private(response)


async def _read_form(request: Request) -> tuple[str, str]:
    """The form's `text` and `key`; what is no such form has neither. Raises BodyTooLong.

    Read by hand: the framework's own form reader takes at most a million bytes a field and refuses in English.
    """
    body = await read_body(request, LONGEST_BODY)
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return "", ""
    try:
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), errors="replace", max_num_fields=20))
    except ValueError:  # too many fields
        return "", ""
    return fields.get("text", ""), fields.get("key", "")


def _external_id(store: Store, address: str, key: str, text: str) -> str:
    """The same for a form that is sent twice; another one for other words, even from a page whose key was used before."""
    if not key:
        return secrets.token_urlsafe(24)
    return store.vault.lookup_key("web message", f"{address}\n{key}\n{text}")


async def _wait_for_answer(store: Store, address: str) -> None:
    for _ in range(int(FORM_WAITS / 0.1)):
        try:
            if not await run_in_threadpool(unanswered, store, address):
                return
        except SQLAlchemyError:  # the message is stored; the page will say how the store is
            return
        await asyncio.sleep(0.1)


async def _events(request: Request, address: str, after: int) -> AsyncIterator[str]:
    store: Store = request.app.state.store
    yield "retry: 1500\n\n"
    waited = quiet = 0.0
    while waited < EVENTS_END_AFTER and not request.app.state.stopping.is_set():
        if await request.is_disconnected():
            return
        try:
            lines = await run_in_threadpool(new_replies, store, address, after)
        except SQLAlchemyError:
            return
        for line in lines:
            after, quiet = line.cursor, 0.0
            data = json.dumps({"author": line.author, "html": _as_html(line.text)}, ensure_ascii=False)
            yield f"id: {line.cursor}\ndata: {data}\n\n"
        pause = EVENT_SECONDS if quiet < QUIET_AFTER else QUIET_EVENT_SECONDS
        waited, quiet = waited + pause, quiet + pause
        await asyncio.sleep(pause)


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
    if origin is None:
        return True  # an old browser; its cookie is SameSite, so another site's form comes without it
    public: str = request.app.state.settings.public_url
    ours = (request.headers.get("host", ""), public.split("://", 1)[-1].rstrip("/"))
    return origin.split("://", 1)[-1] in ours


def _answer(wants_json: bool, notice: str, status: int) -> Response:
    """A refusal: the page's script gets the sentence, a plain form gets the page with it."""
    sentence = _pages.get_template("notice.html").render(notice=notice).strip()
    if wants_json:
        return JSONResponse({"error": sentence}, status)
    return _page("refused.html", status, sentence=sentence)


def trouble_page(status: int) -> Response:
    """What a resident sees instead of a page that is not there, or that failed."""
    return _page("trouble.html" if status >= 500 else "missing.html", status)


def _page(name: str, status: int = 200, **data: object) -> HTMLResponse:
    response = HTMLResponse(_pages.get_template(name).render(**data), status)
    _private(response)
    return response


def _private(response: Response) -> Response:
    """Nothing of this page may stay in a cache, be framed, or load anything from elsewhere."""
    response.headers.update(
        {
            "Cache-Control": "no-store",
            "Content-Security-Policy": POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
    )
    return response
