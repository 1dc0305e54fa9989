"""The policy told to officers: one programme as it stands on a day, and the figures that have to be looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from actions.eligibility.expressions import names_in, parse
from actions.eligibility.policy import PlacedFigure, Policy
from actions.eligibility.schema import Condition, Figure, Programme

_APPLIES = {"none": "不限户口", "hukou": "户籍地", "hukou_or_permit": "户籍地或居住证发放地"}


@dataclass(frozen=True, order=True)
class Review:
    """A figure to look at again. `state`: past its day, due within the days asked for, or without a value."""

    state: Literal["expired", "due", "unknown"]
    place: str
    parameter: str
    label: str
    until: date | None

    def __str__(self) -> str:
        words = {"expired": "已过核对期", "due": "快到核对期", "unknown": "没有数值"}[self.state]
        day = f"({self.until.isoformat()})" if self.until else ""
        return f"{self.place}.yaml {self.parameter} {self.label}:{words}{day}"


def review(policy: Policy, on: date, days: int) -> list[Review]:
    """Figures that are past `checked_until` on the day, will be within `days`, or have no value; expired ones count as unknown."""
    return sorted(
        _reviews(policy, on, on + timedelta(days=days)), key=lambda one: (_ORDER[one.state], one.until or on, one)
    )


_ORDER = {"expired": 0, "due": 1, "unknown": 2}


def _reviews(policy: Policy, on: date, horizon: date) -> Iterator[Review]:
    for place, parameters in policy.parameters.items():
        for name, parameter in parameters.items():
            held = [figure for figure in parameter.values if figure.from_day <= on]
            until = parameter.checked_until
            if not held or held[-1].value is None:
                yield Review("unknown", place, name, parameter.label, until)
            elif until is not None and until < on:
                yield Review("expired", place, name, parameter.label, until)
            elif until is not None and until <= horizon:
                yield Review("due", place, name, parameter.label, until)


def benefit_lines(policy: Policy, name: str, on: date, place: str) -> tuple[str, ...]:
    """What the programme gives, in Chinese; sentences with a figure only where the figure is known for the day and place."""
    programme = policy.programmes[name]
    lines = list(programme.benefit)
    for line in programme.figures:
        value = policy.figure(line.parameter, on, place).value
        if value is not None:
            lines.append(line.text.replace(f"{{{line.parameter}}}", _written(value)))
    return tuple(lines)


def show_programme(policy: Policy, name: str, on: date, place: str) -> str:
    """One programme with everything an officer checks: conditions, citations, figures of the day, gaps. KeyError if unknown."""
    programme = policy.programmes[name]
    lines = [f"{programme.label} ({name}) · {on.isoformat()} · {place}", "", "条件（全部满足）:"]
    lines += _conditions(policy, programme.conditions)
    lines.append(f"  - {programme.registration.label}:{_APPLIES[programme.registration.rule]}")
    lines.append(f"      出处：{policy.cite(programme.registration.source)}")
    for way in programme.ways:
        lines.append(f"途径（满足其一）:{way.label}")
        lines += _conditions(policy, way.conditions)
    lines += _figures(policy, programme, on, place)
    lines += _section("待遇", benefit_lines(policy, name, on, place))
    lines += _section("在哪里申请", (programme.apply_at.text, programme.apply_at.registration))
    lines += _section("材料", programme.materials)
    lines += _section("不得索要", programme.must_not_ask)
    lines += _section("时限", tuple(f"{one.text}({policy.cite(one.source)})" for one in programme.deadlines))
    lines += _section("谁决定", (programme.decider,))
    lines += _section("不服怎么办", (programme.appeal,))
    lines += _section("与其他项目", tuple(f"{one.text}({policy.cite(one.source)})" for one in programme.combinations))
    lines += _section("够不上时再看", tuple(policy.programmes[other].label for other in programme.otherwise))
    lines += _section("依据", tuple(policy.cite(source) for source in programme.sources))
    lines += _section("数据缺口", programme.data_gaps)
    return "\n".join(lines)


def _conditions(policy: Policy, conditions: tuple[Condition, ...]) -> list[str]:
    lines = []
    for condition in conditions:
        presumed = ",没说就当作满足" if condition.presumed else ""
        lines += [
            f"  - {condition.label}{presumed}",
            f"      {condition.when}",
            f"      出处：{policy.cite(condition.source)}",
        ]
    return lines


def _figures(policy: Policy, programme: Programme, on: date, place: str) -> list[str]:
    named = parameters_of(policy, programme)
    return _section("用到的数值", tuple(_figure_line(policy.figure(name, on, place)) for name in named))


def _figure_line(placed: PlacedFigure) -> str:
    parameter = placed.parameter
    value = _written(placed.value) + parameter.unit if placed.value is not None else f"未知（{placed.reason}）"
    source = f" 出处：{placed.figure.source}" if placed.figure else ""
    return f"{parameter.label} {parameter.name} = {value} [{placed.file}.yaml]{source}"


def parameters_of(policy: Policy, programme: Programme) -> tuple[str, ...]:
    """Names of the figures that a programme's conditions use, also through derived facts."""
    todo = [name for condition in programme.all_conditions for name in names_in(parse(condition.when))]
    found: set[str] = set()
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in policy.engine.parameters:
            found.add(name)
        elif name in policy.facts:
            todo += [one for item in policy.facts[name].derive if item.sql for one in names_in(parse(item.sql))]
    return tuple(sorted(found))


def _section(title: str, lines: tuple[str, ...]) -> list[str]:
    return [f"{title}:", *(f"  - {line}" for line in lines)] if lines else []


def _written(value: Figure) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
