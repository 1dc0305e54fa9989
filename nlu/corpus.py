"""Reads the labelled messages of nlu/data: Rasa NLU 3.1 YAML, needs and dangers in each message's metadata.

Needs no scikit-learn, so that serving can tell whether a model belongs to the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nlu.labels import DANGERS, INTENTS, NEEDS


class CorpusError(ValueError):
    """The training data cannot be used; the sentence names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled message."""

    text: str
    intent: str
    needs: tuple[str, ...] = ()
    dangers: tuple[str, ...] = ()


def corpus_files(data: Path) -> list[Path]:
    """The training files of a folder in name order; folders inside it (heldout) are no training data."""
    return sorted(path for path in data.glob("*.yml") if path.is_file())


def data_hash(data: Path) -> str:
    """SHA-256 over names and contents of the training files, in name order."""
    digest = hashlib.sha256()
    for path in corpus_files(data):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def read_corpus(data: Path) -> list[Example]:
    """Every message of the folder's files, duplicates of text dropped after the first. Raises `CorpusError`."""
    seen: dict[str, Example] = {}
    for path in corpus_files(data):
        for example in _read_file(path):
            seen.setdefault(example.text, example)
    if not seen:
        raise CorpusError(f"{data}: no labelled messages (*.yml)")
    return list(seen.values())


def _read_file(path: Path) -> Iterator[Example]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("nlu"), list):
        raise CorpusError(f"{path}: no list under 'nlu'")
    for block in document["nlu"]:
        if isinstance(block, dict) and "intent" in block:
            yield from _read_block(path, block)


def _read_block(path: Path, block: dict[str, Any]) -> Iterator[Example]:
    intent = block["intent"]
    if intent not in INTENTS:
        raise CorpusError(f"{path}: unknown intent {intent!r}")
    examples = block.get("examples")
    if isinstance(examples, str):
        lines = [line.strip().removeprefix("- ").strip() for line in examples.splitlines()]
        yield from (Example(line, intent) for line in lines if line)
        return
    for entry in examples or []:
        if not isinstance(entry, dict) or not str(entry.get("text", "")).strip():
            raise CorpusError(f"{path}: an example of {intent} has no text")
        text = str(entry["text"]).strip()
        metadata = entry.get("metadata") or {}
        yield Example(
            text,
            intent,
            _labels(path, text, metadata.get("needs"), NEEDS),
            _labels(path, text, metadata.get("dangers"), DANGERS),
        )


def _labels(path: Path, text: str, given: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    labels = given or []
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise CorpusError(f"{path}: {text[:20]!r} has unknown labels {unknown}")
    return tuple(label for label in known if label in labels)
