"""Result → template → text. The words live in templates/replies/<language>/; nothing here says anything."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from actions.perform import Results
from bot.step import Part

TEMPLATES = Path(__file__).parent.parent / "templates" / "replies"
CHINA = timezone(timedelta(hours=8))  # one time zone, no summer time
_BLANK_LINES = re.compile(r"\n{3,}")
_TRAILING = re.compile(r"[ \t]+\n")


class Wording:
    """Renders parts in one language. A missing value is our error, never a blank in somebody's answer."""

    def __init__(self, folder: Path = TEMPLATES, language: str = "zh") -> None:
        self.environment = Environment(
            loader=FileSystemLoader(folder / language),
            undefined=StrictUndefined,
            autoescape=False,  # plain text; pages have their own environment, which escapes
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.environment.filters["days_away"] = days_away
        self.environment.filters["local"] = local

    def render(self, part: Part, results: Results, now: datetime) -> str:
        template = self.environment.get_template(f"{part.template}.txt")
        return template.render(**part.data, results=results, now=now).strip()

    def reply(self, parts: Iterable[Part], results: Results, now: datetime) -> str:
        """One message: the parts in order, a blank line between two that are longer than a line."""
        texts = [text for part in parts if (text := self.render(part, results, now))]
        return _BLANK_LINES.sub("\n\n", _TRAILING.sub("\n", "\n\n".join(texts)))


def days_away(moment: datetime, now: datetime) -> int:
    """Days between two moments by the calendar on the wall in China."""
    return (moment.astimezone(CHINA).date() - now.astimezone(CHINA).date()).days


def local(moment: datetime) -> datetime:
    return moment.astimezone(CHINA)
