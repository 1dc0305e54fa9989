"""The resident's page over HTTP, as browsers with and without a script use it: what is stored, shown, refused and forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx
import pytest
from serving import serving
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from waiting import LIMIT, Clock

import bot.channels.web
from bot.channels.web import COOKIE, LONGEST_BODY, LONGEST_TEXT, MESSAGES_A_MINUTE
from bot.turn import House
from hotline.serve import create_app
from hotline.settings import Settings
from store.models import Conversation, Inbox
from store.session import Store

NASTY = """<script>alert(1)</script> "a'&<b> 家里断粮了"""
JSON = {"accept": "application/json"}


class Words(HTMLParser):
    """What a reader of the page sees, and the value of its hidden key."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.key, self.tags = "", "", set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        named = dict(attrs)
        if named.get("name") == "key":
            self.key = named.get("value") or ""

    def handle_data(self, data: str) -> None:
        self.text += data


def read(answer: httpx.Response) -> Words:
    words = Words()
    words.feed(answer.text)
    return words


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def address(
    tmp_path_factory: pytest.TempPathFactory, file_store: Store, file_house: House, clock: Clock
) -> Iterator[str]:
    settings = Settings(var=tmp_path_factory.mktemp("var"))
    with serving(create_app(settings, file_store, file_house, clock=clock)) as base:
        yield base


@pytest.fixture
def browser(address: str) -> Iterator[Callable[[], httpx.Client]]:
    """Opens a browser of its own: its own cookies."""
    opened: list[httpx.Client] = []

    def open_one() -> httpx.Client:
        opened.append(httpx.Client(base_url=address, timeout=LIMIT, trust_env=False, follow_redirects=True))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


@pytest.fixture
def resident(browser: Callable[[], httpx.Client]) -> httpx.Client:
    return browser()


def say(client: httpx.Client, text: str, key: str = "k", **headers: str) -> httpx.Response:
    return client.post("/messages", data={"text": text, "key": key}, headers=headers)


def stored(store: Store) -> list[str | None]:
    with store.session() as session:
        return list(session.scalars(select(Inbox.text).order_by(Inbox.id)))


# -- the page ----------------------------------------------------------------------------------------------------------


def test_without_a_script_a_form_brings_the_reply_and_a_reload_keeps_it(resident: httpx.Client) -> None:
    first = resident.get("/")
    assert first.status_code == 200
    assert {"form", "textarea", "button"} <= read(first).tags
    answered = say(resident, "你好", read(first).key)
    assert [step.status_code for step in answered.history] == [303]
    assert "你好" in read(answered).text
    assert "核实后决定" in read(answered).text
    again = resident.get("/")
    assert read(again).text.split() == read(answered).text.split()
    assert read(again).key != read(first).key


def test_the_cookie_is_hidden_from_scripts_and_other_sites(resident: httpx.Client) -> None:
    given = resident.get("/").headers["set-cookie"].lower()
    assert given.startswith(COOKIE)
    assert "httponly" in given
    assert "samesite=lax" in given
    assert "secure" not in given
    assert "set-cookie" not in resident.get("/").headers


def test_behind_https_the_cookie_travels_only_so(file_store: Store, file_house: House, clock: Clock) -> None:
    settings = Settings(public_url="https://hotline.example")
    with (
        serving(create_app(settings, file_store, file_house, worker_inside=False, clock=clock)) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        assert "secure" in client.get("/").headers["set-cookie"].lower()
        assert client.post("/messages", headers={"origin": "https://hotline.example", **JSON}).status_code == 422


def test_nothing_is_kept_in_a_cache_framed_or_loaded_from_elsewhere(resident: httpx.Client) -> None:
    answers = [resident.get("/"), say(resident, "你好", **JSON), say(resident, "", **JSON), resident.get("/leave")]
    for answer in answers[:2] + answers[3:]:
        assert answer.headers["cache-control"] == "no-store"
    for answer in (answers[0], answers[3]):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", answer.text)
        assert "<script>" not in answer.text


def test_another_browser_sees_nothing_of_it(resident: httpx.Client, browser: Callable[[], httpx.Client]) -> None:
    say(resident, "只有我知道的话")
    other = browser()
    assert "只有我知道的话" not in other.get("/").text
    assert "只有我知道的话" in resident.get("/").text


def test_a_made_up_cookie_opens_nothing(resident: httpx.Client, file_store: Store) -> None:
    for value in ("short", "x" * 100, "密" * 30, "a" * 30):
        answer = resident.get("/", headers={"cookie": f"{COOKIE}={value}".encode()})
        assert answer.status_code == 200
    with file_store.session() as session:
        assert not session.scalar(select(func.count(Conversation.id)))


# -- what is written ---------------------------------------------------------------------------------------------------


def test_a_form_that_is_sent_twice_is_answered_once(resident: httpx.Client, file_store: Store) -> None:
    key = read(resident.get("/")).key
    for _ in range(3):
        assert say(resident, "家里三口人", key).status_code == 200
    assert stored(file_store) == ["家里三口人"]
    say(resident, "家里四口人", key)  # other words from a page whose key was used: never swallowed
    assert stored(file_store) == ["家里三口人", "家里四口人"]


def test_two_browsers_with_the_same_key_are_two(
    resident: httpx.Client, browser: Callable[[], httpx.Client], file_store: Store
) -> None:
    other = browser()
    say(resident, "你好", "same")
    say(other, "你好", "same")
    assert len(stored(file_store)) == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://elsewhere.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 202),
        ({}, 202),
    ],
)
def test_a_form_on_somebody_elses_page_is_refused(
    resident: httpx.Client, file_store: Store, headers: dict[str, str], status: int
) -> None:
    answer = say(resident, "你好", **JSON, **headers)
    assert answer.status_code == status
    assert len(stored(file_store)) == (status == 202)
    if status == 403:
        assert "没有收下" in answer.json()["error"]


def test_too_many_messages_are_refused_in_words_and_later_taken_again(
    resident: httpx.Client, file_store: Store, clock: Clock
) -> None:
    resident.get("/")
    for number in range(MESSAGES_A_MINUTE):
        assert say(resident, f"第{number}句", **JSON).status_code == 202
    refused = say(resident, "再来一句", **JSON)
    assert refused.status_code == 429
    assert "12345" in refused.json()["error"]
    assert say(resident, "再来一句").status_code == 429  # and as a page, for a form without a script
    assert len(stored(file_store)) == MESSAGES_A_MINUTE
    clock.advance(seconds=61)
    assert say(resident, "再来一句", **JSON).status_code == 202


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u3000"])
def test_empty_is_refused_in_words(resident: httpx.Client, file_store: Store, text: str) -> None:
    answer = say(resident, text, **JSON)
    assert answer.status_code == 422
    assert "没有写字" in answer.json()["error"]
    assert "没有写字" in read(say(resident, text)).text
    assert not stored(file_store)


@pytest.mark.parametrize("text", ["。", "😀", "a\x00b\x07\x1b[2J", "\ufeff\u202e你好", "𠮷" * 10, "1\r\n2"])
def test_odd_characters_are_stored_and_answered(resident: httpx.Client, file_store: Store, text: str) -> None:
    assert say(resident, text).status_code == 200
    assert stored(file_store) == [text]
    assert "助手" in read(resident.get("/")).text


def test_bytes_that_are_no_utf8_do_not_break_it(resident: httpx.Client, file_store: Store) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert resident.post("/messages", content=b"text=%ff%fe\xff&key=1", headers={**form, **JSON}).status_code == 202
    assert len(stored(file_store)) == 1
    assert resident.post("/messages", content=b"{}", headers={"content-type": "text/json", **JSON}).status_code == 422
    fields = b"&".join(b"a=1" for _ in range(100))
    assert resident.post("/messages", content=fields, headers={**form, **JSON}).status_code == 422


def test_the_longest_text_is_stored_whole(resident: httpx.Client, file_store: Store) -> None:
    text = "难" * LONGEST_TEXT
    assert say(resident, text, **JSON).status_code == 202
    assert stored(file_store) == [text]


def test_longer_than_that_is_refused_in_words(resident: httpx.Client, file_store: Store) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    too_long = say(resident, "难" * (LONGEST_TEXT + 1), **JSON)
    huge = resident.post("/messages", content=b"text=" + b"x" * LONGEST_BODY, headers={**form, **JSON})
    for answer in (too_long, huge):
        assert answer.status_code == 413
        assert "分几次发" in answer.json()["error"]
    assert "分几次发" in read(say(resident, "难" * (LONGEST_TEXT + 1))).text
    assert not stored(file_store)


def test_a_body_of_unknown_length_is_not_read_to_the_end(resident: httpx.Client, file_store: Store) -> None:
    def endless() -> Iterator[bytes]:
        yield b"text="
        for _ in range(LONGEST_BODY // 100_000 + 1):
            yield b"x" * 100_000

    headers = {"content-type": "application/x-www-form-urlencoded", **JSON}
    assert resident.post("/messages", content=endless(), headers=headers).status_code == 413
    assert not stored(file_store)


def test_markup_is_shown_and_not_obeyed(resident: httpx.Client) -> None:
    page = say(resident, NASTY)
    assert NASTY in read(page).text
    assert "<script>alert" not in page.text


def test_trouble_of_the_store_is_a_sentence_and_the_words_can_be_sent_again(
    resident: httpx.Client, file_store: Store
) -> None:
    key = read(resident.get("/")).key
    trouble: list[str] = []

    def fail(*_: object) -> None:
        if trouble:
            raise OperationalError("begin", None, Exception("database or disk is full"))

    event.listen(file_store.engine, "before_cursor_execute", fail)
    say(resident, "第一句", "other")
    trouble.append("full")
    refused = say(resident, "你好", key, **JSON)
    page = resident.get("/")
    health = resident.get("/health")
    trouble.clear()
    assert (refused.status_code, page.status_code, health.status_code) == (503, 503, 503)
    assert "没有存上" in refused.json()["error"]
    assert "没有丢" in page.text
    assert say(resident, "你好", key).status_code == 200
    assert stored(file_store) == ["第一句", "你好"]
    assert resident.get("/health").status_code == 200


# -- replies by themselves ---------------------------------------------------------------------------------------------


def events(client: httpx.Client, wanted: int, **headers: str) -> list[tuple[int, dict[str, str]]]:
    """The first `wanted` events of the stream: their numbers and contents."""
    found: list[tuple[int, dict[str, str]]] = []
    number = 0
    with client.stream("GET", "/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        for line in answer.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            if line.startswith("data: "):
                found.append((number, json.loads(line[6:])))
                if len(found) == wanted:
                    break
    return found


def test_replies_come_by_themselves_once_each_and_escaped(resident: httpx.Client) -> None:
    resident.get("/")
    say(resident, "你好", "1", **JSON)
    (first,) = events(resident, 1)
    assert first[1]["author"] == "assistant"
    assert "<br>" in first[1]["html"]
    say(resident, "你是谁", "2", **JSON)
    (second,) = events(resident, 1, **{"last-event-id": str(first[0])})
    assert second[0] > first[0]
    assert [number for number, _ in events(resident, 2)] == [first[0], second[0]]


def test_a_stream_without_a_conversation_is_nothing(resident: httpx.Client) -> None:
    assert resident.get("/events").status_code == 204
    assert resident.get("/events", params={"after": "-1; drop table"}).status_code == 204


def test_an_old_stream_lets_go(resident: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.channels.web, "EVENTS_END_AFTER", 0.2)
    monkeypatch.setattr(bot.channels.web, "EVENT_SECONDS", 0.05)
    resident.get("/")
    assert resident.get("/events", params={"after": "x"}).text == "retry: 1500\n\n"


# -- leaving -----------------------------------------------------------------------------------------------------------


def test_a_quick_exit_leaves_a_neutral_page_and_no_cookie(resident: httpx.Client) -> None:
    say(resident, "他打我")
    left = resident.post("/leave")
    assert left.url.path == "/leave"
    assert COOKIE not in resident.cookies
    assert "cookies" in left.history[0].headers["clear-site-data"]
    assert not {"form", "script"} & read(left).tags
    assert "救急难" not in read(left).text.replace("便民电话", "")
    assert "打我" not in left.text
    assert "他打我" not in resident.get("/").text


def test_words_travel_in_the_body_only(address: str, file_store: Store) -> None:
    """An address with words in it would stand in the logs of every proxy."""
    answer = httpx.get(f"{address}/messages?{urlencode({'text': '你好'})}", trust_env=False)
    assert answer.status_code == 405
    assert not stored(file_store)
