"""Eligibility hints: the law as data, three-valued, never a decision.

Reaches no database, network, clock or wording: the day and the place are passed in, figures and labels come from policy/.
"""

from actions.eligibility.assessment import assess, next_steps
from actions.eligibility.describe import Review, benefit_lines, review, show_programme
from actions.eligibility.errors import FactError, PolicyError, Problem
from actions.eligibility.facts import validate_facts
from actions.eligibility.hints import Assessment, Hint, Reason, Verdict
from actions.eligibility.policy import Policy, check_policy, load_hotlines, load_policy
from actions.eligibility.questions import Question, next_question, rank_questions
from actions.eligibility.schema import FactSpec, Hotline, Parameter, Programme

__all__ = [
    "Assessment",
    "FactError",
    "FactSpec",
    "Hint",
    "Hotline",
    "Parameter",
    "Policy",
    "PolicyError",
    "Problem",
    "Programme",
    "Question",
    "Reason",
    "Review",
    "Verdict",
    "assess",
    "benefit_lines",
    "check_policy",
    "load_hotlines",
    "load_policy",
    "next_question",
    "next_steps",
    "rank_questions",
    "review",
    "show_programme",
    "validate_facts",
]
