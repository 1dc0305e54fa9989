"""A clock that a test moves, and waiting for what another thread does: on a condition, with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

LIMIT = 20.0  # seconds that anything in a test may take
LOOK_EVERY = 0.01


class Clock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> None:
        self.at += timedelta(**span)


async def until(condition: Callable[[], object], seconds: float = LIMIT) -> None:
    """Until `condition` holds; it is asked in a thread, so it may read the store or talk to a server."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(LOOK_EVERY)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine within the time limit."""

    async def limited() -> None:
        async with asyncio.timeout(LIMIT * 2):
            await work

    asyncio.run(limited())
