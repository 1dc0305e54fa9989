"""Make nlu/data/divisions.csv.gz: the names of the administrative divisions of mainland China, compactly.

    python scripts/make_places.py DIVISIONS.csv [OUTPUT]

DIVISIONS.csv has the columns code, level, name, county, city, province (levels province, city, county, township) and is made
from modood/Administrative-divisions-of-China (WTFPL), statistics codes of 2023. The output has two columns, code and name,
upper levels first, so that a reader may stop before the townships; it is byte for byte the same for the same input.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
from pathlib import Path

DEFAULT_OUTPUT = Path(__file__).resolve().parent.parent / "nlu" / "data" / "divisions.csv.gz"
PLACEHOLDERS = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划", "省直辖行政单位"})


def read_rows(source: Path) -> list[tuple[str, str]]:
    """(code, name) of every division that has a name of its own, upper levels first, then by code."""
    with source.open(encoding="utf-8", newline="") as lines:
        rows = [(row["code"], row["name"]) for row in csv.DictReader(lines) if row["name"] not in PLACEHOLDERS]
    return sorted(rows, key=lambda row: (len(row[0]), row[0]))


def pack(rows: list[tuple[str, str]]) -> bytes:
    """The rows as gzip-compressed CSV without a time stamp."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return gzip.compress(text.getvalue().encode("utf-8"), compresslevel=9, mtime=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("divisions", type=Path)
    parser.add_argument("output", type=Path, nargs="?", default=DEFAULT_OUTPUT)
    arguments = parser.parse_args()
    rows = read_rows(arguments.divisions)
    arguments.output.write_bytes(pack(rows))
    print(f"{len(rows)} divisions, {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
