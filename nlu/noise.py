"""Homophone typing errors, seeded: what a pinyin keyboard or a speech recogniser makes of a message.

Used to evaluate, and to train on copies with other errors. The replacements are as frequent as the same pypinyin
dictionary allows, so the figures are an upper bound for real errors.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache

from pypinyin import lazy_pinyin

_COMMON_BLOCK = range(0x4E00, 0x9FA6)


@cache
def _homophones() -> Mapping[str, tuple[str, ...]]:
    """Common characters by their toneless syllable. Common is what the national GB 2312 level 1 holds (3,755)."""
    table: dict[str, list[str]] = {}
    for character in map(chr, _COMMON_BLOCK):
        if _is_common(character):
            table.setdefault(lazy_pinyin(character)[0], []).append(character)
    return {syllable: tuple(characters) for syllable, characters in table.items()}


def _is_common(character: str) -> bool:
    try:
        first, _ = character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return 0xB0 <= first <= 0xD7


def corrupt(text: str, share: float, seed: int = 0) -> str:
    """Replace each Han character with probability `share` by another common one that sounds the same; same length."""
    chance = random.Random(f"{seed}:{text}")
    return "".join(_swap(character, chance) if chance.random() < share else character for character in text)


def _swap(character: str, chance: random.Random) -> str:
    if ord(character) not in _COMMON_BLOCK:
        return character
    others = [other for other in _homophones().get(lazy_pinyin(character)[0], ()) if other != character]
    return chance.choice(others) if others else character
