"""What may go wrong with a case, each with a code that templates and the console turn into words."""

from __future__ import annotations

from typing import ClassVar


class HotlineError(Exception):
    """Something foreseen. `code` is what the edge looks the words up by; the text is for logs and developers."""

    code: ClassVar[str] = "hotline_error"


class PolicyDataError(HotlineError):
    """A file under policy/ is missing or wrong. The text names the file and what is wrong with it."""

    code = "policy_data"


class ReferralNotFound(HotlineError):
    """No such referral, or the officer may not see it: the two are told apart nowhere."""

    code = "referral_not_found"


class NotAllowed(HotlineError):
    """The officer may see the referral but not do this to it."""

    code = "not_allowed"


class WrongStatus(HotlineError):
    """The referral stands where this step is impossible: closing twice, accepting a closed one."""

    code = "wrong_status"


class UnknownOutcome(HotlineError):
    """An outcome that is not in OUTCOMES."""

    code = "unknown_outcome"


class ReasonNeeded(HotlineError):
    """Help was not given, or the referral is sent back, and nobody said why."""

    code = "reason_needed"


class BadCredentials(HotlineError):
    """Login or password is wrong, or the officer is no longer active. Which of them is not said."""

    code = "bad_credentials"


class AccountLocked(HotlineError):
    """Too many wrong passwords; it opens again by itself."""

    code = "account_locked"


class LoginTaken(HotlineError):
    """Another officer, perhaps one no longer active, has this login."""

    code = "login_taken"


class BadOfficer(HotlineError):
    """A login, role, department or unit that cannot be."""

    code = "bad_officer"


class WeakPassword(HotlineError):
    """A new password that is too short, the login, or the old one."""

    code = "weak_password"
