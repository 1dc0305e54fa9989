"""Checks that no labelled message of an evaluation set stands in nlu/data, nor one that is nearly the same.

    check_overlap.py FILE.jsonl ...

Two texts are nearly the same when they share more than 60 % of their character trigrams. Texts of fewer than eight characters are
compared as they stand only where they are longer than four: a bare 好的 is everybody's. Exit status 1 and the pairs when there are any.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path

from nlu.corpus import read_corpus

DATA = Path(__file__).parent.parent / "nlu" / "data"
NEARLY_THE_SAME = 0.6
SHORT, EVERYBODYS = 8, 4


def plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text) if c.isalnum())


def trigrams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 3] for i in range(max(len(text) - 2, 1)))


def overlaps(evaluated: list[str], trained: list[str]) -> list[tuple[str, str]]:
    """Pairs (evaluated, trained) that are the same or nearly so."""
    whole = {plain(text): text for text in trained}
    grams = [(trigrams(p), text) for p, text in whole.items()]
    index = defaultdict(list)
    for number, (found, _) in enumerate(grams):
        for gram in found:
            index[gram].append(number)
    pairs = []
    for text in evaluated:
        key = plain(text)
        if len(key) <= EVERYBODYS:
            continue
        if key in whole:
            pairs.append((text, whole[key]))
        elif len(key) >= SHORT:
            mine = trigrams(key)
            shared: dict[int, int] = defaultdict(int)
            for gram in mine:
                for number in index.get(gram, ()):
                    shared[number] += 1
            for number, count in shared.items():
                if count / len(mine | grams[number][0]) > NEARLY_THE_SAME:
                    pairs.append((text, grams[number][1]))
    return pairs


def main() -> None:
    evaluated = [
        json.loads(line)["text"]
        for name in sys.argv[1:]
        for line in Path(name).read_text("utf-8").split("\n")
        if line.strip()
    ]
    trained = [example.text for example in read_corpus(DATA)]
    pairs = overlaps(evaluated, trained)
    for mine, theirs in pairs:
        print(f"{mine}\n  = {theirs}")
    print(
        f"{len(evaluated)} evaluation messages against {len(trained)} training messages: {len(pairs)} the same or nearly so"
    )
    sys.exit(bool(pairs))


if __name__ == "__main__":
    main()
