"""Signing in and out, sessions that end, the one-time password."""

from __future__ import annotations

from datetime import datetime

import pytest
from console_browser import COUNTY, PASSWORD, Browser, Console, open_console, token_in
from sqlalchemy import select

from actions.officers import create_officer
from bot.turn import House
from console.security import COOKIE
from hotline.settings import Settings
from store.models import Audit, Officer
from store.session import Store


@pytest.fixture
def console(settings: Settings, store: Store, house: House, now: datetime) -> Console:
    return open_console(settings, store, house, now)


@pytest.fixture
def one_time(console: Console) -> str:
    with console.store.begin() as session:
        return create_officer(session, "li", "李某", "supervisor", None, COUNTY, console.clock.now)


def enter(console: Console, password: str) -> Browser:
    browser = console.browser()
    response = browser.post("/console/sign-in", login="li", password=password)
    assert response.status_code == 303, response.text
    return browser


def test_the_first_day_of_an_officer(console: Console, one_time: str) -> None:
    browser = enter(console, one_time)
    due = browser.follow(browser.get("/console/queue"))
    assert "一次性密码" in due.text
    browser.csrf = token_in(due.text)
    changed = browser.post("/console/password", old=one_time, new=PASSWORD, again=PASSWORD)
    assert "新密码登录" in browser.follow(changed).text
    assert browser.get("/console/queue").headers["location"] == "/console/sign-in"
    browser = enter(console, PASSWORD)
    assert browser.get("/console").headers["location"] == "/console/queue"
    page = browser.get("/console/queue")
    assert "李某" in page.text
    assert "督办" in page.text


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(console: Console, one_time: str) -> None:
    response = console.browser().post("/console/sign-in", login="li", password=one_time)
    cookie = response.headers["set-cookie"].lower()
    assert cookie.startswith(COOKIE)
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/console" in cookie
    assert "secure" not in cookie  # plain http on loopback


def test_the_cookie_is_secure_where_the_public_address_is(
    settings: Settings, store: Store, house: House, now: datetime
) -> None:
    console = open_console(settings.model_copy(update={"public_url": "https://example.org"}), store, house, now)
    with console.store.begin() as session:
        password = create_officer(session, "li", "李某", "supervisor", None, None, now)
    response = console.browser().post("/console/sign-in", login="li", password=password)
    assert "secure" in response.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        (None, PASSWORD, PASSWORD + "x", "不一样"),
        (None, "short", "short", "不合要求"),
        ("wrong", PASSWORD, PASSWORD, "不对"),
    ],
    ids=["differ", "short", "wrong"],
)
def test_a_password_that_cannot_be(
    console: Console, one_time: str, old: str | None, new: str, again: str, said: str
) -> None:
    browser = enter(console, one_time)
    browser.csrf = token_in(browser.get("/console/password").text)
    response = browser.post("/console/password", old=old or one_time, new=new, again=again)
    assert response.status_code == 422
    assert said in response.text
    with console.store.session() as session:
        officer = session.scalars(select(Officer).filter_by(login="li")).one()
        assert officer.must_change_password
        assert officer.failed_attempts == (1 if old == "wrong" else 0)


def test_a_wrong_password_says_no_more_than_an_unknown_name(console: Console, one_time: str) -> None:
    known = console.browser().post("/console/sign-in", login="li", password="wrong")
    unknown = console.browser().post("/console/sign-in", login="nobody", password=one_time)
    assert known.status_code == unknown.status_code == 403
    assert known.text == unknown.text


def test_five_wrong_passwords_lock_and_time_opens(console: Console, one_time: str) -> None:
    for _ in range(5):
        console.browser().post("/console/sign-in", login="li", password="wrong")
    locked = console.browser().post("/console/sign-in", login="li", password=one_time)
    assert locked.status_code == 403
    assert "锁定" in locked.text
    console.clock.forward(minutes=16)
    enter(console, one_time)
    with console.store.session() as session:
        actions = [row.action for row in session.scalars(select(Audit).order_by(Audit.id))]
    assert actions.count("sign_in_failed") == 5
    assert "lock_officer" in actions
    assert actions[-1] == "sign_in"


def test_a_session_ends_when_idle_when_old_and_at_sign_out(console: Console) -> None:
    officer = console.officer("supervisor")
    idle = console.signed_in(officer)
    console.clock.forward(hours=1, minutes=59)
    assert idle.get("/console/status").status_code == 200
    console.clock.forward(hours=2)
    assert idle.get("/console/status").headers["location"] == "/console/sign-in"

    old = console.signed_in(officer)
    for _ in range(11):
        console.clock.forward(hours=1)
        assert old.get("/console/status").status_code == 200
    console.clock.forward(hours=1)
    assert old.get("/console/status").headers["location"] == "/console/sign-in"

    left = console.signed_in(officer)
    cookies = dict(left.cookies)
    response = left.post("/console/sign-out")
    assert response.headers["location"] == "/console/sign-in"
    again = console.browser()
    again.cookies.update(cookies)
    assert again.get("/console/status").headers["location"] == "/console/sign-in"


def test_pages_are_private_and_load_nothing_from_elsewhere(console: Console) -> None:
    for response in (console.browser().get("/console/sign-in"), console.as_role("supervisor").get("/console/queue")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["content-security-policy"].startswith("default-src 'self'")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "<script>" not in response.text
        assert " style=" not in response.text


def test_what_is_not_there_is_said_in_words(console: Console) -> None:
    browser = console.as_role("supervisor")
    for path in ("/console/nowhere", "/console/referrals/999999", "/console/queue/999999"):
        response = browser.get(path)
        assert response.status_code == 404
        assert "找不到" in response.text
    for path in ("/console/referrals/abc", "/console/referrals/99999999999999999999", "/console/referrals?page=0"):
        response = browser.get(path)
        assert response.status_code == 422
        assert "内容不对" in response.text
    assert "回到对话" in console.browser().get("/nowhere").text  # outside the console it is the residents' page


def test_a_store_that_fails_is_said_in_words(console: Console) -> None:
    browser = console.as_role("supervisor")
    with console.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE console_session RENAME TO gone")
    response = browser.get("/console/referrals")
    assert response.status_code == 503
    assert "数据库暂时用不了" in response.text
