"""The channels of a running process, opened and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import structlog

from bot.attachments import Fetcher
from bot.channels import web
from bot.channels.telegram import TOKEN, TelegramChannel
from bot.outbox import Sender
from hotline.settings import Settings
from store.session import Store

log = structlog.get_logger()


@dataclass
class Channels:
    """Senders and fetchers of files by channel name; `fetched` are the channels whose residents fetch their replies themselves.

    `telegram` is None without a token.
    """

    senders: dict[str, Sender] = field(default_factory=dict)
    fetchers: dict[str, Fetcher] = field(default_factory=dict)
    fetched: tuple[str, ...] = (web.CHANNEL,)
    telegram: TelegramChannel | None = None
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    def on_message(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever a channel stored a message."""
        self._listeners.append(listener)

    def announce(self) -> None:
        for listener in self._listeners:
            listener()


@asynccontextmanager
async def open_channels(settings: Settings, store: Store, *, listen: bool = True) -> AsyncIterator[Channels]:
    """Open what the settings name. With `listen` Telegram is connected: polled, or its webhook registered. Without, only its webhook's
    updates are understood, and another process (`hotline worker`) does the rest."""
    channels = Channels()
    async with AsyncExitStack() as stack:
        token = settings.telegram_bot_token.get_secret_value().strip() if settings.telegram_bot_token else ""
        if token and not TOKEN.fullmatch(token):
            # Said, and gone on without: the web page must not stop for it.
            log.error("telegram_token_malformed", advice="检查 TELEGRAM_BOT_TOKEN,它像 123456:ABC-DEF;网页照常服务")
        elif token:
            telegram = TelegramChannel(
                store,
                token=token,
                api_url=settings.telegram_api_url,
                webhook_url=settings.telegram_webhook_url,
                webhook_secret=(
                    settings.telegram_webhook_secret.get_secret_value() if settings.telegram_webhook_secret else None
                ),
                on_message=channels.announce,
            )
            await stack.enter_async_context(telegram.running(listen=listen))
            channels.telegram = telegram
            channels.senders[telegram.name] = telegram
            channels.fetchers[telegram.name] = telegram
        yield channels
