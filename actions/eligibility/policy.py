"""Reads the policy folder, checks every part of it, and compiles the conditions. Nothing is ever half-loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from actions.eligibility.documents import Document, Where, read_document
from actions.eligibility.engine import Engine, build_engine
from actions.eligibility.errors import ExpressionError, PolicyError, Problem, problem
from actions.eligibility.expressions import names_in, parse
from actions.eligibility.facts import mistake_in
from actions.eligibility.schema import (
    CommonWords,
    Condition,
    DatedFigure,
    FactSpec,
    Figure,
    Hotline,
    Parameter,
    Programme,
    Source,
)

Model = TypeVar("Model", bound=BaseModel)
NATIONAL = "national"
_SOURCE_ID = re.compile(r"\b[LH]\d{2}\b")
_CITED = re.compile(r"\b([LH]\d{2})\b ?")
_REMEDIES = {
    "missing": ("缺少 {key}", "补上这一项"),
    "extra_forbidden": ("不认识 {key}", "检查拼写，或删掉这一项"),
    "literal_error": ("{key} 的值不在允许的范围", "从允许的值里选：{expected}"),
    "string_pattern_mismatch": ("{key} 的写法不对", "名字用小写字母、数字和下划线；号码只用数字"),
    "too_short": ("{key} 是空的", "至少写一条"),
    "string_too_short": ("{key} 是空的", "写上文字"),
    "value_error": ("{message}", "按这句话改"),
}


@dataclass(frozen=True)
class PlacedFigure:
    """The figure that holds on a day at a place. `value` None is unknown; `reason` says why it is."""

    parameter: Parameter
    file: str
    value: Figure | None
    figure: DatedFigure | None
    reason: str = ""


class Policy:
    """The law as data, checked and compiled. `programmes` stand in the order in which they are told: urgent first."""

    def __init__(
        self,
        *,
        programmes: Mapping[str, Programme],
        facts: Mapping[str, FactSpec],
        parameters: Mapping[str, Mapping[str, Parameter]],
        sources: Mapping[str, Source],
        common: CommonWords,
        engine: Engine,
    ) -> None:
        self.programmes = programmes
        self.facts = facts
        self.parameters = parameters
        self.sources = sources
        self.common = common
        self.engine = engine
        self.figures_at = lru_cache(maxsize=256)(self._figures_at)

    def figure(self, name: str, on: date, place: str) -> PlacedFigure:
        """The figure of the nearest place that lists one for the day: the county before the province before the nation."""
        for level in places_above(place):
            parameter = self.parameters.get(level, {}).get(name)
            if parameter is not None and parameter.values[0].from_day <= on:
                return _figure_on(parameter, level, on)
        return PlacedFigure(
            next(at[name] for at in self.parameters.values() if name in at), place, None, None, "没有登记"
        )

    def _figures_at(self, on: date, place: str) -> Mapping[str, Figure | None]:
        return {name: self.figure(name, on, place).value for name in self.engine.parameters}

    def cite(self, source: str) -> str:
        """A source with the documents' titles in place of their ids; what was only reported by others is marked so."""

        def title(match: re.Match[str]) -> str:
            document = self.sources[match.group(1)]
            return f"《{document.title}》（转述）" if document.seen == "转述" else f"《{document.title}》"

        return _CITED.sub(title, source).replace("; ", "；")


def places_above(place: str) -> tuple[str, ...]:
    """The place and what lies above it, nearest first: 429006 → 429006, 4290, 42, national."""
    codes = [place[:end] for end in (12, 9, 6, 4, 2) if len(place) >= end] if place.isdigit() else []
    return (*dict.fromkeys([place, *codes]), NATIONAL)


def _figure_on(parameter: Parameter, level: str, on: date) -> PlacedFigure:
    held = [figure for figure in parameter.values if figure.from_day <= on]
    if not held:
        return PlacedFigure(parameter, level, None, None, "当日还没有数值")
    figure = held[-1]
    if figure.value is None:
        return PlacedFigure(parameter, level, None, figure, "数值未知")
    if parameter.checked_until is not None and on > parameter.checked_until:
        return PlacedFigure(parameter, level, None, figure, "已过核对期")
    return PlacedFigure(parameter, level, figure.value, figure)


