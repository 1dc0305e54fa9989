"""Screenshots of every page at 360 and 1440 px, from a product started for it: `make screenshots`, or with a folder as argument.

Starts `hotline serve` on a temporary folder and a free port with the sample users, has two residents talk, signs in as officers, and writes
docs/images/<page>-<width>.png. Fails when a page logs an error, does not fit a phone's width, or a picture grows beyond 200 kB.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, FloatRect, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
HOTLINE = ROOT / ".venv" / "bin" / "hotline"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZES = {360: (740, 1100), 1440: (900, 950)}  # width: height of the window, and where a longer page is cut off
LARGEST = 200_000  # bytes of a picture
SECONDS = 30
NEW_PASSWORD = "douzi-chuan-hong-qiao"

FAMILY = (
    "我男人上个月在工地上把腿摔断了，老板不管，家里没得收入，还有两个娃儿在读书",
    "有，米都快没得吃了",
    "四口人，户口在监利，租住在岳口镇",
    "好，我的电话19900001111",
)
HUNGRY = ("我从外地来天门做工，钱包被偷了，两天没吃饭，晚上没地方住", "转人工")
NEIGHBOURS = (
    "隔壁邓婆婆屋里起火，房子烧光了，她一个人没得地方去，我是竟陵街道的网格员",
    "我爸尿毒症一个星期透析三回，一年自己掏四万多，家里拿不出钱了，转人工",
)


@dataclass
class Faults:
    """What is wrong with the pages that were looked at."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._said(page, message.type, message.text))
        page.on("pageerror", lambda error: self.found.append(f"{page.url}: {error}"))

    def _said(self, page: Page, kind: str, text: str) -> None:
        if kind == "error":
            self.found.append(f"{page.url}: {text}")


@dataclass(frozen=True)
class Camera:
    """Takes a page at each width."""

    folder: Path
    faults: Faults

    def take(self, page: Page, name: str, *, whole: bool = True) -> None:
        for width, (height, tallest) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(150)  # the layout settles, and a line that fades in has come
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                self.faults.found.append(f"{name}: {wide} px wide in a window of {width} px")
            tall = page.evaluate("document.documentElement.scrollHeight") if whole else height
            path = self.folder / f"{name}-{width}.png"
            if whole and tall > height:
                clip = FloatRect(x=0, y=0, width=width, height=min(tall, tallest))
                page.screenshot(path=path, full_page=True, clip=clip, animations="disabled")
            else:
                page.screenshot(path=path, animations="disabled")
            if path.stat().st_size > LARGEST:
                self.faults.found.append(f"{path.name}: {path.stat().st_size} bytes")


@dataclass(frozen=True)
class Product:
    """A running product of its own: its address, and the one-time password of each sample user."""

    address: str
    passwords: dict[str, str]


@contextmanager
def product(folder: Path) -> Iterator[Product]:
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HOTLINE_", "TELEGRAM_"))},
        "HOTLINE_VAR": str(folder),
        "HOTLINE_PORT": str(port),
        "HOTLINE_MODEL": str(ROOT / "var" / "models" / "embedded"),
    }
    done = subprocess.run([HOTLINE, "setup"], env=environment, capture_output=True, text=True, check=True)
    passwords = dict(re.findall(r"^ +(\w+) .*一次性密码 (\S+)$", done.stdout, re.MULTILINE))
    address = f"http://127.0.0.1:{port}"
    serving = subprocess.Popen([HOTLINE, "serve"], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until_healthy(address, serving)
        yield Product(address, passwords)
    finally:
        serving.terminate()
        serving.wait(SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(address: str, serving: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and serving.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the product did not start")


def talk(page: Page, *messages: str) -> None:
    """Say each message and wait for what answers it."""
    for message in messages:
        answers = page.locator(".line.assistant:not(.waiting)")
        before = answers.count()
        page.fill("#text", message)
        page.click("#send")
        answers.nth(before).wait_for(timeout=SECONDS * 1000)


def residents(browser: Browser, at: Product, camera: Camera) -> None:
    page = new_page(browser.new_context(), camera.faults)
    page.goto(at.address)
    camera.take(page, "chat")
    talk(page, *FAMILY)
    page.reload()  # the conversation survives it
    page.locator(".line.resident").nth(len(FAMILY) - 1).wait_for()
    camera.take(page, "chat-talk", whole=False)
    page.click("#larger")
    camera.take(page, "chat-larger", whole=False)
    page.click("#leave")
    page.wait_for_url(f"{at.address}/leave")
    camera.take(page, "chat-left")

    other = new_page(browser.new_context(), camera.faults)
    other.goto(at.address)
    talk(other, *HUNGRY)
    other.set_viewport_size({"width": 360, "height": SIZES[360][0]})
    other.locator(".line.resident").first.evaluate("line => line.scrollIntoView({ block: 'start' })")
    camera.take(other, "chat-danger", whole=False)

    for message in NEIGHBOURS:
        neighbour = new_page(browser.new_context(), camera.faults)
        neighbour.goto(at.address)
        talk(neighbour, message)


def new_page(context: BrowserContext, faults: Faults) -> Page:
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    faults.watch(page)
    return page


def enter_console(page: Page, address: str, login: str, password: str) -> None:
    page.goto(f"{address}/console/sign-in")
    page.fill("#login", login)
    page.fill("#password", password)
    page.click("button.primary")
    page.wait_for_load_state()


def change_password(page: Page, old: str) -> None:
    page.fill("#old", old)
    page.fill("#new", NEW_PASSWORD)
    page.fill("#again", NEW_PASSWORD)
    page.click("button.primary")
    page.wait_for_url("**/sign-in*")


def officer(browser: Browser, at: Product, camera: Camera, login: str, *, show: bool = False) -> Page:
    """A page of an officer who has signed in and changed the one-time password."""
    page = new_page(browser.new_context(), camera.faults)
    if show:
        page.goto(f"{at.address}/console/sign-in")
        camera.take(page, "console-sign-in")
    enter_console(page, at.address, login, at.passwords[login])
    if show:
        camera.take(page, "console-password")
    change_password(page, at.passwords[login])
    enter_console(page, at.address, login, NEW_PASSWORD)
    return page


def officers(browser: Browser, at: Product, camera: Camera) -> None:
    page = officer(browser, at, camera, "operator", show=True)
    page.goto(f"{at.address}/console/queue")
    camera.take(page, "console-queue")
    page.locator("main a[href^='/console/queue/']").first.click()
    page.wait_for_load_state()
    camera.take(page, "console-conversation")

    page = officer(browser, at, camera, "supervisor")
    page.goto(f"{at.address}/console/referrals")
    camera.take(page, "console-referrals")
    page.locator("main td a, main th a").first.click()
    page.wait_for_load_state()
    camera.take(page, "console-referral")

    page = officer(browser, at, camera, "admin")
    for name in ("users", "directory", "status"):
        page.goto(f"{at.address}/console/{name}")
        camera.take(page, f"console-{name}")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        sys.exit(f"no browser: one of {', '.join(BROWSERS)} has to be installed")
    camera = Camera(folder, Faults())
    with (
        tempfile.TemporaryDirectory() as temporary,
        product(Path(temporary)) as running,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=executable, args=BROWSER_OPTIONS) as browser,
    ):
        residents(browser, running, camera)
        officers(browser, running, camera)
    if camera.faults.found:
        sys.exit("\n".join(camera.faults.found))
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


if __name__ == "__main__":
    main()
