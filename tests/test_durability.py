"""Killing the process loses nothing and doubles nothing; two workers share the work; trouble of the store is a clear sentence.

The kills are real: a process of its own (tests/kill_driver.py) sends itself SIGKILL before and after every commit, every statement,
every sending and fetching of one run, each time on a fresh store, and is started again.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from postgres import Cluster, cluster
from sqlalchemy import event, func, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

import store.session
from bot.inbox import FIRST_DELAY, MAX_ATTEMPTS, IncomingMessage, answer_waiting, receive, receive_all
from bot.outbox import claim_replies
from bot.turn import House
from hotline.assembly import build_house, open_interpreter, open_settled_store
from hotline.errors import StartError
from hotline.settings import Settings
from nlu.understanding import Interpretation, Interpreter
from store.models import Attachment, Conversation, Household, Inbox, Outbox, Referral, ReferralEvent
from store.session import Store, is_current, open_store
from store.vault import vault_from_file

HERE = Path(__file__).parent
DANGER = "家里断粮了,两天没吃饭,娃饿得直哭"
# (address, the channel's own number, text, file)
MESSAGES: list[tuple[str, str, str | None, str | None]] = [
    ("7001", "1", None, "photo-1"),
    ("7001", "2", DANGER, None),
    ("7002", "3", "你好", None),
    ("7001", "4", "我们在岳口镇健康村", None),
]


# -- the process that kills itself -----------------------------------------------------------------------------------


@dataclass
class Driver:
    """The process of tests/kill_driver.py."""

    process: subprocess.Popen[str]

    def run(self, *jobs: dict[str, Any]) -> list[int]:
        """Run jobs at the same time; how each ended: 0, or minus the signal."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(jobs) + "\n")
        self.process.stdin.flush()
        return list(json.loads(self.process.stdout.readline()))


