"""Renews the conversation in README.md: its questions are put to `hotline chat --json`, and the answers are written below them.

Between the two marks, `居民：` begins what the resident says and `助手：` an answer.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
HOTLINE = ROOT / ".venv" / "bin" / "hotline"
BLOCK = re.compile(r"(<!-- transcript -->\n```text\n).*?(```\n<!-- /transcript -->)", re.DOTALL)
SAID = re.compile(r"^居民：(.*)$", re.MULTILINE)
MINUTE = "2026-11-23T10:{:02}:00+08:00"


def transcript(said: list[str]) -> str:
    """The conversation, as it goes today."""
    lines = [
        json.dumps({"conversation": "readme", "channel": "web", "text": text, "at": MINUTE.format(minute)})
        for minute, text in enumerate(said)
    ]
    done = subprocess.run(
        [HOTLINE, "chat", "--json"], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    answers = ["\n".join(json.loads(line)["replies"]) for line in done.stdout.splitlines()]
    turns = [f"居民：{text}\n助手：{answer}\n" for text, answer in zip(said, answers, strict=True)]
    return re.sub(r"\n\n+", "\n", "".join(turns))


def renewed(readme: str) -> str:
    """The page with the conversation of today. Raises ValueError when the page has none."""
    block = BLOCK.search(readme)
    if block is None:
        raise ValueError("no transcript between its marks")
    new = transcript(SAID.findall(block.group()))
    return readme[: block.start()] + block.group(1) + new + block.group(2) + readme[block.end() :]


def main() -> None:
    README.write_text(renewed(README.read_text("utf-8")), "utf-8")
    print(f"renewed {README.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
