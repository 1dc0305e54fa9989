"""Which office is responsible. Pure: the rules, the units and their order are data in policy/routes.yaml."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from actions.calendars import read_yaml
from actions.errors import PolicyDataError

CIVIL_AFFAIRS: Final = "civil_affairs"
Place = Literal["event", "registration", "residence", "county"]
Level = Literal["township", "county"]

# Why a referral goes where it goes; templates put it into words.
WHYS: Final = ("event_place", "registration", "residence", "passes_on", "county_desk", "place_unknown", "given_back")

_LONGEST_PLACE: Final = 200
_KIND_OF_UNIT: Final = re.compile(r"(街道|镇|乡|农场|管委会)$")
_TOWN_WORDS: Final = ("街道办事处", "街道办", "办事处", "街道", "镇", "乡")
_FARM_WORDS: Final = ("农场", "管理区", "管委会")
# What may stand between the county and the township, or before both, without naming another place.
_FILLER: Final = re.compile(
    r"(现在|目前|暂时|一直|本地|本市|老家|户口|户籍|我们|我家|我|人|家|就|住|在|是|到|去|从|的|于|省|市|里|下面|这边|那边|[\s,,。.、;;::/()()\-])*+"
)
# A short name that is only the beginning of another name: 九真山, 杨林桥镇, 岳口大道.
_OTHER_NAME: Final = re.compile(r"(山|桥|湖|河|大道|路|站|县|市|区|[一-鿿]{0,2}(镇|乡|街道|县|区)(?!上|里|下|政府))")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of township level: its statistical code and name."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Destination:
    """The office responsible. `why` is one of WHYS, `also` the departments that are concerned besides, `rule` the rule that decided.

    `township` is the township that the case belongs to, if known, also when the office is a county desk.
    """

    department: str
    level: Level
    unit_code: str
    unit_name: str
    why: str
    hotline: str | None
    also: tuple[str, ...] = ()
    rule: str = ""
    township: str | None = None


@dataclass(frozen=True, slots=True)
class Department:
    """`township`: it has a window in every unit of township level."""

    name: str
    township: bool
    hotline: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """What rules look at."""

    kind: str
    dangers: Collection[str]
    needs: Collection[str]
    programmes: Collection[str]
    urgency: str
    legal_matter: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """Every part that is given must hold; an empty one holds of every case."""

    kinds: tuple[str, ...] = ()
    dangers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    programmes: tuple[str, ...] = ()
    legal_matters: tuple[str, ...] = ()
    urgencies: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    facts: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Condition:
        rest = {name: tuple(values) for name, values in data.items() if name != "facts"}
        return cls(**rest, facts=tuple((data.get("facts") or {}).items()))

    def holds(self, case: Case) -> bool:
        return (
            _any(self.kinds, (case.kind,))
            and _any(self.dangers, case.dangers)
            and _any(self.needs, case.needs)
            and _any(self.programmes, case.programmes)
            and _any(self.legal_matters, (case.legal_matter,))
            and _any(self.urgencies, (case.urgency,))
            and _any(self.held, case.facts.get("current_status") or ())
            and all(_fits(case.facts.get(name), wanted) for name, wanted in self.facts)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of `rules` in policy/routes.yaml."""

    id: str
    when: Condition
    unless: Condition | None
    department: str
    place: Place
    also: tuple[str, ...]
    hotline: str | None

    def holds(self, case: Case) -> bool:
        return self.when.holds(case) and not (self.unless and self.unless.holds(case))


@dataclass(frozen=True, slots=True)
class Routes:
    """policy/routes.yaml, read and checked."""

    county: Unit
    province: str
    units: tuple[Unit, ...]
    written: tuple[tuple[str, Unit], ...]  # short names and other spellings, longest first
    departments: Mapping[str, Department]
    rules: tuple[Rule, ...]

    def unit_name(self, code: str | None) -> str:
        """The name of a unit; the county's for its own code and for one that is not ours."""
        return next((unit.name for unit in self.units if unit.code == code), self.county.name)

    def is_township(self, code: str | None) -> bool:
        return any(unit.code == code for unit in self.units)