@pytest.fixture(scope="module")
def driver(interpreter: Interpreter) -> Iterator[Driver]:
    assert interpreter  # its model is there now, and the driver finds it
    command = [sys.executable, "-W", "ignore", str(HERE / "kill_driver.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
    ) as process:
        yield Driver(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@dataclass
class Place:
    """Where one run leaves its store, what it sent, and the points that it passed."""

    folder: Path
    url: str
    now: datetime
    runs: int = 0
    messages: list[Any] = field(default_factory=lambda: list(MESSAGES))

    def jobs(self, *dies: tuple[int, str] | None) -> list[dict[str, Any]]:
        """Runs at the same time. They begin three minutes after the last ones, when what a dead worker had claimed is anybody's again."""
        self.runs += 1
        shared = {
            "url": self.url,
            "var": str(self.folder / "var"),
            "sends": str(self.folder / "sends"),
            "now": (self.now + timedelta(minutes=3 * self.runs)).isoformat(),
            "messages": self.messages,
        }
        return [
            {**shared, "trace": str(self.folder / f"trace-{self.runs}-{number}"), "die": die}
            for number, die in enumerate(dies)
        ]

    def trace(self) -> list[str]:
        return (self.folder / f"trace-{self.runs}-0").read_text().split()

    def sends(self) -> list[tuple[str, str, str]]:
        path = self.folder / "sends"
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    def open(self) -> Store:
        vault = vault_from_file(self.folder / "var" / "data.key")
        return open_store(self.url or f"sqlite:///{self.folder / 'var' / 'hotline.db'}", vault)


@pytest.fixture
def places(tmp_path: Path, now: datetime) -> Callable[[str], Place]:
    """Makes an empty place for each run; the tables are there."""
    empty = tmp_path / "empty"
    open_settled_store(Settings(var=empty)).close()

    def make(name: str, url: str = "") -> Place:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copytree(empty, folder / "var")
        return Place(folder, url, now)

    return make


def contents(store: Store) -> dict[str, Any]:
    """What a run leaves, without what differs by nature: ids, times, the referral's number."""
    with store.session() as session:
        number = session.scalars(select(Referral.number)).first() or "-"
        replies = session.execute(
            select(Inbox.external_id, Outbox.n, Outbox.template, Outbox.status).join(Inbox, Inbox.id == Outbox.inbox_id)
        ).all()
        return {
            "inbox": sorted(
                tuple(row) for row in session.execute(select(Inbox.external_id, Inbox.status, Inbox.attempts))
            ),
            "outbox": sorted(tuple(row) for row in replies),
            "referrals": [
                tuple(r) for r in session.execute(select(Referral.kind, Referral.status, Referral.unit_code))
            ],
            "events": sorted(session.scalars(select(ReferralEvent.kind))),
            "households": session.scalar(select(func.count(Household.id))),
            "conversations": session.scalar(select(func.count(Conversation.id))),
            "attachments": [
                (row.status, row.referral_id is not None, store.vault.open(row.content or b""))
                for row in session.scalars(select(Attachment))
            ],
            "states": sorted(
                json.dumps(state, ensure_ascii=False, sort_keys=True).replace(number, "#")
                for state in session.scalars(select(Conversation.state))
            ),
        }


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    """A state may hold moments; a run that began later holds later ones."""
    return {name: value for name, value in found.items() if name != "states"}


def check_after_kill(
    place: Place, driver: Driver, expected: dict[str, Any], point: tuple[int, str], doubled: int
) -> None:
    """Kill at the point, start again, and compare with a run that nobody disturbed."""
    assert driver.run(*place.jobs(point)) == [-9], point
    assert driver.run(*place.jobs(None)) == [0], point
    store = place.open()
    try:
        assert without_times(contents(store)) == without_times(expected), point
        keys = Counter(key for _, key, _ in place.sends())
        with store.session() as session:
            assert set(keys) == {str(key) for key in session.scalars(select(Outbox.id))}, point
        assert sum(keys.values()) - len(keys) == doubled, point
    finally:
        store.close()


def points_of(trace: list[str], statements: bool = True) -> list[tuple[tuple[int, str], int]]:
    """The points of a run, and how often something is sent twice when it is killed there: only between sending and writing it down.

    Before and after every commit, sending, fetching and opening of a referral; and before every fourth statement of the turns, in whose
    transactions most is done. Between other statements nothing is written that a commit would not still have to make true.
    """
    points = []
    sent = False  # and not yet written down
    for index, name in enumerate(trace):
        kind = name.partition(":")[2]
        if kind != "sql" or (statements and name == "turn:sql" and index % 4 == 0):
            points.append(((index, "before"), int(sent)))
        sent = (sent or kind == "send") and name != "deliver:commit"
        if kind != "sql":
            points.append(((index, "after"), int(sent)))
    return points


@pytest.mark.slow
def test_kill_9_at_any_point_loses_nothing_and_doubles_nothing(driver: Driver, places: Callable[..., Place]) -> None:
    undisturbed = places("undisturbed")
    assert driver.run(*undisturbed.jobs(None)) == [0]
    trace = undisturbed.trace()
    steps = {
        "receive:commit",
        "turn:referral",
        "turn:commit",
        "claim:commit",
        "deliver:send",
        "deliver:commit",
        "fetch:fetch",
    }
    assert steps <= set(trace)
    store = undisturbed.open()
    expected = contents(store)
    store.close()
    assert [row[1] for row in expected["inbox"]] == ["answered"] * len(MESSAGES)
    assert len(expected["referrals"]) == 1
    assert expected["attachments"] == [("stored", True, b"content of photo-1")]
    points = points_of(trace)
    assert {doubled for _, doubled in points} == {0, 1}
    for number, (point, doubled) in enumerate(points):
        place = places(f"kill-{number}")
        check_after_kill(place, driver, expected, point, doubled)
        shutil.rmtree(place.folder)


@pytest.mark.slow
def test_kill_9_in_turns_and_sending_on_postgresql(
    driver: Driver, places: Callable[..., Place], postgres: Cluster
) -> None:
    undisturbed = places("undisturbed", postgres.new_database())
    assert driver.run(*undisturbed.jobs(None)) == [0]
    store = undisturbed.open()
    expected = contents(store)
    store.close()
    trace = undisturbed.trace()
    seen: Counter[tuple[str, str]] = Counter()
    for number, (point, doubled) in enumerate(points_of(trace, statements=False)):
        name = trace[point[0]]
        seen[name, point[1]] += 1
        if not name.startswith(("turn:", "deliver:")) or seen[name, point[1]] > 1:
            continue  # the same code as on SQLite; and each point takes a database of its own here
        check_after_kill(places(f"kill-{number}", postgres.new_database()), driver, expected, point, doubled)


# -- several workers -------------------------------------------------------------------------------------------------

TALK = ("你好", "我家三口人", "户口本地的", "一个月收入一千八", "谢谢")


def crowd(conversations: int) -> list[Any]:
    return [
        (str(8000 + who), f"{who}-{number}", words, None)
        for number, words in enumerate(TALK)
        for who in range(conversations)
    ]


def check_crowd(place: Place, conversations: int) -> None:
    """Every message answered once and in order; every reply of a conversation sent in order."""
    store = place.open()
    with store.session() as session:
        rows = session.execute(select(Inbox.id, Inbox.conversation_id, Inbox.status).order_by(Inbox.id)).all()
        replies = session.execute(
            select(Outbox.id, Outbox.inbox_id, Outbox.conversation_id, Outbox.n, Outbox.status)
        ).all()
        versions = session.execute(select(Conversation.id, Conversation.state)).all()
    store.close()
    assert len(rows) == conversations * len(TALK)
    assert {row.status for row in rows} == {"answered"}
    answered = Counter(reply.inbox_id for reply in replies if reply.n == 0)
    assert answered == Counter(row.id for row in rows)
    assert {reply.status for reply in replies} == {"sent"}
    order: dict[int, list[int]] = defaultdict(list)
    for reply in sorted(replies):
        order[reply.conversation_id].append(reply.inbox_id)
    assert all(numbers == sorted(numbers) for numbers in order.values())
    facts = [state["facts"] for _, state in versions]
    assert all(fact.get("household_size") == 3 for fact in facts)
    sent: dict[str, list[int]] = defaultdict(list)
    for address, key, _ in place.sends():
        if int(key) not in sent[address]:  # what a killed worker had sent and not written down comes once more
            sent[address].append(int(key))
    assert all(keys == sorted(keys) for keys in sent.values())


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, places: Callable[..., Place]) -> Place:
    """A place for several workers, on both kinds of store."""
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else ""
    place = places("shared", url)
    place.messages = crowd(12)
    return place


@pytest.mark.slow
def test_two_workers_share_the_work(driver: Driver, shared: Place) -> None:
    assert driver.run(*shared.jobs(None, None)) == [0, 0]
    check_crowd(shared, 12)
    assert len(shared.sends()) == len({key for _, key, _ in shared.sends()})


@pytest.mark.slow
def test_two_workers_that_are_killed_again_and_again(driver: Driver, shared: Place) -> None:
    dice = random.Random(429006)
    killed = 0
    everything = shared.messages
    for said in range(1, len(TALK) + 1):  # something new to do in each round; the channel offers the old again, too
        shared.messages = everything[: 12 * said]
        points = [(dice.randrange(10, 60), dice.choice(("before", "after"))) for _ in range(2)]
        killed += driver.run(*shared.jobs(*points)).count(-9)
    assert killed >= 5
    assert driver.run(*shared.jobs(None, None)) == [0, 0]
    check_crowd(shared, 12)
    assert len(shared.sends()) - len({key for _, key, _ in shared.sends()}) <= killed


@pytest.mark.slow
def test_a_first_message_that_two_processes_receive_at_once_is_stored_once(
    postgres: Cluster, tmp_path: Path, now: datetime
) -> None:
    """Both look, neither finds the conversation, both make it: the slower one must look again instead of giving the message up."""
    settings = Settings(var=tmp_path, store_url=postgres.new_database())
    first, second = open_settled_store(settings), open_settled_store(settings)
    started: list[int | None] = []

    @event.listens_for(first.engine, "before_cursor_execute")
    def meanwhile(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO conversation") and not started:
            started.append(receive(second, IncomingMessage("telegram", "1", "other", "b"), now))

    assert receive(first, IncomingMessage("telegram", "1", "one", "a"), now) is not None
    assert receive(first, IncomingMessage("telegram", "1", "one", "a"), now) is None
    with first.session() as session:
        assert sorted(session.scalars(select(Inbox.external_id))) == ["one", "other"]
        assert len(session.scalars(select(Conversation)).all()) == 1
    first.close()
    second.close()


@pytest.mark.slow
def test_a_message_comes_in_while_its_conversation_is_being_answered(
    postgres: Cluster, tmp_path: Path, now: datetime, interpreter: Interpreter, shared_house: House
) -> None:
    """On PostgreSQL a turn locks its conversation; storing the next message must not wait for it."""
    settings = Settings(var=tmp_path, store_url=postgres.new_database())
    store, other = open_settled_store(settings), open_settled_store(settings)
    received: list[int | None] = []

    class Meanwhile:
        name = "meanwhile"

        def interpret(self, words: str) -> Interpretation:
            if not received:
                with other.begin() as session:
                    session.execute(text("set local statement_timeout = '5s'"))
                received.append(receive(other, IncomingMessage("web", "1", "2", "还有一句"), now))
                assert answer_waiting(other, house, now) == 0  # ours is locked, and the next waits behind it
            return interpreter.interpret(words)

    house = replace(build_house(settings, store, interpreter, shared_house.policy), interpreter=Meanwhile())
    receive(store, IncomingMessage("web", "1", "1", "你好"), now)
    assert answer_waiting(store, house, now) == 1
    assert answer_waiting(store, house, now) == 1
    assert received
    assert received[0]
    store.close()
    other.close()


@pytest.mark.slow
def test_two_processes_that_start_together_build_the_tables_once(
    driver: Driver, places: Callable[..., Place], postgres: Cluster
) -> None:
    place = places("together", postgres.new_database())
    place.messages = MESSAGES[2:3]
    assert driver.run(*place.jobs(None, None, None)) == [0, 0, 0]
    store = place.open()
    assert is_current(store)
    store.close()


# -- a message that cannot be answered ---------------------------------------------------------------------------------


class Poisoned:
    """An interpreter that a certain word makes fail."""

    name = "poisoned"

    def __init__(self, interpreter: Interpreter, error: type[Exception] = ZeroDivisionError) -> None:
        self.interpreter, self.error = interpreter, error

    def interpret(self, words: str) -> Interpretation:
        if "毒" in words:
            raise self.error("毒")
        return self.interpreter.interpret(words)


def fetch(store: Store, external_id: str) -> Inbox:
    with store.session() as session:
        return session.scalars(select(Inbox).filter_by(external_id=external_id)).one()


def test_a_poisoned_message_is_retried_then_put_before_a_person_and_others_go_on(
    file_store: Store, file_house: House, interpreter: Interpreter, now: datetime
) -> None:
    house = replace(file_house, interpreter=Poisoned(interpreter))
    for channel_id, number, words in (("a", "1", "毒"), ("a", "2", "第二句"), ("b", "3", "你好"), ("c", "4", DANGER)):
        receive(file_store, IncomingMessage("web", channel_id, number, words), now)
    assert answer_waiting(file_store, house, now) == 2  # b and c
    pauses = []
    for attempt in range(1, MAX_ATTEMPTS):
        assert fetch(file_store, "1").attempts == attempt
        assert fetch(file_store, "2").status == "waiting"  # order: it waits behind the first
        due = fetch(file_store, "1").next_try_at
        assert answer_waiting(file_store, house, due - timedelta(microseconds=1)) == 0
        pauses.append(due - now)
        now = due
        answer_waiting(file_store, house, now)
    assert pauses == [FIRST_DELAY * 2**n for n in range(MAX_ATTEMPTS - 1)]
    assert fetch(file_store, "1").status == "failed"
    assert fetch(file_store, "1").text == "毒"
    with file_store.session() as session:
        mine = session.get_one(Conversation, fetch(file_store, "1").conversation_id)
        apology = session.scalars(select(Outbox).filter_by(inbox_id=fetch(file_store, "1").id)).one()
        assert mine.handoff == "waiting"
        assert mine.handoff_at == now
        assert "没有丢" in apology.text
    assert answer_waiting(file_store, house, now) == 1
    assert fetch(file_store, "2").status == "answered"


def test_a_failed_turn_leaves_nothing_behind(
    file_store: Store, file_house: House, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn fails after its referral was opened: the referral goes with it, and the neighbour's turn stays."""
    from bot import turn

    def broken(conversation: Conversation, state: Any, moment: datetime) -> None:
        if state.dangers:
            raise ValueError
        remember(conversation, state, moment)

    remember = turn.memory.remember
    monkeypatch.setattr(turn.memory, "remember", broken)
    receive(file_store, IncomingMessage("web", "a", "1", DANGER), now)
    receive(file_store, IncomingMessage("web", "b", "2", "你好"), now)
    assert answer_waiting(file_store, file_house, now) == 1
    with file_store.session() as session:
        assert not session.scalars(select(Referral)).all()
        assert not session.scalars(select(Household)).all()
        assert len(session.scalars(select(Outbox)).all()) == 1
    monkeypatch.undo()
    assert answer_waiting(file_store, file_house, now + FIRST_DELAY) == 1
    with file_store.session() as session:
        assert len(session.scalars(select(Referral)).all()) == 1


def test_a_message_that_breaks_a_rule_of_the_store_stops_nobody_else(
    file_store: Store, file_house: House, interpreter: Interpreter, now: datetime
) -> None:
    class Constraint(IntegrityError):
        def __init__(self, words: str) -> None:
            super().__init__(words, None, Exception("UNIQUE constraint failed"))

    house = replace(file_house, interpreter=Poisoned(interpreter, Constraint))
    receive(file_store, IncomingMessage("web", "a", "1", "毒"), now)
    receive(file_store, IncomingMessage("web", "b", "2", "你好"), now)
    assert answer_waiting(file_store, house, now) == 1
    assert (fetch(file_store, "1").attempts, fetch(file_store, "2").status) == (1, "answered")


def test_a_message_that_no_store_would_take_does_not_keep_the_others_out(file_store: Store, now: datetime) -> None:
    no_text: Any = b"bytes"
    broken = IncomingMessage("web", "b", "2", no_text)
    batch = [IncomingMessage("web", "a", "1", "你好"), broken, IncomingMessage("web", "c", "3", "你好")]
    assert receive_all(file_store, batch, now) == 2
    assert receive_all(file_store, batch[::2], now) == 0
    with file_store.session() as session:
        assert sorted(session.scalars(select(Inbox.external_id))) == ["1", "3"]


def test_trouble_of_the_store_is_counted_against_no_message(
    file_store: Store, file_house: House, interpreter: Interpreter, now: datetime
) -> None:
    class Full(OperationalError):
        def __init__(self, words: str) -> None:
            super().__init__(words, None, Exception("database or disk is full"))

    receive(file_store, IncomingMessage("web", "a", "1", "毒"), now)
    receive(file_store, IncomingMessage("web", "b", "2", "你好"), now)
    with pytest.raises(OperationalError):
        answer_waiting(file_store, replace(file_house, interpreter=Poisoned(interpreter, Full)), now)
    assert (fetch(file_store, "1").attempts, fetch(file_store, "2").status) == (0, "waiting")
    assert answer_waiting(file_store, file_house, now) == 2


def test_a_row_that_cannot_be_opened_stops_nobody_else(file_store: Store, file_house: House, now: datetime) -> None:
    damaged = receive(file_store, IncomingMessage("web", "a", "1", "你好"), now)
    receive(file_store, IncomingMessage("web", "b", "2", "你好"), now)
    with file_store.engine.begin() as connection:
        connection.execute(text("update inbox set text = :x where id = :id"), {"x": b"garbage", "id": damaged})
    for attempt in range(MAX_ATTEMPTS):
        assert answer_waiting(file_store, file_house, now + timedelta(hours=attempt)) == (1 if attempt == 0 else 0)
    with file_store.session() as session:
        assert session.scalar(select(Inbox.status).filter_by(id=damaged)) == "failed"
        assert session.scalar(select(Conversation.handoff).join(Inbox).filter(Inbox.id == damaged)) == "waiting"


def test_a_person_who_owns_the_conversation_keeps_it_when_a_turn_fails(
    file_store: Store, file_house: House, interpreter: Interpreter, now: datetime
) -> None:
    receive(file_store, IncomingMessage("web", "a", "1", "毒"), now)
    with file_store.begin() as session:
        session.execute(update(Conversation).values(handoff="owned"))
    house = replace(file_house, interpreter=Poisoned(interpreter))
    for attempt in range(MAX_ATTEMPTS):
        answer_waiting(file_store, house, now + timedelta(hours=attempt))
    with file_store.session() as session:
        assert session.scalars(select(Conversation.handoff)).one() == "owned"


def test_what_nobody_could_read_is_put_before_a_person_as_urgent(
    file_store: Store, file_house: House, interpreter: Interpreter, now: datetime
) -> None:
    receive(file_store, IncomingMessage("web", "a", "1", "毒"), now)
    house = replace(file_house, interpreter=Poisoned(interpreter))
    for attempt in range(MAX_ATTEMPTS):
        answer_waiting(file_store, house, now + timedelta(hours=attempt))
    with file_store.session() as session:
        row = session.scalars(select(Conversation)).one()
        assert (row.handoff, row.severity) == ("waiting", "urgent")


# -- trouble of the store ------------------------------------------------------------------------------------------------


def settled(folder: Path) -> Settings:
    settings = Settings(var=folder)
    open_settled_store(settings).close()
    return settings


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for a lock no longer than it takes to see that it is held."""
    monkeypatch.setattr(store.session, "LOCK_WAIT_SECONDS", 0.05)


@pytest.mark.usefixtures("impatient")
def test_a_locked_file(tmp_path: Path, now: datetime) -> None:
    settings = settled(tmp_path)
    ours, theirs = open_settled_store(settings), open_settled_store(settings)
    with theirs.begin():
        with pytest.raises(SQLAlchemyError, match="locked"):
            receive(ours, IncomingMessage("web", "a", "1", "你好"), now)
        with pytest.raises(StartError, match="占用"):
            open_settled_store(settings)
    assert receive(ours, IncomingMessage("web", "a", "1", "你好"), now) is not None
    ours.close()
    theirs.close()


def test_a_file_that_may_only_be_read(tmp_path: Path) -> None:
    settings = settled(tmp_path)
    url = f"sqlite:///file:{tmp_path / 'hotline.db'}?mode=ro&uri=true"
    with pytest.raises(StartError, match="不能写"):
        open_settled_store(settings.model_copy(update={"store_url": url}))


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    settings = settled(tmp_path)
    (tmp_path / "hotline.db").write_bytes(b"no database at all" * 1000)
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"hotline.db{suffix}").unlink(missing_ok=True)
    with pytest.raises(StartError, match=r"已损坏.*不要删除"):
        open_settled_store(settings)


def test_a_damaged_page(tmp_path: Path) -> None:
    settings = settled(tmp_path)
    path = tmp_path / "hotline.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StartError, match="已损坏"):
        open_settled_store(settings)


def test_a_full_disk_loses_nothing(
    tmp_path: Path, interpreter: Interpreter, shared_house: House, now: datetime
) -> None:
    """SQLite's own limit of pages stands in for the disk: the error is the engine's, "database or disk is full"."""
    settings = settled(tmp_path)
    opened = open_settled_store(settings)
    house = build_house(settings, opened, interpreter, shared_house.policy)
    accepted = []
    with opened.engine.connect() as connection:
        pages = connection.execute(text("pragma page_count")).scalar_one()
    limit = [pages + 12]

    @event.listens_for(opened.engine, "checkout")
    def on_checkout(connection: Any, *_: Any) -> None:
        connection.execute(f"pragma max_page_count = {limit[0]}")

    def fill() -> None:
        for number in range(1000):
            receive(opened, IncomingMessage("web", "a", str(number), "我家的情况是这样的" * 50), now)
            accepted.append(number)

    with pytest.raises(OperationalError, match="full"):
        fill()
    with suppress(OperationalError):  # nor does answering get through, or only a little
        while answer_waiting(opened, house, now):
            pass
    limit[0] = 1_000_000
    while answer_waiting(opened, house, now):
        pass
    with opened.session() as session:
        assert list(session.scalars(select(Inbox.status))) == ["answered"] * len(accepted)
        assert session.scalar(select(func.count(Outbox.id))) == len(accepted)
    assert accepted
    opened.close()


def test_a_lost_key_is_not_silently_replaced(tmp_path: Path, now: datetime) -> None:
    settings = settled(tmp_path)
    opened = open_settled_store(settings)
    receive(opened, IncomingMessage("web", "a", "1", "你好"), now)
    opened.close()
    key = settings.key_file.read_text()
    settings.key_file.unlink()
    with pytest.raises(StartError, match="放回去"):
        open_settled_store(settings)
    assert not settings.key_file.exists()
    settings.key_file.write_text("这不是密钥")
    with pytest.raises(StartError, match="放回"):
        open_settled_store(settings)
    settings.key_file.write_text(key)
    open_settled_store(settings).close()


@pytest.mark.parametrize("url", ["no address", "oracle+nothing://x", "postgresql+psycopg://u:geheim@127.0.0.1:1/x"])
def test_a_store_that_cannot_be_reached_is_a_sentence_without_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(StartError) as error:
        open_settled_store(Settings(var=tmp_path, store_url=url))
    assert "geheim" not in str(error.value)


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    settings = settled(tmp_path)
    opened = open_settled_store(settings)
    with opened.engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    opened.close()
    with pytest.raises(StartError, match="新版"):
        open_settled_store(settings)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="不能在"):
        open_settled_store(Settings(var=tmp_path / "file" / "var"))


# -- trouble of the model ------------------------------------------------------------------------------------------------


def test_a_missing_or_damaged_model_is_a_sentence(tmp_path: Path, settings: Settings, interpreter: Interpreter) -> None:
    assert interpreter
    with pytest.raises(StartError, match="hotline train"):
        open_interpreter(Settings(model=tmp_path / "nothing"))
    broken = tmp_path / "broken"
    shutil.copytree(settings.model_folder, broken)
    for path in broken.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StartError, match="已损坏"):
        open_interpreter(Settings(model=broken))


def test_rasa_without_a_model_is_a_sentence(tmp_path: Path, interpreter: Interpreter) -> None:
    assert interpreter
    with pytest.raises(StartError, match="hotline train --nlu rasa"):
        open_interpreter(Settings(nlu="rasa", rasa_model=tmp_path))


@pytest.mark.slow
def test_the_command_ends_with_a_sentence_and_no_traceback(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOTLINE_VAR": str(tmp_path)}
    hotline = Path(sys.executable).with_name("hotline")
    done = subprocess.run([hotline, "worker"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "hotline train" in done.stderr
    assert "Traceback" not in done.stderr


def test_claimed_replies_are_nobody_elses_until_the_lease_is_over(
    file_store: Store, file_house: House, now: datetime
) -> None:
    receive(file_store, IncomingMessage("telegram", "1", "1", "你好"), now)
    answer_waiting(file_store, file_house, now)
    assert len(claim_replies(file_store, ("telegram",), now)) == 1
    assert claim_replies(file_store, ("telegram",), now + timedelta(seconds=119)) == []
    assert len(claim_replies(file_store, ("telegram",), now + timedelta(seconds=120))) == 1
