"""How fast the product is on this machine: full turns through the real store, and the path's steps.

    python bench/turns.py [--rounds 4] [--copies 20]

Real parts only: SQLite in a file with synchronous FULL, the embedded interpreter, the law, the words. The messages are those of the golden
conversations, each conversation told again by as many residents as there are rounds. Three figures, and the CPU
time of one turn, which other work on the machine disturbs least:

one at a time   a message is received and answered before the next comes: latency, from its arrival to its reply on the page
under load      every resident has written; a worker answers batches of 16 conversations: throughput
parse           `hotline parse --json` as a process of its own, from the first line to the last, and its peak memory
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import yaml
from sqlalchemy.orm import Session

import bot.inbox
import bot.turn
from actions.directory import load_sample_directory
from bot.inbox import IncomingMessage, answer_waiting, receive, receive_all
from bot.outbox import hand_over
from bot.turn import House
from hotline.assembly import build_house, open_interpreter, open_settled_store
from hotline.settings import ROOT, Settings
from store.session import Store

RECEIVED_TOGETHER = 100  # what a long poll brings at most
CONVERSATIONS = ROOT / "tests" / "conversations"
STEPS = (
    "receive",
    "claim",
    "recall",
    "hear",
    "decide",
    "perform",
    "wording",
    "remember",
    "flush",
    "commit",
    "hand over",
    "other",
)


@dataclass
class Stopwatch:
    """Seconds by step. A step inside another is counted once, for the inner one."""

    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _stack: list[float] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        self._stack.append(0.0)
        try:
            yield
        finally:
            whole = time.perf_counter() - began
            self.spent[name] += whole - self._stack.pop()
            if self._stack:
                self._stack[-1] += whole

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            with self.step(name):
                return function(*given, **named)

        return timed


def time_steps(watch: Stopwatch, store: Store) -> None:
    """Time the steps of the path from outside; the product knows nothing of it."""
    execute = Session.execute

    def claim_or_other(session: Session, statement: Any, *given: Any, **named: Any) -> Any:
        if statement is not bot.inbox._CLAIM:
            return execute(session, statement, *given, **named)
        with watch.step("claim"):
            return execute(session, statement, *given, **named)

    for owner, method, timed in (
        (Session, "execute", claim_or_other),
        (Session, "flush", watch.around("flush", Session.flush)),
        (store.engine.dialect, "do_commit", watch.around("commit", store.engine.dialect.do_commit)),
    ):
        setattr(owner, method, timed)
    for name, module, attribute in (
        ("recall", bot.turn.memory, "recall"),
        ("remember", bot.turn.memory, "remember"),
        ("hear", bot.turn, "hear"),
        ("decide", bot.turn, "decide"),
        ("perform", bot.turn, "perform"),
        ("wording", bot.turn.Wording, "reply"),
    ):
        setattr(module, attribute, watch.around(name, getattr(module, attribute)))


def golden_messages() -> list[tuple[str, str]]:
    """(conversation, words) of every turn of the golden conversations, in order."""
    return [
        (f"{path.stem}-{number}", turn["say"])
        for path in sorted(CONVERSATIONS.glob("*.yaml"))
        for number, talk in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")))
        for turn in talk["turns"]
    ]


def incoming(rounds: int, prefix: str) -> list[IncomingMessage]:
    return [
        IncomingMessage("web", f"{prefix}-{told}-{conversation}", f"{prefix}-{told}-{number}", words)
        for told in range(rounds)
        for number, (conversation, words) in enumerate(golden_messages())
    ]


def now() -> datetime:
    return datetime.now(UTC)


def one_at_a_time(store: Store, house: House, messages: list[IncomingMessage], watch: Stopwatch) -> list[float]:
    """Seconds of each message, from its arrival to its reply on the page."""
    took = []
    for message in messages:
        began = time.perf_counter()
        with watch.step("receive"):
            receive(store, message, now())
        with watch.step("other"):
            answered = answer_waiting(store, house, now())
        took.append(time.perf_counter() - began)
        if answered != 1:
            raise SystemExit("a turn failed; say the same in `hotline chat` and look at its log")
    return took


def under_load(store: Store, house: House, messages: list[IncomingMessage], watch: Stopwatch) -> float:
    """Seconds for all of them: taken in, answered in batches, handed over."""
    began = time.perf_counter()
    for first in range(0, len(messages), RECEIVED_TOGETHER):
        with watch.step("receive"):
            receive_all(store, messages[first : first + RECEIVED_TOGETHER], now())
    answered = 0
    while answered < len(messages):
        with watch.step("other"):
            answered += answer_waiting(store, house, now())
    with watch.step("hand over"):
        hand_over(store, ("web",), now())
    return time.perf_counter() - began


def parse_lines(copies: int) -> tuple[float, float, int]:
    """Messages a second without and with the start of the process, and the peak memory in bytes, of `hotline parse --json`."""
    words = [words for _, words in golden_messages()]
    times = {}
    for count in (1, copies):
        lines = "".join(
            json.dumps({"id": str(n), "text": text}, ensure_ascii=False) + "\n" for n, text in enumerate(words * count)
        )
        began = time.perf_counter()
        child = subprocess.Popen(
            [Path(sys.executable).with_name("hotline"), "parse", "--json"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert child.stdin is not None
        child.stdin.write(lines.encode())
        child.stdin.close()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = status
        if status:
            raise SystemExit("hotline parse failed")
        times[count] = time.perf_counter() - began
    more = len(words) * (copies - 1)
    return more / (times[copies] - times[1]), len(words) * copies / times[copies], used.ru_maxrss * 1024


def prepared(folder: Path) -> tuple[Store, House]:
    """A fresh store in a file, with the sample directory, and the house as `hotline worker` builds it."""
    settings = Settings()
    store = open_settled_store(Settings(var=folder))
    with store.begin() as session:
        load_sample_directory(session, settings.policy)
    return store, build_house(settings, store, open_interpreter(settings))


def machine() -> str:
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} × {cpu or platform.machine()}, {memory / 2**20:.0f} GiB, Python {platform.python_version()}, load {load}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def shares(watch: Stopwatch, turns: int) -> str:
    whole = sum(watch.spent.values())
    rows = [f"| {name} | {watch.spent[name] / turns * 1000:.2f} | {watch.spent[name] / whole:.0%} |" for name in STEPS]
    return "\n".join(["| step | ms a turn | share |", "|---|---|---|", *rows])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=4, help="how many residents tell each golden conversation")
    arguments.add_argument("--copies", type=int, default=20, help="how often `parse` reads all golden messages")
    given = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="hotline-bench-") as folder:
        store, house = prepared(Path(folder))
        watch = Stopwatch()
        time_steps(watch, store)
        one_at_a_time(store, house, incoming(1, "warm"), watch)  # caches of statements and templates fill
        watch.spent.clear()
        processor = time.process_time()
        single = one_at_a_time(store, house, incoming(given.rounds, "single"), watch)
        processor = (time.process_time() - processor) / len(single)
        latency = shares(watch, len(single))
        watch.spent.clear()
        many = incoming(given.rounds, "load")
        seconds = under_load(store, house, many, watch)
        load = shares(watch, len(many))
        store.close()
    per_second, with_start, memory = parse_lines(given.copies)
    cuts = statistics.quantiles(single, n=100)
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {shlex.join(['python', *sys.argv])}\n{machine()}\n")
    print("| figure | value |\n|---|---|")
    print(f"| turns a second, one at a time ({len(single)}) | {len(single) / sum(single):.0f} |")
    print(f"| latency p50 / p99, ms | {cuts[49] * 1000:.1f} / {cuts[98] * 1000:.1f} |")
    print(f"| processor time a turn, one at a time, ms | {processor * 1000:.1f} |")
    print(f"| turns a second, under load ({len(many)}) | {len(many) / seconds:.0f} |")
    print(f"| parse --json, messages a second (with the process's start) | {per_second:.0f} ({with_start:.0f}) |")
    print(f"| parse --json, peak memory, MB | {memory / 1e6:.0f} |")
    print(f"\nOne at a time:\n\n{latency}\n\nUnder load, batches of {bot.inbox.BATCH}:\n\n{load}")


if __name__ == "__main__":
    main()
