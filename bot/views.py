"""What templates see of the law: plain dictionaries made of programmes, hints and places."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from actions.eligibility import Hint, Policy, Programme
from actions.routing import Unit

# For people of a certain kind only: told when it was asked for, or when something known speaks for it.
_FOR_SOME = frozenset(
    {
        "tekun",
        "child_welfare",
        "child_rehabilitation",
        "disability_subsidy",
        "home_accessibility",
        "monitored",
        "stranded_aid",
    }
)
_CATCH_ALL = frozenset({"monitored", "other_hardship", "charity"})  # told when nothing nearer is left


def place_view(facts: Mapping[str, Any], find_unit: Callable[[str | None], Unit | None]) -> dict[str, Any]:
    """Where they are, in the county's own units as far as they are known.

    `unit`: the township where the emergency is or they live; `hukou_unit`: that of their registration; `given`: their own words.
    """
    here = find_unit(facts.get("event_place")) or find_unit(facts.get("residence_place"))
    registered = find_unit(facts.get("hukou_place"))
    if registered is None and facts.get("hukou") == "local":
        registered = here
    return {
        "unit": here.name if here else None,
        "hukou_unit": registered.name if registered else None,
        "given": facts.get("event_place") or facts.get("residence_place"),
        "hukou_place": facts.get("hukou_place"),
    }


def apply_view(policy: Policy, name: str, place: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """One programme as it is told: what one gets, where to go, what to bring and what nobody may demand."""
    programme = policy.programmes[name]
    return {
        "name": name,
        "label": programme.label,
        "benefit": list(programme.benefit),
        "where": programme.apply_at.where,
        "apply": programme.apply_at.text,
        "registration": programme.apply_at.registration,
        "office": _office(programme, place),
        "elsewhere": facts.get("hukou") in ("nonlocal", "none") and programme.apply_at.where == "hukou_place",
        "materials": list(programme.materials),
        "must_not_ask": list(programme.must_not_ask),
        "deadline": _whole_deadline(programme),
        "decider": programme.decider,
        "appeal": programme.appeal,
        "hotline": programme.hotline,
    }


def _whole_deadline(programme: Programme) -> str | None:
    """What a person asks for: how long until it is decided, not one stage of it."""
    for stage in ("total", "decision"):
        for deadline in programme.deadlines:
            if deadline.stage == stage:
                return deadline.text
    return programme.deadlines[-1].text if programme.deadlines else None


def _office(programme: Programme, place: Mapping[str, Any]) -> str | None:
    """The township to go to, when it is known: of the event for emergency help, of the registration for the rest."""
    if programme.apply_at.where in ("event_place", "any_township"):
        return str(place["unit"]) if place["unit"] else None
    if programme.apply_at.where == "hukou_place":
        return str(place["hukou_unit"]) if place["hukou_unit"] else None
    return None


def hint_views(
    policy: Policy,
    hints: Iterable[Hint],
    *,
    relevant: Collection[str],
    named: Collection[str],
    needs: Collection[str],
    emergency: bool,
    place: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The programmes worth asking about, the best first: what speaks for each, and what is still unknown.

    Likely before possible; then what was asked for by name; then what is made for this need before what helps with everything,
    emergency help last when there is no emergency; then what is nearest to being settled.
    """

    def speaks_for(hint: Hint) -> bool:
        return any(reason.holds for reason in hint.reasons)

    def rank(hint: Hint) -> tuple[Any, ...]:
        programme = policy.programmes[hint.programme]
        return (
            hint.verdict != "likely",
            hint.programme not in named,
            hint.programme in _CATCH_ALL,
            programme.urgent != emergency,
            not speaks_for(hint),
            len(set(programme.needs) - set(needs)),
            programme.order,
        )

    chosen = [
        hint
        for hint in hints
        if hint.verdict != "unlikely"
        and (hint.programme in relevant or hint.verdict == "likely")
        and (hint.programme not in _FOR_SOME or hint.programme in named or speaks_for(hint))
    ]
    return [
        {
            **apply_view(policy, hint.programme, place, facts),
            "verdict": hint.verdict,
            "because": [reason.text for reason in hint.reasons if reason.holds][:2],
            "unknown": [
                {"name": name, "label": policy.facts[name].label}
                for name in hint.missing
                if name in policy.facts and name != "hukou"  # where to apply says it
            ][:2],
        }
        for hint in sorted(chosen, key=rank)
    ]
