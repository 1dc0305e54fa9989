"""The small questions inside a message, and the programmes it names: cases on both sides of every sign (tests/remarks.yaml)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nlu.normalise import simplify
from nlu.remarks import MAX_CHARACTERS, named_programmes, remarks_of, signs

CASES: dict[str, dict[str, dict[str, list[str]]]] = yaml.safe_load(
    (Path(__file__).parent / "remarks.yaml").read_text("utf-8")
)
FEWEST = 6  # cases on either side
NEVER_NAMED = "other_hardship"  # nobody knows its name; it is what the township falls back on


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(name, text, side == "says", id=f"{name}-{side}-{text}")
        for name, sides in CASES[kind].items()
        for side, texts in sides.items()
        for text in texts
    ]


@pytest.mark.parametrize(("name", "text", "expected"), cases("signs"))
def test_sign(name: str, text: str, expected: bool) -> None:
    assert (name in remarks_of(simplify(text))) is expected


@pytest.mark.parametrize(("name", "text", "expected"), cases("programmes"))
def test_programme(name: str, text: str, expected: bool) -> None:
    assert (name in named_programmes(simplify(text))) is expected


def test_every_sign_has_cases_on_both_sides() -> None:
    assert set(CASES["signs"]) == set(signs())
    few = {
        (kind, name, side)
        for kind, named in CASES.items()
        for name, sides in named.items()
        for side in ("says", "not")
        if len(sides[side]) < FEWEST and (name, side) != (NEVER_NAMED, "says")
    }
    assert not few


def test_an_edge_of_dibao_is_not_dibao_but_both_may_be_named() -> None:
    assert named_programmes("低保边缘家庭怎么认定") == ("dibao_edge",)
    assert set(named_programmes("低保和低保边缘有什么不一样")) == {"dibao", "dibao_edge"}


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert remarks_of("好" * MAX_CHARACTERS + "转人工") == frozenset()
    assert named_programmes("好" * MAX_CHARACTERS + "低保") == ()
    assert "person" in remarks_of("转人工" + "好" * 100_000)
