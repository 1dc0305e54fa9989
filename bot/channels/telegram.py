"""Telegram through python-telegram-bot's `Bot`. Long polling by default, a webhook when its address is set.

An update is confirmed to Telegram (by the next getUpdates, or by 200 to the webhook) only after it is stored: Telegram sends it again
until then, and the inbox knows it by its update_id. Provider's errors never leave this file, and neither does the token: logs get
the kind of an error, not its text.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from telegram import Bot, Message, Update
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from bot.attachments import LARGEST_FILE
from bot.channels.limits import BodyTooLong, read_body
from bot.inbox import IncomingFile, IncomingMessage, receive_all
from bot.outbox import DeliveryDelayed, DeliveryRefused
from store.session import Store

# How python-telegram-bot 22 is told that we know that waits are timedeltas; without it every 429 comes with a warning.
os.environ.setdefault("PTB_TIMEDELTA", "true")

log = structlog.get_logger()

NAME = "telegram"
POLL_SECONDS = 25
READ_SECONDS = 15.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
LONGEST_UPDATE = 1_000_000  # bytes of a webhook's body; Telegram's are a few thousand
KINDS = ["message", "edited_message"]
TOKEN = re.compile(r"\d+:[\w-]+")
START_PAYLOAD = re.compile(
    r"[\w-]{1,64}", re.ASCII
)  # what a link t.me/bot?start=… carries: a code of ours, nobody's words


class QuietRequest(HTTPXRequest):
    """The library's HTTP client, made not to log what residents write, nor to stop for ever at an update that it cannot read."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """The answer as JSON. An update of getUpdates that cannot be read loses all but its number, so that it can be confirmed."""
        try:
            answer = json.loads(payload)
        except (ValueError, RecursionError):
            raise TelegramError("the server's answer is no JSON") from None
        if not isinstance(answer, dict):
            raise TelegramError("the server's answer is no JSON object")
        result = answer.get("result")
        if isinstance(result, list):
            answer["result"] = [
                item if read_update(item) else {"update_id": item["update_id"]} for item in result if _numbered(item)
            ]
        return answer


def read_update(data: Any, bot: Bot | None = None) -> Update | None:
    """The update, or None if it is none that can be read."""
    try:
        return Update.de_json(data, bot) if _numbered(data) else None
    except Exception as error:  # the library raises whatever a missing or wrong field leads to
        log.warning("telegram_update_unreadable", error=type(error).__name__)
        return None


def _numbered(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("update_id"), int)


def secret_for(token: str) -> str:
    """The webhook's secret where none is set: derived, so that every process of ours knows the same one."""
    return hmac.new(token.encode(), b"hotline webhook secret", hashlib.sha256).hexdigest()


