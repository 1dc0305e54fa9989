"""What anybody on the network may do to us: floods, made-up cookies, pages that are not there, faults of our own."""

from __future__ import annotations

import asyncio
from datetime import datetime

import httpx
import pytest
from console_browser import Browser, Console, open_console
from fastapi import FastAPI
from sqlalchemy import func, select

from bot.channels.web import COOKIE, NEW_TALKS_A_MINUTE
from bot.turn import House
from hotline.serve import SIGN_INS_A_MINUTE
from hotline.settings import Settings
from store.models import Conversation
from store.session import Store


@pytest.fixture
def console(settings: Settings, store: Store, house: House, now: datetime) -> Console:
    return open_console(settings, store, house, now)


def write(console: Console, cookie: str, text: str = "你好") -> int:
    browser = console.browser()
    browser.cookies.set(COOKIE, cookie, domain="hotline.test", path="/")
    return browser.post("/messages", {"accept": "application/json"}, text=text).status_code


def test_made_up_browsers_do_not_flood_the_queue_and_known_ones_are_heard(console: Console) -> None:
    assert write(console, "a resident's own cookie") == 202
    answers = [write(console, f"made up, number {n:05}") for n in range(NEW_TALKS_A_MINUTE + 5)]
    assert answers.count(202) == NEW_TALKS_A_MINUTE - 1
    assert set(answers) == {202, 429}
    assert write(console, "a resident's own cookie", "我家里没米了") == 202
    with console.store.session() as session:
        assert session.scalar(select(func.count(Conversation.id))) == NEW_TALKS_A_MINUTE
    console.clock.forward(minutes=1, seconds=1)
    assert write(console, "another resident's cookie") == 202


def test_signing_in_is_tried_so_often_a_minute_whatever_the_name(console: Console) -> None:
    browser = console.browser()
    tries = [
        browser.post("/console/sign-in", login=f"nobody{n}", password="wrong") for n in range(SIGN_INS_A_MINUTE + 1)
    ]
    assert [answer.status_code for answer in tries] == [403] * SIGN_INS_A_MINUTE + [429]
    assert "等一分钟" in tries[-1].text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/messages", 405)])
def test_a_page_that_is_not_there_is_said_in_chinese(console: Console, method: str, path: str, status: int) -> None:
    answer = console.browser()._send(method, path, {}, {})
    assert answer.status_code == status
    assert "回到对话" in answer.text
    assert "120" in answer.text
    assert "detail" not in answer.text


@pytest.mark.parametrize(("path", "said"), [("/broken", "暂时出了毛病"), ("/console/broken", "系统出错了")])
def test_a_fault_of_ours_is_a_sentence_and_shows_nothing(console: Console, path: str, said: str) -> None:
    def broken() -> None:
        raise KeyError("她说的话")

    console.app.add_api_route(path, broken)
    answer = asyncio.run(ask(console.app, path))
    assert answer.status_code == 500
    assert said in answer.text
    assert "她说的话" not in answer.text


async def ask(app: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hotline.test") as client:
        return await client.get(path)


def test_another_sites_form_cannot_make_the_browser_forget(console: Console) -> None:
    browser: Browser = console.browser()
    refused = browser.post("/leave", {"sec-fetch-site": "cross-site"})
    assert "set-cookie" not in refused.headers
    assert "clear-site-data" not in refused.headers
    assert "clear-site-data" in browser.post("/leave", {"sec-fetch-site": "same-origin"}).headers
