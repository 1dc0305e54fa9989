"""What the console needs of the house that the running process put together: shape only, so that it never imports `bot`."""

from __future__ import annotations

from typing import Protocol

from actions.eligibility import Policy
from actions.perform import Tools
from nlu.understanding import Interpreter


class House(Protocol):
    """`app.state.house`; the real one is bot.turn.House, made in hotline/assembly.py."""

    @property
    def tools(self) -> Tools: ...

    @property
    def policy(self) -> Policy: ...

    @property
    def interpreter(self) -> Interpreter: ...
