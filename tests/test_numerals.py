"""Numbers as residents write and say them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.numerals import find_numbers, parse_number, read_aloud

SPOKEN = "零一二两三四五六七八九十百千万亿廿卅半几多来余把点壹贰叁0123456789.,、-到wWkK块岁 "


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("一千二", 1200),
        ("1万5", 15_000),
        ("1.2万", 12_000),
        ("三点五万", 35_000),
        ("2w4", 24_000),
        ("1千2", 1200),
        ("9千8", 9800),
        ("三十多万", 300_000),
        ("十几万", 100_000),
        ("两三百", 200),
        ("十五六万", 150_000),
        ("二三十万", 200_000),
        ("千把块", 1000),
        ("百把块", 100),
        ("万把块", 10_000),
        ("四百来块", 400),
        ("上万块", 10_000),
        ("一百三", 130),
        ("两千五六", 2500),
        ("6-7千", 6000),
        ("5、6千", 5000),
        ("三到五千", 3000),
        ("1500到2000", 1500),
        ("两万到三万", 20_000),
        ("一千八上下", 1800),
        ("叁仟左右", 3000),
        ("壹万贰仟", 12_000),
        ("廿三", 23),
        ("卅", 30),
        ("一千零五", 1005),
        ("一万零五百", 10_500),
        ("十万八千", 108_000),
        ("12,000", 12_000),
        ("3.5k", 3500),
        ("五六岁", 5),
        ("三十几", 30),
    ],
)
def test_a_spoken_number_has_one_value(text: str, value: int) -> None:
    assert next(number.whole for number in find_numbers(text)) == value


@pytest.mark.parametrize(
    "text", ["几百", "几千块", "大几千", "第三", "一些", "一起去", "千万别", "一直", "百货", "百分之五"]
)
def test_words_that_only_look_like_numbers_give_none(text: str) -> None:
    assert find_numbers(text) == []


def test_digits_said_one_by_one_are_read_aloud() -> None:
    assert read_aloud("幺三八洞洞四") == "138004"


@given(st.integers(min_value=1, max_value=99_999_999))
def test_arabic_and_chinese_forms_of_a_number_agree(value: int) -> None:
    assert parse_number(str(value)) == value
    assert parse_number(_in_chinese(value)) == value


def _in_chinese(value: int) -> str:
    """The textbook form of a number below one hundred million."""
    high, low = divmod(value, 10_000)
    if high:
        gap = "零" if low and low < 1000 else ""
        return _below_ten_thousand(high) + "万" + gap + (_below_ten_thousand(low) if low else "")
    return _below_ten_thousand(low)


def _below_ten_thousand(value: int) -> str:
    text = ""
    gap = False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, value = divmod(value, unit)
        if digit:
            text += ("零" if gap and text else "") + "零一二三四五六七八九"[digit] + name
            gap = False
        elif text:
            gap = True
    return text


@given(st.text(alphabet=SPOKEN, max_size=60))
def test_any_run_of_number_words_is_read_without_error_and_in_order(text: str) -> None:
    found = find_numbers(text)
    assert all(0 <= number.start < number.end <= len(text) for number in found)
    assert all(first.end <= second.start for first, second in pairwise(found))
    assert all(text[number.start : number.end] == number.text and number.value >= 0 for number in found)
