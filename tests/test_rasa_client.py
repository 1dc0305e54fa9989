"""The Rasa client against a server that is well, slow, broken, strange, locked, away and back. Time is passed in."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from console_browser import open_console
from hypothesis import given
from hypothesis import strategies as st

from bot.turn import House
from hotline.assembly import open_interpreter
from hotline.errors import StartError
from hotline.settings import Settings
from nlu.labels import INTENTS
from nlu.rasa_client import (
    FAILURES_TO_OPEN,
    MAX_ANSWER_BYTES,
    OPEN_SECONDS,
    Breaker,
    RasaInterpreter,
    RasaState,
    RasaTrouble,
    read_intents,
)
from nlu.understand import understand
from nlu.understanding import Interpretation, Interpreter
from store.session import Store

TOKEN = "loopback-only"
SECRET = "我叫李雷,我不想活了"
EMBEDDED = Interpretation(intents={"other": 1.0}, needs={"living": 0.9}, dangers={"no_food": 0.8})


def answer(**confidence: float) -> bytes:
    """As Rasa 3.6.21 answers /model/parse, cut to what it always holds."""
    ranking = [{"name": name, "confidence": value} for name, value in confidence.items()]
    document = {"text": "…", "intent": ranking[0], "entities": [], "intent_ranking": ranking}
    return json.dumps(document).encode()


@dataclass
class FakeRasa:
    """What the server on loopback does next, and what it was asked. Its rule for the token is Rasa's."""

    status: int = 200
    body: bytes = field(default_factory=lambda: answer(seek_help=0.7, greet=0.3))
    statuses: list[int] = field(default_factory=list)  # of the coming requests, before `status` holds
    release: threading.Event = field(default_factory=threading.Event)  # a slow server answers when this is set
    slow: bool = False
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    on_request: Callable[[], object] = lambda: None
    url: str = ""

    def respond(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        address = urlsplit(target)
        self.asked.append((f"{method} {address.path}", body))
        self.on_request()
        if self.slow:
            self.release.wait(10)
        if parse_qs(address.query).get("token") != [TOKEN]:
            return 401, b'{"reason": "NotAuthenticated"}'
        status = self.statuses.pop(0) if self.statuses else self.status
        return status, self.body


@contextmanager
def serving(fake: FakeRasa, port: int = 0) -> Iterator[FakeRasa]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self.answer(b"")

        def answer(self, body: bytes) -> None:
            status, content = fake.respond(self.command, self.path, body)
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:  # the client had no patience
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        fake.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Embedded:
    name = "embedded"

    def interpret(self, text: str) -> Interpretation:
        return EMBEDDED


@pytest.fixture
def rasa() -> Iterator[FakeRasa]:
    with serving(FakeRasa()) as fake:
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(rasa: FakeRasa, clock: Clock) -> Iterator[RasaInterpreter]:
    with connected(rasa.url, clock) as opened:
        yield opened


@contextmanager
def connected(url: str, clock: Clock, token: str = TOKEN, timeout: float = 5.0) -> Iterator[RasaInterpreter]:
    opened = RasaInterpreter(Embedded(), url, token, timeout=timeout, clock=clock)
    yield opened
    opened.close()


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class TestAnswering:
    def test_intents_are_rasas_and_the_rest_is_ours(self, client: RasaInterpreter) -> None:
        said = client.interpret("没米了")
        assert {name: score for name, score in said.intents.items() if score} == {"seek_help": 0.7, "greet": 0.3}
        assert tuple(said.intents) == INTENTS
        assert (said.needs, said.dangers) == (EMBEDDED.needs, EMBEDDED.dangers)
        assert client.state() == RasaState(answered=True)

    def test_asks_in_one_spelling(self, client: RasaInterpreter, rasa: FakeRasa) -> None:
        client.interpret("我媽１２００元\x07\ud800")
        assert [(path, json.loads(body)) for path, body in rasa.asked] == [
            ("POST /model/parse", {"text": "我妈1200元"})
        ]

    @pytest.mark.parametrize("text", ["", " ", "\u200b", "\ud800"])
    def test_never_asks_about_nothing(self, client: RasaInterpreter, rasa: FakeRasa, text: str) -> None:
        client.interpret(text)
        assert json.loads(rasa.asked[0][1])["text"]

    def test_of_a_long_letter_the_head_and_the_tail(self, client: RasaInterpreter, rasa: FakeRasa) -> None:
        client.interpret("头" * 50_000 + "尾" * 50_000)
        sent = json.loads(rasa.asked[0][1])["text"]
        assert len(sent) <= 1000
        assert (sent[0], sent[-1]) == ("头", "尾")

    def test_before_the_first_message_nothing_is_known(self, client: RasaInterpreter) -> None:
        assert client.state() == RasaState()

    def test_looking_asks_for_the_status(self, client: RasaInterpreter, rasa: FakeRasa) -> None:
        assert client.look() == RasaState(answered=True)
        assert [path for path, _ in rasa.asked] == ["GET /status"]

    def test_the_contract_holds(self, client: RasaInterpreter) -> None:
        said = understand(SECRET, client)
        assert (said.intent, said.urgency) == ("seek_help", "critical")


class TestTrouble:
    def test_an_error_is_tried_once_more(self, client: RasaInterpreter, rasa: FakeRasa) -> None:
        rasa.statuses = [500]
        assert client.interpret("你好").intents["seek_help"] == 0.7
        assert len(rasa.asked) == 2
        assert client.state() == RasaState(answered=True)

    def test_two_errors_are_enough(self, client: RasaInterpreter, rasa: FakeRasa) -> None:
        rasa.status = 503
        assert client.interpret("你好") == EMBEDDED
        assert len(rasa.asked) == 2
        assert client.state() == RasaState(answered=False, away_seconds=0.0, trouble="status")

    def test_too_slow(self, rasa: FakeRasa, clock: Clock) -> None:
        rasa.slow = True
        with connected(rasa.url, clock, timeout=0.05) as client:
            assert client.interpret("你好") == EMBEDDED
            assert client.state().trouble == "timeout"
        assert len(rasa.asked) == 1

    def test_time_runs_out_between_the_tries(self, rasa: FakeRasa, clock: Clock) -> None:
        rasa.status = 500

        def take_long() -> None:
            clock.now += 6

        rasa.on_request = take_long
        with connected(rasa.url, clock) as client:
            assert client.interpret("你好") == EMBEDDED
        assert len(rasa.asked) == 1

    @pytest.mark.parametrize("token", ["", "wrong"])
    def test_a_wrong_token_is_not_tried_twice(self, rasa: FakeRasa, clock: Clock, token: str) -> None:
        with connected(rasa.url, clock, token=token) as client:
            assert client.interpret("你好") == EMBEDDED
            assert client.state().trouble == "refused"
        assert len(rasa.asked) == 1

    def test_nobody_there(self, clock: Clock) -> None:
        with connected(f"http://127.0.0.1:{closed_port()}", clock) as client:
            assert client.interpret("你好") == EMBEDDED
            assert client.state().trouble == "connection"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"[]",
            b"null",
            b"{}",
            b'{"intent_ranking": 5}',
            b'{"intent_ranking": [5, {}, {"name": "sing", "confidence": 1}]}',
            b'{"intent_ranking": [{"name": "greet", "confidence": NaN}, {"name": "thank", "confidence": 1e400}]}',
            b'{"intent_ranking": [{"name": "greet", "confidence": "1"}, {"name": "thank", "confidence": true}]}',
            b'{"intent_ranking": [{"name": ["greet"], "confidence": 1}, {"name": "thank", "confidence": -1}]}',
            b"[" * 90_000,
            b"\xff\xfe\x00",
            b" " * (MAX_ANSWER_BYTES + 1),
        ],
        ids=range(13),
    )
    def test_an_answer_that_is_none(self, client: RasaInterpreter, rasa: FakeRasa, body: bytes) -> None:
        rasa.body = body
        assert client.interpret("你好") == EMBEDDED
        assert client.state().trouble == "garbage"

    def test_after_closing_the_embedded_interpreter_answers(self, rasa: FakeRasa, clock: Clock) -> None:
        with connected(rasa.url, clock) as client:
            pass
        assert client.interpret("你好") == EMBEDDED
        assert client.state().trouble == "connection"

    @given(st.text())
    def test_any_answer_is_read_or_refused(self, text: str) -> None:
        with pytest.raises(RasaTrouble):
            read_intents(text.encode("utf-8", "replace"))