def load_routes(folder: Path) -> Routes:
    """The routes of the policy folder. Raises PolicyDataError when something is missing or wrong."""
    path = folder / "routes.yaml"
    data = read_yaml(path)
    try:
        return _checked(_routes(data))
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyDataError(f"{path}: {error!r}") from error


def route(
    routes: Routes,
    *,
    kind: str,
    needs: Iterable[str],
    dangers: Iterable[str],
    programmes: Iterable[str],
    urgency: str,
    event_unit: str | None,
    residence_unit: str | None,
    hukou: str | None,
    hukou_unit: str | None,
    facts: Mapping[str, Any],
    legal_matter: str | None = None,
) -> Destination:
    """The office responsible for a case. Units are codes as `find_unit` gives them; a code that is no township of ours is unknown.

    `hukou` is where the person is registered relative to where they are (local, nonlocal, none).
    """
    case = Case(
        kind, frozenset(dangers), frozenset(needs), frozenset(programmes), urgency,
        legal_matter or facts.get("legal_matter"), facts,
    )  # fmt: skip
    matching = [rule for rule in routes.rules if rule.holds(case)]
    rule = matching[0]
    event, residence, registered = (
        code if routes.is_township(code) else None for code in (event_unit, residence_unit, hukou_unit)
    )
    unit, why = _place(rule.place, event, residence, registered, hukou)
    township = _place("registration", event, residence, registered, hukou)[0] if rule.place == "county" else unit
    also = (
        *rule.also,
        *(other.department for other in matching[1:-1]),
    )  # the last rule fits every case and says nothing
    also = tuple(dict.fromkeys(name for name in also if name != rule.department))
    there = _at(routes, rule.department, unit, why, hotline=rule.hotline, also=also, rule=rule.id)
    return replace(there, township=township)


def next_after_return(
    routes: Routes,
    given_back: Destination,
    *,
    urgency: str,
    returns: int,
    tried: Collection[tuple[str, str]] = (),
) -> Destination:
    """Who is next when an office gives a referral back for the `returns`-th time (1 is the first).

    First return of something routine: the other department concerned, if there is one. Of something urgent: the county desk of the same
    department, so that nobody has to argue about responsibility first. From the second return on: the county desk of civil affairs, which
    must take on what fits nobody (L02 第60条). Nobody gets it again who gave it back; `tried` holds (department, unit code) of those
    before this one. When everybody has, it stays at that desk for the supervisor to see.
    """
    last = _at(routes, CIVIL_AFFAIRS, None, "given_back", also=given_back.also, rule=given_back.rule)
    others = [_at(routes, name, given_back.township, "given_back", rule=given_back.rule) for name in given_back.also]
    superior = _at(routes, given_back.department, None, "given_back", also=given_back.also, rule=given_back.rule)
    if returns > 1:
        order = [last, *others]
    elif urgency == "routine":
        order = [*others, superior, last]
    else:
        order = [superior, *others, last]
    seen = {*tried, (given_back.department, given_back.unit_code)}
    following = next((one for one in order if (one.department, one.unit_code) not in seen), last)
    return replace(following, township=given_back.township)


def find_unit(routes: Routes, place: str | None) -> Unit | None:
    """The township that a place names: 天门岳口镇, 岳口, 侯口, 竟陵街道西湖社区. None when it is unknown or not in our county.

    A name is believed at the beginning of the place, or after the province, the county and words that name nothing: 仙桃彭市 is not ours.
    """
    text = _squeezed(place)
    if not text:
        return None
    by_code = next((unit for unit in routes.units if unit.code == text), None)
    return by_code or _named(routes, text)


def in_county(routes: Routes, place: str | None) -> bool:
    """Whether a place is in our county, also when its township is not said: 天门, 湖北天门市, 岳口镇."""
    text = _squeezed(place)
    return find_unit(routes, text) is not None or bool(
        re.match(_before(routes) + r"$", text) and routes.county.name.removesuffix("市") in text
    )


def _squeezed(place: str | None) -> str:
    return "".join((place or "")[:_LONGEST_PLACE].split())


