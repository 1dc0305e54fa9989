"""Working days and due times. The holidays and the service targets are data: policy/calendar.yaml, policy/routes.yaml (`service`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml

from actions.errors import PolicyDataError

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Target:
    """A time limit: either hours of the clock, day and night, or whole working days."""

    hours: float = 0
    working_days: int = 0


@dataclass(frozen=True, slots=True)
class Targets:
    """The limits of one urgency."""

    response: Target
    aid: Target
    paperwork: Target


@dataclass(frozen=True, slots=True)
class DueTimes:
    """When something must have happened at the latest; aware, in UTC."""

    response: datetime
    aid: datetime
    paperwork: datetime

    def or_earlier(self, other: DueTimes) -> DueTimes:
        return DueTimes(
            min(self.response, other.response), min(self.aid, other.aid), min(self.paperwork, other.paperwork)
        )


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked, and what the service targets make of a moment.

    `days` holds the exceptions to the five-day week: a holiday (False) or a make-up working day (True). A year of which nothing is
    entered has only its weekends, see `knows`. `programme_days` are the programmes' own deadlines in working days.
    """

    days: Mapping[date, bool]
    zone: timezone
    closes: time
    targets: Mapping[str, Targets]
    programme_days: Mapping[str, int]

    def knows(self, year: int) -> bool:
        """Whether the holidays of this year are entered."""
        return any(day.year == year for day in self.days)

    def is_working_day(self, day: date) -> bool:
        return self.days.get(day, day.weekday() < SATURDAY)

    def after_working_days(self, moment: datetime, count: int) -> datetime:
        """The close of the `count`-th working day after the (local) day of `moment`. The day itself does not count."""
        day = moment.astimezone(self.zone).date()
        left = count
        while left > 0:
            day += timedelta(days=1)
            left -= self.is_working_day(day)
        return datetime.combine(day, self.closes, self.zone).astimezone(UTC)

    def due(self, urgency: str, programmes: Iterable[str], now: datetime) -> DueTimes:
        """The due times of a referral that begins at `now`. A routine one has the shortest deadline of its programmes."""
        targets = self.targets[urgency]
        if urgency == "routine":
            days = [self.programme_days[name] for name in programmes if name in self.programme_days]
            if days:
                limit = Target(working_days=min(days))
                targets = replace(targets, aid=limit, paperwork=limit)
        return DueTimes(*(self._reach(target, now) for target in (targets.response, targets.aid, targets.paperwork)))

    def with_days(self, days: Mapping[date, bool]) -> Calendar:
        """The same calendar with further exceptions, as from the `holiday` table; they win over the file."""
        return replace(self, days={**self.days, **days})

    def _reach(self, target: Target, now: datetime) -> datetime:
        if target.working_days:
            return self.after_working_days(now, target.working_days)
        return (now + timedelta(hours=target.hours)).astimezone(UTC)


def load_calendar(folder: Path) -> Calendar:
    """The calendar of the policy folder. Raises PolicyDataError when a file cannot be read or a value makes no sense."""
    week, service = read_yaml(folder / "calendar.yaml"), read_yaml(folder / "routes.yaml").get("service", {})
    try:
        return Calendar(
            days=_exceptions(week.get("years") or {}),
            zone=timezone(timedelta(hours=week["utc_offset_hours"])),
            closes=time.fromisoformat(week["closes"]),
            targets={
                urgency: Targets(**{name: Target(**limit) for name, limit in service["targets"][urgency].items()})
                for urgency in ("routine", "urgent", "critical")
            },
            programme_days=dict(service["programme_working_days"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyDataError(f"{folder}: calendar.yaml or the service part of routes.yaml: {error!r}") from error


def _exceptions(years: Mapping[int, Mapping[str, Any]]) -> dict[date, bool]:
    days: dict[date, bool] = {}
    for year, entries in years.items():
        listed: dict[date, bool] = {}
        for holiday in entries["holidays"]:
            listed |= dict.fromkeys(_span(holiday["from"], holiday["to"]), False)
        listed |= dict.fromkeys(entries["working"], True)
        if strange := [day for day in listed if day.year != year]:
            raise ValueError(f"{strange[0]} stands under {year}")
        days |= listed
    return days


def _span(first: date, last: date) -> list[date]:
    if last < first:
        raise ValueError(f"a holiday ends on {last}, before it begins on {first}")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def read_yaml(path: Path) -> dict[str, Any]:
    """A policy file that is one mapping. Raises PolicyDataError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyDataError(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise PolicyDataError(f"{path}: {error}") from error
    if not isinstance(data, dict):
        raise PolicyDataError(f"{path}: a mapping was expected")
    return data
