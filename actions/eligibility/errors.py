"""What can be wrong with the policy files or with a household's facts, said so that it can be mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in one policy file: where it stands, what is wrong, what to do about it."""

    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}。改法：{self.remedy}"


class PolicyError(Exception):
    """The policy folder cannot be used; nothing of it was loaded. `problems` names every mistake found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ExpressionError(ValueError):
    """A condition is no expression that the rules may use. Carries the remedy beside the message."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


class FactError(ValueError):
    """Facts of a household that cannot be: `errors` maps each fact to its reason in words."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__(";".join(errors.values()))


def problem(path: Path, line: int, message: str, remedy: str) -> Problem:
    """A Problem that names the file by its place inside the policy folder, e.g. programmes/dibao.yaml."""
    parts = path.parts[-2:] if path.parent.name in {"programmes", "parameters"} else path.parts[-1:]
    return Problem("/".join(parts), line, message, remedy)