class TestAwayAndBack:
    def test_rests_then_tries_one_message_then_trusts_again(
        self, client: RasaInterpreter, rasa: FakeRasa, clock: Clock
    ) -> None:
        rasa.status = 503
        for _ in range(FAILURES_TO_OPEN):
            client.interpret("你好")
        asked = len(rasa.asked)
        clock.now += OPEN_SECONDS - 1
        assert client.interpret("你好") == EMBEDDED
        assert len(rasa.asked) == asked
        assert client.state() == RasaState(False, OPEN_SECONDS - 1, "status", resting=True)

        clock.now += 1  # one is let through, fails, and the rest begins anew
        client.interpret("你好")
        assert len(rasa.asked) == asked + 2
        assert client.state().resting
        client.interpret("你好")
        assert len(rasa.asked) == asked + 2

        clock.now += OPEN_SECONDS
        rasa.status = 200
        assert client.interpret("你好").intents["seek_help"] == 0.7
        assert client.state() == RasaState(answered=True)

    def test_a_server_that_comes_back_on_its_port(self, clock: Clock) -> None:
        fake, port = FakeRasa(), closed_port()
        with connected(f"http://127.0.0.1:{port}", clock) as client:
            for _ in range(FAILURES_TO_OPEN):
                assert client.interpret("你好") == EMBEDDED
            with serving(fake, port):
                clock.now += OPEN_SECONDS
                assert client.interpret("你好").intents["seek_help"] == 0.7
            assert client.interpret("你好") == EMBEDDED  # and away again, its connection cut

    def test_looking_does_not_disturb_the_rest(self, client: RasaInterpreter, rasa: FakeRasa) -> None:
        rasa.status = 409  # Rasa without a model
        for _ in range(FAILURES_TO_OPEN):
            assert client.look().trouble == "status"
        asked = len(rasa.asked)
        assert client.look().resting
        assert len(rasa.asked) == asked

    def test_says_once_that_it_is_away_and_once_that_it_is_back(self, client: RasaInterpreter, rasa: FakeRasa) -> None:
        with structlog.testing.capture_logs() as lines:
            rasa.status = 500
            client.interpret(SECRET)
            client.interpret(SECRET)
            rasa.status = 200
            client.interpret(SECRET)
            client.interpret(SECRET)
        assert lines == [
            {"event": "rasa_away", "trouble": "status", "log_level": "warning"},
            {"event": "rasa_back", "log_level": "info"},
        ]


