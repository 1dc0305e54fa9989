"""Rendering of console pages: the environment, the filters, the navigation, and what every page is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from actions.eligibility import Policy
from console.security import ADMIN_ROLES, CASE_ROLES, QUEUE_ROLES, STATUS_ROLES, Visit

CHINA = timezone(timedelta(hours=8))
# Section (also the template folder and the path below /console) and who may open it, in the order of the navigation.
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("queue", QUEUE_ROLES),
    ("referrals", CASE_ROLES),
    ("users", ADMIN_ROLES),
    ("directory", ADMIN_ROLES),
    ("status", STATUS_ROLES),
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LONG_NUMBER = re.compile(r"(?<![\dA-Za-z])(\d{17}[\dXx]|(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4})(?![\dA-Za-z])")
# Contact data stands in the household's contact, masked, and not among the facts.
_NOT_SHOWN = ("phone", "id_number", "ticket_number")


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a moment is, in its largest whole unit: minutes, hours, days. `late`: it has passed."""

    late: bool
    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class FactLine:
    """A fact for the eye. `kind` is its type in policy/facts.yaml and tells the template how to say the value."""

    name: str
    label: str
    kind: str
    unit: str
    value: Any


def china_time(moment: datetime | None) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M") if moment else "—"


def short_time(moment: datetime | None, now: datetime) -> str:
    """Without the year while it is this year's."""
    if moment is None:
        return "—"
    local = moment.astimezone(CHINA)
    return local.strftime("%m-%d %H:%M" if local.year == now.astimezone(CHINA).year else "%Y-%m-%d %H:%M")


def distance(moment: datetime, now: datetime) -> Distance:
    minutes = int(abs((moment - now).total_seconds()) // 60)
    late = moment < now
    if minutes < 60:
        return Distance(late, minutes, "minute")
    if minutes < 48 * 60:
        return Distance(late, minutes // 60, "hour")
    return Distance(late, minutes // 1440, "day")


def masked_phone(phone: str | None) -> str:
    """199****1202: enough to recognise, too little to misuse."""
    if not phone:
        return "—"
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else "****" + phone[-2:]


def masked_identity(number: str | None) -> str:
    return f"{number[:6]}********{number[-2:]}" if number and len(number) >= 15 else "—"


def mask_numbers(text: str) -> str:
    """A text whose telephone and identity numbers cannot be read."""

    def mask(match: re.Match[str]) -> str:
        number = match.group(1)
        return masked_identity(number) if len(number) == 18 and number[:17].isdigit() else masked_phone(number)

    return _LONG_NUMBER.sub(mask, text)


def fact_lines(policy: Policy, facts: Mapping[str, Any] | None) -> list[FactLine]:
    """What is known, in the order of policy/facts.yaml; what that file does not know comes last, under its own name."""
    known = {name: value for name, value in (facts or {}).items() if name not in _NOT_SHOWN and value is not None}
    ordered: Iterable[str] = [*(n for n in policy.facts if n in known), *(n for n in known if n not in policy.facts)]
    lines = []
    for name in ordered:
        spec = policy.facts.get(name)
        label, kind, unit = (spec.label, spec.type, spec.unit) if spec else (name, "text", "")
        lines.append(FactLine(name, label, kind, unit, known[name]))
    return lines


def programme_labels(policy: Policy, names: Iterable[str]) -> list[str]:
    return [policy.programmes[name].label if name in policy.programmes else name for name in names]


def sections_for(role: str) -> list[str]:
    return [section for section, roles in SECTIONS if role in roles]


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates" / "console"),
    undefined=StrictUndefined,
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters.update(
    china_time=china_time,
    short_time=short_time,
    distance=distance,
    masked_phone=masked_phone,
    masked_identity=masked_identity,
    mask_numbers=mask_numbers,
)


def page(name: str, visit: Visit | None, code: int = 200, **data: Any) -> Response:
    """A page of the console; `visit` is None only where nobody is signed in yet."""
    officer = visit.officer if visit else None
    body = environment.get_template(name).render(
        visit=visit,
        officer=officer,
        sections=sections_for(officer.role) if officer else [],
        here=name.split("/", maxsplit=1)[0],
        **data,
    )
    return HTMLResponse(body, code, headers=_HEADERS)
