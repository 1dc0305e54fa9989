"""The danger screen: every rule on both sides, the guards, the repair of homophones, and how scores join in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.dangers import DISMISSED, SURE, fired_rules, prepare, repair, rules, screen
from nlu.labels import DANGERS

CASES = Path(__file__).with_name("dangers")


def _cases(side: str) -> Iterator[tuple[str, str]]:
    for path in sorted(CASES.glob("*.yaml")):
        for rule, sides in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            for text in sides[side]:
                yield rule, text


@pytest.mark.parametrize(("rule", "text"), list(_cases("fires")))
def test_rule_fires(rule: str, text: str) -> None:
    assert rule in {fired.name for fired in fired_rules(text)}


@pytest.mark.parametrize(("rule", "text"), list(_cases("silent")))
def test_rule_lets_go(rule: str, text: str) -> None:
    assert rule not in {fired.name for fired in fired_rules(text)}


def test_every_rule_has_cases_on_both_sides() -> None:
    names = {rule.name for rule in rules()}
    assert {rule for rule, _ in _cases("fires")} == names
    assert {rule for rule, _ in _cases("silent")} == names
    assert len(names) == len(rules())


def test_every_danger_has_a_rule() -> None:
    assert {rule.danger for rule in rules()} == set(DANGERS)


class TestRepair:
    @pytest.mark.parametrize(
        ("typed", "meant"), [("手里有百草哭", "百草枯"), ("我爸坟迷了", "昏迷"), ("孩子走师了", "走失"), ("医生要挺药", "停药")]
    )
    def test_a_homophone_does_not_hide_a_key_word(self, typed: str, meant: str) -> None:
        assert meant in repair(typed)

    @pytest.mark.parametrize("text", ["股票走势不好", "申请房屋补助", "他在书院上班"])
    def test_words_of_their_own_stay(self, text: str) -> None:
        assert repair(text) == text

    @given(st.text(max_size=100))
    def test_keeps_length(self, text: str) -> None:
        assert len(repair(text)) == len(text)


class TestScreen:
    def test_blanks_between_characters_do_not_hide_a_crisis(self) -> None:
        assert screen("老 公 打 我 不 给 出 门") == ("violence",)

    def test_the_interpreter_finds_what_no_rule_foresees(self) -> None:
        assert screen("明天以后大家都轻松了", {"self_harm": SURE}) == ("self_harm",)

    def test_the_interpreter_alone_finds_nothing_in_what_does_not_speak_of_it(self) -> None:
        assert screen("今天天气不错", {"self_harm": SURE}) == ()
        assert screen("钱包被偷了，没钱买票", {"treatment_blocked": SURE}) == ()

    def test_the_interpreter_may_rule_a_find_out(self) -> None:
        assert screen("我不想活了", {"self_harm": DISMISSED / 2}) == ()
        assert screen("我不想活了", {"self_harm": DISMISSED}) == ("self_harm",)

    def test_an_interpreter_without_scores_leaves_the_rules_alone(self) -> None:
        assert screen("我不想活了") == ("self_harm",)

    def test_dangers_come_in_the_order_of_the_contract(self) -> None:
        assert screen("我两天没吃东西了，不想活了") == ("self_harm", "no_food")

    @given(st.text(max_size=300))
    @settings(deadline=None)
    def test_never_raises(self, text: str) -> None:
        assert set(screen(text)) <= set(DANGERS)


@pytest.mark.parametrize("unit", ["妈没回来", "不交钱", "没", "他被打", "水漫到", "孩子一个人在家，", "一天没吃", "a", "火"])
def test_no_rule_takes_long(unit: str) -> None:
    """The longest message that is read, in processor time: far above what it takes, far below what a bad pattern would."""
    prepared = prepare(unit * 4_000)
    started = time.process_time()
    for rule in rules():
        for _ in rule.find.finditer(prepared):
            pass
    assert time.process_time() - started < 1
