"""Understanding one JSON object a line, for `hotline parse --json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from nlu.understand import understand
from nlu.understanding import Interpreter

NOT_JSON: Final = "这一行不是 JSON"
NO_OBJECT: Final = "这一行不是 JSON 对象"
NO_TEXT: Final = "缺少文字字段 text"
"""Said to the operator who feeds the lines, never to a resident."""


def parse_lines(lines: Iterable[str], interpreter: Interpreter) -> Iterator[str]:
    """One JSON line out for every line in, in order; a blank line gives none. A bad line gives `{"error": ...}`."""
    for line in lines:
        if line.strip():
            yield json.dumps(_parsed(line, interpreter), ensure_ascii=True)


def _parsed(line: str, interpreter: Interpreter) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return {"error": NOT_JSON}
    if not isinstance(given, dict):
        return {"error": NO_OBJECT}
    known = {"id": given["id"]} if "id" in given else {}
    text = given.get("text")
    if not isinstance(text, str):
        return {**known, "error": NO_TEXT}
    return {**known, **understand(text, interpreter).as_json()}
