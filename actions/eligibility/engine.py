"""The compiled policy: slots for facts, figures and what is derived from them, and one closure for each condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from actions.eligibility.documents import Where
from actions.eligibility.errors import ExpressionError
from actions.eligibility.expressions import (
    Compiler,
    Kind,
    Layout,
    Masks,
    Name,
    Test,
    Values,
    constantly,
    every,
    exact,
    names_in,
    parse,
    some,
)
from actions.eligibility.hints import LIKELY, POSSIBLE, UNLIKELY, Hint, Reason, Verdict
from actions.eligibility.schema import Alternative, Condition, FactSpec, Figure, Parameter, Programme

ELSEWHERE = "place_of_registration"
_KINDS: dict[str, Kind] = {"boolean": "boolean", "integer": "number", "yuan": "number", "choice": "choice"}
_EVALUATED = {*_KINDS, "choices"}
_REGISTRATION = {"hukou": "hukou = 'local'", "hukou_or_permit": "hukou = 'local' OR residence_permit"}
Apply = Callable[[Values, Masks], None]
Read = Callable[[Values, Masks], tuple[Any, int]]


@dataclass(frozen=True, slots=True)
class Situation:
    """One household on one day: values and reasons of ignorance by slot."""

    values: Values
    masks: Masks


@dataclass(frozen=True, slots=True)
class Derivation:
    """Writes one derived value. `reads` holds the bits of the base facts that it hangs on."""

    slot: int
    apply: Apply
    reads: int


@dataclass(slots=True)
class CompiledCondition:
    """A condition's closure and the three reasons it can give."""

    condition: Condition
    test: Test
    names: frozenset[str]
    holds: Reason = field(init=False)
    fails: Reason = field(init=False)
    open: Reason = field(init=False)

    def prepare(self, cite: Callable[[str], str]) -> None:
        name, label, source = self.condition.name, self.condition.label, cite(self.condition.source)
        self.holds = Reason(name, label, True, source)
        self.fails = Reason(name, label, False, source)
        self.open = Reason(name, label, None, source)


@dataclass(slots=True)
class CompiledProgramme:
    """A programme's conditions; `test` answers the whole, with exclusions that are presumed not to apply."""

    programme: Programme
    common: tuple[CompiledCondition, ...]
    ways: tuple[tuple[CompiledCondition, ...], ...]
    test: Test

    @property
    def conditions(self) -> tuple[CompiledCondition, ...]:
        return self.common + tuple(condition for way in self.ways for condition in way)