class TelegramChannel:
    """Both halves of the channel: `running` receives, `send` sends, `fetch` gets files."""

    name = NAME

    def __init__(
        self,
        store: Store,
        *,
        token: str,
        api_url: str = "",
        webhook_url: str | None = None,
        webhook_secret: str | None = None,
        on_message: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        poll_seconds: int = POLL_SECONDS,
        first_pause: float = FIRST_PAUSE,
        read_timeout: float = READ_SECONDS,
    ) -> None:
        self.store, self.on_message, self.clock = store, on_message, clock
        self.webhook_url = webhook_url
        self.webhook_secret = webhook_secret or secret_for(token)
        self.bot_id = token.partition(":")[0]
        self.poll_seconds, self.first_pause = poll_seconds, first_pause
        addresses: dict[str, Any] = (
            {"base_url": f"{api_url}/bot", "base_file_url": f"{api_url}/file/bot"} if api_url else {}
        )
        # One pool for the long poll, one for everything else, so that a reply never waits behind a poll. The library adds the time of
        # the long poll to its read timeout itself. All timeouts together stay below bot.outbox.LEASE.
        self.bot = Bot(
            token,
            request=QuietRequest(
                connection_pool_size=32, read_timeout=read_timeout, connect_timeout=10, pool_timeout=10
            ),
            get_updates_request=QuietRequest(
                connection_pool_size=2, read_timeout=read_timeout, connect_timeout=10, pool_timeout=10
            ),
            **addresses,
        )
        self._ready = False

    # -- receiving ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self, *, listen: bool = True) -> AsyncIterator[None]:
        """Connect and listen until the block ends. A Telegram that cannot be reached stops nobody else: it is tried again.

        Without `listen` nothing is connected; the webhook's updates are stored all the same.
        """
        if not listen:
            yield
            return
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with contextlib.suppress(TelegramError, RuntimeError):
                await self.bot.shutdown()

    async def _run(self) -> None:
        if not await self._connect():
            return
        if self.webhook_url:
            await self._until_done(
                lambda: self.bot.set_webhook(
                    self.webhook_url or "", secret_token=self.webhook_secret, allowed_updates=KINDS
                ),
                "telegram_webhook_failed",
            )
            log.info("telegram_webhook_set")
        else:
            await self._until_done(self.bot.delete_webhook, "telegram_delete_webhook_failed")
            await self._poll()

    async def _connect(self) -> bool:
        pause = self.first_pause
        while True:
            try:
                await self.bot.initialize()
            except InvalidToken:
                # The other channels go on; nothing here will mend it.
                log.error("telegram_token_refused", advice="检查 TELEGRAM_BOT_TOKEN,改好后重新启动;网页照常服务")
                return False
            except TelegramError as error:
                log.warning(
                    "telegram_unreachable",
                    error=type(error).__name__,
                    retry_in=pause,
                    advice="检查网络或 TELEGRAM_API_URL;会自动再试,网页照常服务",
                )
                await asyncio.sleep(_wait(error) or pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._ready = True
                log.info("telegram_ready")
                return True

    async def _until_done(self, call: Callable[[], Awaitable[object]], event: str) -> None:
        pause = self.first_pause
        while True:
            try:
                await call()
            except TelegramError as error:
                log.warning(event, error=type(error).__name__, retry_in=pause)
                await asyncio.sleep(_wait(error) or pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return

    async def _poll(self) -> None:
        offset: int | None = None
        pause = self.first_pause
        while True:
            try:
                updates = await self.bot.get_updates(offset=offset, timeout=self.poll_seconds, allowed_updates=KINDS)
                await self.take(*updates)
                if updates:
                    offset = updates[-1].update_id + 1
                pause = self.first_pause
                continue
            except TimedOut:
                wait = self.first_pause
            except Conflict:
                # Another worker polls; we stand by, and take over when it has gone.
                log.info("telegram_polled_elsewhere")
                wait = LONGEST_PAUSE
            except SQLAlchemyError as error:
                # Not stored, so not confirmed: Telegram will send it again.
                log.error("store_trouble", error=type(error).__name__)
                wait = pause
            except TelegramError as error:
                log.warning("telegram_poll_failed", error=type(error).__name__, retry_in=pause)
                wait = _wait(error) or pause
            except Exception as error:  # a fault of ours must not end the listening
                log.error("telegram_poll_failed", error=type(error).__name__, retry_in=pause)
                wait = pause
            await asyncio.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def take(self, *updates: Update) -> None:
        """Store updates. Raises SQLAlchemyError when the store cannot; what is no message to us is passed over."""
        messages = [message for update in updates if (message := self._incoming(update)) is not None]
        if messages:
            await run_in_threadpool(receive_all, self.store, messages, self.clock())
            self.on_message()

    def _incoming(self, update: Update) -> IncomingMessage | None:
        message = update.message or update.edited_message
        if message is None or message.chat.type != "private":
            return None
        kind, text, files = _read(message)
        if update.edited_message is not None:
            if text is None:  # a live location that moves, a photo exchanged: nothing was said
                return None
            files = []  # they came with the first version
        number = f"{self.bot_id}-{update.update_id}"
        return IncomingMessage(NAME, str(message.chat.id), number, text, kind, tuple(files))

    # -- sending -----------------------------------------------------------------------------------------------

    async def send(self, address: str, text: str, *, key: str) -> None:
        with self._our_errors():
            await self.bot.send_message(int(address), text)

    async def fetch(self, reference: str) -> bytes:
        with self._our_errors():
            file = await self.bot.get_file(reference)
            if file.file_size and file.file_size > LARGEST_FILE:
                raise DeliveryRefused("too_large")
            return bytes(await file.download_as_bytearray())

    @contextlib.contextmanager
    def _our_errors(self) -> Iterator[None]:
        """The library's errors as ours. Their texts stay behind (`from None`): they may hold the token or a resident's words."""
        if not self._ready:
            raise DeliveryDelayed("not_connected")
        try:
            yield
        except RetryAfter as error:
            raise DeliveryDelayed("too_many", _wait_time(error)) from None
        except (Forbidden, BadRequest, ChatMigrated) as error:
            raise DeliveryRefused(type(error).__name__) from None
        except TelegramError as error:
            raise DeliveryDelayed(type(error).__name__) from None


def _read(message: Message) -> tuple[str, str | None, list[IncomingFile]]:
    """What a Telegram message is to us: kind, text, files. A caption is the text of its photo."""
    if message.voice or message.audio or message.video_note:
        return "voice", None, []
    files: list[IncomingFile] = []
    if message.photo:
        best = message.photo[-1]
        files.append(IncomingFile(best.file_id, None, "image/jpeg", best.file_size))
    for item in (message.document, message.video):
        if item:
            name, media = item.file_name, item.mime_type or "application/octet-stream"
            files.append(IncomingFile(item.file_id, name, media, item.file_size))
    text = message.text or message.caption
    if text and text.startswith("/start"):
        rest = text.removeprefix("/start").strip()
        return "text", "" if START_PAYLOAD.fullmatch(rest) else rest, files
    if message.contact:
        return "text", message.contact.phone_number, files
    if text is not None:
        return "text", text, files
    return ("file" if files else "other"), None, files


def _wait(error: TelegramError) -> float | None:
    return _wait_time(error).total_seconds() if isinstance(error, RetryAfter) else None


def _wait_time(error: RetryAfter) -> timedelta:
    asked = error.retry_after
    return asked if isinstance(asked, timedelta) else timedelta(seconds=asked)


def routes() -> APIRouter:
    """The webhook, at /telegram. Without Telegram, or without its secret, there is nothing here."""
    router = APIRouter()

    @router.post("/telegram")
    async def webhook(request: Request) -> Response:
        channel: TelegramChannel | None = request.app.state.telegram
        if channel is None or not channel.webhook_url:
            return Response(status_code=404)
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not hmac.compare_digest(given.encode(), channel.webhook_secret.encode()):
            return Response(status_code=403)
        try:
            body = await read_body(request, LONGEST_UPDATE)
        except BodyTooLong:
            return Response(status_code=413)
        try:
            update = read_update(json.loads(body), channel.bot)
        except (ValueError, RecursionError):
            update = None
        if update is None:
            log.warning("telegram_update_passed_over")
            return Response(status_code=200)  # anything else, and it would be sent again for ever
        try:
            await channel.take(update)
        except SQLAlchemyError as error:
            log.error("store_trouble", error=type(error).__name__)
            return Response(status_code=503)  # Telegram tries again later
        return Response(status_code=200)

    return router