def load_policy(folder: Path) -> Policy:
    """The whole policy of `folder`. Raises PolicyError with every mistake found, by file, line and remedy."""
    return _Loader(folder).load()


def check_policy(folder: Path) -> list[str]:
    """Every mistake in the policy folder, one line each; empty when it can be used."""
    try:
        load_policy(folder)
        load_hotlines(folder)
    except PolicyError as error:
        return [str(mistake) for mistake in error.problems]
    return []


def load_hotlines(folder: Path) -> tuple[Hotline, ...]:
    """The telephone numbers of hotlines.yaml. Raises PolicyError."""
    document = read_document(folder / "hotlines.yaml")
    loader = _Loader(folder)
    hotlines = loader.models(document, Hotline, document.data, ())
    loader.stop_on_problems()
    return tuple(hotlines)


class _Loader:
    """Collects all mistakes of one folder before it gives up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def load(self) -> Policy:
        sources = self._sources()
        self.stop_on_problems()
        common = self._common()
        facts, fact_document = self._facts()
        parameters = self._parameters(sources)
        programmes, documents = self._programmes(sources, common)
        self.stop_on_problems()
        if common is None or fact_document is None:
            raise PolicyError([problem(self.folder, 1, "缺少 common.yaml 或 facts.yaml", "补上这个文件")])
        self._check_facts(facts, fact_document)
        derived = self._derived_order(facts, fact_document)
        names = {name: parameter for at in parameters.values() for name, parameter in at.items()}
        self._check_names(facts, names, programmes, documents, parameters)
        self.stop_on_problems()
        policy_engine = self._engine(facts, derived, names, programmes, documents, fact_document)
        self.stop_on_problems()
        policy = Policy(
            programmes=programmes,
            facts=facts,
            parameters=parameters,
            sources=sources,
            common=common,
            engine=policy_engine,
        )
        policy_engine.prepare(policy.cite)
        return policy

    def stop_on_problems(self) -> None:
        if self.problems:
            raise PolicyError(self.problems)

    def read(self, path: Path) -> Document | None:
        try:
            return read_document(path)
        except PolicyError as error:
            self.problems.extend(error.problems)
            return None

    def model(self, document: Document, kind: type[Model], data: Any, where: Where) -> Model | None:
        try:
            return kind.model_validate(data)
        except ValidationError as error:
            for mistake in error.errors():
                at = tuple(part for part in mistake["loc"] if isinstance(part, (str, int)))
                self.problems.append(document.problem((*where, *at), *_in_words(dict(mistake), at)))
            return None

    def models(self, document: Document, kind: type[Model], data: Any, where: Where) -> list[Model]:
        if not isinstance(data, list):
            self.problems.append(document.problem(where, "这里要一个列表", "每项以 - 开头"))
            return []
        found = (self.model(document, kind, item, (*where, index)) for index, item in enumerate(data))
        return [model for model in found if model is not None]

    def named(self, document: Document, kind: type[Model], data: Any, where: Where) -> dict[str, Model]:
        """Models of a mapping whose keys are their names."""
        if not isinstance(data, dict):
            self.problems.append(document.problem(where, "这里要“名字: 内容”", "每项写成 名字: {…}"))
            return {}
        result: dict[str, Model] = {}
        for name, item in data.items():
            fields = item if isinstance(item, dict) else {}
            model = self.model(document, kind, {"name": name, **fields}, (*where, name))
            if model is not None:
                result[name] = model
        return result

    def _sources(self) -> dict[str, Source]:
        document = self.read(self.folder / "sources.yaml")
        if document is None:
            return {}
        result = {}
        for name, item in document.data.items():
            model = self.model(document, Source, item, (name,))
            if model is not None:
                result[name] = model
        return result

    def _common(self) -> CommonWords | None:
        document = self.read(self.folder / "common.yaml")
        return None if document is None else self.model(document, CommonWords, document.data, ())

    def _facts(self) -> tuple[dict[str, FactSpec], Document | None]:
        document = self.read(self.folder / "facts.yaml")
        return ({}, None) if document is None else (self.named(document, FactSpec, document.data, ()), document)

    def _parameters(self, sources: Mapping[str, Source]) -> dict[str, dict[str, Parameter]]:
        result: dict[str, dict[str, Parameter]] = {}
        for path in sorted((self.folder / "parameters").glob("*.yaml")):
            document = self.read(path)
            if document is None:
                continue
            result[path.stem] = self.named(document, Parameter, document.data, ())
            for name, parameter in result[path.stem].items():
                for index, figure in enumerate(parameter.values):
                    where: Where = (name, "values", index, "source")
                    self._check_source(document, where, figure.source, sources, rule=figure.value is not None)
        if NATIONAL not in result:
            self.problems.append(problem(self.folder / "parameters" / "national.yaml", 1, "文件不存在", "补上全国参数"))
        return result

    def _programmes(
        self, sources: Mapping[str, Source], common: CommonWords | None
    ) -> tuple[dict[str, Programme], dict[str, Document]]:
        found: list[Programme] = []
        documents: dict[str, Document] = {}
        for path in sorted((self.folder / "programmes").glob("*.yaml")):
            document = self.read(path)
            programme = None if document is None else self.model(document, Programme, document.data, ())
            if document is None or programme is None:
                continue
            if programme.name != path.stem:
                self.problems.append(
                    document.problem(("name",), f"name 与文件名不同：{programme.name}", f"写成 {path.stem}")
                )
            if common is not None and not programme.appeal:
                programme = programme.model_copy(update={"appeal": common.appeal})
            documents[programme.name] = document
            found.append(programme)
            self._check_programme_sources(document, programme, sources)
        found.sort(key=lambda programme: (not programme.urgent, programme.order, programme.name))
        return {programme.name: programme for programme in found}, documents

    def _check_programme_sources(self, document: Document, programme: Programme, sources: Mapping[str, Source]) -> None:
        for where, condition in located_conditions(programme):
            self._check_source(document, (*where, "source"), condition.source, sources, rule=True)
        for index, line in enumerate(programme.sources):
            self._check_source(document, ("sources", index), line, sources, rule=False)
        for index, deadline in enumerate(programme.deadlines):
            self._check_source(document, ("deadlines", index, "source"), deadline.source, sources, rule=True)
        for index, combination in enumerate(programme.combinations):
            self._check_source(document, ("combinations", index, "source"), combination.source, sources, rule=True)
        self._check_source(document, ("registration", "source"), programme.registration.source, sources, rule=True)

    def _check_source(
        self, document: Document, where: Where, text: str, sources: Mapping[str, Source], *, rule: bool
    ) -> None:
        ids = _SOURCE_ID.findall(text)
        for unknown in [one for one in ids if one not in sources]:
            self.problems.append(document.problem(where, f"sources.yaml 里没有 {unknown}", "先登记出处，或改正编号"))
        if rule and not ids:
            self.problems.append(document.problem(where, "没有出处编号", "写上文件编号和条款，例如 L01 第18条"))
        if rule and ids and all(one in sources and sources[one].seen == "否" for one in ids):
            self.problems.append(
                document.problem(where, "出处未见原文，不能作规则", "换一个见过的出处，或改成数据缺口")
            )

    def _check_facts(self, facts: Mapping[str, FactSpec], document: Document) -> None:
        if "hukou" not in facts or "local" not in facts["hukou"].choices:
            self.problems.append(document.problem(("hukou",), "没有 hukou 这个事实", "写上 hukou,取值里要有 local"))
        for name, spec in facts.items():
            if spec.after is not None and spec.after not in facts:
                self.problems.append(document.problem((name, "after"), f"没有登记的事实 {spec.after}", "改正名字"))
            for index, answer in enumerate(spec.answers):
                mistake = mistake_in(spec, name, answer.value)
                if mistake is not None:
                    self.problems.append(document.problem((name, "answers", index), mistake, "改成可能的回答"))

    def _derived_order(self, facts: Mapping[str, FactSpec], document: Document) -> list[str]:
        graph: dict[str, set[str]] = {}
        for name, spec in facts.items():
            if not spec.derived:
                continue
            graph[name] = set()
            for index, alternative in enumerate(spec.derive):
                try:
                    read = names_in(parse(alternative.sql)) if alternative.sql else {str(alternative.from_fact)}
                except ExpressionError as error:
                    self.problems.append(document.problem((name, "derive", index, "sql"), str(error), error.remedy))
                    continue
                graph[name] |= {one for one in read if one in facts and facts[one].derived}
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = [str(one) for one in error.args[1]]
            self.problems.append(
                document.problem(
                    (circle[0], "derive"), f"推导绕成了圈：{' → '.join(circle)}", "让其中一个不再依赖另一个"
                )
            )
            order = []
        self.stop_on_problems()
        return order

    def _check_names(
        self,
        facts: Mapping[str, FactSpec],
        names: Mapping[str, Parameter],
        programmes: Mapping[str, Programme],
        documents: Mapping[str, Document],
        parameters: Mapping[str, Mapping[str, Parameter]],
    ) -> None:
        for level, at in parameters.items():
            path = self.folder / "parameters" / f"{level}.yaml"
            for name, parameter in at.items():
                if name in facts:
                    self.problems.append(problem(path, 1, f"{name} 既是事实又是参数", "换一个名字"))
                if (parameter.type, parameter.of) != (names[name].type, names[name].of):
                    self.problems.append(problem(path, 1, f"{name} 在不同地方的 type 或 of 不同", "写成一样"))
        for programme in programmes.values():
            document = documents[programme.name]
            for index, other in enumerate(programme.otherwise):
                if other not in programmes:
                    self.problems.append(document.problem(("otherwise", index), f"没有项目 {other}", "改正名字"))
            for index, combination in enumerate(programme.combinations):
                if combination.programme not in programmes:
                    where: Where = ("combinations", index, "programme")
                    self.problems.append(document.problem(where, f"没有项目 {combination.programme}", "改正名字"))
            for index, line in enumerate(programme.figures):
                if line.parameter not in names or f"{{{line.parameter}}}" not in line.text:
                    where = ("figures", index, "parameter")
                    message = f"参数 {line.parameter} 没有登记，或文字里没有 {{{line.parameter}}}"
                    self.problems.append(document.problem(where, message, "登记参数，并在文字里用花括号写它"))

    def _engine(
        self,
        facts: Mapping[str, FactSpec],
        derived: list[str],
        names: Mapping[str, Parameter],
        programmes: Mapping[str, Programme],
        documents: Mapping[str, Document],
        fact_document: Document,
    ) -> Engine:
        def on_fact_error(name: str, index: int, error: ExpressionError) -> None:
            self.problems.append(fact_document.problem((name, "derive", index), str(error), error.remedy))

        def on_condition_error(programme: str, where: Where, error: ExpressionError) -> None:
            self.problems.append(documents[programme].problem((*where, "when"), str(error), error.remedy))

        return build_engine(facts, derived, names, programmes, on_fact_error, on_condition_error)


def located_conditions(programme: Programme) -> list[tuple[Where, Condition]]:
    """Every condition with its place inside the programme's file."""
    found: list[tuple[Where, Condition]] = [(("conditions", i), c) for i, c in enumerate(programme.conditions)]
    for way_index, way in enumerate(programme.ways):
        found += [(("ways", way_index, "conditions", i), c) for i, c in enumerate(way.conditions)]
    return found


def _in_words(mistake: dict[str, Any], at: Where) -> tuple[str, str]:
    key = str(at[-1]) if at else "内容"
    context = mistake.get("ctx", {})
    template, remedy = _REMEDIES.get(str(mistake["type"]), ("{key} 的值不对（{message}）", "按说明改正"))
    words = {
        "key": key,
        "message": str(mistake["msg"]).removeprefix("Value error, "),
        "expected": context.get("expected", ""),
    }
    return template.format(**words), remedy.format(**words)
