"""The work between inbox and outbox: a thread that takes turns, and tasks that send replies, fetch files and keep house.

It runs inside `hotline serve` by default, or by itself (`hotline worker`) on as many processes as one likes.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from actions.erasure import expire, finish_erasures
from actions.perform import Results
from bot.attachments import APOLOGY, Fetcher, fetch_waiting
from bot.inbox import answer_waiting, anything_due
from bot.outbox import Due, Sender, claim_replies, deliver, hand_over
from bot.turn import House
from hotline.settings import Settings
from store.session import Store

log = structlog.get_logger()

IDLE_SECONDS = 0.25  # how long a message from another process may lie before it is seen
TROUBLE_SECONDS = 2.0  # pause after the store failed us
HAND_OVER_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 20.0
EXPIRE_EVERY = timedelta(hours=1)
STOP_SECONDS = 10.0  # for the turn at hand and the replies that are under way
SENDING_AT_ONCE = 20
ALIVE = "worker.alive"  # touched by `hotline worker` while it works; the container's health check looks at its age


def now() -> datetime:
    return datetime.now(UTC)


class Worker:
    """Call `wake` after storing a message in this process; `start` and `stop` once each.

    `senders` push replies out; the channels in `fetched` hand theirs over when their residents ask. What was not heard of for
    `retention_days` is erased; None keeps it.
    """

    def __init__(
        self,
        store: Store,
        house: House,
        senders: Mapping[str, Sender],
        fetchers: Mapping[str, Fetcher] | None = None,
        fetched: Collection[str] = (),
        clock: Callable[[], datetime] = now,
        alive: Path | None = None,
        retention_days: int | None = None,
    ) -> None:
        self.store, self.house, self.senders, self.clock = store, house, dict(senders), clock
        self.fetchers, self.fetched, self.alive = dict(fetchers or {}), tuple(fetched), alive
        self.retention_days, self._expired_at = retention_days, datetime.min.replace(tzinfo=UTC)
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._take_turns, name="turns", daemon=True)
        self._tasks: list[asyncio.Task[None]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        self._woken.set()

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._replies = asyncio.Event()
        self._thread.start()
        self._tasks = [
            asyncio.create_task(self._repeat(self._send, IDLE_SECONDS, self._replies)),
            asyncio.create_task(self._repeat(self._hand_over, HAND_OVER_SECONDS)),
            asyncio.create_task(self._repeat(self._keep_house, HOUSEKEEPING_SECONDS)),
        ]
        if self.fetchers:
            self._tasks.append(asyncio.create_task(self._repeat(self._fetch, IDLE_SECONDS * 4)))

    async def stop(self) -> None:
        """Finish the turn at hand and what is being sent. What waits in the store is taken up at the next start."""
        self._stopping.set()
        self._woken.set()
        self._ended.set()
        self._replies.set()
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)
        if self._under_way:  # cut off, a reply may have left without our writing it down, and would leave again
            await asyncio.wait(self._under_way, timeout=STOP_SECONDS)
        for task in (*self._tasks, *self._under_way):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._under_way, return_exceptions=True)

    # -- turns, in a thread of their own ------------------------------------------------------------------------

    def _take_turns(self) -> None:
        while not self._stopping.is_set():
            try:
                answered = answer_waiting(self.store, self.house, self.clock()) if self._anything_due() else 0
            except Exception as error:  # whatever it is, the next message must find somebody here
                _report(error)
                self._stopping.wait(TROUBLE_SECONDS)
                continue
            if answered:
                self._loop.call_soon_threadsafe(self._replies.set)
            else:
                self._woken.wait(IDLE_SECONDS)
                self._woken.clear()

    def _anything_due(self) -> bool:
        return anything_due(self.store, self.clock())

    # -- replies, files, housekeeping, on the event loop --------------------------------------------------------

    async def _repeat(
        self, step: Callable[[], Awaitable[bool]], idle: float, woken: asyncio.Event | None = None
    ) -> None:
        """Do `step` until we stop: at once again while it finds something to do, else after `idle` seconds or when woken."""
        while not self._ended.is_set():
            try:
                busy = await step()
            except Exception as error:
                _report(error)
                await _pause(self._ended, TROUBLE_SECONDS)
                continue
            if not busy:
                await _pause(woken or self._ended, idle)
                if woken:
                    woken.clear()

    async def _send(self) -> bool:
        room = SENDING_AT_ONCE - len(self._under_way)
        if room <= 0 or not self.senders:
            return False
        replies = await asyncio.to_thread(claim_replies, self.store, tuple(self.senders), self.clock(), room)
        for reply in replies:
            task = asyncio.create_task(self._deliver(reply))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return False  # a finished delivery wakes us, and so does a turn

    async def _hand_over(self) -> bool:
        """The page shows a reply as soon as its turn is committed; that it left is written down for many at once."""
        await asyncio.to_thread(hand_over, self.store, self.fetched, self.clock())
        return False

    async def _deliver(self, reply: Due) -> None:
        try:
            await deliver(self.store, self.senders[reply.channel], reply, self.clock)
        except SQLAlchemyError as error:
            # What became of the reply could not be written down; when its lease is over it is tried again.
            _report(error)
        self._replies.set()

    async def _fetch(self) -> bool:
        return bool(await fetch_waiting(self.store, self.fetchers, self.clock, self._apology))

    def _apology(self, moment: datetime) -> str:
        return self.house.wording.reply([APOLOGY], Results(), moment)

    async def _keep_house(self) -> bool:
        await asyncio.to_thread(self._finish_erasures)
        await asyncio.to_thread(self._expire)
        if self.alive:
            self.alive.touch()
        return False

    def _finish_erasures(self) -> None:
        with self.store.begin() as session:
            finish_erasures(session)

    def _expire(self) -> None:
        """Retention, every hour: some hundreds in a transaction, so that messages do not wait for it."""
        moment = self.clock()
        if self.retention_days is None or moment - self._expired_at < EXPIRE_EVERY:
            return
        more = True
        while more and not self._stopping.is_set():
            with self.store.begin() as session:
                more = expire(session, moment, self.retention_days) > 0
        self._expired_at = moment


async def _pause(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _report(error: Exception) -> None:
    """The kind only: an error's text may hold somebody's words."""
    event = "store_trouble" if isinstance(error, SQLAlchemyError) else "worker_trouble"
    log.error(event, error=type(error).__name__)


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
            running = Worker(
                store,
                house,
                channels.senders,
                channels.fetchers,
                channels.fetched,
                alive=settings.var / ALIVE,
                retention_days=settings.retention_days,
            )
            channels.on_message(running.wake)
            await running.start()
            log.info("worker_ready")
            await stopping.wait()
            await running.stop()
        store.close()
        log.info("worker_stopped")

    asyncio.run(run())
