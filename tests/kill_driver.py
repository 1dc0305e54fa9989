"""A process that does the work of the product and kills itself with SIGKILL at a point it is told.

It loads the house once, then reads one JSON job a line from standard input, forks a child for each, and writes one JSON line when the
child has ended. Several jobs in one line run at the same time. Nothing of this is known to the product: the points are made by listening
to the engine and by wrapping functions from outside.

job     {"url", "var", "sends", "trace", "now", "messages": [...], "die": null | [number, "before" | "after"]}
answer  [exit status or minus the signal, ...]
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

import actions.perform
from actions.directory import load_sample_directory
from bot.attachments import fetch_waiting
from bot.inbox import IncomingFile, IncomingMessage, answer_waiting, receive
from bot.outbox import claim_replies, deliver
from bot.turn import House
from hotline.assembly import build_house, memory_store, open_interpreter, open_settled_store
from hotline.settings import Settings
from store.models import Attachment, Inbox, Outbox
from store.session import Store

LIMIT = 60.0  # seconds for one job


class Points:
    """Counts the points that are passed, writes their names down, and dies at the one it is told."""

    def __init__(self, trace: str, die: list[Any] | None) -> None:
        self.out = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.die, self.passed, self.phase = die, -1, "start"

    def before(self, name: str) -> None:
        self.passed += 1
        os.write(self.out, f"{self.phase}:{name}\n".encode())
        self._perhaps("before")

    def after(self) -> None:
        self._perhaps("after")

    def _perhaps(self, side: str) -> None:
        if self.die == [self.passed, side]:
            os.kill(os.getpid(), signal.SIGKILL)


class FileSender:
    """The outer world: what was sent stands in a file, whatever becomes of us."""

    name = "telegram"

    def __init__(self, path: str, points: Points) -> None:
        self.out, self.points = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), points

    async def send(self, address: str, text: str, *, key: str) -> None:
        self.points.before("send")
        os.write(self.out, (json.dumps([address, key, text]) + "\n").encode())
        self.points.after()

    async def fetch(self, reference: str) -> bytes:
        self.points.before("fetch")
        self.points.after()
        return f"content of {reference}".encode()


def watch(store: Store, points: Points) -> None:
    """Make a point of every statement, every commit, and of the opening of a referral."""
    commit = store.engine.dialect.do_commit

    def watched_commit(connection: Any) -> None:
        points.before("commit")
        commit(connection)
        points.after()

    store.engine.dialect.do_commit = watched_commit
    event.listen(store.engine, "before_cursor_execute", lambda *_: points.before("sql"))
    opened = actions.perform.open_referral

    def watched_open(*given: Any, **named: Any) -> Any:
        referral = opened(*given, **named)
        points.before("referral")
        points.after()
        return referral

    actions.perform.open_referral = watched_open


def work(job: dict[str, Any], house: House) -> None:
    """Take in every message, then answer, send and fetch until nothing waits."""
    settings = Settings(var=Path(job["var"]), store_url=job["url"])
    store = open_settled_store(settings)
    with suppress(IntegrityError), store.begin() as session:  # another of us was quicker
        load_sample_directory(session, settings.policy)
    house = replace(house, tools=replace(house.tools, vault=store.vault))
    points = Points(job["trace"], job["die"])
    watch(store, points)
    sender = FileSender(job["sends"], points)
    now, started = datetime.fromisoformat(job["now"]), time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - started)

    points.phase = "receive"
    for address, number, text, file in job["messages"]:
        files = (IncomingFile(file, None, "image/jpeg", 9),) if file else ()
        kind = "text" if text is not None else "file"
        receive(store, IncomingMessage("telegram", address, number, text, kind, files), clock())
    while waiting(store):
        if time.monotonic() - started > LIMIT:
            raise TimeoutError
        points.phase = "turn"
        busy = answer_waiting(store, house, clock())
        points.phase = "claim"
        for reply in claim_replies(store, ("telegram",), clock()):
            busy += 1
            points.phase = "deliver"
            asyncio.run(deliver(store, sender, reply, clock))
            points.phase = "claim"
        points.phase = "fetch"
        busy += asyncio.run(fetch_waiting(store, {"telegram": sender}, clock, lambda _: "?"))
        if not busy:  # another process is at it
            time.sleep(0.01)


def waiting(store: Store) -> int:
    with store.session() as session:
        return sum(
            session.scalar(select(func.count(table.id)).where(table.status == "waiting")) or 0
            for table in (Inbox, Outbox, Attachment)
        )


def fork(job: dict[str, Any], house: House) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work(job, house)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    settings = Settings()
    house = build_house(settings, memory_store(), open_interpreter(settings))
    for line in sys.stdin:
        children = [fork(job, house) for job in json.loads(line)]
        ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(ended), flush=True)


if __name__ == "__main__":
    main()
