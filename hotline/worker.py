"""The work between inbox and outbox: a thread that takes turns, and a loop that sends replies and fetches files.

It runs inside `hotline serve` by default, or by itself (`hotline worker`) on as many processes as one likes.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.attachments import Fetcher, fetch_waiting
from bot.inbox import answer_waiting
from bot.outbox import Sender, claim_replies, deliver
from bot.turn import House
from hotline.settings import Settings
from store.session import Store

log = structlog.get_logger()

IDLE_SECONDS = 0.25  # how long a message from another process may lie before it is seen
TROUBLE_SECONDS = 2.0  # pause after the store failed us


def now() -> datetime:
    return datetime.now(UTC)


class Worker:
    """Call `wake` after storing a message in this process; `start` and `stop` once each."""

    def __init__(
        self,
        store: Store,
        house: House,
        senders: Mapping[str, Sender],
        fetchers: Mapping[str, Fetcher] | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.store, self.house, self.senders, self.clock = store, house, dict(senders), clock
        self.fetchers = dict(fetchers or {})
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._take_turns, name="turns", daemon=True)
        self._sending: asyncio.Task[None] | None = None

    def wake(self) -> None:
        self._woken.set()

    async def start(self) -> None:
        self._thread.start()
        self._sending = asyncio.create_task(self._send())

    async def stop(self) -> None:
        """Finish the turn at hand, send nothing more. What waits in the store is taken up at the next start."""
        self._stopping.set()
        self._woken.set()
        await asyncio.to_thread(self._thread.join, 10)
        if self._sending:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def _take_turns(self) -> None:
        while not self._stopping.is_set():
            try:
                answered = answer_waiting(self.store, self.house, self.clock())
            except SQLAlchemyError as error:
                log.error("store_trouble", error=type(error).__name__)
                self._stopping.wait(TROUBLE_SECONDS)
                continue
            if not answered:
                self._woken.wait(IDLE_SECONDS)
                self._woken.clear()

    async def _send(self) -> None:
        while True:
            try:
                busy = await self._send_once()
            except SQLAlchemyError as error:
                log.error("store_trouble", error=type(error).__name__)
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            if not busy:
                await asyncio.sleep(IDLE_SECONDS)

    async def _send_once(self) -> bool:
        replies = await asyncio.to_thread(claim_replies, self.store, tuple(self.senders), self.clock())
        await asyncio.gather(
            *(deliver(self.store, self.senders[reply.channel], reply, self.clock()) for reply in replies)
        )
        fetched = await fetch_waiting(self.store, self.fetchers, self.clock()) if self.fetchers else 0
        return bool(replies or fetched)


def work(settings: Settings) -> None:
    """`hotline worker`: until SIGTERM or Ctrl-C."""
    from hotline.assembly import build_house, open_interpreter, open_settled_store, quiet_logs
    from hotline.channels import open_channels

    quiet_logs(settings.log_level)
    store = open_settled_store(settings)
    house = build_house(settings, store, open_interpreter(settings))

    async def run() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        async with open_channels(settings, store) as channels:
            running = Worker(store, house, channels.senders, channels.fetchers)
            channels.on_message(running.wake)
            await running.start()
            log.info("worker_ready")
            await stopping.wait()
            await running.stop()
        store.close()

    asyncio.run(run())
