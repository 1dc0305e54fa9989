"""Facts of a message: what it states, normalised, never guessed (the contract is nlu.labels.FACT_TYPES).

Rules in process, no model: a fact is recognised even when every service is down. Total on every `str`; of texts longer than
`nlu.normalise.MAX_CHARACTERS` the head and the tail are read.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any, Final

from nlu.amounts import read_money
from nlu.circumstances import can_self_care, current_status, disability, employment, housing, serious_illness
from nlu.contacts import read_contacts
from nlu.events import extract_extra
from nlu.labels import FACT_TYPES
from nlu.numerals import find_numbers
from nlu.people import (
    children_in_school,
    find_ages,
    find_relatives,
    for_whom,
    household_size,
    lives_alone,
    person_age,
)
from nlu.places import read_places
from nlu.spelling import readable

__all__ = ["extract_extra", "extract_facts"]

_CONTACT_RUN = re.compile(r"\d{11,}")
BARE: Final = 25
"""A message up to this length without a person in it is an answer about the person spoken of, not talk of rules."""
_FACT_SIGN: Final = re.compile(r"[\u4e00-\u9fff\d]")


def _is_bare(text: str) -> bool:
    return len(text) <= BARE and not text.rstrip().endswith(("?", "吗", "么", "呢"))


def extract_facts(text: str, intent: str | None = None) -> dict[str, Any]:
    """The facts that `text` states, in the order of the contract. Never raises.

    `intent` (nlu.labels.INTENTS), where it is known, helps to tell who is in need; every other fact comes from the words alone.
    """
    words = readable(text)
    if not _FACT_SIGN.search(words):
        return {}
    contacts = read_contacts(words)
    spoken = _CONTACT_RUN.sub(" ", words)
    numbers = find_numbers(spoken)
    relatives = find_relatives(spoken)
    alone = lives_alone(spoken)
    whom = for_whom(spoken, relatives, alone=bool(alone), intent=intent)
    personal = whom is not None
    grade, kind = disability(spoken) if personal or _is_bare(spoken) else (None, None)
    places = read_places(spoken, third_person=whom == "other")
    found: dict[str, Any] = {
        "for_whom": whom,
        "age": person_age(spoken, find_ages(spoken, numbers), whom, relatives),
        "household_size": household_size(spoken, numbers),
        "children_in_school": children_in_school(spoken),
        **asdict(read_money(spoken, numbers, alone=bool(alone), personal=personal)),
        "disability_grade": grade,
        "disability_type": kind,
        "serious_illness": serious_illness(spoken, personal=personal, mine=whom == "self"),
        "can_self_care": can_self_care(spoken) if personal or _is_bare(spoken) else None,
        "employment": employment(spoken, family_patient=whom == "family") if personal or _is_bare(spoken) else None,
        "current_status": current_status(spoken, mine=personal),
        "hukou": places.hukou,
        "hukou_place": places.hukou_place,
        "residence_place": places.residence_place,
        "housing": housing(spoken),
        "lives_alone": alone,
        **asdict(contacts),
    }
    return {name: found[name] for name in FACT_TYPES if found.get(name) is not None}
