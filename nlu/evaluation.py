"""How well messages are understood: the figures of the label contract, against messages labelled by people.

Gold comes as JSON lines (`id`, `text`, `intent`, `needs`, `dangers`, optionally `facts`) or from the same YAML files
that training reads, which carry no facts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nlu.corpus import read_corpus
from nlu.labels import DANGERS, INTENTS, NEEDS, URGENCY_RANK, urgency_of
from nlu.noise import corrupt
from nlu.understand import understand
from nlu.understanding import Interpreter, Understanding


class GoldError(ValueError):
    """The labelled messages cannot be used; the sentence names the file and the line."""


@dataclass(frozen=True, slots=True)
class Gold:
    """One message with the labels that people gave it; `facts` is None where nobody labelled them."""

    id: str
    text: str
    intent: str
    needs: tuple[str, ...]
    dangers: tuple[str, ...]
    facts: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """All shares 0..1. A figure over nothing is None: no critical message, no facts labelled."""

    messages: int
    intent_accuracy: float
    intent_macro_f1: float
    needs_micro_f1: float
    dangers_micro_f1: float
    critical_recall: float | None
    critical_false_alarm_rate: float | None
    urgent_recall: float | None
    facts_micro_f1: float | None
    intent_f1: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_text(self) -> str:
        """One figure a line, a per-intent line at the end."""
        rows = [(name, value) for name, value in asdict(self).items() if name != "intent_f1"]
        lines = [
            f"{name:28} {value:.3f}" if isinstance(value, float) else f"{name:28} {_plain(value)}"
            for name, value in rows
        ]
        per_intent = " ".join(f"{name}={value:.2f}" for name, value in self.intent_f1.items())
        return "\n".join([*lines, f"intent F1: {per_intent}"])


@dataclass(frozen=True, slots=True)
class Mistake:
    """A message understood otherwise than labelled: kind of label to (gold, understood)."""

    gold: Gold
    wrong: Mapping[str, tuple[Any, Any]]


def _plain(value: int | None) -> str:
    return "-" if value is None else str(value)


def read_gold(path: Path) -> list[Gold]:
    """Labelled messages from a JSON-lines file, or from a folder of training files. Raises `GoldError`, `CorpusError`."""
    if path.is_dir():
        return [
            Gold(f"{path.name}-{number}", example.text, example.intent, example.needs, example.dangers)
            for number, example in enumerate(read_corpus(path), 1)
        ]
    with path.open(encoding="utf-8") as lines:
        return [_gold(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _gold(path: Path, number: int, line: str) -> Gold:
    try:
        row = json.loads(line)
        gold = Gold(
            id=str(row.get("id", number)),
            text=row["text"],
            intent=row["intent"],
            needs=tuple(row.get("needs", ())),
            dangers=tuple(row.get("dangers", ())),
            facts=row.get("facts"),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GoldError(f"{path}, line {number}: not a labelled message ({error})") from error
    unknown = ({gold.intent} - {*INTENTS}) | ({*gold.needs} - {*NEEDS}) | ({*gold.dangers} - {*DANGERS})
    if unknown:
        raise GoldError(f"{path}, line {number}: unknown labels {sorted(unknown)}")
    return gold


def evaluate(
    gold: Sequence[Gold], interpreter: Interpreter, noise: float = 0.0, seed: int = 0
) -> tuple[Figures, list[Mistake]]:
    """Understand every message, after `noise` (share of characters made homophones), and compare."""
    understood = [understand(corrupt(one.text, noise, seed), interpreter) for one in gold]
    return compare(gold, understood), list(mistakes(gold, understood))


def compare(gold: Sequence[Gold], understood: Sequence[Understanding]) -> Figures:
    """The figures of two lists of the same length and order."""
    pairs = list(zip(gold, understood, strict=True))
    intent_f1 = _intent_f1([(one.intent, said.intent) for one, said in pairs])
    levels = [(URGENCY_RANK[urgency_of(one.dangers)], URGENCY_RANK[said.urgency]) for one, said in pairs]
    facts = [(_fact_items(one.facts), _fact_items(said.facts)) for one, said in pairs if one.facts is not None]
    return Figures(
        messages=len(pairs),
        intent_accuracy=_share([one.intent == said.intent for one, said in pairs]) or 0.0,
        intent_macro_f1=sum(intent_f1.values()) / len(intent_f1) if intent_f1 else 0.0,
        needs_micro_f1=_micro_f1((set(one.needs), set(said.needs)) for one, said in pairs),
        dangers_micro_f1=_micro_f1((set(one.dangers), set(said.dangers)) for one, said in pairs),
        critical_recall=_share([said == 2 for one, said in levels if one == 2]),
        critical_false_alarm_rate=_share([said == 2 for one, said in levels if one < 2]),
        urgent_recall=_share([said >= 1 for one, said in levels if one >= 1]),
        facts_micro_f1=_micro_f1(facts) if facts else None,
        intent_f1=intent_f1,
    )


def mistakes(gold: Sequence[Gold], understood: Sequence[Understanding]) -> Iterable[Mistake]:
    """The messages with at least one wrong label, in order."""
    for one, said in zip(gold, understood, strict=True):
        wrong: dict[str, tuple[Any, Any]] = {}
        if one.intent != said.intent:
            wrong["intent"] = (one.intent, said.intent)
        if set(one.needs) != set(said.needs):
            wrong["needs"] = (one.needs, said.needs)
        if set(one.dangers) != set(said.dangers):
            wrong["dangers"] = (one.dangers, said.dangers)
        if one.facts is not None and _fact_items(one.facts) != _fact_items(said.facts):
            wrong["facts"] = (one.facts, said.facts)
        if wrong:
            yield Mistake(one, wrong)


def _share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None


def _f1(hit: int, total: int) -> float:
    return 2 * hit / total if total else 1.0


def _micro_f1(pairs: Iterable[tuple[set[Any], set[Any]]]) -> float:
    hit = total = 0
    for gold, said in pairs:
        hit += len(gold & said)
        total += len(gold) + len(said)
    return _f1(hit, total)


def _intent_f1(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """F1 of every intent that occurs in gold."""
    golds, saids = Counter(gold for gold, _ in pairs), Counter(said for _, said in pairs)
    hits = Counter(gold for gold, said in pairs if gold == said)
    return {name: _f1(hits[name], golds[name] + saids[name]) for name in INTENTS if golds[name]}


def _fact_items(facts: Mapping[str, Any] | None) -> set[tuple[str, str]]:
    """Facts as comparable pairs, a list counted by its members."""
    items: set[tuple[str, str]] = set()
    for name, value in (facts or {}).items():
        for one in value if isinstance(value, list) else [value]:
            items.add((name, json.dumps(_comparable(name, one), ensure_ascii=False)))
    return items


def _comparable(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return value.strip().upper() if name in ("id_number", "ticket_number") else value.strip()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
