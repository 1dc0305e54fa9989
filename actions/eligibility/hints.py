"""What an assessment answers: a hint for each programme, never a decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["likely", "possible", "unlikely"]
LIKELY: Verdict = "likely"
POSSIBLE: Verdict = "possible"
UNLIKELY: Verdict = "unlikely"


@dataclass(frozen=True, slots=True)
class Reason:
    """One condition and what is known of it. `text` is the condition's label, `source` its citation, both in Chinese."""

    condition: str
    text: str
    holds: bool | None
    source: str


@dataclass(frozen=True, slots=True)
class Hint:
    """What can be said of one programme.

    `missing`: facts of the person whose answer could still change the verdict. `waiting_for`: figures without a value
    for the day and place, or `place_of_registration`. `useful`: facts that settle nothing until such a figure is known,
    but that the office will need.
    """

    programme: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    waiting_for: tuple[str, ...] = ()
    useful: tuple[str, ...] = ()


class Assessment(tuple[Hint, ...]):
    """The hints of one household, one per programme, with the evaluated situation that the next question needs."""

    situation: Any

    def __new__(cls, hints: Iterable[Hint], situation: Any) -> Assessment:
        self = super().__new__(cls, hints)
        self.situation = situation
        return self
