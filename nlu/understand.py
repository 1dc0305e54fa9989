"""One message in, one `Understanding` out: intent, needs, dangers and facts by the label contract.

The interpreter gives scores; the danger screen and the fact extractor run here, so that both work with either interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final

from nlu.dangers import screen
from nlu.facts import extract_facts
from nlu.labels import NEEDS
from nlu.understanding import Interpretation, Interpreter, Understanding

CLOSE: Final = 0.5
"""Interpreters centre the scores of needs so that each label's threshold stands here."""
NOTHING_FITS: Final = 0.14
"""Below this confidence no intent fits and the message counts as `other`."""

_WITHOUT_NEEDS: Final = frozenset(
    {"give_info", "correct", "affirm", "deny", "dont_know", "donate", "thank", "greet", "goodbye", "talk_to_human"}
)
_SELDOM_WITH_NEEDS: Final = frozenset({"report_change", "other"})
STRONG: Final = 0.7
"""What a need must score where the contract expects none: news of a change, matters outside social assistance, and a
person beaten or missing, which bring no need by themselves."""
_FIRST_AND_MORE: Final[Mapping[str, tuple[float, float]]] = {
    **dict.fromkeys(("ask_policy", "ask_apply", "ask_hukou", "ask_progress", "withdraw"), (0.4, 0.8)),
    "complain": (0.4, 0.65),
}
"""What the likeliest need must score, and what any other: who asks, asks about one thing, whatever else the letter tells.
Chosen by cross-validation on the training data."""
_BROUGHT_BY: Final = {
    "self_harm": ("psychological",),
    "medical_emergency": ("emergency", "medical"),
    "disaster_now": ("disaster",),
    "unattended": ("care",),
    "no_food": ("living",),
    "treatment_blocked": ("medical",),
}
_BRINGS_NONE: Final = frozenset({"violence", "missing_person"})


def understand(text: str, interpreter: Interpreter) -> Understanding:
    """Understand one message. Never raises on any `str`: what cannot be read is `other` without needs or facts."""
    interpretation = interpreter.interpret(text)
    intent, confidence = _intent(interpretation)
    dangers = screen(text, interpretation.dangers)
    return Understanding(
        text=text,
        intent=intent,
        confidence=confidence,
        needs=_needs(intent, interpretation, frozenset(dangers)),
        dangers=dangers,
        facts=extract_facts(text, intent),
    )


def _intent(interpretation: Interpretation) -> tuple[str, float]:
    if not interpretation.intents:
        return "other", 0.0
    name, confidence = max(interpretation.intents.items(), key=lambda item: item[1])
    if confidence < NOTHING_FITS:
        return "other", float(interpretation.intents.get("other", 0.0))
    return name, float(confidence)


def _needs(intent: str, interpretation: Interpretation, dangers: Set[str]) -> tuple[str, ...]:
    said: set[str] = set()
    if intent not in _WITHOUT_NEEDS:
        doubtful = intent in _SELDOM_WITH_NEEDS or bool(dangers & _BRINGS_NONE)
        first, more = (STRONG, STRONG) if doubtful else _FIRST_AND_MORE.get(intent, (CLOSE, CLOSE))
        likeliest = max(interpretation.needs, key=lambda name: interpretation.needs[name], default="")
        said.update(n for n, score in interpretation.needs.items() if score >= (first if n == likeliest else more))
    for danger in dangers:
        said.update(_BROUGHT_BY.get(danger, ()))
    return tuple(name for name in NEEDS if name in said)
