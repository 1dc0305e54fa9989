"""One spelling for what residents type: shared by the interpreters, the danger screen and the fact extractor.

Total on every `str`: empty, emoji, control characters, lone surrogates and very long texts all give a string.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from opencc import OpenCC

MAX_CHARACTERS: Final = 4_000
"""Longer messages keep their head and their tail: the matter stands at either end of a letter."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_DROPPED = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_BLANKS = re.compile(r"[ \u3000]+")
_NEWLINES = re.compile(r" ?\n[ \n]*")


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def clip(text: str, limit: int = MAX_CHARACTERS) -> str:
    """At most `limit` characters: the first half and the last half of a longer text, a line break between them."""
    if len(text) <= limit:
        return text
    head = limit // 2
    return text[:head] + "\n" + text[len(text) - (limit - head - 1) :]


def normalise(text: str) -> str:
    """Simplified characters, half-width letters and marks, single blanks; case and sentence marks stay.

    Invisible characters are dropped, control characters become blanks, `，？！：；` become `,?!:;` and `。、` stay.
    """
    text = _SURROGATE.sub("", clip(text))
    text = _CONTROL.sub(" ", _DROPPED.sub("", text))
    text = clip(unicodedata.normalize("NFKC", text))
    text = _simplifier().convert(text)
    return _NEWLINES.sub("\n", _BLANKS.sub(" ", text)).strip()


def simplify(text: str) -> str:
    """Traditional characters made simplified; nothing else changes, except that lone surrogates are dropped."""
    simplified: str = _simplifier().convert(_SURROGATE.sub("", text))
    return simplified
