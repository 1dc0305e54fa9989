"""What was not heard of for long enough is erased by the running worker, not by somebody who remembers to."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from bot.channels.terminal import say
from bot.inbox import IncomingMessage
from bot.turn import House
from hotline.settings import Settings
from hotline.worker import Worker
from store.models import Conversation
from store.session import Store


def states(store: Store) -> list[bool]:
    with store.session() as session:
        return [row.state is not None for row in session.scalars(select(Conversation).order_by(Conversation.id))]


async def keep_house_once(worker: Worker) -> None:
    await worker._keep_house()


def test_the_worker_erases_what_is_old_and_leaves_what_is_worked_on(
    file_store: Store, file_house: House, now: datetime
) -> None:
    say(file_store, file_house, IncomingMessage("web", "old", "1", "低保怎么申请"), now)
    say(file_store, file_house, IncomingMessage("web", "worked on", "2", "家里三天没米下锅了"), now)
    say(file_store, file_house, IncomingMessage("web", "new", "3", "低保怎么申请"), now + timedelta(days=20))
    clock = [now + timedelta(days=31)]
    worker = Worker(file_store, file_house, {}, clock=lambda: clock[0], retention_days=30)
    asyncio.run(keep_house_once(worker))
    assert states(file_store) == [False, True, True]
    clock[0] += timedelta(days=20, minutes=1)
    asyncio.run(keep_house_once(worker))
    assert states(file_store) == [False, True, False]


def test_two_years_unless_set_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(var=tmp_path).retention_days == 730
    monkeypatch.setenv("HOTLINE_RETENTION_DAYS", "365")
    assert Settings(var=tmp_path).retention_days == 365
    monkeypatch.setenv("HOTLINE_RETENTION_DAYS", "0")
    with pytest.raises(ValidationError):
        Settings(var=tmp_path)
