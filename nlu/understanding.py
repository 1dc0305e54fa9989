"""The value that leaves the NLU layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nlu.labels import Urgency, urgency_of

Facts = Mapping[str, Any]  # names and types: nlu.labels.FACT_TYPES


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What an interpreter (embedded or Rasa) says of a text: scores 0..1 per label.

    `intents` sums to about 1; `needs` and `dangers` are independent probabilities.
    """

    intents: Mapping[str, float]
    needs: Mapping[str, float] = field(default_factory=dict)
    dangers: Mapping[str, float] = field(default_factory=dict)


class Interpreter(Protocol):
    """Either of the two interpreters. Errors of a service never leave it: it falls back instead."""

    name: str

    def interpret(self, text: str) -> Interpretation: ...


@dataclass(frozen=True, slots=True)
class Understanding:
    """One message understood. `intent` is `other` with the confidence it earned when nothing fits."""

    text: str
    intent: str
    confidence: float
    needs: tuple[str, ...] = ()
    dangers: tuple[str, ...] = ()
    facts: Facts = field(default_factory=dict)

    @property
    def urgency(self) -> Urgency:
        return urgency_of(self.dangers)

    def as_json(self) -> dict[str, Any]:
        """The shape that `hotline parse --json` prints."""
        return {
            "intent": {"name": self.intent, "confidence": round(self.confidence, 4)},
            "needs": list(self.needs),
            "dangers": list(self.dangers),
            "urgency": self.urgency,
            "facts": dict(self.facts),
        }
