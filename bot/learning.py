"""How what was just heard joins what was known: corrections win, contradictions are asked about, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.state import Conflict, State
from nlu.hear import Heard

# A second value for one of these is either a correction or a contradiction; for all others the newer one simply holds.
_SETTLED: Final = (
    "age",
    "household_size",
    "household_income_monthly",
    "income_per_person_monthly",
    "disability_grade",
    "children_in_school",
)
_FIRST_WORD_HOLDS: Final = frozenset({"for_whom"})
OWN_QUESTIONS: Final = frozenset({"consent", "erase", "company"})  # answered by yes or no, and no fact of the household
_OF_THE_PERSON: Final = frozenset({"phone", "id_number", "for_whom"})
_CHANGES: Final = frozenset({"correct", "report_change"})


@dataclass(frozen=True, slots=True)
class Learned:
    """`new`: facts not known before; `changed`: facts whose value was put right; `impossible`: what was said that cannot be."""

    state: State
    new: Mapping[str, Any]
    changed: Mapping[str, Any]
    conflict: Conflict | None = None
    impossible: tuple[str, Any] | None = None
    answered: bool = False  # the open question was answered, or declined


def learn(state: State, heard: Heard, impossible: Mapping[str, Any]) -> Learned:
    """Take the facts of a message, and its bare answer to the open question, into the state.

    `impossible` holds the stated values that no household has (300 years old); they are kept out and asked about.
    """
    question = state.conflict.fact if state.conflict else state.asked
    stated = {**heard.extra, **heard.understanding.facts}
    stated = {name: value for name, value in stated.items() if name not in impossible}
    answered = question is not None and question in stated
    strange: tuple[str, Any] | None = next(iter(impossible.items()), None)

    answer = heard.answer
    if question and answer and not answered and question not in impossible:
        if answer.kind == "value" and question in OWN_QUESTIONS:
            answered = True
        elif answer.kind == "value":
            stated[question] = answer.value
            answered = True
        elif "anonymous" in heard.remarks and question not in _OF_THE_PERSON:
            pass  # they keep their name to themselves, not the answer
        elif answer.kind in ("declined", "unknown") and heard.intent not in ("talk_to_human", "withdraw"):
            state = state.decline(question)
            answered = True
        elif answer.kind == "impossible":
            strange = (question, answer.value)

    corrects = heard.intent in _CHANGES or "correction" in heard.remarks or state.conflict is not None
    new: dict[str, Any] = {}
    changed: dict[str, Any] = {}
    conflict: Conflict | None = None
    for name, value in stated.items():
        known = state.facts.get(name)
        if known is None:
            new[name] = value
        elif name == "current_status":
            merged = value if corrects or not value else sorted({*known, *value})
            if merged != known:
                changed[name] = merged
        elif value == known or (name in _FIRST_WORD_HOLDS and not corrects):
            continue
        elif name == "housing" and known == "dangerous" and not corrects:
            continue  # one's own house, or a rented one, that is about to fall is still about to fall
        elif name in _SETTLED and not corrects and name != question:
            conflict = conflict or Conflict(name, known, value)
            changed[name] = value
        else:
            changed[name] = value
    state = replace(state.learn({**new, **changed}), conflict=None)
    if conflict:
        changed = {name: value for name, value in changed.items() if name != conflict.fact}
    return Learned(state, new, changed, conflict, strange, answered)
