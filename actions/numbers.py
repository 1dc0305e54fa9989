"""Numbers of referrals: short enough to say over the phone, not to be guessed, and a slip of the tongue is noticed.

`JN-48276-15304-K`: ten random digits and a check letter. The check is a weighted sum modulo 19; as 19 is prime and the weights
are distinct and not 0, every single wrong digit and every swap of two neighbours changes it. Decision: docs/decisions/.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable
from typing import Final

PREFIX: Final = "JN"
DIGITS: Final = 10
LETTERS: Final = "ACDEFHJKLMNPRTUVWXY"  # 19, without those that look like a digit: B G I O Q S Z

_SAID: Final = {
    ord(character): digit
    for digit, characters in zip(
        "0123456789",
        ("零〇", "一幺壹", "二两贰", "三叁", "四肆", "五伍", "六陆", "七拐柒", "八捌", "九勾玖"),
        strict=True,
    )
    for character in characters
}
_BETWEEN: Final = frozenset(" \t\u3000-‐‑‒–—―−_·.,,。、:/#")


def new_number(below: Callable[[int], int] = secrets.randbelow) -> str:
    """A fresh number. `below(n)` draws from 0 … n-1; anything but `secrets` is for tests."""
    digits = f"{below(10**DIGITS):0{DIGITS}d}"
    return _shown(digits)


def parse_number(text: str) -> str | None:
    """The number that `text` is meant to be, as `new_number` writes it; None when it is none or the check letter does not fit.

    Spaces, dashes, full-width and lower-case forms, Chinese digits and a missing `JN` do not matter; O is read as 0, I as 1.
    """
    plain = unicodedata.normalize("NFKC", text).upper().translate(_SAID)
    plain = "".join(char for char in plain if char not in _BETWEEN and not char.isspace()).removeprefix(PREFIX)
    digits, letter = plain[:-1].replace("O", "0").replace("I", "1"), plain[-1:]
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()) or letter != check_letter(digits):
        return None
    return _shown(digits)


def check_letter(digits: str) -> str:
    return LETTERS[sum((place + 2) * int(digit) for place, digit in enumerate(digits)) % len(LETTERS)]


def _shown(digits: str) -> str:
    half = DIGITS // 2
    return f"{PREFIX}-{digits[:half]}-{digits[half:]}-{check_letter(digits)}"
