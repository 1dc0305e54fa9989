"""What a conversation knows between two messages, as plain data. Replaced at every turn, never edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from nlu.labels import DANGER_URGENCY

MAX_QUESTIONS = 6  # before it sums up and offers a referral
UNCOUNTED = frozenset({"consent", "company"})
MAX_WORDS = 4000  # characters of the resident's own words kept for the caseworker


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two values for one fact, and we asked which is right."""

    fact: str
    earlier: Any
    later: Any


@dataclass(frozen=True, slots=True)
class State:
    """`asked` is the question that stands open: a fact's name, or one of the dialogue's own (`consent`, `which`, `erase`, `company`)."""

    kind: str | None = None  # help | report | complaint | change, once the person's wish is clear
    facts: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    dangers: tuple[str, ...] = ()
    asked: str | None = None
    asked_before: tuple[str, ...] = ()
    declined: tuple[str, ...] = ()
    questions: int = 0
    conflict: Conflict | None = None
    consent: str = "not_asked"
    offered: bool = False
    hinted: bool = False
    explained: tuple[str, ...] = ()  # what has been said once and need not be said again
    named: tuple[str, ...] = ()  # programmes that the resident named
    words: str = ""
    referral: str | None = None  # number of the referral of the present household
    earlier_referrals: tuple[str, ...] = ()
    handed_off: bool = False
    household: int = 1  # a second family on the same phone is household 2
    turns: int = 0
    last_at: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> State:
        """The state that `as_json` wrote. Fields that a newer version dropped are passed over."""
        if not data:
            return cls()
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in data.items() if name in known
        }
        if values.get("conflict"):
            values["conflict"] = Conflict(**values["conflict"])
        return cls(**values)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Questions that were asked and neither answered nor declined, the one that stands open apart."""
        return tuple(q for q in self.asked_before if q not in self.facts and q not in self.declined and q != self.asked)

    def learn(self, facts: Mapping[str, Any]) -> State:
        return replace(self, facts={**self.facts, **facts}) if facts else self

    def hear(self, text: str, needs: Iterable[str], dangers: Iterable[str]) -> State:
        words = f"{self.words}\n{text.strip()}".strip()
        return replace(
            self,
            words=words if len(words) <= MAX_WORDS else words[: MAX_WORDS // 2] + "\n……\n" + words[-MAX_WORDS // 2 :],
            needs=_union(self.needs, needs),
            dangers=_union(self.dangers, dangers),
        )

    def asking(self, question: str) -> State:
        """The question that now stands open. An offer, and a question of who is with them, take nothing from the six."""
        counted = self.questions + (question not in UNCOUNTED)
        return replace(self, asked=question, asked_before=_union(self.asked_before, (question,)), questions=counted)

    def decline(self, question: str) -> State:
        return replace(self, declined=_union(self.declined, (question,)))

    def explain(self, *topics: str) -> State:
        return replace(self, explained=_union(self.explained, topics))

    def after_a_person(self) -> State:
        """A person dealt with it and handed the talk back: a crisis is over until the next one is heard."""
        rest = tuple(danger for danger in self.dangers if DANGER_URGENCY[danger] != "critical")
        return replace(self, dangers=rest, handed_off=False)

    def after_the_referral(self) -> State:
        """The referral is finished: what is known of the household stays, the wish and its dangers are over."""
        earlier = (*self.earlier_referrals, self.referral) if self.referral else self.earlier_referrals
        return replace(
            self,
            kind=None,
            needs=(),
            dangers=(),
            asked=None,
            declined=(),
            asked_before=(),
            questions=0,
            consent="not_asked",
            offered=False,
            hinted=False,
            explained=(),
            named=(),
            words="",
            referral=None,
            earlier_referrals=earlier,
            handed_off=False,
        )

    def for_another_household(self) -> State:
        """The same phone, another family: what was known stays with the first one."""
        earlier = (*self.earlier_referrals, self.referral) if self.referral else self.earlier_referrals
        contact = {name: self.facts[name] for name in ("phone",) if name in self.facts}
        return State(
            facts=contact,
            earlier_referrals=earlier,
            household=self.household + 1,
            turns=self.turns,
            last_at=self.last_at,
            handed_off=self.handed_off,
        )


def _union(old: tuple[str, ...], new: Iterable[str]) -> tuple[str, ...]:
    return (*old, *(name for name in dict.fromkeys(new) if name not in old))
