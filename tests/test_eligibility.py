"""The evaluator: SQL's three-valued logic, exact money, honest verdicts, and questions worth asking."""

from __future__ import annotations

import itertools
import json
import sqlite3
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.eligibility import (
    FactError,
    Hint,
    assess,
    load_policy,
    next_question,
    next_steps,
    rank_questions,
    validate_facts,
)
from actions.eligibility.errors import ExpressionError
from actions.eligibility.expressions import Compiler, Layout, Name, names_in, parse
from actions.eligibility.lines import hints_lines
from actions.eligibility.schema import FactSpec

POLICY = load_policy(Path(__file__).parent.parent / "policy")
TODAY = date(2026, 11, 23)
FIGURES = {"dibao_standard": 700, "edge_multiplier": 1.5, "disposable_income_monthly": 2800, "rigid_ratio": 0.5}
ALL_FIGURES: dict[str, Any] = {
    name: (True if parameter.type == "boolean" else FIGURES.get(name, 1000))
    for name, parameter in POLICY.engine.parameters.items()
}


def verdicts(facts: dict[str, Any], parameters: dict[str, Any] | None = None) -> dict[str, str]:
    return {hint.programme: hint.verdict for hint in assess(POLICY, facts, TODAY, "429006", parameters)}


def hint(programme: str, facts: dict[str, Any], parameters: dict[str, Any] | None = None) -> Hint:
    return next(one for one in assess(POLICY, facts, TODAY, "429006", parameters) if one.programme == programme)


def values_of(spec: FactSpec) -> st.SearchStrategy[Any]:
    """Possible values; sizes that divide without remainder and round amounts keep SQLite's floating point exact."""
    if spec.type == "boolean":
        return st.booleans()
    if spec.type == "choice":
        return st.sampled_from(spec.choices)
    if spec.type == "choices":
        return st.lists(st.sampled_from(spec.choices), unique=True)
    if spec.name == "household_size":
        return st.sampled_from([1, 2, 4, 8])
    if spec.type == "yuan":
        return st.sampled_from([0, 100, 699, 700, 701, 1399, 1400, 2100, 2800, 4200, 5600, 40000, 90000])
    return st.integers(spec.min or 0, min(spec.max or 120, 120))


EVALUATED = [POLICY.facts[name] for name in POLICY.engine.facts if name != "income_per_person_monthly"]
HOUSEHOLDS = st.fixed_dictionaries({}, optional={spec.name: values_of(spec) for spec in EVALUATED})


def coherent(facts: dict[str, Any]) -> dict[str, Any]:
    """A complete household whose facts can be true together where one of them says something about another."""
    facts = dict(facts)
    facts["person_type"] = "elderly" if facts["age"] >= 60 else "minor" if facts["age"] < 18 else "disabled"
    facts["disability_certificate"] = True
    if facts["employment"] == "unable" or facts["work_capacity"] == "none":
        facts["employment"], facts["work_capacity"] = "unable", "none"
    elif facts["employment"] == "employed":
        facts["work_capacity"] = "partial"
    if facts["sudden_event"] == "grave_illness":
        facts["serious_illness"] = True
    if facts["sudden_event"] == "death_of_earner":
        facts["death_in_family"] = True
    return facts


COMPLETE = st.fixed_dictionaries({spec.name: values_of(spec) for spec in EVALUATED}).map(coherent)


