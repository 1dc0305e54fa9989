"""Conditions: SQL boolean expressions, parsed once, allowed or refused, compiled to closures.

The same text can be handed to an SQL engine, so the closures follow SQL's three-valued logic. A closure gets two lists
indexed by slot: `values` (None where unknown) and `masks` (0 where known). A test answers True, False, or an unknown:
a non-zero integer whose bits say why (see `Layout`). Numbers are int or Fraction, never float: 1399 / 2 stays below 700.

Refused: functions, subqueries, CASE, IS NULL, COALESCE, casts, comments, semicolons. They are either no expression of a
household's facts, or they make "unknown" count as a value, so that a later answer could turn a verdict over.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from actions.eligibility.errors import ExpressionError

Kind = Literal["boolean", "number", "choice"]
Values = list[Any]
Masks = list[int]
Test = Callable[[Values, Masks], bool | int]
Scalar = Callable[[Values], Any]

_COMPARISONS: dict[type[exp.Expr], Callable[[Any, Any], bool]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
}
_ARITHMETIC: dict[type[exp.Expr], Callable[[Any, Any], Any]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: lambda one, other: Fraction(one) / other if other else None,
}
_ALLOWED: tuple[type[exp.Expr], ...] = (
    exp.And, exp.Or, exp.Not, exp.Paren, exp.Boolean, exp.Literal, exp.Column, exp.Identifier,
    exp.In, exp.Between, exp.Neg, *_COMPARISONS, *_ARITHMETIC,
)  # fmt: skip
_PARTS = "条件只能用 AND OR NOT、比较、IN (...)、BETWEEN、加减乘除、括号、TRUE/FALSE 和已登记的名字"


@dataclass(frozen=True)
class Layout:
    """How the bits of an unknown are used, for `facts` base facts.

    Bit i: fact i is missing and could settle it. Bit facts+i: fact i is missing too, but cannot settle anything until a
    figure is known. Bits from 2*facts: the figures (parameters) that have no value. `no_result`: division by zero, or
    a choice that says nothing about the derived fact.
    """

    facts: int
    parameters: int

    @property
    def fact_bits(self) -> int:
        return (1 << self.facts) - 1

    @property
    def no_result(self) -> int:
        return 1 << (2 * self.facts + self.parameters)

    def missing(self, fact: int) -> int:
        return 1 << fact

    def without_figure(self, parameter: int) -> int:
        return 1 << (2 * self.facts + parameter)

    def settle(self, mask: int) -> int:
        """An unknown that waits for a figure is not settled by any fact: move its facts to the waiting bits."""
        if not mask:
            return self.no_result
        if mask >> (2 * self.facts):
            low = mask & self.fact_bits
            return (mask ^ low) | (low << self.facts)
        return mask


@dataclass(frozen=True)
class Name:
    """Something that a condition may name: where its value stands, of which kind, and which choices it has."""

    slot: int
    kind: Kind
    choices: frozenset[str] = frozenset()


def parse(text: str) -> exp.Expr:
    """The expression in `text`. Raises ExpressionError for all that is not on the allow-list."""
    try:
        tokens = sqlglot.tokenize(text)
        if any(token.comments for token in tokens) or "--" in text or "/*" in text:
            raise ExpressionError("条件里不能写注释", "注释写在 YAML 的 # 后面")
        if ";" in text:
            raise ExpressionError("条件里不能有分号", "只写一个表达式")
        tree = sqlglot.parse_one(text)
    except (SqlglotError, RecursionError):
        raise ExpressionError(f"条件读不懂：{text}", _PARTS) from None
    for node in tree.walk():
        _refuse_unless_allowed(node)
    return tree


def _refuse_unless_allowed(node: exp.Expr) -> None:
    if type(node) not in _ALLOWED:
        raise ExpressionError(f"条件里不能用 {node.sql()}", _PARTS)
    if isinstance(node, exp.Column) and len(node.parts) != 1:
        raise ExpressionError(f"名字里不能有点：{node.sql()}", "只写事实或参数的名字")
    if isinstance(node, exp.Identifier) and node.args.get("quoted"):
        raise ExpressionError(f"名字不能加引号：{node.sql()}", "名字不加引号；文字值用单引号")
    if isinstance(node, exp.In) and not node.expressions:
        raise ExpressionError(f"IN 后面要列出值：{node.sql()}", "写成 IN ('a', 'b')")


def names_in(tree: exp.Expr) -> set[str]:
    """Every fact or parameter that the expression names."""
    return {column.name for column in tree.find_all(exp.Column)}


class Compiler:
    """Turns expressions over `scope` into closures."""

    def __init__(self, scope: Mapping[str, Name], layout: Layout) -> None:
        self.scope = scope
        self.layout = layout

    def kind(self, tree: exp.Expr) -> Kind:
        """Kind of value that the expression gives. Raises ExpressionError when its parts do not fit together."""
        node = _bare(tree)
        if isinstance(node, exp.Column):
            return self._name(node).kind
        if isinstance(node, exp.Literal):
            return "choice" if node.is_string else "number"
        if type(node) in _ARITHMETIC or isinstance(node, exp.Neg):
            for operand in _operands(node):
                self._expect(operand, "number")
            return "number"
        self._check_boolean(node)
        return "boolean"

    def test(self, tree: exp.Expr) -> Test:
        """A closure for a boolean expression. Raises ExpressionError when it is not boolean."""
        if self.kind(tree) != "boolean":
            raise ExpressionError(f"条件算出来不是“是或否”：{tree.sql()}", "写成比较，例如 age >= 60")
        return self._test(_bare(tree))

    def scalar(self, tree: exp.Expr) -> tuple[Scalar, tuple[int, ...]]:
        """A closure for a number or choice, with the slots that it reads."""
        self.kind(tree)
        slots = tuple(sorted({self._name(column).slot for column in tree.find_all(exp.Column)}))
        return self._scalar(_bare(tree)), slots

    def _name(self, column: exp.Column) -> Name:
        name = self.scope.get(column.name)
        if name is None:
            raise ExpressionError(f"没有登记的名字 {column.name}", "先在 facts.yaml 或 parameters/ 里登记，或改正拼写")
        return name

    def _expect(self, node: exp.Expr, kind: Kind) -> None:
        found = self.kind(node)
        if found != kind:
            raise ExpressionError(
                f"{node.sql()} 用错了类型（{found}，应为 {kind}）", "核对 facts.yaml 里这个名字的 type"
            )

    def _check_boolean(self, node: exp.Expr) -> None:
        if isinstance(node, (exp.And, exp.Or, exp.Not)):
            for part in _operands(node):
                self._expect(part, "boolean")
        elif isinstance(node, exp.Between):
            for part in (node.this, node.args["low"], node.args["high"]):
                self._expect(part, "number")
        elif isinstance(node, exp.In):
            for item in node.expressions:
                if not isinstance(_bare(item), (exp.Literal, exp.Neg)):
                    raise ExpressionError(f"IN 里只能列出值：{node.sql()}", "写成 IN (1, 2) 或 IN ('a', 'b')")
                self._check_pair(node.this, item)
        elif type(node) in _COMPARISONS:
            left, right = _operands(node)
            self._check_pair(left, right)
            if self.kind(left) != "number" and not isinstance(node, (exp.EQ, exp.NEQ)):
                raise ExpressionError(f"文字和是否不能比大小：{node.sql()}", "用 = 或 IN")

    def _check_pair(self, left: exp.Expr, right: exp.Expr) -> None:
        kind = self.kind(left)
        self._expect(right, kind)
        for fact, literal in ((_bare(left), _bare(right)), (_bare(right), _bare(left))):
            if kind == "choice" and isinstance(fact, exp.Column) and isinstance(literal, exp.Literal):
                choices = self._name(fact).choices
                if literal.this not in choices:
                    raise ExpressionError(
                        f"{fact.name} 没有 {literal.this} 这个取值", f"从 {'、'.join(sorted(choices))} 里选"
                    )

    def _test(self, node: exp.Expr) -> Test:
        node = _bare(node)
        if isinstance(node, (exp.And, exp.Or)):
            parts = [self._test(part) for part in node.flatten()]
            return every(parts) if isinstance(node, exp.And) else some(parts)
        if isinstance(node, exp.Not):
            return negated(self._test(node.this))
        if isinstance(node, exp.Column):
            return known_or_mask(self._name(node).slot)
        return constantly(bool(node.this)) if isinstance(node, exp.Boolean) else self._relation(node)

    def _relation(self, node: exp.Expr) -> Test:
        if isinstance(node, exp.In):
            return self._member(node)
        if isinstance(node, exp.Between):
            low, high = node.args["low"], node.args["high"]
            return every([self._compare(operator.ge, node.this, low), self._compare(operator.le, node.this, high)])
        left, right = _operands(node)
        return self._compare(_COMPARISONS[type(node)], left, right)

    def _member(self, node: exp.In) -> Test:
        wanted = frozenset(self._scalar(_bare(item))([]) for item in node.expressions)
        read, slots = self.scalar(node.this)
        unknown = self._unknown(slots)

        def member(values: Values, masks: Masks) -> bool | int:
            value = read(values)
            return unknown(masks) if value is None else value in wanted

        return member

    def _compare(self, holds: Callable[[Any, Any], bool], left: exp.Expr, right: exp.Expr) -> Test:
        left, right = _bare(left), _bare(right)
        if isinstance(left, exp.Column) and isinstance(right, exp.Literal):
            return compared_with(self._name(left).slot, holds, self._scalar(right)([]))
        read_left, left_slots = self.scalar(left)
        read_right, right_slots = self.scalar(right)
        unknown = self._unknown((*left_slots, *right_slots))

        def compare(values: Values, masks: Masks) -> bool | int:
            one = read_left(values)
            if one is not None:
                other = read_right(values)
                if other is not None:
                    return holds(one, other)
            return unknown(masks)

        return compare

    def _unknown(self, slots: Sequence[int]) -> Callable[[Masks], int]:
        settle = self.layout.settle

        def unknown(masks: Masks) -> int:
            mask = 0
            for slot in slots:
                mask |= masks[slot]
            return settle(mask)

        return unknown

    def _scalar(self, node: exp.Expr) -> Scalar:
        node = _bare(node)
        if isinstance(node, exp.Column):
            slot = self._name(node).slot
            return lambda values: values[slot]
        if isinstance(node, exp.Literal):
            return always(node.this if node.is_string else exact(node.this))
        if isinstance(node, exp.Boolean):
            return always(bool(node.this))
        if isinstance(node, exp.Neg):
            return arithmetic(operator.mul, always(-1), self._scalar(node.this))
        if type(node) in _ARITHMETIC:
            left, right = _operands(node)
            return arithmetic(_ARITHMETIC[type(node)], self._scalar(left), self._scalar(right))
        raise ExpressionError(f"这里要一个数或名字：{node.sql()}", "把条件拆成几个比较，用 AND、OR 连起来")


def exact(number: str | int) -> int | Fraction:
    """A written number without rounding: whole ones as int, others as Fraction."""
    fraction = Fraction(number)
    return fraction.numerator if fraction.denominator == 1 else fraction


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _operands(node: exp.Expr) -> list[exp.Expr]:
    return [node.this] if isinstance(node, (exp.Neg, exp.Not)) else [node.this, node.args["expression"]]


def always(constant: Any) -> Scalar:
    """A scalar that does not depend on the household."""

    def read(_values: Values) -> Any:
        return constant

    return read


def constantly(truth: bool) -> Test:
    """A test that does not depend on the household."""

    def test(_values: Values, _masks: Masks) -> bool | int:
        return truth

    return test


def every(tests: Sequence[Test]) -> Test:
    """AND: false as soon as one is false; else the union of what is unknown."""
    if len(tests) == 1:
        return tests[0]
    tests = tuple(tests)

    def all_hold(values: Values, masks: Masks) -> bool | int:
        mask = 0
        for test in tests:
            result = test(values, masks)
            if result is False:
                return False
            if result is not True:
                mask |= result
        return mask or True

    return all_hold


def some(tests: Sequence[Test]) -> Test:
    """OR: true as soon as one is true; else the union of what is unknown."""
    if len(tests) == 1:
        return tests[0]
    tests = tuple(tests)

    def any_holds(values: Values, masks: Masks) -> bool | int:
        mask = 0
        for test in tests:
            result = test(values, masks)
            if result is True:
                return True
            if result is not False:
                mask |= result
        return mask or False

    return any_holds


def negated(test: Test) -> Test:
    """NOT: unknown stays unknown, for the same reasons."""

    def negation(values: Values, masks: Masks) -> bool | int:
        result = test(values, masks)
        if result is True:
            return False
        return True if result is False else result

    return negation


def known_or_mask(slot: int) -> Test:
    """A boolean fact by itself."""

    def read(values: Values, masks: Masks) -> bool | int:
        value = values[slot]
        return masks[slot] if value is None else value

    return read


def compared_with(slot: int, holds: Callable[[Any, Any], bool], constant: Any) -> Test:
    """One fact against a constant: the commonest condition, so it has a closure without detours."""

    def compare(values: Values, masks: Masks) -> bool | int:
        value = values[slot]
        return masks[slot] if value is None else holds(value, constant)

    return compare


def arithmetic(combine: Callable[[Any, Any], Any], left: Scalar, right: Scalar) -> Scalar:
    """Exact arithmetic; unknown when a side is unknown or a divisor is 0."""

    def calculate(values: Values) -> Any:
        one = left(values)
        if one is None:
            return None
        other = right(values)
        return None if other is None else combine(one, other)

    return calculate
