"""The facts that a message states; the sentences are our own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.facts import extract_extra, extract_facts
from nlu.labels import FACT_CHOICES, FACT_TYPES, STATUSES

WORDS = "我他爸妈老公儿子一二三千百万块元月年住在村镇低保癌户口,。 岁口人的了是不没有欠借收入药费残疾级房租0123456789危瘫读书去世走湖北天门"


def _stated(text: str, *names: str) -> dict[str, Any]:
    facts = extract_facts(text)
    return {name: facts.get(name) for name in names}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("两口子加起来一个月3200", {"household_income_monthly": 3200}),
        ("全家一年才2w4的收入", {"household_income_monthly": 2000}),
        ("就我一个人上班,工资2900,要养五口人", {"household_income_monthly": 2900, "household_size": 5}),
        ("我工资2900,老婆也上班", {"household_income_monthly": None}),
        ("老伴每月养老金130元,我每月也是130元,两人合计260元", {"household_income_monthly": 260}),
        ("我们一家四口人均收入才三百多块", {"income_per_person_monthly": 300, "household_size": 4}),
        ("月收入两千的能吃低保吗", {"household_income_monthly": None}),
        ("老板欠我三万工钱不给", {"household_income_monthly": None, "debt": None}),
        ("我老公住院花了十二万,报了七万", {"medical_expense": 120_000}),
        ("我妈每个月光吃药就要一千多块", {"medical_expense_monthly": 1000, "medical_expense": None}),
        ("我爸做手术花了8万多,今年化疗又花了5万", {"medical_expense": 130_000}),
        ("医生说我妈的手术还要十万", {"medical_expense": None}),
        ("我的药费从两千六降到了九百一个月", {"medical_expense_monthly": 900}),
        ("孩子上大学学费一年5800,住宿费1200", {"education_expense": 7000}),
        ("娃的学费一学期3500", {"education_expense": 7000}),
        ("学费一年六千哦不对八千", {"education_expense": 8000}),
        ("已经欠了亲戚八万,银行贷款五万", {"debt": 130_000}),
        ("借了三万,还了两万五,还欠五千", {"debt": 5000}),
        ("家里三口人 哦不对 四口", {"household_size": 4}),
    ],
)
def test_sums_and_counts_take_their_role(text: str, facts: dict[str, Any]) -> None:
    assert _stated(text, *facts) == facts


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("我今年六十六了,没儿没女", {"for_whom": "self", "age": 66}),
        ("我三十九岁,儿子六岁得了白血病", {"for_whom": "family", "age": 6}),
        ("我得了乳腺癌,还要养九十岁的老母亲", {"for_whom": "self", "age": None}),
        ("我爸爸七十好几了,瘫在床上", {"for_whom": "family", "age": 70, "can_self_care": False}),
        ("老母亲年过七旬,中风了", {"age": 70, "serious_illness": True}),
        ("我爸61年生的,属牛", {"age": None}),
        ("隔壁有个老太太八十二岁,一个人住", {"for_whom": "other", "age": 82, "lives_alone": True}),
        ("来电人女71 称儿子殴打", {"for_whom": "self", "age": 71}),
        ("来电人女65 其子智力残疾", {"for_whom": "family", "age": None, "disability_type": "intellectual"}),
        ("屋里就我一个人", {"lives_alone": True, "household_size": 1}),
        ("现在就我们娘仨过日子", {"household_size": 3}),
        ("两个娃都在读书", {"children_in_school": 2}),
        ("我女儿今年读初二", {"children_in_school": 1}),
    ],
)
def test_people_and_ages_belong_to_the_one_in_need(text: str, facts: dict[str, Any]) -> None:
    assert _stated(text, *facts) == facts


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("我视力二级残疾", {"disability_grade": 2, "disability_type": "visual"}),
        ("我女儿是聋哑人", {"disability_type": "hearing"}),
        ("假如我评上四级残疾有没有钱", {"disability_grade": None}),
        ("我老公尿毒症三年了", {"serious_illness": True}),
        ("我爸爸去年胃癌去世了", {"serious_illness": None}),
        ("我婆婆老年痴呆", {"serious_illness": None}),
        ("我腰坏了干不了活", {"employment": "unable"}),
        ("我上个月失业了", {"employment": "unemployed"}),
        ("我早就退休了", {"employment": "retired"}),
        ("我在超市上班", {"employment": "employed"}),
        ("我是低保户", {"current_status": ["dibao"]}),
        ("我不是低保 我是底保边缘", {"current_status": ["dibao_edge"]}),
        ("我妈是特捆户", {"current_status": ["tekun"]}),
        ("我想申请低保", {"current_status": None}),
        ("我的低保停了三个月", {"current_status": None}),
        ("村里有钱人都吃低保", {"current_status": None}),
        ("我家监测户也纳入了", {"current_status": ["monitored"]}),
        ("我屋里的房子评了D级为房", {"housing": "dangerous"}),
        ("墙上有裂缝", {"housing": None}),
        ("我租房住", {"housing": "rented"}),
        ("我睡在桥洞里", {"housing": "homeless"}),
        ("自己能做饭洗衣,不要人扶", {"can_self_care": True}),
        ("我是外地护口", {"hukou": "nonlocal"}),
        ("我係外省人,喺廣州打工,唔係本地戶口", {"hukou": "nonlocal", "residence_place": "广州"}),
    ],
)
def test_circumstances_are_read(text: str, facts: dict[str, Any]) -> None:
    assert _stated(text, *facts) == facts


@pytest.mark.parametrize(
    ("text", "fact", "value"),
    [
        ("我的电话是199 0000 二七三四", "phone", "19900002734"),
        ("身份证四二零六二幺幺九五八零三幺二零零零二", "id_number", "420621195803120002"),
        ("身份证号43042219790623000x", "id_number", "43042219790623000X"),
        ("单号0412-88有人接没有", "ticket_number", "0412-88"),
        ("撤销TM20250211-0009", "ticket_number", "TM20250211-0009"),
    ],
)
def test_numbers_to_reach_somebody_are_read(text: str, fact: str, value: str) -> None:
    assert extract_facts(text)[fact] == value


def test_a_long_number_that_nobody_calls_an_identity_number_is_left_alone() -> None:
    assert "id_number" not in extract_facts("我的账号是421004196308250009,里面一分钱没有,你们帮我查一下")


def test_the_intent_settles_who_is_in_need() -> None:
    assert extract_facts("四楼那个大姐三天没出门了", "report_other")["for_whom"] == "other"
    assert extract_facts("露宿在外头,夜里只有三度", "seek_help")["for_whom"] == "self"
    assert "for_whom" not in extract_facts("我想给没饭吃的小孩捐五箱泡面", "donate")


@pytest.mark.parametrize("text", ["你好", "88", "好的谢谢", "叁仟左右", "两个", "👌", "", "?"])
def test_a_message_without_facts_gives_none(text: str) -> None:
    assert extract_facts(text) == {}


@pytest.mark.parametrize(
    ("text", "fact", "value"),
    [
        ("昨天半夜租的房子着火了", "sudden_event", "fire"),
        ("我老公上个月出车祸了", "sudden_event", "accident"),
        ("上个星期村口那个猪场起火", "sudden_event", None),
        ("我家前年遭过车祸", "sudden_event", None),
        ("房子被大水冲垮了", "natural_disaster", True),
        ("残疾证还没办", "disability_certificate", False),
        ("我视力残疾一级", "disability_certificate", True),
        ("我儿子确诊孤独症", "autism", True),
        ("老板拖欠我们半年工资", "legal_matter", "wages"),
        ("前夫不给抚养费", "legal_matter", "support"),
        ("我无儿无女", "legal_supporter", False),
        ("我有居住证", "residence_permit", True),
        ("我没得收入", "income_source", False),
        ("我妈昨天去世了", "death_in_family", True),
        ("孩子爸妈都去世了", "parents_status", "both_dead"),
        ("我女儿考上了大学", "student_stage", "university"),
        ("家里揭不开锅了", "basic_life_in_difficulty", True),
        ("回不了老家,没得钱买票", "away_from_home", True),
        ("今年医保没缴", "insured", False),
        ("如果失业了能领什么", "sudden_event", None),
    ],
)
def test_facts_beyond_the_contract_are_taken_only_when_plain(text: str, fact: str, value: Any) -> None:
    assert extract_extra(text).get(fact) == value


@settings(max_examples=300)
@given(st.one_of(st.text(alphabet=WORDS, max_size=120), st.text(max_size=60)))
def test_any_text_gives_facts_of_the_contract_with_their_types(text: str) -> None:
    facts = extract_facts(text)
    assert list(facts) == [name for name in FACT_TYPES if name in facts]
    for name, value in facts.items():
        assert type(value) is FACT_TYPES[name]
        if name in FACT_CHOICES:
            assert set(value if isinstance(value, list) else [value]) <= {*FACT_CHOICES[name], *STATUSES}
        if isinstance(value, int) and not isinstance(value, bool):
            assert value >= 0
    assert not set(extract_extra(text)) & set(FACT_TYPES)


@settings(max_examples=40)
@given(st.text(alphabet=WORDS, min_size=1, max_size=12), st.integers(min_value=400, max_value=9000))
def test_a_text_past_the_cap_gives_the_facts_of_its_head_and_tail(unit: str, times: int) -> None:
    from nlu.normalise import normalise

    long = unit * times
    assert len(normalise(long)) <= 4000
    assert extract_facts(long) == extract_facts(normalise(long))