def _named(routes: Routes, text: str) -> Unit | None:
    opening = re.compile(_before(routes))
    for name, unit in routes.written:
        for found in re.finditer(re.escape(name), text):
            before, after = text[: found.start()], text[found.end() :]
            if opening.fullmatch(before) and (name == unit.name or _goes_on(unit, after)):
                return unit
    return None


def _before(routes: Routes) -> str:
    county = re.escape(routes.county.name.removesuffix("市"))
    filler = f"(?:{_FILLER.pattern})"
    return f"{filler}(?:{re.escape(routes.province)}{filler})?(?:{county}市?{filler})?"


def _goes_on(unit: Unit, after: str) -> bool:
    """Whether what follows a short name leaves it the name of this unit."""
    words = _FARM_WORDS if unit.name.endswith(_FARM_WORDS) else _TOWN_WORDS
    if after.startswith(words):
        return True
    return not _OTHER_NAME.match(after) and not after.startswith((*_TOWN_WORDS, *_FARM_WORDS))


def _place(
    place: Place, event: str | None, residence: str | None, registered: str | None, hukou: str | None
) -> tuple[str | None, str]:
    """The township (None: unknown or none) and the reason."""
    if place == "county":
        return None, "county_desk"
    if place == "event":
        here, why = event or residence, "event_place"
    elif place == "residence":
        here, why = residence or event or registered, "residence"
    elif registered:
        return registered, "registration"
    else:
        here, why = residence or event, "residence" if hukou == "local" else "passes_on"
    return (here, why) if here else (None, "place_unknown")


def _at(
    routes: Routes,
    department: str,
    township: str | None,
    why: str,
    *,
    hotline: str | None = None,
    also: tuple[str, ...] = (),
    rule: str = "",
) -> Destination:
    office = routes.departments[department]
    if township and not office.township:
        township, why = None, "county_desk" if why != "given_back" else why
    code = township or routes.county.code
    level: Level = "township" if township else "county"
    return Destination(department, level, code, routes.unit_name(code), why, hotline or office.hotline, also, rule)


def _any(wanted: tuple[str, ...], given: Iterable[str | None]) -> bool:
    return not wanted or not set(wanted).isdisjoint(given)


def _fits(value: Any, wanted: Any) -> bool:
    if value is None:
        return False
    if isinstance(wanted, Mapping):
        return bool(wanted.get("min", value) <= value <= wanted.get("max", value))
    if isinstance(wanted, list):
        return value in wanted
    return bool(value == wanted)


def _routes(data: Mapping[str, Any]) -> Routes:
    units = tuple(Unit(entry["code"], entry["name"]) for entry in data["units"])
    names: list[tuple[str, Unit]] = []
    for unit, entry in zip(units, data["units"], strict=True):
        short = _KIND_OF_UNIT.sub("", unit.name)
        names += [(unit.name, unit), (short, unit), *((other, unit) for other in entry.get("written", ()))]
    return Routes(
        county=Unit(**data["county"]),
        province=data["province"],
        units=units,
        written=tuple(sorted(names, key=lambda pair: -len(pair[0]))),
        departments={name: Department(name, **entry) for name, entry in data["departments"].items()},
        rules=tuple(_rule(entry) for entry in data["rules"]),
    )


def _rule(entry: Mapping[str, Any]) -> Rule:
    return Rule(
        id=entry["id"],
        when=Condition.of(entry["when"]),
        unless=Condition.of(entry["unless"]) if "unless" in entry else None,
        department=entry["department"],
        place=entry["place"],
        also=tuple(entry.get("also", ())),
        hotline=entry.get("hotline"),
    )


def _checked(routes: Routes) -> Routes:
    ids: Sequence[str] = [rule.id for rule in routes.rules]
    if len(set(ids)) != len(ids):
        raise ValueError("two rules have the same id")
    if not routes.rules or routes.rules[-1].when != Condition() or routes.rules[-1].unless:
        raise ValueError("the last rule must fit every case")
    for rule in routes.rules:
        if strange := {rule.department, *rule.also} - set(routes.departments):
            raise ValueError(f"rule {rule.id}: unknown department {min(strange)}")
        if rule.place not in get_args(Place):
            raise ValueError(f"rule {rule.id}: unknown place {rule.place}")
    return routes
