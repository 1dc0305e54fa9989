"""Numbers as residents write and say them: Arabic, Chinese, financial, mixed, rounded and read aloud.

A range gives its lower bound (两三百 is 200), a rounded number its floor (三十多万 is 300000), a bare multiplier with
把, 来 or 上 one of its kind (千把块 is 1000); 几百 names no number and gives None. cn2an is not used: it refuses 三点五万,
一千二 and every mixed form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

DIGITS: Final[dict[str, int]] = {
    **{char: value for value, char in enumerate("零一二三四五六七八九")},
    **{char: value for value, char in enumerate("零壹贰叁肆伍陆柒捌玖")},
    "〇": 0,
    "○": 0,
    "两": 2,
    "俩": 2,
    "仨": 3,
    "弌": 1,
    "弍": 2,
}
"""A digit written in Chinese, with its value."""

ALOUD: Final[dict[str, str]] = {
    **{char: str(value) for char, value in DIGITS.items() if char not in "两俩仨"},
    "幺": "1",
    "妖": "1",
    "洞": "0",
    "拐": "7",
    "勾": "9",
}
"""A digit read aloud one by one, as in telephone and identity numbers."""

UNITS: Final[dict[str, int]] = {
    "十": 10,
    "拾": 10,
    "百": 100,
    "佰": 100,
    "千": 1000,
    "仟": 1000,
    "万": 10_000,
    "萬": 10_000,
    "亿": 100_000_000,
    "w": 10_000,
    "W": 10_000,
    "k": 1000,
    "K": 1000,
}
SCORES: Final[dict[str, int]] = {"廿": 20, "卅": 30}

_MAX_DIGITS = 12  # longer runs of digits are identity or account numbers, never amounts
_ARABIC = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
_CHINESE = r"[零〇○一二三四五六七八九两俩仨壹贰叁肆伍陆柒捌玖弌弍廿卅]"
_BIG = r"[十百千万亿拾佰仟萬]"
_TOKEN = re.compile(rf"{_ARABIC}|[a-zA-Z]|.", re.DOTALL)
_RANGE_MARK = r"(?:到|至|[-~—–－～]{1,2})"
_ROUND = "多几来余把数"

_RUN = re.compile(
    rf"(?:\d、(?=\d[万千百]))?(?:{_ARABIC})(?:{_RANGE_MARK}(?:{_ARABIC}))?(?:[wWkK](?![a-zA-Z])|[{_ROUND}]?{_BIG})*"
    rf"(?:(?<=[wWkK十百千万亿拾佰仟萬])(?:\d+(?![\d岁]|\.\d)|{_CHINESE}))*(?:[{_ROUND}]?{_BIG})*"
    rf"|(?:{_CHINESE}[、,]?(?={_CHINESE}{{1,2}}[十百千万]))?"
    rf"(?:{_CHINESE}|{_BIG})(?:{_CHINESE}|{_BIG}|[{_ROUND}](?={_BIG})|(?<=[十百千万亿])[{_ROUND}](?={_CHINESE}?[万岁])"
    rf"|点(?={_CHINESE}+[万千百元块亿])|{_RANGE_MARK}(?={_CHINESE}{{1,2}}{_BIG})|\d(?!\d))*"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text: the span it takes and its value (the lower bound of a range)."""

    start: int
    end: int
    value: float
    text: str

    @property
    def whole(self) -> int:
        return round(self.value)


def parse_number(text: str) -> float | None:
    """The value of a numeral that fills `text` (rounding words inside are allowed), or None when it names none."""
    text = text.strip()
    if not text or len(text) > 40:
        return None
    split = re.split(_RANGE_MARK + "|[、,](?!\\d{3})", text, maxsplit=1)
    if len(split) == 2 and split[0] and split[1]:
        return _range_floor(split[0], split[1])
    return _parse_plain(text)


