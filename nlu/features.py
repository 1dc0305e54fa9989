"""Text to features, the same code at training time and at run time so that the two cannot drift apart.

Seven groups, each weighed by tf-idf and scaled to its own length: characters 1-3 with edge marks, pinyin syllables 1-3
in a spelling that forgives what keyboards and accents confuse, the last sentence of a letter, the shape of the message,
the rules of the danger screen whose words it holds, the concepts that its words name, and in a letter where they stand.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nlu.concepts import concepts_in
from nlu.dangers import guarded_rules
from nlu.normalise import normalise
from nlu.sounds import syllables

FEATURES_VERSION: Final = 7
"""Raised whenever the features of a text change: an older model is then not current."""

LETTER_LENGTH: Final = 45
"""From here on a message is read as a letter, whose request mostly stands in its last sentence or its first."""
CLOSING_LENGTH: Final = 40
GROUP_WEIGHTS: Final[Mapping[str, float]] = {"c": 1.0, "p": 1.0, "e": 0.6, "s": 0.2, "r": 0.5, "k": 0.2, "a": 0.4}

# Class marks are capitals: the text itself is lower case by then.
_CLASSES: Final = (
    (re.compile(r"https?://\S+|www\.\S+"), "U"),
    (re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9x](?![0-9])"), "I"),
    (re.compile(r"(?<![0-9])1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])"), "P"),
    (re.compile(r"[a-z]{1,4}-?[0-9]{4,}(?:-[0-9]+)*|[0-9]{3,}-[0-9]+"), "T"),
    (re.compile(r"[0-9]+(?:[.,][0-9]+)*[wk]?"), "N"),
    (
        re.compile(
            r"[零〇二两三四五六七八九十百千几][零〇一二两三四五六七八九十百千万几来多好]*(?=[元块口岁个级号斤年月天日万])"
        ),
        "N",
    ),
    (re.compile(r"[一二三四五六七八九十两几][零〇一二两三四五六七八九十百千万]+"), "N"),
)
_MARKS = re.compile(r"[^\w?!\U0001f000-\U0001ffff\u2600-\u27bf]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_REPEAT = re.compile(r"(.)\1{3,}")
_QUESTION = re.compile(r"[?]|吗|呢|么|多少|怎么|咋|哪|什么|啥|几时|好久|能不能|可不可以|有没有|是不是")
_QUESTION_END = re.compile(r"(?:[?]|吗|呢|么|不|没|冇|哦|啊|呀)[ ?!。.]*$")
_LETTER = re.compile(r"尊敬的|书记|领导|您好|此致|敬礼|县长|市长")
_SENTENCE = re.compile(r"[^。!?;\n]+[。!?;\n]*")
_COURTESY_LENGTH: Final = 4
_COURTESY = re.compile(
    r"(?:此致|敬礼|谢谢|多谢|感谢|万分|祝|打扰|盼复|望回复|尊敬的.{0,12}(?:领导|书记|县长|市长|局长|同志)|您好|你好|报告人)[^\w]*.{0,3}$"
)


def _with_classes(text: str) -> str:
    for pattern, mark in _CLASSES:
        text = pattern.sub(mark, text)
    return text


def _grams(units: Sequence[str], longest: int, prefix: str, joint: str = "") -> Iterable[str]:
    for size in range(1, longest + 1):
        for start in range(len(units) - size + 1):
            yield prefix + joint.join(units[start : start + size])


def _length_bucket(length: int) -> int:
    return min(int(math.log2(length + 1) * 1.5), 14)


def _shape(text: str, plain: str) -> Iterable[str]:
    yield f"s:length{_length_bucket(len(text))}"
    if plain and not set(plain) - set("NPIT "):
        yield "s:only-numbers"
    for mark in "NPITU":
        if mark in plain:
            yield f"s:has-{mark}"
    if _QUESTION.search(text):
        yield "s:question"
    if _QUESTION_END.search(text):
        yield "s:question-end"
    if _LETTER.search(text):
        yield "s:letter"
    if not _HAN.search(text):
        yield "s:no-han"


def sentences(text: str) -> list[str]:
    """The sentences of a letter that say something, in order; greetings and endings are left out. A short message has none."""
    if len(text) < LETTER_LENGTH:
        return []
    parts = [part.strip() for part in _SENTENCE.findall(text)]
    return [part for part in parts if len(_MARKS.sub("", part)) > _COURTESY_LENGTH and not _COURTESY.match(part)]


def closing(said: Sequence[str]) -> str:
    """The end of the last sentence, at most `CLOSING_LENGTH` characters without marks; empty when there is none."""
    return _MARKS.sub("", _with_classes(said[-1]))[-CLOSING_LENGTH:] if said else ""


def _places(said: Sequence[str]) -> Iterable[str]:
    """The concepts of a letter's opening and ending, and how much of it is questions."""
    if not said:
        return
    for place, part in (("last", said[-1]), ("late", " ".join(said[-2:])), ("first", " ".join(said[:2]))):
        yield from (f"a:{place}:{name}" for name in concepts_in(part))
    yield f"a:questions{min(sum('?' in part for part in said), 3)}"
    yield f"a:sentences{min(len(said) // 2, 5)}"


