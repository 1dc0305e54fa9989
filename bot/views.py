"""What templates see of the law: plain dictionaries made of programmes, hints and places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from actions.routing import Unit

from actions.eligibility import Hint, Policy, Programme

_RANK = {"likely": 0, "possible": 1, "unlikely": 2}


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
        "deadlines": [deadline.text for deadline in programme.deadlines],
        "decider": programme.decider,
        "appeal": programme.appeal,
        "hotline": programme.hotline,
    }


def _office(programme: Programme, place: Mapping[str, Any]) -> str | None:
    """The township to go to, when it is known: of the event for emergency help, of the registration for the rest."""
    if programme.apply_at.where in ("event_place", "any_township"):
        return str(place["unit"]) if place["unit"] else None
    if programme.apply_at.where == "hukou_place":
        return str(place["hukou_unit"]) if place["hukou_unit"] else None
    return None


def hint_views(
    policy: Policy, hints: Iterable[Hint], relevant: Iterable[str], place: Mapping[str, Any], facts: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The programmes worth asking about, likely ones first: what speaks for each, and what is still unknown."""
    wanted = set(relevant)
    chosen = [
        hint for hint in hints if hint.verdict != "unlikely" and (hint.programme in wanted or hint.verdict == "likely")
    ]
    chosen.sort(key=lambda hint: (_RANK[hint.verdict], hint.programme not in wanted))
    return [
        {
            **apply_view(policy, hint.programme, place, facts),
            "verdict": hint.verdict,
            "because": [reason.text for reason in hint.reasons if reason.holds][:2],
            "unknown": [policy.facts[fact].label for fact in hint.missing if fact in policy.facts][:2],
        }
        for hint in chosen
    ]
