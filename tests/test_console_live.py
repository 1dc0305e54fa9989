"""The pages in a real browser: what changes without a reload, and whether they fit a phone."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import uvicorn
from console_browser import Console, open_console
from cryptography.fernet import Fernet
from playwright.sync_api import Page, expect, sync_playwright
from sqlalchemy import select

from actions.directory import load_sample_directory
from bot.inbox import IncomingMessage, answer_waiting, receive
from console.security import COOKIE
from hotline.assembly import build_house
from hotline.settings import Settings
from nlu.understanding import Interpreter
from store.models import Conversation
from store.session import migrate, open_store
from store.vault import Vault

pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT = 10_000  # milliseconds; the page asks every 3 seconds


class Serving(uvicorn.Server):
    """Served from a thread, on a free port of the loopback."""

    def __init__(self, console: Console) -> None:
        super().__init__(uvicorn.Config(console.app, port=0, log_level="warning", lifespan="off"))
        self.thread = threading.Thread(target=self.run)
        self.begun = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.begun.set()

    def __enter__(self) -> str:
        self.thread.start()
        assert self.begun.wait(10)
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self.thread.join(10)


@pytest.fixture
def console(settings: Settings, interpreter: Interpreter, tmp_path: Path, now: datetime) -> Iterator[Console]:
    """Over a file: in memory all threads would share one connection."""
    store = open_store(f"sqlite:///{tmp_path / 'live.db'}", Vault([Fernet.generate_key().decode("ascii")]))
    migrate(store)
    with store.begin() as session:
        load_sample_directory(session, settings.policy)
    yield open_console(settings, store, build_house(settings, store, interpreter), now)
    store.close()


@pytest.fixture
def address(console: Console) -> Iterator[str]:
    with Serving(console) as address:
        yield address


@pytest.fixture
def window() -> Iterator[Page]:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert executable, "no Chromium on the path: make setup installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 360, "height": 800})
        browser.close()


def enter(window: Page, console: Console, address: str, role: str) -> None:
    token = console.as_role(role).cookies[COOKIE]
    window.context.add_cookies([{"name": COOKIE, "value": token, "url": f"{address}/console"}])


def test_a_crisis_appears_by_itself_and_an_answer_half_written_survives(
    console: Console, address: str, window: Page
) -> None:
    troubles: list[str] = []
    window.on("pageerror", lambda error: troubles.append(str(error)))
    window.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    enter(window, console, address, "operator")
    window.goto(f"{address}/console/queue")
    assert window.title().startswith("等人处理")

    def resident_says(n: int, text: str) -> None:
        console.clock.forward(seconds=1)
        receive(console.store, IncomingMessage("web", "browser-address-000001", f"m{n}", text), console.clock.now)
        answer_waiting(console.store, console.house, console.clock.now)

    resident_says(1, "我不想活了")
    expect(window).to_have_title(re.compile("^【危急 1】"), timeout=WAIT)
    assert window.locator(".alarm").is_visible()
    with console.store.session() as session:
        number = session.scalars(select(Conversation.id)).one()
    window.click(f"#c{number}")
    window.click(".answer button")
    window.fill("#text", "我在,您")
    resident_says(2, "你是谁")
    window.get_by_text("你是谁").wait_for(timeout=WAIT)
    assert window.input_value("#text") == "我在,您"
    assert window.evaluate("document.activeElement.id") == "text"
    window.click(".answer button")
    window.locator(".line.officer").wait_for(timeout=WAIT)
    assert troubles == []


@pytest.mark.parametrize(
    ("role", "paths"),
    [
        ("supervisor", ["/console/queue", "/console/queue/1", "/console/referrals", "/console/referrals/1", "/console/status"]),
        ("administrator", ["/console/users", "/console/directory", "/console/password"]),
    ],
)  # fmt: skip
def test_every_page_fits_a_phone(console: Console, address: str, window: Page, role: str, paths: list[str]) -> None:
    console.conversation(severity="critical", words="没有空格的很长很长的话" * 40 + "x" * 300)
    console.referral(words="w" * 500)
    enter(window, console, address, role)
    for path in paths:
        window.goto(address + path)
        assert window.locator("h1").count() == 1, path
        assert window.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