class TestBreaker:
    def test_while_one_tries_the_others_wait(self) -> None:
        breaker = Breaker(failures=1, rest=10)
        assert breaker.admits(0)
        breaker.failed(0)
        assert [breaker.admits(9.9), breaker.admits(10), breaker.admits(10)] == [False, True, False]
        breaker.succeeded()
        assert breaker.admits(10)
        assert breaker.admits(10)

    @given(st.lists(st.tuples(st.booleans(), st.floats(0, 20))))
    def test_never_stays_shut(self, calls: list[tuple[bool, float]]) -> None:
        """Whatever happened, a call is admitted once the rest is over; and never during it."""
        breaker, now, row, until = Breaker(failures=3, rest=15), 0.0, 0, 0.0
        for well, pause in calls:
            now += pause
            admitted = breaker.admits(now)
            assert admitted == (now >= until)
            if not admitted:
                continue
            row = 0 if well else row + 1
            until = now + 15 if row >= 3 else 0.0
            breaker.succeeded() if well else breaker.failed(now)
        assert breaker.admits(now + 15)


class TestSettings:
    def test_a_server_of_the_settings_is_asked(self, interpreter: Interpreter, rasa: FakeRasa) -> None:
        assert interpreter  # trained
        opened = open_interpreter(Settings(nlu="rasa", rasa_url=rasa.url, rasa_token=TOKEN, rasa_timeout=5))
        assert isinstance(opened, RasaInterpreter)
        assert opened.name == "rasa"
        assert opened.interpret("你好").intents["seek_help"] == 0.7
        opened.close()

    def test_a_server_without_a_token_is_refused(self, interpreter: Interpreter) -> None:
        assert interpreter
        with pytest.raises(StartError, match="HOTLINE_RASA_TOKEN"):
            open_interpreter(Settings(nlu="rasa", rasa_url="http://127.0.0.1:5005"))


class TestStatusPage:
    def test_says_whether_rasa_answers(
        self,
        client: RasaInterpreter,
        rasa: FakeRasa,
        clock: Clock,
        settings: Settings,
        store: Store,
        house: House,
        now: datetime,
    ) -> None:
        console = open_console(settings, store, replace(house, interpreter=client), now)
        browser = console.as_role("supervisor")
        page = browser.get("/console/status").text
        assert "Rasa 服务" in page
        assert "有回应" in page
        rasa.status = 503
        browser.get("/console/status")
        clock.now += 130
        page = browser.get("/console/status").text
        assert "自己出错，已经 3 分钟。现在由内置模型理解" in page
