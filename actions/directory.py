"""The directory of offices: who takes referrals for a department in a unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from actions.calendars import read_yaml
from actions.errors import PolicyDataError
from actions.routing import Routes, Unit, load_routes
from store.models import Office

SAMPLE_MARK = "示例"


def load_sample_directory(session: Session, folder: Path) -> int:
    """Fill the directory with made-up offices that say so: each department's county desk, and a window in each township for the
    departments that have one there (policy/routes.yaml). What is in the directory already is left alone.

    Returns how many were added. Raises PolicyDataError.
    """
    routes, sample = load_routes(folder), read_yaml(folder / "directory-sample.yaml")
    taken = {(department, code) for department, code in session.execute(select(Office.department, Office.unit_code))}
    wanted = [office for office in _offices(routes, sample) if (office.department, office.unit_code) not in taken]
    session.add_all(wanted)
    session.flush()
    return len(wanted)


def office_for(session: Session, department: str, unit_code: str) -> Office | None:
    """The office of a department in a unit; None when the directory has none there."""
    return session.scalars(
        select(Office).where(Office.department == department, Office.unit_code == unit_code)
    ).one_or_none()


def units(routes: Routes) -> list[Unit]:
    """The county's units of township level, in the order of their codes."""
    return sorted(routes.units, key=lambda unit: unit.code)


def _offices(routes: Routes, sample: dict[str, Any]) -> list[Office]:
    try:
        names, windows = sample["county_offices"], sample["township_windows"]
        places = [(name, "county", routes.county, names[name]) for name in routes.departments]
        for name, department in routes.departments.items():
            if department.township:
                places += [(name, "township", unit, unit.name + windows[name]) for unit in units(routes)]
        return [
            _office(name, level, unit, title, number, sample)
            for number, (name, level, unit, title) in enumerate(places, 1)
        ]
    except KeyError as error:
        raise PolicyDataError(f"directory-sample.yaml: no entry {error}") from error


def _office(department: str, level: str, unit: Unit, title: str, number: int, sample: dict[str, Any]) -> Office:
    return Office(
        department=department,
        level=level,
        unit_code=unit.code,
        unit_name=unit.name,
        name=f"{title}{sample['mark']}",
        phone=f"{sample['phone_prefix']}{number:07d}{sample['mark']}",
        address=f"{unit.name}{sample['address']}{sample['mark']}",
        hours=f"{sample['hours']}{sample['mark']}",
        sample=True,
    )