class Engine:
    """Evaluates households. Holds no household itself; safe to share between threads."""

    def __init__(
        self,
        layout: Layout,
        facts: Sequence[str],
        parameters: Mapping[str, Parameter],
        width: int,
        derivations: Sequence[Derivation],
        figure_slots: Mapping[str, int],
        derived_slots: Mapping[str, int],
    ) -> None:
        self.layout = layout
        self.facts = tuple(facts)
        self.parameters = parameters
        self.slots = {name: slot for slot, name in enumerate(facts)}
        self.derivations = tuple(derivations)
        self.programmes: tuple[CompiledProgramme, ...] = ()
        self.figure_slots = figure_slots
        self.derived_slots = derived_slots
        self._figure_names = (*parameters, ELSEWHERE)
        self._blank_values: Values = [None] * width
        self._blank_masks: Masks = [layout.missing(slot) if slot < len(facts) else 0 for slot in range(width)]
        self._affected = [
            tuple(one for one in derivations if one.reads & layout.missing(slot)) for slot in range(len(facts))
        ]

    def prepare(self, cite: Callable[[str], str]) -> None:
        """Builds the reasons once the citations can be written out."""
        for programme in self.programmes:
            for condition in programme.conditions:
                condition.prepare(cite)

    def situate(self, facts: Mapping[str, Any], figures: Mapping[str, Figure | None]) -> Situation:
        """The situation of a household: `facts` as coerced by eligibility.facts, `figures` by name, None where unknown."""
        values, masks = self._blank_values.copy(), self._blank_masks.copy()
        for name, value in facts.items():
            slot = self.slots.get(name)
            if slot is not None:
                values[slot] = value
                masks[slot] = 0
        for index, (name, slot) in enumerate(self.figure_slots.items()):
            figure = figures.get(name)
            if figure is None:
                masks[slot] = self.layout.without_figure(index)
            else:
                values[slot] = figure if isinstance(figure, bool) else _number(figure)
        for derivation in self.derivations:
            derivation.apply(values, masks)
        return Situation(values, masks)

    def suppose(self, situation: Situation, fact: int, value: Any) -> Situation:
        """The same household, had it answered `value` for the fact in slot `fact`."""
        values, masks = situation.values.copy(), situation.masks.copy()
        values[fact] = value
        masks[fact] = 0
        for derivation in self._affected[fact]:
            derivation.apply(values, masks)
        return Situation(values, masks)

    def hint(self, programme: CompiledProgramme, situation: Situation) -> Hint:
        values, masks = situation.values, situation.masks
        verdict, mask, reasons = _weigh(programme, values, masks)
        if verdict is not POSSIBLE:
            return Hint(programme.programme.name, verdict, tuple(reasons), ())
        waiting = self.facts_in(mask >> self.layout.facts)
        missing = self.facts_in(mask)
        return Hint(
            programme.programme.name,
            verdict,
            tuple(reasons),
            missing,
            self._figures_in(mask),
            tuple(fact for fact in waiting if fact not in missing),
        )

    def facts_in(self, mask: int) -> tuple[str, ...]:
        """Names of the facts whose bits are set, in the order of facts.yaml."""
        mask &= self.layout.fact_bits
        names = []
        while mask:
            low = mask & -mask
            names.append(self.facts[low.bit_length() - 1])
            mask ^= low
        return tuple(names)

    def _figures_in(self, mask: int) -> tuple[str, ...]:
        high = mask >> (2 * self.layout.facts)
        return tuple(name for index, name in enumerate(self._figure_names) if high >> index & 1)


def _weigh(programme: CompiledProgramme, values: Values, masks: Masks) -> tuple[Verdict, int, list[Reason]]:
    """Verdict, why it is open, and the reasons worth telling: the way that holds, else those that may, else all."""
    failed, unknown, reasons = _run(programme.common, values, masks)
    if programme.ways:
        ways = [_run(way, values, masks) for way in programme.ways]
        holding = [way for way in ways if not way[0] and not way[1]]
        maybe = [way for way in ways if not way[0]]
        if holding:
            ways = holding[:1]
        elif maybe:
            ways = maybe
            for way in maybe:
                unknown |= way[1]
        else:
            failed = True
        for way in ways:
            reasons += way[2]
    if failed:
        return UNLIKELY, 0, reasons
    return (POSSIBLE, unknown, reasons) if unknown else (LIKELY, 0, reasons)


def _run(conditions: Sequence[CompiledCondition], values: Values, masks: Masks) -> tuple[bool, int, list[Reason]]:
    failed, unknown, reasons = False, 0, []
    for one in conditions:
        result = one.test(values, masks)
        if result is True:
            reasons.append(one.holds)
        elif result is False:
            failed = True
            reasons.append(one.fails)
        else:
            reasons.append(one.open)
            if not one.condition.presumed:
                unknown |= result
    return failed, unknown, reasons


def _number(figure: Figure) -> int | Fraction:
    return figure if isinstance(figure, int) else exact(str(figure))


