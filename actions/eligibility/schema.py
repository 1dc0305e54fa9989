"""What a policy file may hold. Every model refuses keys it does not know, so that a typo is found and not ignored."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

NAME = r"^[a-z][a-z0-9_]*$"
NameText = Annotated[str, StringConstraints(pattern=NAME)]
Line = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Seen = Literal["原文", "部分", "转述"]
Figure = bool | int | Decimal

Need = Literal[
    "living", "medical", "education", "housing", "employment", "disaster", "emergency", "care", "disability",
    "heating", "funeral", "stranded", "psychological", "legal",
]  # fmt: skip
Department = Literal[
    "civil_affairs", "medical_insurance", "education", "housing", "human_resources", "emergency_management",
    "disabled_persons_federation", "agriculture_rural", "public_security", "justice", "health", "charity",
]  # fmt: skip
ApplyWhere = Literal[
    "event_place", "hukou_place", "school", "any_township", "county_office", "hospital", "village", "aid_station",
    "child_hukou_place",
]  # fmt: skip


class Strict(BaseModel):
    """Immutable, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Answer(Strict):
    """One answer a person may give and how often it is expected; only used to weigh questions, never to guess."""

    value: bool | int | Decimal | str | list[str]
    share: Decimal = Field(gt=0, le=1)


class Alternative(Strict):
    """One way to work a derived fact out: an SQL expression, another fact's choices, or membership of a list."""

    sql: Line | None = None
    from_fact: NameText | None = Field(None, alias="from")
    map: dict[str, bool | str] | None = None
    contains: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Alternative:
        forms = (self.sql is not None, self.map is not None, self.contains is not None)
        if sum(forms) != 1 or (self.from_fact is None) != (self.sql is not None):
            raise ValueError("写 sql,或者 from 加 map,或者 from 加 contains,三样选一样")
        return self


class FactSpec(Strict):
    """One fact about a household: type, what is possible, how hard it is to ask for, or how it is derived."""

    name: NameText
    type: Literal["boolean", "integer", "yuan", "choice", "choices", "text", "date", "list"]
    label: Line
    choices: tuple[str, ...] = ()
    min: int | None = None
    max: int | None = None
    unit: str = ""
    sensitive: bool = False
    weight: Decimal = Field(Decimal(1), gt=0)
    ask: bool = False
    question: str = ""
    why: str = ""
    after: NameText | None = None
    answers: tuple[Answer, ...] = ()
    derive: tuple[Alternative, ...] = ()
    note: str = ""

    @property
    def derived(self) -> bool:
        return bool(self.derive)

    @model_validator(mode="after")
    def _complete(self) -> FactSpec:
        if (self.type in {"choice", "choices"}) != bool(self.choices):
            raise ValueError("type 是 choice 或 choices 的要写 choices,其他的不写")
        if self.ask and not (self.question and self.why and self.answers):
            raise ValueError("ask: true 的事实要写 question、why 和 answers")
        if self.answers and sum(answer.share for answer in self.answers) != 1:
            raise ValueError("answers 的 share 加起来要等于 1")
        if self.derive and self.ask:
            raise ValueError("推导出来的事实不能问，去掉 ask 或 derive")
        return self


class DatedFigure(Strict):
    """A figure from a day on. `value: null` says that the figure is not known from that day on."""

    from_day: date = Field(alias="from")
    value: Figure | None
    source: Line
    seen: Seen | None = None


