"""Hints as JSON lines: one household a line in, one answer a line out, in order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from actions.eligibility.assessment import assess
from actions.eligibility.errors import FactError
from actions.eligibility.policy import Policy
from actions.eligibility.questions import next_question

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class _LineError(ValueError):
    """A line that is no household; the message says why."""


def hints_lines(policy: Policy, lines: Iterable[str]) -> Iterator[str]:
    """For each non-blank line {"id", "on", "place", "parameters", "facts"} a line {"id", "hints", "next_question"}.

    A line that cannot be read gives {"error"}, with its id where it has one, and the run goes on.
    """
    for line in lines:
        if line.strip():
            yield _written(_answer(policy, line))


def _written(answer: dict[str, Any]) -> str:
    """Chinese as it is; escaped only where an id holds half a character that no encoding can write."""
    text = json.dumps(answer, ensure_ascii=False)
    return text if text.isascii() or not _HALF_CHARACTER.search(text) else json.dumps(answer)


def _answer(policy: Policy, line: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    try:
        case = _read(line)
        if "id" in case:
            known["id"] = case["id"]
        return {**known, **_hints(policy, case)}
    except (_LineError, FactError) as error:
        return {**known, "error": str(error)}


def _read(line: str) -> dict[str, Any]:
    try:
        case = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise _LineError("这一行不是 JSON") from None
    if not isinstance(case, dict):
        raise _LineError("这一行不是 JSON 对象")
    return case


def _hints(policy: Policy, case: dict[str, Any]) -> dict[str, Any]:
    facts, parameters = _mapping(case, "facts"), _mapping(case, "parameters")
    hints = assess(policy, facts, _day(case), _place(case), parameters)
    question = next_question(policy, facts, hints)
    return {
        "hints": [
            {
                "programme": hint.programme,
                "verdict": hint.verdict,
                "missing": list(hint.missing),
                "reasons": [{"text": one.text, "holds": one.holds, "source": one.source} for one in hint.reasons],
            }
            for hint in hints
        ],
        "next_question": question.fact if question else None,
    }


def _mapping(case: dict[str, Any], key: str) -> dict[str, Any]:
    value = case.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _LineError(f"{key} 不是 JSON 对象")
    return value


def _day(case: dict[str, Any]) -> date:
    try:
        return date.fromisoformat(case["on"])
    except KeyError:
        raise _LineError("缺少日期 on") from None
    except (TypeError, ValueError):
        raise _LineError("日期 on 要写成 年-月-日") from None


def _place(case: dict[str, Any]) -> str:
    place = case.get("place")
    if not isinstance(place, str) or not place.isascii() or not place.isdigit() or len(place) not in {2, 4, 6, 9, 12}:
        raise _LineError("place 要写行政区划代码，例如 429006")
    return place
