"""Numbers of referrals: said, typed, mistyped."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from actions.numbers import DIGITS, LETTERS, check_letter, new_number, parse_number

numbers = st.integers(min_value=0, max_value=10**DIGITS - 1).map(lambda drawn: new_number(lambda _: drawn))
SAID = dict(zip("0123456789", "零幺二三四五六七八九", strict=True))


def test_numbers_look_so() -> None:
    assert new_number(lambda _: 4827615304) == f"JN-48276-15304-{check_letter('4827615304')}"
    assert new_number() != new_number()


@given(numbers)
def test_however_it_is_written_it_is_the_same(number: str) -> None:
    full_width = "".join(chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in number)
    plain = number.removeprefix("JN-").replace("-", "")
    aloud = "".join(SAID.get(char, char) for char in number)
    for written in (number, number.lower(), number.replace("-", " "), full_width, plain, f" {plain} ", aloud):
        assert parse_number(written) == number


@given(numbers, st.integers(min_value=0, max_value=DIGITS), st.sampled_from("0123456789" + LETTERS))
def test_every_single_wrong_character_is_noticed(number: str, place: int, wrong: str) -> None:
    plain = number.removeprefix("JN-").replace("-", "")
    assume(plain[place] != wrong)
    assert parse_number(plain[:place] + wrong + plain[place + 1 :]) is None


@given(numbers, st.integers(min_value=0, max_value=DIGITS - 1))
def test_every_swap_of_neighbours_is_noticed(number: str, place: int) -> None:
    plain = number.removeprefix("JN-").replace("-", "")
    assume(plain[place] != plain[place + 1])
    assert parse_number(plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]) is None


@given(st.text())
def test_other_text_is_no_number(text: str) -> None:
    found = parse_number(text)
    assert found is None or parse_number(found) == found
