"""One household against all programmes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from actions.eligibility.errors import FactError
from actions.eligibility.facts import exact_facts
from actions.eligibility.hints import UNLIKELY, Assessment, Hint
from actions.eligibility.policy import Policy
from actions.eligibility.schema import Figure


def assess(
    policy: Policy,
    facts: Mapping[str, Any],
    on: date,
    place: str,
    parameters: Mapping[str, Decimal | float | bool | None] | None = None,
) -> Assessment:
    """A hint for each programme, urgent programmes first.

    `place` is the code of the county that is asked (429006). `parameters` stand in for its figures, for tests and
    what-if; None makes a figure unknown. Raises FactError for facts or parameters that cannot be.
    """
    figures = policy.figures_at(on, place)
    if parameters:
        figures = {**figures, **_stand_ins(policy, parameters)}
    engine = policy.engine
    situation = engine.situate(exact_facts(policy, facts), figures)
    return Assessment((engine.hint(programme, situation) for programme in engine.programmes), situation)


def next_steps(policy: Policy, hints: tuple[Hint, ...], programme: str) -> tuple[str, ...]:
    """What else there is when `programme` is unlikely: the programmes below it on the ladder that are still open."""
    verdicts = {hint.programme: hint.verdict for hint in hints}
    steps: list[str] = []
    seen = {programme}
    queue = list(policy.programmes[programme].otherwise)
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if verdicts.get(name, UNLIKELY) != UNLIKELY:
            steps.append(name)
        queue.extend(policy.programmes[name].otherwise)
    return tuple(steps)


def _stand_ins(policy: Policy, parameters: Mapping[str, Any]) -> dict[str, Figure | None]:
    errors: dict[str, str] = {}
    result: dict[str, Figure | None] = {}
    for name, value in parameters.items():
        known = policy.engine.parameters.get(name)
        if known is None:
            errors[name] = f"没有参数“{name}”"
        elif value is None or isinstance(value, bool):
            if isinstance(value, bool) != (known.type == "boolean") and value is not None:
                errors[name] = f"参数“{known.label}”要一个数"
            result[name] = value
        elif known.type == "boolean" or not isinstance(value, (int, float, Decimal)) or not 0 <= value < 10**12:
            errors[name] = f"参数“{known.label}”不能是{value!r}"
        else:
            result[name] = value if isinstance(value, int) else Decimal(str(value))
    if errors:
        raise FactError(errors)
    return result