class Parameter(Strict):
    """A dated figure of one place. `of: registration` figures of another place hold for people registered there."""

    name: NameText
    type: Literal["number", "boolean"] = "number"
    label: Line
    unit: str
    of: Literal["registration", "place"] = "place"
    checked_until: date | None = None
    note: str = ""
    values: tuple[DatedFigure, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _dates_in_order(self) -> Parameter:
        days = [figure.from_day for figure in self.values]
        if days != sorted(set(days)):
            raise ValueError("values 的日期有重叠或顺序不对，从早到晚各写一次")
        for figure in self.values:
            if figure.value is not None and isinstance(figure.value, bool) != (self.type == "boolean"):
                raise ValueError(f"value {figure.value} 与 type: {self.type} 不符")
            if figure.value is not None and figure.value < 0:
                raise ValueError("value 不能小于 0")
        return self


class Condition(Strict):
    """One thing the law asks for, as an SQL boolean expression, with its citation.

    `presumed`: an exclusion so rare that it is taken as not applying until somebody says so; once said, it excludes.
    """

    name: NameText
    when: Line
    label: Line
    source: Line
    presumed: bool = False


class Way(Strict):
    """One of several ways into a programme: all its conditions have to hold."""

    name: NameText
    label: Line
    conditions: tuple[Condition, ...] = Field(min_length=1)


class ApplyAt(Strict):
    """Where one applies, and how registration limits it, in words."""

    where: ApplyWhere
    text: Line
    registration: Line


class Registration(Strict):
    """`hukou`: the place of registration decides; `hukou_or_permit`: or that of the residence permit; `none`: no limit."""

    rule: Literal["none", "hukou", "hukou_or_permit"]
    label: Line = "户口在本地"
    source: Line


class FigureLine(Strict):
    """A sentence about a benefit with one figure in it, said only where that figure is known for the day and place."""

    text: Line
    parameter: NameText


class Deadline(Strict):
    """How long one stage may take."""

    stage: NameText
    text: Line
    working_days: int | None = Field(None, gt=0)
    days: int | None = Field(None, gt=0)
    source: Line


class Combination(Strict):
    """How the programme goes together with another."""

    programme: NameText
    rule: Literal["either_or", "excluded", "together", "leads_to"]
    text: Line
    source: Line


class Route(Strict):
    """Which department takes a referral, and at which level it first arrives."""

    department: Department
    level: Literal["township", "county"]


class Programme(Strict):
    """One programme of social assistance: who, what, where, with what, how long, who decides, what is not known.

    `order`: place in the telling, after the urgent ones. `weight`: how much settling it is worth when questions are weighed.
    """

    name: NameText
    label: Line
    order: int
    urgent: bool = False
    weight: Decimal = Field(Decimal(1), gt=0)
    needs: tuple[Need, ...] = Field(min_length=1)
    conditions: tuple[Condition, ...] = ()
    ways: tuple[Way, ...] = ()
    registration: Registration
    benefit: tuple[Line, ...] = Field(min_length=1)
    figures: tuple[FigureLine, ...] = ()
    apply_at: ApplyAt
    materials: tuple[Line, ...] = Field(min_length=1)
    must_not_ask: tuple[Line, ...] = Field(min_length=1)
    deadlines: tuple[Deadline, ...] = ()
    decider: Line
    appeal: str = ""
    hotline: str
    route: Route
    combinations: tuple[Combination, ...] = ()
    otherwise: tuple[NameText, ...] = ()
    review: str = ""
    sources: tuple[Line, ...] = Field(min_length=1)
    data_gaps: tuple[Line, ...] = ()

    @property
    def all_conditions(self) -> tuple[Condition, ...]:
        """The common conditions, then those of each way."""
        return self.conditions + tuple(condition for way in self.ways for condition in way.conditions)

    @model_validator(mode="after")
    def _conditions_named_once(self) -> Programme:
        names = [condition.name for condition in self.all_conditions]
        if not names:
            raise ValueError("至少要有一个条件")
        repeated = sorted({name for name in names if names.count(name) > 1} | ({"registration"} & set(names)))
        if repeated:
            raise ValueError(f"条件名重复：{'、'.join(repeated)}(registration 由户籍规则占用)")
        return self


class Source(Strict):
    """A document the rules rest on. `seen` 否 may stand in the list but carries no rule."""

    title: Line
    number: str = ""
    in_force: str = ""
    seen: Literal["原文", "部分", "转述", "否"]


class Hotline(Strict):
    """A telephone number. `verified`: tried or read at its owner for this place."""

    number: Annotated[str, StringConstraints(pattern=r"^\d{3,12}$")]
    use: Line
    source: Line
    seen: Literal["原文", "部分", "转述", "否"]
    verified: bool


class QuestionWeights(Strict):
    """How the next question is chosen; all factors, no units."""

    urgent: Decimal = Field(ge=1)
    focus: Decimal = Field(ge=1)
    beside_focus: Decimal = Field(gt=0, le=1)
    progress: Decimal = Field(ge=0, le=1)
    waiting: Decimal = Field(ge=0, le=1)
    sensitive: Decimal = Field(ge=1)
    least_value: Decimal = Field(ge=0)


class CommonWords(Strict):
    """What every programme shares: the way of appeal and what is always said."""

    appeal: Line
    always_said: tuple[Line, ...] = Field(min_length=1)
    questions: QuestionWeights
