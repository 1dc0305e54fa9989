"""The channels of a running process, opened and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from bot.attachments import Fetcher
from bot.channels.telegram import TelegramChannel
from bot.channels.web import WebSender
from bot.outbox import Sender
from hotline.settings import Settings
from store.session import Store


@dataclass
class Channels:
    """Senders and fetchers by channel name. `telegram` is None without a token."""

    senders: dict[str, Sender] = field(default_factory=dict)
    fetchers: dict[str, Fetcher] = field(default_factory=dict)
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
    """Open what the settings name. With `listen` Telegram is polled, or its webhook registered."""
    channels = Channels()
    channels.senders[WebSender.name] = WebSender()
    async with AsyncExitStack() as stack:
        if settings.telegram_bot_token:
            telegram = TelegramChannel(
                store,
                token=settings.telegram_bot_token.get_secret_value(),
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
