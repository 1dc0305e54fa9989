"""How characters sound, in a spelling that forgives what southern accents and pinyin keyboards confuse."""

from __future__ import annotations

import re
from functools import lru_cache

from pypinyin import lazy_pinyin

_HAN = re.compile("[\u3400-\u9fff]")


_WRITTEN_SHORT = {"hu": "fu", "hui": "fei", "hun": "fen", "huo": "fo"}
"""Syllables whose h sounds as f where the spelling leaves a vowel out; the others only change hu to f."""


def _fuzzy(syllable: str) -> str:
    """One spelling for the pairs that southern accents and pinyin keyboards confuse: zh/z, n/l, hu/f, ang/an, ing/in."""
    if syllable in _WRITTEN_SHORT:
        return _WRITTEN_SHORT[syllable]
    for long, short in (("zh", "z"), ("ch", "c"), ("sh", "s"), ("hu", "f"), ("n", "l")):
        if syllable.startswith(long):
            syllable = short + syllable[len(long) :]
            break
    return syllable[:-1] if syllable.endswith("ng") else syllable


@lru_cache(maxsize=30_000)
def syllable_of(character: str) -> str:
    """The toneless, forgiving pinyin of one Han character; empty for anything else."""
    if not _HAN.fullmatch(character):
        return ""
    return _fuzzy(lazy_pinyin(character)[0])


def syllables(text: str) -> list[str]:
    """Forgiving syllables of the Han characters of `text`, in order, other characters left out."""
    return [spoken for spoken in map(syllable_of, text) if spoken]
