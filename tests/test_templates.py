"""Every template is rendered with every shape of its data; what code asks for exists, and nothing lies about unused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.eligibility import Policy
from actions.perform import ReferralView, Results
from actions.referrals import Progress
from bot.dialogue import _SIDE
from bot.step import Part
from bot.turn import House
from bot.views import apply_view
from bot.wording import TEMPLATES, Wording
from nlu.labels import DANGERS

SHAPES: dict[str, list[dict[str, Any]]] = yaml.safe_load((Path(__file__).parent / "shapes.yaml").read_text("utf-8"))
KNOWN = {"unit": "岳口镇", "hukou_unit": "岳口镇", "given": "岳口", "hukou_place": "天门岳口镇"}
UNKNOWN = {"unit": None, "hukou_unit": None, "given": None, "hukou_place": None}
TEMPLATE_NAMES = sorted(path.stem for path in (TEMPLATES / "zh").glob("*.txt") if not path.stem.startswith("_"))
FORBIDDEN = ("您符合", "您不符合", "一定能领", "一定能批", "所有救助都不看户口", "户籍限制已")


def shapes_of(name: str) -> list[dict[str, Any]]:
    if name in SHAPES:
        return SHAPES[name]
    if name.startswith("danger_"):
        return [
            {"again": again, "for_whom": whom} for again in (True, False) for whom in (None, "self", "family", "other")
        ]
    if name.startswith("ask_") and name != "ask_erase":
        return [
            {"again": again, "for_whom": whom} for again in (True, False) for whom in (None, "self", "family", "other")
        ]
    if name.startswith("side_"):
        return [
            {"programmes": programmes, "place": place}
            for programmes in ("none", "two")
            for place in ("known", "unknown")
        ]
    return [{}]


def filled(shape: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    names = {"none": [], "one": ["dibao"], "two": ["dibao", "temporary_assistance"], "all": list(policy.programmes)}
    data = dict(shape)
    if "place" in data:
        data["place"] = KNOWN if data["place"] == "known" else UNKNOWN
    if "programmes" in data:
        place = data.get("place", UNKNOWN)
        unknown = [{"name": "age", "label": "年龄"}, {"name": "members", "label": "家庭成员"}]
        extra = {"verdict": "possible", "because": ["甲"], "unknown": unknown}
        data["programmes"] = [
            {**apply_view(policy, name, place, {"hukou": "nonlocal"}), **extra} for name in names[data["programmes"]]
        ]
    return data


def results_of(now: datetime) -> list[Results]:
    """What may have come of a turn: every urgency, new and not, every status, nothing at all."""
    views = [
        ReferralView(
            number="TM-1", status="open", urgency=urgency, needs=(), programmes=(), department=department, level=level,
            unit_name="岳口镇", office=None, office_phone=None, sample=False, response_due_at=now + timedelta(hours=hours),
            aid_due_at=now + timedelta(hours=hours), paperwork_due_at=now + timedelta(days=30), fresh=fresh,
        )
        for urgency, department, level, fresh, hours in (
            ("critical", "public_security", "county", True, 1),
            ("urgent", "civil_affairs", "township", True, 24),
            ("routine", "medical_insurance", "county", False, 90),
        )
    ]  # fmt: skip
    return [Results(referral=view, withdrawn="TM-1") for view in views]


def progress_of(now: datetime, status: str) -> Progress:
    return Progress(
        number="TM-1", status=status, urgency="routine", department="civil_affairs", level="township", unit_code="429006107",
        opened_at=now, response_due_at=now, aid_due_at=now, paperwork_due_at=now, accepted_at=None, aided_at=None,
        closed_at=None, outcome=None,
    )  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_every_template_renders_every_shape(name: str, shared_house: House, now: datetime) -> None:
    results = results_of(now)
    if name in ("progress", "withdrawn"):
        results.append(Results(asked_number="TM-2"))
        results.append(Results())
    for status in ("open", "accepted", "aided", "closed", "returned", "withdrawn") if name == "progress" else ():
        results.append(Results(progress=progress_of(now, status)))
    for shape in shapes_of(name):
        for result in results:
            text = shared_house.wording.render(Part(name, filled(shape, shared_house.policy)), result, now)
            assert text or name == "withdrawn", shape
            assert "{" not in text
            assert "None" not in text
            assert not [words for words in FORBIDDEN if words in text]


def test_every_template_that_code_asks_for_exists_and_every_one_is_asked_for(shared_house: House) -> None:
    root = TEMPLATES.parent.parent
    sources = "\n".join(
        path.read_text("utf-8") for folder in ("bot", "actions") for path in (root / folder).rglob("*.py")
    )
    named = set(re.findall(r'(?:say|Part|render)\(\s*"(\w+)"', sources))
    named |= {f"danger_{danger}" for danger in DANGERS} | {f"side_{topic}" for topic in _SIDE}
    named |= {f"received_{kind}" for kind in ("voice", "file", "other")}
    named |= {"how_to_apply", "what_it_is", "ask_company", "ask_phone", "ask_event_place", "ask_residence_place"}
    missing = {name for name in named if name not in TEMPLATE_NAMES}
    assert not missing
    questions = {f"ask_{name}" for name, fact in shared_house.policy.facts.items() if fact.ask}
    assert not questions - set(TEMPLATE_NAMES)
    unused = set(TEMPLATE_NAMES) - named - {name for name in TEMPLATE_NAMES if name.startswith("ask_")}
    assert not unused


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(Exception, match="first"):
        Wording().render(Part("welcome", {}), Results(), datetime.now().astimezone())


HALF_WIDTH = re.compile(r"[\u4e00-\u9fff”）][ ]?[,:;?!()]|[,:;?!()][ ]?[\u4e00-\u9fff“（]")
LONGEST_SENTENCE = 75  # characters between two full stops, as a small phone shows them in five lines
FROM_POLICY = ("how_to_apply", "what_it_is", "registration", "progress", "side_how_long", "referral_declined", "hints")


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_sentences_are_short_and_their_punctuation_is_chinese(name: str, shared_house: House, now: datetime) -> None:
    for shape in shapes_of(name):
        for result in results_of(now):
            text = shared_house.wording.render(Part(name, filled(shape, shared_house.policy)), result, now)
            assert not HALF_WIDTH.search(text)
            assert "。。" not in text
            assert "\n\n\n" not in text
            assert not [line for line in text.splitlines() if line.startswith(("，", "。", "；", "、"))]
            if name not in FROM_POLICY:
                assert max(map(len, re.split(r"[。？！\n]|\. ", text))) <= LONGEST_SENTENCE


def test_pages_have_chinese_punctuation() -> None:
    folder = TEMPLATES.parent
    pages = [*(folder / "web").glob("*.html"), folder / "static" / "chat.js"]
    for page in pages:
        text = re.sub(r"\{[%#{].*?[%#}]\}|<[^>]*>|//[^\n]*", "", page.read_text("utf-8"), flags=re.DOTALL)
        assert not HALF_WIDTH.search(text), page.name


def test_whoever_hints_at_help_says_who_decides(shared_house: House, now: datetime) -> None:
    hinting = (
        "hints", "what_it_is", "how_to_apply", "registration", "emergency_registration", "welcome", "change", "cannot", "about_bot",
        "side_amount", "side_both_subsidies", "side_money_now", "side_who_decides", "which_programme", "wages",
    )  # fmt: skip
    for name in hinting:
        for shape in shapes_of(name):
            text = shared_house.wording.render(Part(name, filled(shape, shared_house.policy)), results_of(now)[0], now)
            assert re.search(r"决定|才能定", text), name
