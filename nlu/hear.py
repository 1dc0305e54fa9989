"""Everything that one message says, given the question that stood open: what the dialogue decides upon."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nlu.answers import Answer, read_answer
from nlu.facts import extract_extra
from nlu.gazetteer import TIANMEN, gazetteer
from nlu.normalise import simplify
from nlu.numerals import parse_number
from nlu.remarks import named_programmes, remarks_of
from nlu.understand import understand
from nlu.understanding import Interpreter, Understanding


@dataclass(frozen=True, slots=True)
class Heard:
    """`extra`: facts beyond the label contract; `answer`: the message read as the answer to the question that stood open."""

    understanding: Understanding
    extra: Mapping[str, Any] = field(default_factory=dict)
    remarks: frozenset[str] = frozenset()
    programmes: tuple[str, ...] = ()
    answer: Answer | None = None

    @property
    def text(self) -> str:
        return self.understanding.text

    @property
    def intent(self) -> str:
        return self.understanding.intent

    @property
    def says_nothing(self) -> bool:
        """No letter, character or digit: punctuation, an emoji, nothing at all."""
        return not any(character.isalnum() for character in self.understanding.text)


# An earlier question may be answered late, when the answer can be mistaken for no other.
_LATE: Final = ("event_place", "residence_place")
_HOLDS_NOTHING = re.compile(
    r"(?:没有?|冇|未|不是)(?:再)?(?:吃|领|拿|享受|评|办|申请|得)?(?:过|到|上)?(?:低保|底保|特困|五保)"
)


# What no household has is passed on as it was said, so that it can be asked again instead of being lost.
_AGE_OVER_ALL = re.compile(r"([1-9]\d{2,3}|[二三四五六七八九]百[零〇一二三四五六七八九十]*)(?:多)?岁")
_BELOW_NOTHING = re.compile(
    r"(?:收入|工资|挣|进账)[^,，。;；]{0,6}?(?:-|－|负)\s*([0-9]+|[零一二两三四五六七八九十百千万]+)(?:块|元)?"
)


def _impossible(text: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if (age := _AGE_OVER_ALL.search(text)) and (number := parse_number(age.group(1))) is not None:
        said["age"] = int(number)
    if (income := _BELOW_NOTHING.search(text)) and (number := parse_number(income.group(1))) is not None:
        said["household_income_monthly"] = -int(number)
    return said


def hear(text: str, asked: str | None, interpreter: Interpreter, unanswered: Collection[str] = ()) -> Heard:
    """Understand `text`; when `asked` names a fact, also read it as a bare answer to that question.

    `unanswered`: earlier questions that got no answer; a bare place answers one of them.
    """
    simplified = simplify(text)
    understanding = understand(text, interpreter)
    answer = read_answer(asked, text) if asked else None
    extra = dict(extract_extra(text))
    if strange := _impossible(simplified):
        understanding = replace(understanding, facts={k: v for k, v in understanding.facts.items() if k not in strange})
        extra |= strange
    if "current_status" not in understanding.facts and _HOLDS_NOTHING.search(simplified):
        extra["current_status"] = []
    registered = understanding.facts.get("hukou_place")
    if registered and "hukou" not in understanding.facts and (code := gazetteer().code(registered)):
        extra["hukou"] = (
            "local" if code.startswith(TIANMEN) else "nonlocal"
        )  # we answer here, so here is where they are
    if asked == "hukou" and not registered and (place := read_answer("hukou_place", text)).kind == "value":
        extra["hukou_place"] = place.value
    if answer is None or answer.kind == "none":
        for question in unanswered:
            late = read_answer(question, text) if question in _LATE and question not in understanding.facts else None
            if late and late.kind == "value":
                extra[question] = late.value
    return Heard(understanding, extra, remarks_of(simplified), named_programmes(simplified), answer)