@st.composite
def partly_known(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is known of a household, and all of it."""
    everything = draw(COMPLETE)
    known = draw(st.sets(st.sampled_from(sorted(everything))))
    return {name: everything[name] for name in known}, everything


# ---- one expression --------------------------------------------------------------------------------------------------


LAYOUT = Layout(facts=4, parameters=1)
COMPILER = Compiler(
    {
        "a": Name(0, "boolean"),
        "b": Name(1, "boolean"),
        "n": Name(2, "number"),
        "kind": Name(3, "choice", frozenset({"x", "y"})),
        "figure": Name(4, "number"),
    },
    LAYOUT,
)
MASKS = [LAYOUT.missing(0), LAYOUT.missing(1), LAYOUT.missing(2), LAYOUT.missing(3), LAYOUT.without_figure(0)]


def answer(text: str, *values: Any) -> bool | int:
    given_values = [*values, *[None] * (5 - len(values))]
    masks = [0 if value is not None else mask for value, mask in zip(given_values, MASKS, strict=True)]
    return COMPILER.test(parse(text))(given_values, masks)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a AND b", (True, True), True),
        ("a AND b", (None, False), False),
        ("a AND b", (None, True), LAYOUT.missing(0)),
        ("a OR b", (None, True), True),
        ("a OR b", (None, None), LAYOUT.missing(0) | LAYOUT.missing(1)),
        ("NOT a", (None,), LAYOUT.missing(0)),
        ("NOT (a OR b)", (False, False), True),
        ("n BETWEEN 6 AND 15", (None, None, 15), True),
        ("n BETWEEN 6 AND 15", (None, None, 16), False),
        ("n IN (1, 2)", (None, None, 2), True),
        ("n IN (-1, 2)", (None, None, -1), True),
        ("kind IN ('x')", (None, None, None, "y"), False),
        ("kind <> 'x'", (None, None, None, "y"), True),
        ("n / 2 < 700", (None, None, 1399), True),
        ("n / 2 < 700", (None, None, 1400), False),
        ("1 / n < 3", (None, None, 0), LAYOUT.no_result),
        ("-n + 2 * 3 - 1 = 4", (None, None, 1), True),
        ("a = TRUE", (True,), True),
        ("a OR FALSE", (None,), LAYOUT.missing(0)),
    ],
)
def test_three_valued_logic(text: str, values: tuple[Any, ...], expected: bool | int) -> None:
    result = answer(text, *values)
    assert result == expected
    assert isinstance(result, bool) == isinstance(expected, bool)


def test_a_fact_is_not_missing_where_only_a_figure_could_settle_it() -> None:
    result = answer("n < figure", None, None, None)
    assert not result & LAYOUT.fact_bits
    assert result == (LAYOUT.missing(2) << LAYOUT.facts) | LAYOUT.without_figure(0)


@pytest.mark.parametrize(
    "text",
    [
        "lower(kind) = 'x'",
        "n IN (SELECT 1)",
        "n IN ()",
        "CASE WHEN a THEN b ELSE TRUE END",
        "n IS NULL",
        "COALESCE(a, b)",
        "a -- comment",
        "a /* comment */ AND b",
        "a; DROP TABLE facts",
        "t.a",
        '"a"',
        "n::int = 1",
        "CAST(n AS INT) = 1",
        "unknown_name",
        "n + 1",
        "a < b",
        "kind < 'x'",
        "kind = 'z'",
        "kind = 1",
        "n = 'x'",
        "a AND n",
        "NOT n",
        "n IN (a)",
        "1 < n < 5",
        "a = ",
        "",
        "n LIKE 'x'",
        "NULL",
        "a IS TRUE",
        "n % 2 = 0",
    ],
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        COMPILER.test(parse(text))
    assert refused.value.remedy


# ---- the same text in an SQL engine -------------------------------------------------------------------------------------


def sql_value(value: Any) -> Any:
    return float(value) if isinstance(value, Fraction) else value


@settings(max_examples=60, deadline=None)
@given(facts=HOUSEHOLDS, unknown=st.sets(st.sampled_from(sorted(ALL_FIGURES))))
def test_sql_agrees_with_the_evaluator_on_every_condition(facts: dict[str, Any], unknown: set[str]) -> None:
    figures = {name: None if name in unknown else figure for name, figure in ALL_FIGURES.items()}
    situation = assess(POLICY, {**facts, "hukou": "local"}, TODAY, "429006", figures).situation
    with sqlite3.connect(":memory:") as database:
        for programme in POLICY.engine.programmes:
            for condition in programme.conditions:
                names = sorted(condition.names)
                columns = ", ".join(f":{name} AS {name}" for name in names)
                bound = {name: sql_value(situation.values[COMPILED_SCOPE[name]]) for name in names}
                row = database.execute(f"SELECT {condition.condition.when} FROM (SELECT {columns})", bound).fetchone()
                result = condition.test(situation.values, situation.masks)
                assert row[0] == (int(result) if isinstance(result, bool) else None), condition.condition
    database.close()


# Where each name of a condition stands. People registered here: figures of the place of registration are the same value.
COMPILED_SCOPE = {**POLICY.engine.slots, **POLICY.engine.derived_slots, **POLICY.engine.figure_slots}


# ---- verdicts ---------------------------------------------------------------------------------------------------------------


def test_nothing_known_leaves_everything_open() -> None:
    assert set(verdicts({}).values()) == {"possible"}


def test_hints_come_in_order_one_for_each_programme() -> None:
    hints = assess(POLICY, {}, TODAY, "429006")
    assert [one.programme for one in hints] == list(POLICY.programmes)
    assert [POLICY.programmes[one.programme].urgent for one in hints[:3]] == [True, True, True]


@settings(max_examples=150, deadline=None)
@given(facts=COMPLETE)
def test_complete_facts_and_figures_leave_nothing_open(facts: dict[str, Any]) -> None:
    for one in assess(POLICY, facts, TODAY, "429006", ALL_FIGURES):
        assert not one.missing
        if facts["hukou"] == "local":
            assert one.verdict != "possible", one


@settings(max_examples=200, deadline=None)
@given(household=partly_known(), data=st.data())
def test_an_answer_never_turns_a_settled_verdict(
    household: tuple[dict[str, Any], dict[str, Any]], data: st.DataObject
) -> None:
    """And only a missing fact settles anything. Exclusions that are presumed not to apply are the one exception."""
    facts, everything = household
    open_facts = sorted(set(everything) - set(facts) - {"work_injury_nursing_fee", "unattended_child_subsidy"})
    if not open_facts:
        return
    name = data.draw(st.sampled_from(open_facts))
    before = assess(POLICY, facts, TODAY, "429006", FIGURES)
    after = assess(POLICY, {**facts, name: everything[name]}, TODAY, "429006", FIGURES)
    second_words = {"person_type", "disability_grade", "employment", "work_capacity", "sudden_event"}
    for one, other in zip(before, after, strict=True):
        if one.verdict != "possible":
            assert other.verdict == one.verdict, name
        elif name not in {*one.missing, *second_words}:
            assert other.verdict == "possible", name


@settings(max_examples=100, deadline=None)
@given(household=partly_known())
def test_answering_all_that_is_missing_leaves_only_figures(
    household: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    facts, everything = household
    for one in assess(POLICY, facts, TODAY, "429006", FIGURES):
        then = hint(one.programme, {**facts, **{name: everything[name] for name in one.missing}}, FIGURES)
        assert not then.missing
        assert then.verdict != "possible" or then.waiting_for


@settings(max_examples=100, deadline=None)
@given(facts=HOUSEHOLDS)
def test_registration_elsewhere_is_no_ground_to_refuse(facts: dict[str, Any]) -> None:
    here = {one.programme: one for one in assess(POLICY, {**facts, "hukou": "local"}, TODAY, "429006", FIGURES)}
    for one in assess(POLICY, {**facts, "hukou": "nonlocal"}, TODAY, "429006", FIGURES):
        if one.verdict == "unlikely":
            assert here[one.programme].verdict == "unlikely"
        if POLICY.programmes[one.programme].registration.rule == "hukou":
            assert one.verdict != "likely"


@settings(max_examples=100, deadline=None)
@given(facts=HOUSEHOLDS)
def test_reasons_bear_the_verdict_out(facts: dict[str, Any]) -> None:
    for one in assess(POLICY, facts, TODAY, "429006", FIGURES):
        presumed = {c.name for c in POLICY.programmes[one.programme].all_conditions if c.presumed}
        holds = [reason.holds for reason in one.reasons if reason.condition not in presumed]
        assert all(reason.source and reason.text for reason in one.reasons)
        if one.verdict == "likely":
            assert all(holds)
        elif one.verdict == "unlikely":
            assert False in [reason.holds for reason in one.reasons]
        else:
            assert None in holds


def test_money_is_exact_however_it_is_written() -> None:
    facts = {"hukou": "local", "current_status": [], "property_ok": True, "household_size": 3}
    below: list[Any] = [2099, 2099.99, Decimal("2099.99"), Fraction(6299, 3)]
    assert {verdicts({**facts, "household_income_monthly": one}, FIGURES)["dibao"] for one in below} == {"likely"}
    at = {**facts, "household_income_monthly": 0.1 + 0.2, "household_size": 1}
    assert verdicts(at, {**FIGURES, "dibao_standard": Decimal("0.3")})["dibao_edge"] == "likely"


def test_a_figure_past_its_day_is_unknown() -> None:
    assert POLICY.figure("disability_living_subsidy", date(2026, 12, 31), "429006").value == 110
    late = POLICY.figure("disability_living_subsidy", date(2027, 1, 1), "429006")
    assert late.value is None
    assert late.reason
    assert POLICY.figure("disability_living_subsidy", date(2025, 12, 31), "429006").value is None
    assert POLICY.figure("disability_living_subsidy", TODAY, "110101").value is None


def test_the_edge_multiplier_changes_with_the_law() -> None:
    assert POLICY.figure("edge_multiplier", date(2026, 6, 30), "429006").value == Decimal("1.5")
    assert POLICY.figure("edge_multiplier", date(2026, 7, 1), "429006").value is None
    assert POLICY.figure("edge_multiplier", date(2021, 6, 30), "429006").value is None


@pytest.mark.parametrize("parameters", [{"dibao_standrad": 700}, {"dibao_standard": -1}, {"dibao_standard": True},
                                         {"local_heating_scheme": 5}, {"dibao_standard": float("nan")}])  # fmt: skip
def test_parameters_that_cannot_be_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(FactError):
        assess(POLICY, {}, TODAY, "429006", parameters)


def test_whoever_misses_one_step_is_told_the_next() -> None:
    facts = {"hukou": "local", "current_status": [], "household_income_monthly": 18000, "household_size": 3,
             "property_ok": True, "disability_certificate": False, "serious_illness": False, "age": 40}  # fmt: skip
    hints = assess(POLICY, facts, TODAY, "429006", FIGURES)
    assert next_steps(POLICY, hints, "tekun") == ("other_hardship", "charity")
    for programme in set(POLICY.programmes) - {"charity"}:
        assert next_steps(POLICY, hints, programme), programme


# ---- facts ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("age", 300), ("age", -1), ("age", 7.5), ("age", "七十"), ("household_income_monthly", -5), ("household_size", 40),
        ("household_size", 0), ("disability_grade", 7), ("disability_grade", True), ("hukou", "moon"),
        ("property_ok", "yes"), ("current_status", "dibao"), ("current_status", ["rich"]), ("refused_on", "soon"),
        ("refused_on", 5), ("members", "two"), ("event_place", " "), ("elderly", True), ("no_such_fact", 1),
        ("medical_expense_12m", float("inf")), ("household_income_monthly", float("nan")),
    ],
)  # fmt: skip
def test_impossible_facts_are_named(fact: str, value: Any) -> None:
    clean, errors = validate_facts(POLICY, {"household_size": 3, fact: value})
    assert fact in errors
    assert errors[fact]
    assert fact not in clean
    with pytest.raises(FactError):
        assess(POLICY, {fact: value}, TODAY, "429006")


def test_possible_facts_pass_and_unknown_ones_are_left_out() -> None:
    facts = {
        "age": 7,
        "household_income_monthly": 1800.5,
        "refused_on": "2026-11-01",
        "members": [],
        "phone": "13800000000",
    }
    assert validate_facts(POLICY, {**facts, "hukou": None}) == (facts, {})
    assert validate_facts(POLICY, {"refused_on": TODAY})[1] == {}


# ---- questions ------------------------------------------------------------------------------------------------------------------------


def test_the_first_question_is_about_the_urgent() -> None:
    question = next_question(POLICY, {}, assess(POLICY, {}, TODAY, "429006"))
    assert question is not None
    assert question.fact == "basic_life_in_difficulty"
    assert "temporary_assistance" in question.settles
    assert question.reason


def test_a_declined_question_is_never_asked_again_and_the_rest_comes_to_an_end() -> None:
    declined: list[str] = []
    while question := next_question(POLICY, {}, assess(POLICY, {}, TODAY, "429006", FIGURES), declined):
        assert question.fact not in declined
        declined.append(question.fact)
    assert len(declined) > 10


@settings(max_examples=40, deadline=None)
@given(facts=HOUSEHOLDS)
def test_a_question_is_about_something_missing_that_may_be_asked(facts: dict[str, Any]) -> None:
    hints = assess(POLICY, facts, TODAY, "429006", FIGURES)
    wanted = set(itertools.chain.from_iterable((*one.missing, *one.useful) for one in hints))
    ranked = rank_questions(POLICY, facts, hints)
    assert next_question(POLICY, facts, hints) == (ranked[0] if ranked else None)
    assert [one.value for one in ranked] == sorted((one.value for one in ranked), reverse=True)
    for question in ranked:
        spec = POLICY.facts[question.fact]
        assert question.fact in wanted
        assert question.fact not in facts
        assert spec.ask
        assert spec.after is None or spec.after in facts


def test_what_the_person_asked_about_comes_first() -> None:
    hints = assess(POLICY, {}, TODAY, "429006")
    question = next_question(POLICY, {}, hints, focus=["employment_aid"])
    assert question is not None
    assert question.fact == "employment"


def test_a_person_who_is_settled_is_asked_nothing() -> None:
    hints = [one for one in assess(POLICY, {}, TODAY, "429006") if one.programme == "other_hardship"]
    assert next_question(POLICY, {}, hints) is None


def test_what_the_office_needs_is_asked_even_without_a_local_figure() -> None:
    facts = {"hukou": "local", "current_status": [], "property_ok": True, "household_size": 2}
    one = hint("dibao_edge", facts)
    assert "household_income_monthly" in one.useful
    assert "household_income_monthly" not in one.missing
    assert set(one.waiting_for) == {"dibao_standard", "edge_multiplier"}
    ranked = rank_questions(POLICY, facts, assess(POLICY, facts, TODAY, "429006"))
    assert "household_income_monthly" in [question.fact for question in ranked]


# ---- JSON lines ------------------------------------------------------------------------------------------------------------------------


def test_lines_answer_in_order_and_go_on_after_a_bad_one() -> None:
    lines = [
        json.dumps({"id": "one", "on": "2026-11-23", "place": "429006", "facts": {"basic_life_in_difficulty": True}}),
        "not json",
        "[1]",
        "",
        json.dumps({"id": "two", "place": "429006"}),
        json.dumps({"id": "three", "on": "tomorrow", "place": "429006"}),
        json.dumps({"id": "four", "on": "2026-11-23", "place": "Tianmen"}),
        json.dumps({"id": "five", "on": "2026-11-23", "place": "429006", "facts": {"household_size": 40}}),
        json.dumps({"id": "six", "on": "2026-11-23", "place": "429006", "facts": [1]}),
        json.dumps({"id": "seven", "on": 5, "place": "429006"}),
        json.dumps({"id": "eight", "on": "2026-11-23", "place": "429006", "parameters": {"dibao_standard": "many"}}),
        json.dumps({"id": "nine", "on": "2026-11-23", "place": "429006", "parameters": None, "facts": None}),
    ]
    answers = [json.loads(line) for line in hints_lines(POLICY, lines)]
    assert [one.get("id") for one in answers] == [
        "one", None, None, "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ]  # fmt: skip
    assert ["error" in one for one in answers] == [False, *[True] * 9, False]
    assert answers[0]["next_question"] == "sudden_event"
    assert {one["programme"] for one in answers[0]["hints"]} == set(POLICY.programmes)
    assert set(answers[0]["hints"][0]) == {"programme", "verdict", "missing", "reasons"}
    assert set(answers[0]["hints"][0]["reasons"][0]) == {"text", "holds", "source"}
    assert "40" in answers[6]["error"]


def test_odd_ids_and_numbers_do_not_stop_the_run() -> None:
    lines = [
        '{"id": "\\ud800", "on": "2026-11-23", "place": "429006"}',
        '{"id": 2, "on": "2026-11-23", "place": "429006", "facts": {"age": 1' + "0" * 400 + "}}",
        '{"id": 3, "on": "2026-11-23", "place": "429006", "facts": {"age": NaN}}',
        '{"id": 4, "on": "2026-11-23", "place": "429006", "parameters": {"dibao_standard": NaN}}',
    ]
    answers = [line.encode("utf-8") for line in hints_lines(POLICY, lines)]
    assert [json.loads(line)["id"] for line in answers] == ["\ud800", 2, 3, 4]
    assert ["error" in json.loads(line) for line in answers] == [False, True, True, True]


def test_names_of_a_condition_are_found() -> None:
    assert names_in(parse("a AND (b OR n > 3)")) == {"a", "b", "n"}
