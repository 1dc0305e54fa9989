"""Rule cases as data: tests/rules/<programme>.yaml, both sides of every limit, the unknown included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from actions.eligibility import Hint, Policy, assess, load_policy
from actions.eligibility.documents import read_document
from actions.eligibility.engine import Engine, Situation, build_engine
from actions.eligibility.errors import ExpressionError
from actions.eligibility.expressions import parse
from actions.eligibility.facts import exact_facts

ROOT = Path(__file__).parent.parent
RULES = Path(__file__).parent / "rules"
POLICY = load_policy(ROOT / "policy")
TODAY = date(2026, 11, 23)


def read_cases(name: str) -> list[dict[str, Any]]:
    """Cases of one programme with the file's defaults filled in; a fact set to null is unknown."""
    data = read_document(RULES / f"{name}.yaml").data
    defaults = data.get("defaults", {})
    cases = []
    for case in data["cases"]:
        base = {**defaults.get("facts", {}), **data.get("bases", {}).get(case.get("base"), {})}
        parameters = {} if case.get("only_these_parameters") else defaults.get("parameters", {})
        cases.append(
            {
                **case,
                "date": case.get("date", TODAY),
                "facts": {**base, **case["facts"]},
                "parameters": {**parameters, **case.get("parameters", {})},
            }
        )
    return cases


CASES = {name: read_cases(name) for name in POLICY.programmes}


def hint_of(policy: Policy, programme: str, case: dict[str, Any]) -> Hint:
    hints = assess(policy, case["facts"], case["date"], "429006", case["parameters"])
    return next(hint for hint in hints if hint.programme == programme)


def holding(programme: str, case: dict[str, Any]) -> dict[str, bool | None]:
    """What every condition of the programme says of a case, told or not."""
    situation = assess(POLICY, case["facts"], case["date"], "429006", case["parameters"]).situation
    compiled = next(one for one in POLICY.engine.programmes if one.programme.name == programme)
    result: dict[str, bool | None] = {}
    for condition in compiled.conditions:
        answer = condition.test(situation.values, situation.masks)
        result[condition.condition.name] = answer if isinstance(answer, bool) else None
    return result


@pytest.mark.parametrize(
    ("programme", "case"),
    [pytest.param(name, case, id=f"{name}: {case['name']}") for name, cases in CASES.items() for case in cases],
)
def test_rule_case(programme: str, case: dict[str, Any]) -> None:
    hint = hint_of(POLICY, programme, case)
    assert hint.verdict == case["verdict"], hint
    if "missing" in case:
        assert set(hint.missing) == set(case["missing"])
    assert set(case.get("missing_include", ())) <= set(hint.missing)
    holds = holding(programme, case)
    assert {name: holds[name] for name in case.get("holds", {})} == case.get("holds", {})


def test_every_programme_has_its_cases_and_no_file_is_left_over() -> None:
    assert {path.stem for path in RULES.glob("*.yaml")} == set(POLICY.programmes)


@pytest.mark.parametrize("programme", list(POLICY.programmes))
def test_every_condition_is_seen_true_false_and_unknown(programme: str) -> None:
    seen: dict[str, set[bool | None]] = {}
    for case in CASES[programme]:
        for name, answer in holding(programme, case).items():
            seen.setdefault(name, set()).add(answer)
    wanted = {name: {True, False, None} for name in seen}
    if "registration" in wanted:
        wanted["registration"] = {True, None}
        seen["registration"].add(None)
    assert seen == wanted


