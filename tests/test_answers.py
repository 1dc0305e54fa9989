"""A bare reply, read with the question in mind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.answers import ANSWERABLE, Answer, read_answer
from nlu.labels import FACT_CHOICES, FACT_TYPES


def test_every_fact_of_the_contract_can_be_answered() -> None:
    assert set(FACT_TYPES) <= ANSWERABLE


@pytest.mark.parametrize(
    ("fact", "text", "value"),
    [
        ("children_in_school", "两个", 2),
        ("children_in_school", "没有", 0),
        ("household_income_monthly", "一千八上下", 1800),
        ("household_income_monthly", "没有收入", 0),
        ("household_income_monthly", "一年两万四", 2000),
        ("household_income_monthly", "我两千,老婆三千", 5000),
        ("household_income_monthly", "叁仟左右", 3000),
        ("household_income_12m", "一个月两千", 24_000),
        ("medical_expense_12m", "大概三四万", 30_000),
        ("debt", "外面欠了十几万", 100_000),
        ("age", "七十好几", 70),
        ("age", "七十六了", 76),
        ("age", "56", 56),
        ("household_size", "三口人", 3),
        ("household_size", "就我一个", 1),
        ("household_size", "我和老伴", 2),
        ("disability_grade", "二级", 2),
        ("hukou", "岳口的", "local"),
        ("hukou", "河南的", "nonlocal"),
        ("hukou", "就在本地", "local"),
        ("hukou", "不是本地的", "nonlocal"),
        ("residence_place", "岳口的", "岳口"),
        ("event_place", "在人民医院", "人民医院"),
        ("current_status", "都没有", []),
        ("current_status", "没吃过低保", []),
        ("current_status", "我是五保户", ["tekun"]),
        ("serious_illness", "对", True),
        ("can_self_care", "要人扶", False),
        ("can_self_care", "能", True),
        ("property_ok", "没有", True),
        ("property_ok", "有辆面包车", False),
        ("property_ok", "只有一辆三轮车", True),
        ("basic_life_in_difficulty", "吃饭不愁", False),
        ("basic_life_in_difficulty", "有", True),
        ("insured", "没缴", False),
        ("insured", "缴了", True),
        ("disability_certificate", "还没办", False),
        ("legal_supporter", "有个儿子", True),
        ("supporter_able", "养不起,他们自己都难", False),
        ("income_source", "没有", False),
        ("student_stage", "读高二", "high_school"),
        ("student_stage", "没读了", "none"),
        ("sudden_event", "没有", "none"),
        ("sudden_event", "上个月出了车祸", "accident"),
        ("legal_matter", "老板欠我工钱", "wages"),
        ("work_capacity", "干不了", "none"),
        ("employment", "没活干", "unemployed"),
        ("housing", "自己的老屋", "owned"),
        ("housing", "租的", "rented"),
        ("parents_status", "都不在了", "both_dead"),
        ("parent_absent_months", "一年半", 18),
        ("phone", "199 0000 1234", "19900001234"),
        ("for_whom", "给我妈问的", "family"),
        ("housing_grade", "D级", "D"),
    ],
)
def test_a_fitting_reply_gives_a_value(fact: str, text: str, value: Any) -> None:
    assert read_answer(fact, text) == Answer("value", value)


@pytest.mark.parametrize(
    ("fact", "text", "kind"),
    [
        ("household_income_monthly", "不想说", "declined"),
        ("household_income_monthly", "这个不方便讲", "declined"),
        ("age", "不晓得", "unknown"),
        ("disability_grade", "我哪搞得清", "unknown"),
        ("age", "我爸属牛,61年生的", "none"),
        ("household_size", "火是楼下电瓶车引起的", "none"),
        ("no_such_fact", "三个", "none"),
        ("age", "", "none"),
    ],
)
def test_other_replies_are_told_apart(fact: str, text: str, kind: str) -> None:
    assert read_answer(fact, text).kind == kind


@pytest.mark.parametrize(
    ("fact", "text", "number"),
    [
        ("age", "300", "300"),
        ("household_size", "400", "400"),
        ("household_income_monthly", "-500", "-500"),
        ("disability_grade", "八级", "八"),
        ("phone", "1990000123", "1990000123"),
        ("household_income_monthly", "一个月九万亿", "九万亿"),
    ],
)
def test_what_no_household_has_is_not_taken(fact: str, text: str, number: str) -> None:
    assert read_answer(fact, text) == Answer("impossible", number)


@given(st.sampled_from(sorted(ANSWERABLE)), st.text(max_size=60))
def test_any_reply_to_any_question_is_read_without_error(fact: str, text: str) -> None:
    answer = read_answer(fact, text)
    assert answer.kind in ("value", "declined", "unknown", "impossible", "none")
    if answer.kind == "value" and fact in FACT_CHOICES and isinstance(answer.value, str):
        assert answer.value in FACT_CHOICES[fact]
    if answer.kind in ("declined", "unknown", "none"):
        assert answer.value is None


@given(
    st.sampled_from(["age", "household_size", "children_in_school", "disability_grade"]),
    st.integers(min_value=-9999, max_value=9999),
)
def test_a_counted_fact_stays_within_what_is_possible(fact: str, number: int) -> None:
    low, high = {"age": (0, 120), "household_size": (1, 20), "children_in_school": (0, 20), "disability_grade": (1, 4)}[
        fact
    ]
    answer = read_answer(fact, str(number))
    assert answer.kind == ("value" if low <= number <= high else "impossible")
