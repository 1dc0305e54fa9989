"""Rasa behind the `Interpreter` protocol: intents from a Rasa server, everything else from the embedded interpreter.

The one place of `nlu` that reaches a network. It never raises and never makes a resident wait long: a server that is slow,
broken or away is left alone for a while, and the embedded interpreter gives the intents meanwhile.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final, Literal

import httpx
import structlog

from nlu.labels import INTENTS
from nlu.normalise import clip, normalise
from nlu.understanding import Interpretation, Interpreter

log = structlog.get_logger()

Trouble = Literal["timeout", "connection", "refused", "status", "garbage"]
"""Why Rasa gave no intents: too slow, not reachable, token not accepted, an error of its own, an answer that is none."""

TIMEOUT_SECONDS: Final = 0.8
FAILURES_TO_OPEN: Final = 3
OPEN_SECONDS: Final = 15.0
MAX_ANSWER_BYTES: Final = 100_000  # twenty intents and the text make two to five thousand
MAX_CHARACTERS: Final = 1_000  # of a longer letter Rasa reads the head and the tail


class RasaTrouble(Exception):
    """Rasa gave no intents. Holds no word of the message."""

    def __init__(self, kind: Trouble) -> None:
        super().__init__(kind)
        self.kind: Trouble = kind


@dataclass(frozen=True, slots=True)
class RasaState:
    """How it stands with Rasa. `answered`: whether it did when last asked, None before that.

    `away_seconds` counts from the first failure after the last answer; `resting` is true while we do not even ask.
    """

    answered: bool | None = None
    away_seconds: float | None = None
    trouble: Trouble | None = None
    resting: bool = False


class Breaker:
    """Circuit breaker: closed until `failures` in a row, then open for `rest` seconds, then one call tries it.

    `now` is any clock in seconds that never goes back. Safe to share between threads.
    """

    def __init__(self, failures: int = FAILURES_TO_OPEN, rest: float = OPEN_SECONDS) -> None:
        self._limit, self._rest = failures, rest
        self._in_a_row = 0
        self._opens_until: float | None = None
        self._trying = False
        self._lock = threading.Lock()

    def admits(self, now: float) -> bool:
        """Whether a call may go through now. Whoever is admitted must report `succeeded` or `failed`."""
        with self._lock:
            if self._opens_until is None:
                return True
            if now < self._opens_until or self._trying:
                return False
            self._trying = True
            return True

    def resting(self, now: float) -> bool:
        with self._lock:
            return self._opens_until is not None and now < self._opens_until

    def succeeded(self) -> None:
        with self._lock:
            self._in_a_row, self._opens_until, self._trying = 0, None, False

    def failed(self, now: float) -> None:
        with self._lock:
            self._in_a_row += 1
            self._trying = False
            if self._in_a_row >= self._limit:
                self._opens_until = now + self._rest


class RasaInterpreter:
    """Asks `{url}/model/parse`. Needs and dangers, and intents when Rasa is away, are those of `embedded`."""

    name = "rasa"

    def __init__(
        self,
        embedded: Interpreter,
        url: str,
        token: str,
        *,
        timeout: float = TIMEOUT_SECONDS,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout` in seconds is for the whole of one message, the second try included. `clock` never goes back."""
        self._embedded, self._timeout, self._clock = embedded, timeout, clock
        self._breaker = breaker or Breaker()
        # The server reads its token from the address only. `trust_env`: a proxy of the machine is no way to a neighbour.
        self._client = httpx.Client(base_url=url, params={"token": token}, timeout=timeout, trust_env=False)
        self._lock = threading.Lock()
        self._answered: bool | None = None
        self._away_since: float | None = None
        self._trouble: Trouble | None = None

    def interpret(self, text: str) -> Interpretation:
        """Scores of every label. Never raises because of Rasa."""
        said = self._embedded.interpret(text)
        intents = self._ask(lambda: self._parse(text))
        return replace(said, intents=intents) if intents else said

    def state(self) -> RasaState:
        """What the last call found, without asking anybody."""
        with self._lock:
            now = self._clock()
            away = None if self._away_since is None else max(now - self._away_since, 0.0)
            return RasaState(self._answered, away, self._trouble, self._breaker.resting(now))

    def look(self) -> RasaState:
        """Ask Rasa how it is, unless we let it rest, and say how it stands: for a page that somebody looks at."""
        self._ask(self._status)
        return self.state()

    def close(self) -> None:
        self._client.close()

    def _ask(self, question: Callable[[], Mapping[str, float]]) -> Mapping[str, float]:
        """The answer, or nothing where Rasa is away; keeps account of which it was."""
        if not self._breaker.admits(self._clock()):
            return {}
        try:
            answer = question()
        except RasaTrouble as trouble:
            self._failed(trouble.kind)
            return {}
        except Exception as error:  # whatever it is, the resident is answered, and the breaker hears of it
            log.error("rasa_client_trouble", error=type(error).__name__)
            self._failed("connection")
            return {}
        self._succeeded()
        return answer

    def _succeeded(self) -> None:
        self._breaker.succeeded()
        with self._lock:
            was_away, self._away_since = self._away_since is not None, None
            self._answered, self._trouble = True, None
        if was_away:
            log.info("rasa_back")

    def _failed(self, trouble: Trouble) -> None:
        now = self._clock()
        self._breaker.failed(now)
        with self._lock:
            news = self._trouble != trouble
            self._away_since = now if self._away_since is None else self._away_since
            self._answered, self._trouble = False, trouble
        if news:
            log.warning("rasa_away", trouble=trouble)

    def _parse(self, text: str) -> dict[str, float]:
        # An empty text is an error to Rasa; a mark without meaning is not.
        question = {"text": normalise(clip(text, MAX_CHARACTERS)) or "。"}
        return read_intents(self._twice("POST", "/model/parse", json.dumps(question)))

    def _status(self) -> dict[str, float]:
        self._twice("GET", "/status", None)
        return {}

    def _twice(self, method: str, path: str, body: str | None) -> bytes:
        """The answer's body. A second try where the first broke off early, within the same time. Raises `RasaTrouble`."""
        deadline = self._clock() + self._timeout
        try:
            return self._once(method, path, body, deadline)
        except RasaTrouble as trouble:
            if trouble.kind not in ("connection", "status") or self._clock() >= deadline:
                raise
            return self._once(method, path, body, deadline)

    def _once(self, method: str, path: str, body: str | None, deadline: float) -> bytes:
        left = max(deadline - self._clock(), 0.001)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        content = b""
        try:
            with self._client.stream(method, path, content=body, headers=headers, timeout=left) as answer:
                if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                    raise RasaTrouble("refused")
                if answer.status_code != HTTPStatus.OK:
                    raise RasaTrouble("status")
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER_BYTES:
                        raise RasaTrouble("garbage")
                    if self._clock() > deadline:
                        raise RasaTrouble("timeout")
        except httpx.TimeoutException:
            raise RasaTrouble("timeout") from None
        except httpx.DecodingError:
            raise RasaTrouble("garbage") from None
        except httpx.HTTPError:
            raise RasaTrouble("connection") from None
        return content


def read_intents(content: bytes) -> dict[str, float]:
    """Scores of our intents from an answer of /model/parse, in the contract's order, summing to 1.

    Raises `RasaTrouble` ("garbage") for anything that is no such answer; intents that we do not know are left out.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise RasaTrouble("garbage") from None
    ranking = document.get("intent_ranking") if isinstance(document, dict) else None
    said = dict(filter(None, map(_score, ranking))) if isinstance(ranking, list) else {}
    total = sum(said.values())
    if total <= 0:
        raise RasaTrouble("garbage")
    return {name: said.get(name, 0.0) / total for name in INTENTS}


def _score(entry: Any) -> tuple[str, float] | None:
    if not isinstance(entry, dict):
        return None
    name, confidence = entry.get("name"), entry.get("confidence")
    if name not in INTENTS or isinstance(confidence, bool) or not isinstance(confidence, (int, float)):
        return None
    return (name, float(confidence)) if 0 <= confidence <= 1 else None
