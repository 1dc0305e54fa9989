"""What the conversation may ask to be done. Plain values: decided in bot/dialogue.py, carried out in actions/perform.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ReferralKind = Literal["help", "report", "complaint", "change", "danger"]
Consent = Literal["given", "not_asked", "refused", "emergency"]


@dataclass(frozen=True, slots=True)
class OpenReferral:
    """Open a referral from what the conversation knows; when one is open already, add to it."""

    kind: ReferralKind
    consent: Consent


@dataclass(frozen=True, slots=True)
class AddToReferral:
    """Tell the open referral what has been learnt since."""


@dataclass(frozen=True, slots=True)
class AlertPerson:
    """Put the conversation before an operator, at once when `severity` is critical."""

    severity: Literal["routine", "urgent", "critical"]


@dataclass(frozen=True, slots=True)
class LookUpProgress:
    """How a referral stands: the one of this number, else the conversation's own."""

    number: str | None


@dataclass(frozen=True, slots=True)
class WithdrawReferral:
    """Take back the referral of this number, else the conversation's own. Only the conversation that opened it may."""

    number: str | None


@dataclass(frozen=True, slots=True)
class EraseEverything:
    """Delete what this conversation left with us."""


Request = OpenReferral | AddToReferral | AlertPerson | LookUpProgress | WithdrawReferral | EraseEverything
