"""The label contract: every name that understanding a message may give, and no others."""

from __future__ import annotations

from typing import Final, Literal

Urgency = Literal["routine", "urgent", "critical"]

INTENTS: Final = (
    "seek_help",
    "report_other",
    "ask_policy",
    "ask_apply",
    "ask_hukou",
    "ask_progress",
    "complain",
    "report_change",
    "give_info",
    "correct",
    "affirm",
    "deny",
    "dont_know",
    "talk_to_human",
    "withdraw",
    "donate",
    "greet",
    "thank",
    "goodbye",
    "other",
)

NEEDS: Final = (
    "living",
    "medical",
    "education",
    "housing",
    "employment",
    "disaster",
    "emergency",
    "care",
    "disability",
    "heating",
    "funeral",
    "stranded",
    "psychological",
    "legal",
)

DANGER_URGENCY: Final[dict[str, Urgency]] = {
    "self_harm": "critical",
    "violence": "critical",
    "medical_emergency": "critical",
    "disaster_now": "critical",
    "missing_person": "critical",
    "unattended": "critical",
    "no_food": "urgent",
    "no_shelter": "urgent",
    "treatment_blocked": "urgent",
}
DANGERS: Final = tuple(DANGER_URGENCY)

URGENCY_RANK: Final[dict[Urgency, int]] = {"routine": 0, "urgent": 1, "critical": 2}

STATUSES: Final = ("dibao", "tekun", "dibao_edge", "rigid_expenditure", "monitored")
DISABILITY_TYPES: Final = ("visual", "hearing", "speech", "physical", "intellectual", "mental", "multiple")

FACT_TYPES: Final[dict[str, type]] = {
    "for_whom": str,
    "age": int,
    "household_size": int,
    "household_income_monthly": int,
    "income_per_person_monthly": int,
    "medical_expense": int,
    "medical_expense_monthly": int,
    "education_expense": int,
    "debt": int,
    "disability_grade": int,
    "disability_type": str,
    "serious_illness": bool,
    "can_self_care": bool,
    "employment": str,
    "current_status": list,
    "hukou": str,
    "hukou_place": str,
    "residence_place": str,
    "housing": str,
    "children_in_school": int,
    "lives_alone": bool,
    "phone": str,
    "id_number": str,
    "ticket_number": str,
}

FACT_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "for_whom": ("self", "family", "other"),
    "disability_type": DISABILITY_TYPES,
    "employment": ("employed", "unemployed", "unable", "retired"),
    "current_status": STATUSES,
    "hukou": ("local", "nonlocal", "none"),
    "housing": ("homeless", "dangerous", "rented", "owned"),
}


def urgency_of(dangers: tuple[str, ...] | list[str] | set[str]) -> Urgency:
    """The highest urgency that the dangers give, else routine."""
    levels: list[Urgency] = [DANGER_URGENCY[danger] for danger in dangers]
    return max(levels, key=lambda level: URGENCY_RANK[level], default="routine")