class _Builder:
    """Gives every name its slot and compiles derivations and conditions."""

    def __init__(
        self, facts: Mapping[str, FactSpec], derived: Sequence[str], parameters: Mapping[str, Parameter]
    ) -> None:
        self.specs = facts
        self.base = [name for name, spec in facts.items() if spec.type in _EVALUATED and not spec.derived]
        self.parameters = parameters
        self.layout = Layout(len(self.base), len(parameters) + 1)
        self.bits = {name: self.layout.missing(slot) for slot, name in enumerate(self.base)}
        slot = len(self.base)
        self.slots: dict[str, int] = {name: i for i, name in enumerate(self.base)}
        for name in derived:
            self.slots[name] = slot
            slot += 1
        self.figures = {name: slot + i for i, name in enumerate(parameters)}
        slot += len(parameters)
        gated = [name for name, parameter in parameters.items() if parameter.of == "registration"]
        self.gated = {name: slot + i for i, name in enumerate(gated)}
        self.width = slot + len(gated)
        self.here = Compiler(self._scope(gated=False), self.layout)
        self.registered = Compiler(self._scope(gated=True), self.layout)

    def _scope(self, *, gated: bool) -> dict[str, Name]:
        scope = {
            name: Name(self.slots[name], _KINDS[spec.type], frozenset(spec.choices))
            for name, spec in self.specs.items()
            if spec.type in _KINDS and name in self.slots
        }
        for name, parameter in self.parameters.items():
            slot = self.gated.get(name, self.figures[name]) if gated else self.figures[name]
            scope[name] = Name(slot, "boolean" if parameter.type == "boolean" else "number")
        return scope

    def gates(self) -> list[Derivation]:
        """Figures of the place of registration: known for people registered here only."""
        hukou, bit = self.slots["hukou"], self.bits["hukou"]
        elsewhere = self.layout.without_figure(len(self.parameters))
        return [
            Derivation(gate, _gate(self.figures[name], gate, hukou, elsewhere), bit)
            for name, gate in self.gated.items()
        ]

    def derivation(self, name: str, reads: int, on_error: Callable[[str, int, ExpressionError], None]) -> Derivation:
        alternatives: list[Read] = []
        for index, alternative in enumerate(self.specs[name].derive):
            try:
                alternatives.append(self._alternative(self.specs[name], alternative))
            except ExpressionError as error:
                on_error(name, index, error)
        return Derivation(self.slots[name], _first_known(self.slots[name], alternatives, self.layout.no_result), reads)

    def _alternative(self, spec: FactSpec, alternative: Alternative) -> Read:
        if alternative.sql is not None:
            tree = parse(alternative.sql)
            if self.registered.kind(tree) != _KINDS[spec.type]:
                raise ExpressionError(f"{spec.name} 的推导结果不是 {spec.type}", "改 type 或改推导")
            if spec.type == "boolean":
                return _by_test(self.registered.test(tree))
            read, slots = self.registered.scalar(tree)
            return _by_scalar(read, slots, self.layout)
        slot = self.slots.get(str(alternative.from_fact))
        if slot is None:
            raise ExpressionError(f"没有登记的事实 {alternative.from_fact}", "先在 facts.yaml 里登记")
        source = self.specs[str(alternative.from_fact)]
        wanted = set(alternative.map or {}) | ({alternative.contains} if alternative.contains else set())
        known = {"true", "false"} if source.type == "boolean" else set(source.choices)
        if not wanted <= known:
            raise ExpressionError(f"{source.name} 没有 {'、'.join(sorted(wanted - known))} 这个取值", "改正取值")
        if alternative.contains is not None:
            return _by_member(slot, alternative.contains)
        return _by_map(slot, {_choice(source, key): value for key, value in (alternative.map or {}).items()})

    def reads(self, name: str, known: Mapping[str, int]) -> int:
        """Bits of the base facts behind a derived fact; those of derived ones are in `known`."""
        bits = 0
        for alternative in self.specs[name].derive:
            names = names_in(parse(alternative.sql)) if alternative.sql else {str(alternative.from_fact)}
            for one in names:
                bits |= self.bits.get(one, 0) | known.get(one, 0)
                if one in self.gated:
                    bits |= self.bits["hukou"]
        return bits

    def programme(
        self, programme: Programme, on_error: Callable[[str, Where, ExpressionError], None]
    ) -> CompiledProgramme:
        bound = programme.registration.rule != "none"
        compiler = self.registered if bound else self.here
        common = [
            self._condition(compiler, condition, programme.name, ("conditions", index), on_error)
            for index, condition in enumerate(programme.conditions)
        ]
        if bound:
            common.append(self._registration(programme))
        ways = [
            tuple(
                self._condition(compiler, condition, programme.name, ("ways", way_index, "conditions", index), on_error)
                for index, condition in enumerate(way.conditions)
            )
            for way_index, way in enumerate(programme.ways)
        ]
        tests = [_presuming(one) for one in common]
        if ways:
            tests.append(some([every([_presuming(one) for one in way]) for way in ways]))
        return CompiledProgramme(programme, tuple(common), tuple(ways), every(tests))

    def _condition(
        self,
        compiler: Compiler,
        condition: Condition,
        programme: str,
        where: Where,
        on_error: Callable[[str, Where, ExpressionError], None],
    ) -> CompiledCondition:
        try:
            tree = parse(condition.when)
            return CompiledCondition(condition, compiler.test(tree), frozenset(names_in(tree)))
        except ExpressionError as error:
            on_error(programme, where, error)
            return CompiledCondition(condition, constantly(False), frozenset())

    def _registration(self, programme: Programme) -> CompiledCondition:
        """Registered here holds; elsewhere is no failure: the figures and the decision of that place are not known."""
        rule = programme.registration
        text = _REGISTRATION[rule.rule]
        test = self.registered.test(parse(text))
        elsewhere = self.layout.without_figure(len(self.parameters))

        def registered(values: Values, masks: Masks) -> bool | int:
            result = test(values, masks)
            return elsewhere if result is False else result

        condition = Condition(name="registration", when=text, label=rule.label, source=rule.source)
        return CompiledCondition(condition, registered, frozenset(names_in(parse(text))))


