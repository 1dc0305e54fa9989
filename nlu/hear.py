"""Everything that one message says, given the question that stood open: what the dialogue decides upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nlu.answers import Answer, read_answer
from nlu.facts import extract_extra
from nlu.normalise import simplify
from nlu.remarks import named_programmes, remarks_of
from nlu.understand import understand
from nlu.understanding import Interpreter, Understanding


@dataclass(frozen=True, slots=True)
class Heard:
    """`extra`: facts beyond the label contract; `answer`: the message read as the answer to the question that stood open."""

    understanding: Understanding
    extra: Mapping[str, Any] = field(default_factory=dict)
    remarks: frozenset[str] = frozenset()
    programmes: tuple[str, ...] = ()
    answer: Answer | None = None

    @property
    def text(self) -> str:
        return self.understanding.text

    @property
    def intent(self) -> str:
        return self.understanding.intent

    @property
    def says_nothing(self) -> bool:
        """No letter, character or digit: punctuation, an emoji, nothing at all."""
        return not any(character.isalnum() for character in self.understanding.text)


def hear(text: str, asked: str | None, interpreter: Interpreter) -> Heard:
    """Understand `text`; when `asked` names a fact, also read it as a bare answer to that question."""
    simplified = simplify(text)
    return Heard(
        understanding=understand(text, interpreter),
        extra=extract_extra(text),
        remarks=remarks_of(simplified),
        programmes=named_programmes(simplified),
        answer=read_answer(asked, text) if asked else None,
    )
