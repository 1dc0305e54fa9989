"""The next question: the fact whose answer is expected to settle most of what is still open.

For each fact that could still settle something, every answer a person may give is tried on every open programme. A
settled programme counts 1, a programme that comes nearer counts a part of it; urgent programmes and those that the
person asked about count more. What is hard or touchy to ask is divided by its weight. All weights are data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actions.eligibility.engine import CompiledProgramme, Situation
from actions.eligibility.facts import exact_facts, exact_value
from actions.eligibility.hints import POSSIBLE, Assessment, Hint
from actions.eligibility.policy import Policy
from actions.eligibility.schema import FactSpec

_ROUNDING = 1 + 1e-9  # sums of shares in floating point may come out a hair above the bound


@dataclass(frozen=True, slots=True)
class Question:
    """A fact worth asking for. `reason` tells the person what for; `settles` names the programmes it bears on.

    `gain` is the weighed number of programmes that the answer is expected to settle, `hardness` what asking costs,
    `value` the quotient by which questions are ordered.
    """

    fact: str
    reason: str
    settles: tuple[str, ...]
    gain: float
    hardness: float

    @property
    def value(self) -> float:
        return self.gain / self.hardness


def next_question(
    policy: Policy,
    facts: Mapping[str, Any],
    hints: Sequence[Hint],
    asked_or_declined: Collection[str] = (),
    focus: Collection[str] = (),
) -> Question | None:
    """The best question, or None when no answer would be worth the asking. Never a known, asked or declined fact."""
    weigher, concerned = _open_facts(policy, facts, hints, asked_or_declined, focus)
    bounds = sorted(((weigher.bound(fact, about), fact) for fact, about in concerned.items()), reverse=True)
    best: Question | None = None
    for bound, fact in bounds:
        if best is not None and bound < best.value:
            break
        question = weigher.question(fact, concerned[fact])
        if weigher.worth(question) and (best is None or _rank(question) < _rank(best)):
            best = question
    return best


def rank_questions(
    policy: Policy,
    facts: Mapping[str, Any],
    hints: Sequence[Hint],
    asked_or_declined: Collection[str] = (),
    focus: Collection[str] = (),
) -> list[Question]:
    """All questions worth asking, best first."""
    weigher, concerned = _open_facts(policy, facts, hints, asked_or_declined, focus)
    questions = [weigher.question(fact, about) for fact, about in concerned.items()]
    return sorted((question for question in questions if weigher.worth(question)), key=_rank)


def _rank(question: Question) -> tuple[float, str]:
    return (-question.value, question.fact)


def _open_facts(
    policy: Policy,
    facts: Mapping[str, Any],
    hints: Sequence[Hint],
    asked_or_declined: Collection[str],
    focus: Collection[str],
) -> tuple[_Weigher, dict[str, list[Hint]]]:
    """The weigher of this household, and for each fact that may be asked the open programmes that it bears on."""
    situation = (
        hints.situation if isinstance(hints, Assessment) else policy.engine.situate(exact_facts(policy, facts), {})
    )
    compiled = {one.programme.name: one for one in policy.engine.programmes}
    concerned: dict[str, list[Hint]] = {}
    for hint in hints:
        if hint.verdict == POSSIBLE and hint.programme in compiled:
            for fact in (*hint.missing, *hint.useful):
                concerned.setdefault(fact, []).append(hint)
    askable = {
        fact: about
        for fact, about in concerned.items()
        if fact not in asked_or_declined and facts.get(fact) is None and _askable(policy.facts[fact], facts)
    }
    return _Weigher(policy, situation, compiled, frozenset(focus)), askable


def _askable(spec: FactSpec, facts: Mapping[str, Any]) -> bool:
    return spec.ask and (spec.after is None or facts.get(spec.after) is not None)


class _Weigher:
    """Weighs one household's questions."""

    def __init__(
        self, policy: Policy, situation: Situation, compiled: Mapping[str, CompiledProgramme], focus: frozenset[str]
    ) -> None:
        self.policy = policy
        self.engine = policy.engine
        self.situation = situation
        self.compiled = compiled
        weights = policy.common.questions
        self.progress = float(weights.progress)
        self.waiting = float(weights.waiting)
        self.sensitive = float(weights.sensitive)
        self.least_value = float(weights.least_value)
        self.weights = {
            name: float(one.programme.weight)
            * (float(weights.urgent) if one.programme.urgent else 1.0)
            * (1.0 if not focus else float(weights.focus) if name in focus else float(weights.beside_focus))
            for name, one in compiled.items()
        }

    def bound(self, fact: str, about: Sequence[Hint]) -> float:
        """No question about the fact can be worth more: every programme that it decides settled, the others waiting."""
        gain = sum(self.weights[hint.programme] * (1.0 if fact in hint.missing else self.waiting) for hint in about)
        return gain * _ROUNDING / self._hardness(self.policy.facts[fact])

    def worth(self, question: Question) -> bool:
        return question.gain > 0 and question.value >= self.least_value

    def question(self, fact: str, about: Sequence[Hint]) -> Question:
        spec = self.policy.facts[fact]
        gain = 0.0
        deciding = [hint for hint in about if fact in hint.missing]
        for answer in spec.answers if deciding else ():
            supposed = self.engine.suppose(self.situation, self.engine.slots[fact], exact_value(spec, answer.value))
            gain += float(answer.share) * sum(self._gain(hint, supposed) for hint in deciding)
        for hint in about:
            if fact in hint.useful:
                gain += self.waiting * self.weights[hint.programme] / len(hint.useful)
        return Question(fact, spec.why, tuple(hint.programme for hint in about), gain, self._hardness(spec))

    def _gain(self, hint: Hint, supposed: Situation) -> float:
        result = self.compiled[hint.programme].test(supposed.values, supposed.masks)
        weight = self.weights[hint.programme]
        if result is True or result is False:
            return weight
        left = (result & self.engine.layout.fact_bits).bit_count()
        return weight * self.progress * max(0.0, 1 - left / len(hint.missing))

    def _hardness(self, spec: FactSpec) -> float:
        return float(spec.weight) * (self.sensitive if spec.sensitive else 1.0)