def _range_floor(first: str, second: str) -> float | None:
    """三到五千 is 3000, 6-7千 is 6000, 1500-2000 is 1500."""
    low, high = _parse_plain(first), _parse_plain(second)
    if low is None or high is None:
        return low
    if low < high and any(char in UNITS for char in second) and not any(char in UNITS for char in first):
        unit = max((UNITS[char] for char in second if char in UNITS), default=1)
        return low * unit if low < 100 and unit > 1 else low
    return low


def _parse_plain(text: str) -> float | None:  # one pass over the tokens of a numeral
    total = section = 0.0
    current: float | None = None
    last_unit = 0
    tenths: float | None = None
    seen = rounded = False
    for token in _TOKEN.findall(text):
        if token[0].isdecimal():
            digits = token.replace(",", "")
            if len(digits) > _MAX_DIGITS or (current is not None and not last_unit and seen):
                return None
            current, seen = float(digits), True
        elif token == "点":
            tenths = 0.1
        elif token in SCORES:
            section, last_unit, seen = section + SCORES[token], 10, True
        elif token in DIGITS:
            digit = DIGITS[token]
            if tenths is not None:
                current, tenths = (current or 0) + digit * tenths, tenths / 10
                continue
            if digit == 0:
                last_unit, current, seen = 1, current or 0, True
                continue
            if current:
                if digit != current % 10 + 1 or rounded:
                    return None  # digits read one by one are no number of this kind
                rounded = True
                continue
            current, seen = float(digit), True
        elif token in UNITS:
            unit = UNITS[token]
            if unit >= 10_000:
                base = section + (current or 0)
                if not base and total and unit > last_unit:
                    total *= unit  # 九万亿
                else:
                    total += (base or 1) * unit if base or not total else 0
                section = 0.0
            else:
                section += (1 if current is None or (current == 0 and not section) else current) * unit
            current, last_unit, tenths, seen, rounded = None, unit, None, True, False
        elif token == "半":
            if last_unit <= 1 or current is not None:
                return None
            section += last_unit / 2
        elif token not in _ROUND + "好上近约" and token.strip():
            return None
    if not seen:
        return None
    if current is not None:
        section += current * last_unit / 10 if last_unit >= 100 and current < 10 else current
    value = total + section
    return value if value < 1e15 else None


_PREFIX = re.compile(r"[上近成]$")
_VAGUE = re.compile(r"[几数好第周]$|星期$|礼拜$|分之$|百分之$")
_ORDINAL_END = re.compile(
    r"分之|些|样|起|直|下子|定|般|律|旦|向|切|贯|再|方面|度|致|同|齐|辈子|点儿?(?!多|半|钟)|个劲|是"
)
_PERIOD_BEGINS = re.compile(r"[一1](?:个|年|月|天|次|学期|期|人|口|家)")
_BARE = re.compile(rf"^{_BIG}+$")


def find_numbers(text: str) -> list[Number]:
    """All numbers of `text`, left to right, not overlapping."""
    return list(_scan(text))


def _scan(text: str) -> Iterator[Number]:
    for match in _RUN.finditer(text):
        found = match.group()
        start, end = match.span()
        before, after = text[max(0, start - 4) : start], text[end : end + 3]
        if _VAGUE.search(before) and not before.endswith(("第", "周")) and not found[0].isdecimal():
            continue
        if before.endswith("第"):
            continue
        if found == "一" and _ORDINAL_END.match(after):
            continue
        if _BARE.match(found) and found[0] not in "十拾":
            bare_ok = after[:1] in ("把", "来") or _PREFIX.search(before)
            if not bare_ok or (len(found) > 1 and found[0] == found[-1]):
                continue
        if _PERIOD_BEGINS.match(found[-1:] + after) and UNITS.get(found[-2:-1], 0) >= 100:
            found, end = found[:-1], end - 1  # 两千一个月: the last 一 counts the month
        value = parse_number(found)
        if value is None:
            continue
        yield Number(start, end, value, found)


def read_aloud(text: str) -> str:
    """`text` with every digit that is written in Chinese turned into its Arabic digit (幺 is 1, 洞 is 0)."""
    return "".join(ALOUD.get(char, char) for char in text)
