"""The administrative divisions of mainland China by name, read from nlu/data/divisions.csv.gz when first asked for.

Names stand as written (河南省, 周口市, 岳口镇) and in the short form people say (河南, 周口, 岳口). Township short forms
are kept for Tianmen only; elsewhere they collide with ordinary words.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parent / "data" / "divisions.csv.gz"
TIANMEN: Final = "429006"
TIANMEN_EXTRA: Final[dict[str, str]] = {
    "侯口街道": "429006002",
    "侯口": "429006002",
    "沉湖": "429006452",
    "沉湖镇": "429006452",
    "沉湖林业科技示范区": "429006452",
    "天门城区": TIANMEN,
    "天门工业园": TIANMEN,
    "九真": "429006116",
    "竟陵城区": "429006001",
}
"""How people write and call units that the table spells otherwise."""

_SUFFIX = re.compile(
    r"(?:特别行政区|维吾尔自治区|壮族自治区|回族自治区|自治区|地区|自治州|自治县|自治旗|林区|矿区|新区|街道|管委会"
    r"|办事处|农场|[省市盟县区旗镇乡])$"
)
_NATION = re.compile(
    r"(?:(?:蒙古|土家|哈尼|柯尔克孜|哈萨克|塔吉克|达斡尔|鄂温克|鄂伦春|保安|东乡|撒拉|裕固|布依|仡佬|仫佬|毛南|傈僳|拉祜|朝鲜|锡伯"
    r"|景颇|纳西|普米|布朗|回|藏|苗|彝|壮|侗|瑶|白|傣|黎|畲|羌|佤|水|土|满|怒|独龙|各)族?)+$"
)
_WORD_LIST: Final = (
    "公安 富裕 合作 和平 平安 团结 开放 光明 前进 建设 解放 友好 大方 东方 新生 长寿 向阳 "
    "河口 港口 城中 城东 城西 城北 城关 城区 新城 新华 新兴 新民 红旗 太平 通道 民主 社旗 "
    "平和 安定 安全 永定 大通 清水 山阳 中心 兴安 工农 西区 东区 南区 北区 老城 会同 开发 "
    "高新 大安 正安 安化 安居 平原 文化 双方 同心 永和 安乐 和顺 平定 互助 临时 大化 海港 "
    "海外 中站 金家 路南 路北 城厢 江北 江南 河东 河西 河北区 交口 黄河 长江 中原 吉利 "
    "兴业 富民 惠民 利民 民勤 民和 民乐 民权 大余 上街 中方 中牟 南部 西部 东部 北部 中江 "
    "东区 金口 大关 小金 天等 福利 安图 敖汉 甘南 乐业 凤凰 宝山 天全 都安 长治 安平 安福 "
    "平顺 安顺路 雨山 花山 一日 东明 大田 大英 大理石 大新 望城 荷塘 天心 芙蓉 雁山 兴国 "
    "崇礼 崇信 崇义 孝义 忠县 方城 方正 方山"
)
_WORDS: Final = frozenset(_WORD_LIST.split())
"""Short forms that are ordinary words, too: only their full names count."""


def short_form(name: str) -> str:
    """周口市 is 周口, 恩施土家族苗族自治州 is 恩施; the name itself when nothing useful is left."""
    stem = _SUFFIX.sub("", name)
    bare = _NATION.sub("", stem) if stem != name and name.endswith(("自治州", "自治县", "自治旗", "乡")) else stem
    return bare if len(bare) >= 2 else (stem if len(stem) >= 2 else name)


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Names of provinces, cities and counties, and all units of Tianmen, with a code each (the first of that name)."""

    codes: dict[str, str]
    lengths: dict[str, tuple[int, ...]]

    def longest(self, text: str, start: int) -> str:
        """The longest known name that stands in `text` at `start`, or an empty text."""
        for length in self.lengths.get(text[start : start + 2], ()):
            name = text[start : start + length]
            if name in self.codes:
                return name
        return ""

    def code(self, place: str) -> str:
        """The code of the first known name in `place` that is not only a province, else of the province, else empty."""
        best, start = "", 0
        while start < len(place):
            name = self.longest(place, start)
            if not name:
                start += 1
                continue
            code = self.codes[name]
            if not best or (code.startswith(best[:2]) and len(code) > len(best)):
                best = code
            start += len(name)
        return best


def _rows(levels: range) -> Iterator[tuple[str, str]]:
    with gzip.open(SOURCE, "rt", encoding="utf-8", newline="") as lines:
        for code, name in csv.reader(lines):
            if len(code) >= levels.stop:
                return
            if len(code) in levels:
                yield code, name


@cache
def gazetteer() -> Gazetteer:
    """The table down to counties and the units of Tianmen. About 7,000 names."""
    codes: dict[str, str] = {}
    for code, name in _rows(range(2, 7)):
        codes.setdefault(name, code)
        short = short_form(name)
        if short not in _WORDS and len(short) >= 2:
            codes.setdefault(short, code)
            if len(code) == 6 and name.endswith("市") and short + "县" not in codes:
                codes[short + "县"] = code  # the former name of many county-level cities
    for code, name in _tianmen_units():
        codes[name] = code
        codes.setdefault(short_form(name), code)
    codes.update(TIANMEN_EXTRA)
    lengths: dict[str, set[int]] = {}
    for name in codes:
        lengths.setdefault(name[:2], set()).add(len(name))
    return Gazetteer(codes, {head: tuple(sorted(sizes, reverse=True)) for head, sizes in lengths.items()})


def _tianmen_units() -> tuple[tuple[str, str], ...]:
    return tuple((code, name) for code, name in _rows(range(9, 10)) if code.startswith(TIANMEN))


@cache
def _township_names() -> str:
    """All township names in one text, each between line breaks: a third of the memory that a set takes."""
    return "\n" + "\n".join(sorted({name for _, name in _rows(range(9, 10))})) + "\n"


def is_township(name: str) -> bool:
    """Whether some township-level unit of the country bears exactly this name."""
    return "\n" not in name and f"\n{name}\n" in _township_names()
