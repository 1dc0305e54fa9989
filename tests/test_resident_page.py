"""The resident's page in a real browser: on a phone, by keyboard, without a script, in a hurry; and every page of the product pictured."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from serving import serving

from bot.turn import House
from hotline.serve import create_app
from hotline.settings import ROOT, Settings
from nlu.understanding import Interpreter
from store.session import Store

pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
WAIT = 15_000  # milliseconds
WORDS = "我家四口人没有收入了，想问问低保"
LEAST_CONTRAST = 7.0

# The contrast of every piece of text with what lies behind it, as WCAG counts it.
CONTRASTS = """() => {
  const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join("");
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    found.push([own.slice(0, 20), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = next(path for path in map(shutil.which, BROWSERS) if path)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=OPTIONS)
        yield launched
        launched.close()


@pytest.fixture
def address(settings: Settings, file_store: Store, file_house: House) -> Iterator[str]:
    with serving(create_app(settings, file_store, file_house)) as base:
        yield base


def phone(browser: Browser, **options: Any) -> BrowserContext:
    context = browser.new_context(**{"viewport": {"width": 360, "height": 640}, **options})
    context.set_default_timeout(WAIT)
    return context


def talk(page: Page, words: str) -> None:
    answers = page.locator(".line.assistant:not(.waiting)")
    before = answers.count()
    page.fill("#text", words)
    page.click("#send")
    answers.nth(before).wait_for()


def test_what_was_said_survives_a_reload_and_replies_come_by_themselves(browser: Browser, address: str) -> None:
    page = phone(browser).new_page()
    page.goto(address)
    talk(page, WORDS)
    said = page.locator("#log .words").all_inner_texts()[-2:]

    page.reload()

    assert [text.strip() for text in page.locator("#log .words").all_inner_texts()[-2:]] == [
        text.strip() for text in said
    ]
    assert said[0] == WORDS


def test_the_keyboard_alone_is_enough(browser: Browser, address: str) -> None:
    page = phone(browser).new_page()
    page.goto(address)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.locator("#text").focus()
    page.keyboard.type("第一行")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("第二行")
    page.keyboard.press("Enter")

    expect(page.locator(".line.resident .words")).to_have_text("第一行\n第二行")
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_have_value("")


def test_without_a_script_the_form_works(browser: Browser, address: str) -> None:
    page = phone(browser, java_script_enabled=False).new_page()
    page.goto(address)
    page.fill("#text", WORDS)
    page.click("#send")

    expect(page.locator(".line.resident .words")).to_have_text(WORDS)
    assert page.locator(".line.assistant").count() == 1
    page.click("#leave")
    expect(page).to_have_url(f"{address}/leave")


def test_a_quick_exit_leaves_nothing_on_the_page_nor_behind_it(browser: Browser, address: str) -> None:
    context = phone(browser)
    page = context.new_page()
    page.goto(address)
    talk(page, WORDS)
    assert context.cookies()

    page.click("#leave")

    expect(page).to_have_url(f"{address}/leave")
    assert "低保" not in page.content()
    assert "热线" not in page.title()
    assert not context.cookies()
    page.go_back()
    page.wait_for_load_state()
    assert WORDS not in page.content()


@pytest.mark.parametrize("larger", [False, True])
@pytest.mark.parametrize("size", [(320, 568), (360, 640), (360, 340), (640, 360), (1440, 900)], ids=str)
def test_the_place_to_write_is_always_in_view(
    browser: Browser, address: str, size: tuple[int, int], larger: bool
) -> None:
    width, height = size
    page = phone(browser, viewport={"width": width, "height": 740}).new_page()
    page.goto(address)
    talk(page, WORDS)
    if larger:
        page.click("#larger")

    page.set_viewport_size({"width": width, "height": height})  # a keyboard comes up, the telephone is turned

    for part in ("#text", "#send", "#person"):
        expect(page.locator(part)).to_be_in_viewport(ratio=0.95)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_reply_is_read_from_its_beginning(browser: Browser, address: str) -> None:
    page = phone(browser).new_page()
    page.goto(address)
    talk(page, WORDS)

    expect(page.locator(".line.assistant .who").last).to_be_in_viewport()


def test_type_is_large_and_contrast_is_strong(browser: Browser, address: str) -> None:
    page = phone(browser).new_page()
    for path in ("/", "/leave"):
        page.goto(f"{address}{path}")
        if path == "/":
            talk(page, WORDS)
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 3
        assert [text for text, ratio in contrasts if ratio < LEAST_CONTRAST] == []
        assert float(page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")) >= 20


def test_every_page_is_pictured_without_an_error_and_fits_a_phone(tmp_path: Path, interpreter: Interpreter) -> None:
    """`make screenshots` on another folder. It fails when a page logs an error or is wider than its window."""
    assert interpreter  # trained before the product would train it
    command = [sys.executable, str(ROOT / "scripts" / "screenshots.py"), str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, re.sub(r"^\{.*\}$", "", done.stderr, flags=re.MULTILINE)
    assert {path.name for path in tmp_path.glob("*.png")} == {
        path.name for path in (ROOT / "docs" / "images").glob("*.png")
    }
