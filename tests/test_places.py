"""Where somebody is registered and where they live."""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.gazetteer import SOURCE, TIANMEN, gazetteer, is_township, short_form
from nlu.places import place_at, read_places

ROOT = Path(__file__).resolve().parent.parent


def test_tianmen_has_its_twenty_eight_units_by_full_and_short_name() -> None:
    with gzip.open(SOURCE, "rt", encoding="utf-8", newline="") as lines:
        units = [name for code, name in csv.reader(lines) if code.startswith(TIANMEN) and len(code) == 9]
    assert len(units) == 28
    for name in units:
        assert gazetteer().codes[name].startswith(TIANMEN)
        assert gazetteer().codes[short_form(name)].startswith(TIANMEN)


@pytest.mark.parametrize("name", ["侯口街道", "候口街道", "侯口", "候口"])
def test_houkou_is_known_in_both_spellings(name: str) -> None:
    assert gazetteer().code(name) == "429006002"


@pytest.mark.parametrize(
    ("place", "code"),
    [("湖南衡阳", "4304"), ("湖北天门", TIANMEN), ("天门岳口镇", "429006107"), ("恩施", "4228"), ("没有的地方", "")],
)
def test_a_place_has_the_code_of_its_smallest_known_part(place: str, code: str) -> None:
    assert gazetteer().code(place) == code


def test_township_names_of_the_whole_country_are_known() -> None:
    assert is_township("岳口镇")
    assert is_township("雁田镇") is False
    assert is_township("镇\n乡") is False


@pytest.mark.parametrize(
    ("text", "hukou", "hukou_place", "residence"),
    [
        ("我户口在湖南衡阳,人在天门打工", "nonlocal", "湖南衡阳", "天门"),
        ("我是四川达州的户口,在这边租房", "nonlocal", "四川达州", None),
        ("户口在马湾", None, "马湾", None),
        ("我是本地户口", "local", None, None),
        ("我不是本地户口", "nonlocal", None, None),
        ("没有本地户口能不能给我办", "nonlocal", None, None),
        ("外地户口的老人能领吗", None, None, None),
        ("孩子一直没上户口", "none", None, None),
        ("我住在麻洋镇", None, None, "麻洋镇"),
        ("家住B3区望月街道新桥社区", None, None, "B3区望月街道新桥社区"),
        ("我是蒋场镇蒋场村人", None, None, "蒋场镇蒋场村"),
        ("我在人民路十五号", None, None, "人民路十五号"),
        ("妻子在超市上班", None, None, None),
        ("我儿子在广东打工", None, None, None),
        ("我在人民医院", None, None, None),
        ("不是天门户口能不能办", "nonlocal", None, None),
        ("他在火车站等", None, None, None),
    ],
)
def test_places_are_read_with_their_role(
    text: str, hukou: str | None, hukou_place: str | None, residence: str | None
) -> None:
    read = read_places(text)
    assert (read.hukou, read.hukou_place, read.residence_place) == (hukou, hukou_place, residence)


def test_a_reported_household_may_stand_at_the_head_of_its_clause() -> None:
    assert read_places("反映多宝镇有一家四口没饭吃", third_person=True).residence_place == "多宝镇"


@given(
    st.text(alphabet="天门湖北市县镇村组一二3在住户口的是我,A1", max_size=40), st.integers(min_value=0, max_value=40)
)
def test_a_place_never_runs_backwards_or_past_the_text(text: str, start: int) -> None:
    start = min(start, len(text))
    end = place_at(text, start)
    assert start <= end <= len(text)
    assert end == start or end - start >= 2


def test_the_table_is_made_the_same_from_the_same_rows(tmp_path: Path) -> None:
    source = tmp_path / "divisions.csv"
    source.write_text(
        "code,level,name,county,city,province\n"
        "429006107,township,岳口镇,天门市,省直辖县级行政区划,湖北省\n"
        "42,province,湖北省,,,湖北省\n"
        "4290,city,省直辖县级行政区划,,省直辖县级行政区划,湖北省\n"
        "429006,county,天门市,天门市,省直辖县级行政区划,湖北省\n",
        encoding="utf-8",
    )
    made = []
    for name in ("first.gz", "second.gz"):
        output = tmp_path / name
        command = [sys.executable, str(ROOT / "scripts" / "make_places.py"), str(source), str(output)]
        subprocess.run(command, check=True, capture_output=True)
        made.append(output.read_bytes())
    assert made[0] == made[1]
    assert gzip.decompress(made[0]).decode("utf-8").splitlines() == ["42,湖北省", "429006,天门市", "429006107,岳口镇"]
