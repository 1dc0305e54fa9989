"""What the console needs of the running house. The composition root puts the whole one into `app.state.house`."""

from __future__ import annotations

from typing import Protocol

from actions.eligibility import Policy
from actions.perform import Tools
from nlu.understanding import Interpreter


class House(Protocol):
    """The law, the routes and calendar, and which interpreter runs."""

    @property
    def policy(self) -> Policy: ...

    @property
    def tools(self) -> Tools: ...

    @property
    def interpreter(self) -> Interpreter: ...
