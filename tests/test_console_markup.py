"""What a keyboard, a screen reader and a phone need of every page: labels, one heading, landmarks, table headers, words for every code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser

import pytest
from console_browser import Console, open_console

from actions.conversations import AnswerTooLong, EmptyAnswer, NotTheOwner, TakenAlready
from actions.errors import HotlineError
from actions.officers import ROLES
from actions.referrals import KINDS, OUTCOMES, URGENCIES
from bot.turn import House
from console.pages import SECTIONS, environment
from console.referrals import STATUSES
from hotline.settings import Settings
from nlu.labels import DANGERS, NEEDS
from store.session import Store

VOID = {"input", "meta", "link", "br", "img", "hr"}


class Outline(HTMLParser):
    """The elements of a page, and what stands open when each begins."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture
def console(settings: Settings, store: Store, house: House, now: datetime) -> Console:
    return open_console(settings, store, house, now)


def pages(console: Console) -> Iterator[tuple[str, str]]:
    """Every page with something on it, as (name, HTML)."""
    yield "sign-in", console.browser().post("/console/sign-in", login="x", password="y").text
    critical = console.conversation(severity="critical", words="不想活了")
    referral = console.referral(urgency="critical")
    photo = console.file(referral, b"x", "照片.png", "image/png")
    supervisor, admin = console.as_role("supervisor"), console.as_role("administrator")
    for path in (
        "/console/queue",
        f"/console/queue/{critical}",
        "/console/referrals",
        f"/console/referrals/{referral}",
    ):
        yield path, supervisor.get(path).text
    supervisor.post(f"/console/queue/{critical}/take")
    supervisor.post(f"/console/referrals/{referral}/accept")
    yield "owned", supervisor.get(f"/console/queue/{critical}").text
    yield "accepted", supervisor.post(f"/console/referrals/{referral}/phone").text
    supervisor.post(f"/console/referrals/{referral}/close", outcome="not_found", note="去了两次没有人")
    yield "closed", supervisor.get(f"/console/referrals/{referral}").text
    for path in ("/console/status", "/console/password", "/console/users"):
        yield path, supervisor.get(path).text
    other = console.officer("operator")
    for path in ("/console/users", "/console/directory", "/console/nowhere", f"/console/referrals/{photo}"):
        yield path, admin.get(path).text
    yield "one-time password", admin.post(f"/console/users/{other}/password").text
    yield "nothing", console.as_role("monitoring_officer").get("/console").text


def test_every_page_is_well_formed_and_labelled(console: Console) -> None:
    seen = 0
    for name, page in pages(console):
        outline = Outline(page)
        assert outline.open == [], name
        ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
        assert len(ids) == len(set(ids)), (name, ids)
        assert outline.all("html")[0]["lang"] == "zh-CN"
        assert [len(outline.all(tag)) for tag in ("h1", "main", "title")] == [1, 1, 1], name
        assert all(attributes.get("aria-label") for attributes in outline.all("nav")), name
        labelled = {attributes["for"] for attributes in outline.all("label")}
        for field in outline.all("input", "select", "textarea"):
            if field.get("type") != "hidden":
                assert field.get("id") in labelled or field.get("aria-label"), (name, field)
        for table in range(len(outline.all("table"))):
            assert outline.all("caption")[table] is not None, name
        assert all(attributes.get("scope") for attributes in outline.all("th")), name
        assert all(attributes.get("data-label") for attributes in outline.all("td")), name
        for _, attributes in outline.elements:
            assert not any(key == "style" or key.startswith("on") for key in attributes), (name, attributes)
        assert all(str(attributes["src"]).startswith("/static/") for attributes in outline.all("script", "img")), name
        seen += 1
    assert seen >= 14


def test_every_code_has_its_word(console: Console) -> None:
    words = environment.get_template("_words.html").module
    problems = {error.code for error in (AnswerTooLong, EmptyAnswer, NotTheOwner, TakenAlready)}
    problems |= {error.code for error in HotlineError.__subclasses__()} - {
        "policy_data",  # stops the start
        "referral_not_found",  # a page of its own
        "conversation_not_found",
    }
    for table, codes in {
        "ROLES": ROLES,
        "SECTIONS": [name for name, _ in SECTIONS],
        "DEPARTMENTS": console.house.tools.routes.departments,
        "URGENCIES": URGENCIES,
        "STATUSES": STATUSES,
        "NEEDS": NEEDS,
        "DANGERS": DANGERS,
        "KINDS": KINDS,
        "OUTCOMES": OUTCOMES,
        "CONSENT": ("given", "not_asked", "refused", "emergency"),
        "PROBLEMS": problems,
        "CHOICES": [c for fact in console.house.policy.facts.values() for c in fact.choices],
    }.items():
        assert set(codes) <= set(getattr(words, table)), (table, set(codes) - set(getattr(words, table)))