def build_engine(
    facts: Mapping[str, FactSpec],
    derived: Sequence[str],
    parameters: Mapping[str, Parameter],
    programmes: Mapping[str, Programme],
    on_fact_error: Callable[[str, int, ExpressionError], None],
    on_condition_error: Callable[[str, Where, ExpressionError], None],
) -> Engine:
    """Compiles everything; mistakes go to the two callbacks. `derived` names derived facts, each after what it reads."""
    builder = _Builder(facts, derived, parameters)
    derivations = builder.gates()
    reads: dict[str, int] = {}
    for name in derived:
        reads[name] = builder.reads(name, reads)
        derivations.append(builder.derivation(name, reads[name], on_fact_error))
    engine = Engine(
        builder.layout,
        builder.base,
        parameters,
        builder.width,
        derivations,
        builder.figures,
        {name: builder.slots[name] for name in derived},
    )
    engine.programmes = tuple(builder.programme(programme, on_condition_error) for programme in programmes.values())
    return engine


def _presuming(one: CompiledCondition) -> Test:
    if not one.condition.presumed:
        return one.test
    test = one.test

    def not_said(values: Values, masks: Masks) -> bool | int:
        return test(values, masks) is not False

    return not_said


def _gate(figure: int, gate: int, hukou: int, elsewhere: int) -> Apply:
    def apply(values: Values, masks: Masks) -> None:
        place = values[hukou]
        values[gate] = None
        if values[figure] is None:
            masks[gate] = masks[figure]
        elif place == "local":
            values[gate] = values[figure]
            masks[gate] = 0
        else:
            masks[gate] = masks[hukou] if place is None else elsewhere

    return apply


def _first_known(slot: int, alternatives: Sequence[Read], no_result: int) -> Apply:
    """The first alternative that is known; where none is, what the first one is missing."""

    def apply(values: Values, masks: Masks) -> None:
        first = 0
        for read in alternatives:
            value, mask = read(values, masks)
            if value is not None:
                values[slot] = value
                masks[slot] = 0
                return
            first = first or mask
        values[slot] = None
        masks[slot] = first or no_result

    return apply


def _by_test(test: Test) -> Read:
    def read(values: Values, masks: Masks) -> tuple[Any, int]:
        result = test(values, masks)
        return (result, 0) if result is True or result is False else (None, result)

    return read


def _by_scalar(scalar: Callable[[Values], Any], slots: Sequence[int], layout: Layout) -> Read:
    def read(values: Values, masks: Masks) -> tuple[Any, int]:
        value = scalar(values)
        if value is not None:
            return value, 0
        mask = 0
        for slot in slots:
            mask |= masks[slot]
        return None, layout.settle(mask)

    return read


def _by_map(slot: int, mapping: Mapping[Any, bool | str]) -> Read:
    def read(values: Values, masks: Masks) -> tuple[Any, int]:
        return mapping.get(values[slot]), masks[slot]

    return read


def _by_member(slot: int, item: str) -> Read:
    def read(values: Values, masks: Masks) -> tuple[Any, int]:
        held = values[slot]
        return (None, masks[slot]) if held is None else (item in held, 0)

    return read


def _choice(source: FactSpec, key: str) -> bool | str:
    return key == "true" if source.type == "boolean" else key