def extract(text: str) -> dict[str, Counter[str]]:
    """Feature counts of any text by group; group names are those of `GROUP_WEIGHTS`."""
    text = normalise(text).lower()
    classed = _with_classes(text)
    plain = _REPEAT.sub(r"\1\1\1", _MARKS.sub("", classed))
    units = ["^", *plain, "$"]
    said = sentences(text)
    return {
        "c": Counter(_grams(units, 3, "c")),
        "p": Counter(_grams(syllables(plain), 3, "p", "'")),
        "e": Counter(_grams(closing(said), 3, "e")),
        "s": Counter(_shape(text, plain)),
        "r": Counter(f"r:{name}" if fires else f"r-off:{name}" for name, fires in guarded_rules(text)),
        "k": Counter(f"k:{name}" for name in concepts_in(text)),
        "a": Counter(_places(said)),
    }


@dataclass(frozen=True, slots=True)
class Vector:
    """One text in the space of a vocabulary: row numbers and their values, both of the same length."""

    rows: NDArray[np.int32]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vectoriser:
    """Row number and inverse document frequency of every feature that training kept."""

    vocabulary: Mapping[str, int]
    idf: NDArray[np.float32]

    @classmethod
    def fit(cls, documents: Sequence[Mapping[str, Counter[str]]], minimum: int = 3) -> Vectoriser:
        """Keep the features that stand in at least `minimum` of the documents, in alphabetical order."""
        frequency: Counter[str] = Counter()
        for document in documents:
            for counts in document.values():
                frequency.update(counts.keys())
        kept = sorted(name for name, count in frequency.items() if count >= minimum)
        total = len(documents)
        idf = np.array([math.log((1 + total) / (1 + frequency[name])) + 1 for name in kept], dtype=np.float32)
        return cls({name: row for row, name in enumerate(kept)}, idf)

    def vector(self, document: Mapping[str, Counter[str]]) -> Vector:
        """Sublinear tf-idf, every group scaled to length 1 times its weight."""
        rows: list[int] = []
        values: list[NDArray[np.float32]] = []
        for group, counts in document.items():
            known = [(row, count) for name, count in counts.items() if (row := self.vocabulary.get(name)) is not None]
            if not known:
                continue
            group_rows = [row for row, _ in known]
            weights = self.idf[group_rows]
            if any(count > 1 for _, count in known):
                weights = weights * (1 + np.log(np.array([count for _, count in known], dtype=np.float32)))
            rows += group_rows
            values.append(weights * np.float32(GROUP_WEIGHTS[group] / math.sqrt(float(weights @ weights))))
        joined = np.concatenate(values) if values else np.zeros(0, dtype=np.float32)
        return Vector(np.array(rows, dtype=np.int32), joined.astype(np.float32, copy=False))
