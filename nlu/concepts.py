"""What the interpreter knows of words beforehand: words that name one thing, for features that need no n-gram in common."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import yaml

CONCEPTS_FILE: Final = Path(__file__).with_name("concepts.yaml")


@cache
def _concepts() -> tuple[tuple[str, re.Pattern[str]], ...]:
    content: dict[str, str] = yaml.load(CONCEPTS_FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return tuple((name, re.compile(words)) for name, words in content.items())


def concepts_in(text: str) -> list[str]:
    """Names of the concepts whose words stand in normalised lower-case text, in the order of the file."""
    return [name for name, words in _concepts() if words.search(text)]
