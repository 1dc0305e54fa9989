"""What one turn decides: the next state, what is to be done, and the parts of the reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from actions.eligibility import Hint
from actions.requests import Request
from bot.state import State


@dataclass(frozen=True, slots=True)
class Part:
    """One paragraph of a reply: the template's name and what it needs. What was done comes to it as `results`."""

    template: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    state: State
    parts: tuple[Part, ...]
    requests: tuple[Request, ...] = ()
    hints: tuple[Hint, ...] = ()