def mutants_of(text: str) -> Iterator[str]:
    """The expression with one comparison turned, one limit moved, or one listed value left out."""
    turned: dict[type[exp.Expr], type[exp.Binary]] = {
        exp.LT: exp.LTE,
        exp.LTE: exp.LT,
        exp.GT: exp.GTE,
        exp.GTE: exp.GT,
        exp.EQ: exp.NEQ,
        exp.NEQ: exp.EQ,
    }
    tree = parse(text)
    count = len(list(tree.walk()))
    for index in range(count):
        copy = tree.copy()
        node = list(copy.walk())[index]
        if type(node) in turned:
            other = turned[type(node)](this=node.this.copy(), expression=node.expression.copy())
            yield (other if node is copy else node.replace(other) and copy).sql()
        elif isinstance(node, exp.Literal) and not node.is_string:
            for step in (-1, 1):
                changed = tree.copy()
                list(changed.walk())[index].replace(exp.Literal.number(int(node.this) + step))
                yield changed.sql()
        elif isinstance(node, exp.In) and len(node.expressions) > 1:
            for left_out in range(len(node.expressions)):
                changed = tree.copy()
                list(changed.walk())[index].expressions[left_out].pop()
                yield changed.sql()


def rebuilt(facts: dict[str, Any], programmes: dict[str, Any]) -> Engine | None:
    """An engine over changed rules, or None where the change is no rule at all."""
    mistakes: list[Any] = []
    derived = [name for name, spec in facts.items() if spec.derived]
    order = [name for name in POLICY_ORDER if name in derived]
    engine = build_engine(
        facts,
        order,
        POLICY.engine.parameters,
        programmes,
        lambda *mistake: mistakes.append(mistake),
        lambda *mistake: mistakes.append(mistake),
    )
    engine.prepare(str)
    return None if mistakes else engine


POLICY_ORDER = [name for name, spec in POLICY.facts.items() if spec.derived]


def answers(engine: Engine, programmes: list[str]) -> list[tuple[Any, ...]]:
    """Everything that the cases of some programmes are answered."""
    found = []
    compiled = {one.programme.name: one for one in engine.programmes}
    for name in programmes:
        for case in CASES[name]:
            figures = {**POLICY.figures_at(case["date"], "429006"), **case["parameters"]}
            situation: Situation = engine.situate(exact_facts(POLICY, case["facts"]), figures)
            hint = engine.hint(compiled[name], situation)
            found.append((hint.verdict, hint.missing, tuple((one.condition, one.holds) for one in hint.reasons)))
    return found


@pytest.mark.parametrize("programme", list(POLICY.programmes))
def test_turning_a_comparison_or_moving_a_limit_breaks_a_case(programme: str) -> None:
    before = answers(POLICY.engine, [programme])
    survivors = []
    model = POLICY.programmes[programme]
    for condition in model.all_conditions:
        for text in mutants_of(condition.when):
            changed = condition.model_copy(update={"when": text})
            conditions = tuple(changed if one is condition else one for one in model.conditions)
            ways = tuple(
                way.model_copy(
                    update={"conditions": tuple(changed if one is condition else one for one in way.conditions)}
                )
                for way in model.ways
            )
            engine = rebuilt(
                dict(POLICY.facts), {programme: model.model_copy(update={"conditions": conditions, "ways": ways})}
            )
            if engine is not None and answers(engine, [programme]) == before:
                survivors.append(f"{condition.name}: {text}")
    assert not survivors


@pytest.mark.parametrize("fact", [name for name, spec in POLICY.facts.items() if any(item.sql for item in spec.derive)])
def test_turning_a_comparison_of_a_derived_fact_breaks_a_case(fact: str) -> None:
    everything = list(POLICY.programmes)
    before = answers(POLICY.engine, everything)
    spec = POLICY.facts[fact]
    survivors = []
    for index, item in enumerate(spec.derive):
        for text in mutants_of(item.sql) if item.sql else ():
            derive = (*spec.derive[:index], item.model_copy(update={"sql": text}), *spec.derive[index + 1 :])
            facts = {**POLICY.facts, fact: spec.model_copy(update={"derive": derive})}
            engine = rebuilt(facts, dict(POLICY.programmes))
            if engine is not None and answers(engine, everything) == before:
                survivors.append(text)
    assert not survivors


def test_a_condition_that_is_no_rule_is_refused() -> None:
    with pytest.raises(ExpressionError):
        parse("age >= 60; DROP TABLE facts")
