"""Users, the directory of offices, the state of the product."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from console_browser import PASSWORD, YUEKOU, Browser, Console, open_console, token_in
from sqlalchemy import select

from bot.turn import House
from hotline.settings import Settings
from store.models import Audit, Inbox, Officer
from store.session import Store


@pytest.fixture
def console(settings: Settings, store: Store, house: House, now: datetime) -> Console:
    return open_console(settings, store, house, now)


@pytest.fixture
def administrator(console: Console) -> Browser:
    return console.as_role("administrator")


def shown_password(page: str) -> str:
    found = re.search(r"<code>([^<]+)</code>", page)
    assert found, page
    return found.group(1)


def test_a_new_user_gets_a_password_shown_once(console: Console, administrator: Browser) -> None:
    page = administrator.post(
        "/console/users", login="Zhang", name="张某", role="caseworker", department="civil_affairs", unit=YUEKOU
    ).text
    password = shown_password(page)
    listed = administrator.get("/console/users").text
    assert "张某" in listed
    assert "岳口镇 · 民政" in listed
    assert password not in listed
    browser = console.browser()
    entered = browser.post("/console/sign-in", login="zhang", password=password)
    due = browser.follow(browser.get(entered.headers["location"]))
    browser.csrf = token_in(due.text)
    browser.post("/console/password", old=password, new=PASSWORD, again=PASSWORD)
    assert browser.post("/console/sign-in", login="zhang", password=PASSWORD).status_code == 303
    with console.store.session() as session:
        by = session.scalars(select(Audit).filter_by(action="add_officer")).one().officer_id
        assert by == session.scalars(select(Officer.id).filter_by(role="administrator")).one()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"login": "administrator", "role": "operator"}, "已经有人用了"),
        ({"login": "wang", "role": "king"}, "内容不对"),
        ({"login": "wang", "role": "caseworker"}, "内容不对"),
        ({"login": " ", "role": "operator"}, "内容不对"),
        ({"login": "wang", "role": "operator", "unit": "110000"}, "内容不对"),
        ({"login": "wang", "role": "operator", "department": "magic"}, "内容不对"),
    ],
)
def test_a_user_that_cannot_be(console: Console, administrator: Browser, form: dict[str, Any], said: str) -> None:
    response = administrator.post("/console/users", **form)
    assert response.status_code == 422
    assert said in response.text
    with console.store.session() as session:
        assert len(session.scalars(select(Officer)).all()) == 1


def test_a_deactivated_user_is_out_at_once_and_stays_in_the_list(console: Console, administrator: Browser) -> None:
    officer = console.officer("operator")
    browser = console.signed_in(officer)
    assert browser.get("/console/queue").status_code == 200
    administrator.post(f"/console/users/{officer}/deactivate")
    assert browser.get("/console/queue").headers["location"] == "/console/sign-in"
    assert "已停用" in administrator.get("/console/users").text


def test_nobody_locks_the_last_door_behind_themselves(console: Console) -> None:
    officer = console.officer("administrator")
    browser = console.signed_in(officer)
    assert "不能停用" in browser.follow(browser.post(f"/console/users/{officer}/deactivate")).text
    assert browser.get("/console/users").status_code == 200


def test_a_new_one_time_password_ends_the_old_one(console: Console, administrator: Browser) -> None:
    officer = console.officer("operator")
    browser = console.signed_in(officer)
    password = shown_password(administrator.post(f"/console/users/{officer}/password").text)
    assert browser.get("/console/queue").headers["location"] == "/console/sign-in"
    assert console.browser().post("/console/sign-in", login="operator", password=password).status_code == 303
    assert administrator.post("/console/users/99999/password").status_code == 404


def test_sample_offices_say_so(administrator: Browser) -> None:
    page = administrator.get("/console/directory").text
    assert "其中 40 个是示例" in page
    assert page.count('class="tag sample"') == 40


def test_the_status_page_counts_what_waits_and_what_failed(console: Console) -> None:
    conversation = console.conversation()
    now = console.clock.now
    with console.store.begin() as session:
        for n, status in enumerate(("waiting", "waiting", "failed")):
            session.add(
                Inbox(channel="web", external_id=f"s{n}", conversation_id=conversation, text="x", status=status,
                      next_try_at=now, received_at=now)
            )  # fmt: skip
    console.clock.forward(minutes=7)
    page = console.as_role("supervisor").get("/console/status").text
    for words in (
        "内置模型",
        "SQLite，连得上",
        "没有配置",
        "2 <span>条在等",
        "1 条失败",
        "等了 7 分钟",
        "当地低保标准",
    ):
        assert words in page


def test_a_role_without_pages_is_told_so(console: Console) -> None:
    page = console.as_role("monitoring_officer").get("/console")
    assert page.status_code == 200
    assert "监测员" in page.text
