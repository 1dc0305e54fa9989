"""Working days, holidays and due times."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.calendars import load_calendar
from actions.errors import PolicyDataError

POLICY = Path(__file__).parent.parent / "policy"
CALENDAR = load_calendar(POLICY)
BEGINNING = datetime(2025, 12, 1, tzinfo=UTC)
moments = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: BEGINNING + timedelta(minutes=minutes))
URGENCIES = ("routine", "urgent", "critical")


def at(text: str) -> datetime:
    """Local time in China."""
    return datetime.fromisoformat(f"{text}+08:00")


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 11, 23), True),
        (date(2026, 11, 28), False),
        (date(2026, 2, 14), True),
        (date(2026, 2, 17), False),
        (date(2026, 2, 28), True),
        (date(2026, 10, 7), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),
    ],
)
def test_working_days(day: date, *, working: bool) -> None:
    assert CALENDAR.is_working_day(day) is working


def test_a_year_that_is_not_entered_has_its_weekends_only() -> None:
    assert CALENDAR.knows(2026)
    assert not CALENDAR.knows(2027)
    assert CALENDAR.is_working_day(date(2027, 10, 1))
    assert not CALENDAR.is_working_day(date(2027, 10, 2))


def test_working_days_pass_over_a_holiday() -> None:
    assert CALENDAR.after_working_days(at("2026-09-30T10:00"), 1) == at("2026-10-08T17:30")
    assert CALENDAR.after_working_days(at("2026-09-30T10:00"), 3) == at("2026-10-10T17:30")


def test_the_day_is_the_local_one() -> None:
    just_after_midnight = at("2026-11-24T00:30")
    assert just_after_midnight.astimezone(UTC).date() == date(2026, 11, 23)
    assert CALENDAR.after_working_days(just_after_midnight, 1) == at("2026-11-25T17:30")


def test_a_county_may_enter_its_own_days() -> None:
    closed = CALENDAR.with_days({date(2026, 11, 24): False})
    assert closed.after_working_days(at("2026-11-23T10:00"), 1) == at("2026-11-25T17:30")


def test_due_times() -> None:
    now = at("2026-11-23T12:00")
    critical, urgent, routine = (CALENDAR.due(urgency, ["dibao"], now) for urgency in ("critical", "urgent", "routine"))
    assert critical.response - now == timedelta(minutes=15)
    assert urgent.response - now == timedelta(hours=2)
    assert critical.aid - now == urgent.aid - now == timedelta(hours=24)
    assert urgent.paperwork - now == timedelta(days=3)
    assert routine.response == at("2026-11-24T17:30")
    assert routine.aid == routine.paperwork == CALENDAR.after_working_days(now, 30)


@given(moments, st.sampled_from(URGENCIES), st.lists(st.sampled_from(["dibao", "tekun", "charity"])))
def test_due_times_lie_ahead_and_in_order(now: datetime, urgency: str, programmes: list[str]) -> None:
    due = CALENDAR.due(urgency, programmes, now)
    assert now < due.response <= due.aid <= due.paperwork


@given(moments)
def test_what_is_more_urgent_is_never_due_later(now: datetime) -> None:
    routine, urgent, critical = (CALENDAR.due(urgency, [], now) for urgency in URGENCIES)
    assert critical.aid <= urgent.aid <= routine.aid
    assert critical.response <= urgent.response


@given(moments, st.integers(1, 60))
def test_working_days_end_on_a_working_day(now: datetime, count: int) -> None:
    end = CALENDAR.after_working_days(now, count).astimezone(CALENDAR.zone)
    assert CALENDAR.is_working_day(end.date())
    assert end > now


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    for name in ("calendar.yaml", "routes.yaml"):
        (tmp_path / name).write_text((POLICY / name).read_text(encoding="utf-8"), encoding="utf-8")
    text = (POLICY / "calendar.yaml").read_text(encoding="utf-8")
    (tmp_path / "calendar.yaml").write_text(text.replace("from: 2026-01-01", "from: 2025-12-31"), encoding="utf-8")
    with pytest.raises(PolicyDataError, match="2025-12-31"):
        load_calendar(tmp_path)
