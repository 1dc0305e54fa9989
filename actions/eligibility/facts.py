"""Facts of a household: what can be, what cannot, and the exact form in which rules read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from actions.eligibility.errors import FactError
from actions.eligibility.expressions import exact
from actions.eligibility.schema import FactSpec

if TYPE_CHECKING:
    from actions.eligibility.policy import Policy


def validate_facts(policy: Policy, facts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The facts that can be, and for each that cannot the reason in words. A fact given as None is unknown and left out."""
    clean: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, value in facts.items():
        if value is None:
            continue
        message = mistake_in(policy.facts.get(name), name, value)
        if message is None:
            clean[name] = value
        else:
            errors[name] = message
    return clean, errors


def exact_facts(policy: Policy, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as the rules read them: numbers exact, lists as sets. Raises FactError for facts that cannot be."""
    clean, errors = validate_facts(policy, facts)
    if errors:
        raise FactError(errors)
    return {name: exact_value(policy.facts[name], value) for name, value in clean.items()}


def exact_value(spec: FactSpec, value: Any) -> Any:
    """One possible value in the form in which rules read it."""
    if spec.type in {"integer", "yuan"}:
        return value if isinstance(value, int) else exact(str(value))
    if spec.type == "choices":
        return frozenset(value)
    return value


def mistake_in(spec: FactSpec | None, name: str, value: Any) -> str | None:
    """Why the value cannot be, in words; None when it can."""
    if spec is None:
        return f"没有“{name}”这一项"
    if spec.derived:
        return f"“{spec.label}”由别的情况推算，不能直接填"
    if spec.type in {"integer", "yuan"}:
        return _number_mistake(spec, value)
    if spec.type == "boolean":
        return None if isinstance(value, bool) else f"{spec.label}只能是“是”或“否”，不能是{value!r}"
    if spec.type == "choice":
        good = isinstance(value, str) and value in spec.choices
        return None if good else f"{spec.label}不能是{value!r}，只能是{'、'.join(spec.choices)}"
    return _other_mistake(spec, value)


def _number_mistake(spec: FactSpec, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, Fraction)):
        return f"{spec.label}要一个数，不能是{value!r}"
    if not _finite(value):
        return f"{spec.label}要一个数，不能是{value!r}"
    if spec.type == "integer" and value != int(value):
        return f"{spec.label}要一个整数，不能是{value}"
    if spec.min is not None and value < spec.min:
        return f"{spec.label}不能小于{spec.min}{spec.unit}，现在是{value}"
    if spec.max is not None and value > spec.max:
        return f"{spec.label}不能大于{spec.max}{spec.unit}，现在是{value}"
    return None


def _finite(value: float | Decimal | Fraction) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return not isinstance(value, float) or math.isfinite(value)


def _other_mistake(spec: FactSpec, value: Any) -> str | None:
    if spec.type == "choices":
        good = isinstance(value, (list, tuple, set, frozenset)) and all(item in spec.choices for item in value)
        return None if good else f"{spec.label}要一个列表，每项只能是{'、'.join(spec.choices)}，不能是{value!r}"
    if spec.type == "list":
        return None if isinstance(value, (list, tuple)) else f"{spec.label}要一个列表，不能是{value!r}"
    if spec.type == "date":
        return None if _is_day(value) else f"{spec.label}要一个日期（年-月-日）,不能是{value!r}"
    return None if isinstance(value, str) and value.strip() else f"{spec.label}要文字，不能是{value!r}"


def _is_day(value: Any) -> bool:
    if isinstance(value, date):
        return True
    if not isinstance(value, str):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
