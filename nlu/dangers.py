"""The danger screen: what threatens a person now, or is announced.

Two arms. Rules find the words of each danger and let go where the sentence denies them, tells of the past, asks in
general, quotes the news or speaks of animals. The interpreter's danger scores find what no rule foresees; the same
guards hold for them. A homophone in a key word is repaired first, so that a typing slip does not hide a crisis.

The rules stand in danger_rules.yaml; every one has cases on both sides in tests/dangers/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from nlu.labels import DANGERS
from nlu.normalise import normalise
from nlu.sounds import syllable_of

RULES_FILE: Final = Path(__file__).with_name("danger_rules.yaml")
_LONGEST_WORD: Final = 5


@cache
def _rules_file() -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(RULES_FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return content


@cache
def _not_repaired() -> frozenset[str]:
    return frozenset(_rules_file()["not_repaired"].split())


@cache
def _spoken_words() -> Mapping[tuple[str, ...], tuple[str, ...]]:
    """Key words by the way they sound."""
    table: dict[tuple[str, ...], tuple[str, ...]] = {}
    for word in _rules_file()["key_words"].split():
        spoken = tuple(syllable_of(character) for character in word)
        table[spoken] = (*table.get(spoken, ()), word)
    return table


def repair(text: str) -> str:
    """The text with homophones in key words put right: 护口 stays, 百草哭 becomes 百草枯. Length and positions stay."""
    table = _spoken_words()
    sounds = [syllable_of(character) for character in text]
    characters = list(text)
    for size in range(_LONGEST_WORD, 1, -1):
        for start in range(len(text) - size + 1):
            words = table.get(tuple(sounds[start : start + size]))
            if not words:
                continue
            heard = "".join(characters[start : start + size])
            if heard in words or heard in _not_repaired():
                continue
            needed = 1 if size < 4 else 2
            for word in words:
                if sum(one == other for one, other in zip(heard, word, strict=True)) >= needed:
                    characters[start : start + size] = word
                    break
    return "".join(characters)


SURE: Final = 0.5
"""The interpreter's own threshold: its danger scores are centred so that each label's stands here."""
DISMISSED: Final = 0.15
"""Below this score the interpreter has seen too many messages like it that were calm, and a rule alone does not count."""
LETTER: Final = 120
"""From this length on one dangerous sentence hardly moves the interpreter's scores, so that a rule counts by itself."""

_BEFORE: Final = 26
_AFTER: Final = 22
"""How far from the words of a rule its guards look, in characters, never past the end of the sentence."""

_PARTS: Final = {
    "count": "[0-9一二两俩三四五六七八九十几好]{1,3}",
    "kin": (
        "(?:妈|娘|爸|爹|父|母|爷|奶|婆|公|伢|娃|孩子|小孩|宝宝|毛毛|儿子|儿|女儿|姑娘|孙|老伴|老婆|爱人|媳妇|丈夫|妻子|"
        "老人|老头|老太|嫂|叔|伯|姨|舅|姐|妹|哥|弟|邻居|室友|工友|同事|同学|男子|女子|病人|患者|精神|残疾|学生|丫头|男人|人)"
    ),
}

_NOW = re.compile(
    "现在|刚刚|刚才|今天|今晚|今夜|今早|昨天|昨晚|昨夜|此刻|正在|马上|快来|快点|救命|还在|又|天天|经常|一直|每天|"
    "老是|总是|从昨|这几天|这两天|(?<![没不])再|还没|仍"
)
_PAST = re.compile(
    "以前|之前|从前|去年|前年|当年|那年|那时|那会|小时候|年轻时|曾经|[0-9一二两三四五六七八九十几多]{1,4}年前|上个?月|上个?星期|上上|上周|"
    "[0-9一二两三四五六七八九十几]{1,3}个?多?(?:月|星期|礼拜)前|过[一两几][次回]|[0-9]{4}年|[0-9]{2}年(?![的不没])|"
    "[0-9]{1,2}岁(?:那年|时|的时候)|早年|生前|离婚"
)
_QUESTION = "(?:吗|么|呢|怎么|多少|什么|能不能|可不可以|有没有|是否|报不报|赔|[?])"
_GUARDS: Final[Mapping[str, re.Pattern[str]]] = {
    "denied": re.compile(
        "(?:不是|并非|不会|没有|没得|没|冇得|冇|未|从不|不|别|莫|无)"
        "(?:有|想|想过|要|要再|得|人|哪个|谁|被|再|说|在|去|真的|真要)?$"
    ),
    "solved": re.compile(
        "救回来|救过来|救活|脱离危险|脱险|找到了|找回来|找着了|已经回来|(?<!没)回来了|自己回来|没事了|(?:治|病|都|已经)好了|想通了|想开了|"
        "出了?院了|康复|扑灭|灭了火|火灭了|浇灭|水退了|退水|已经解决|坐牢|判刑"
    ),
    "deceased": re.compile("已故|过世|去世|死亡|死了|死的|走了|遗属|丧葬|抚恤|没救过来"),
    "general": re.compile(
        "(?:的人|这种人|那种人|人员|一般|凡是|如果|要是|假如|假使|万一|倘若|若是|的话).{0,30}" + _QUESTION + "|"
        "(?:什么|哪些|有没有|有啥|么子|咨询).{0,12}(?:政策|规定|标准)|(?:政策|规定|标准).{0,8}(?:吗|怎么|[?])|算不算|报不报|能报销|能报[吗么不多几]|报销吗|能领|能不能领|还能领|丧葬费|抚恤金|预防|防止|宣传|讲座|培训|演练|热线是|"
        "电话是多少|保险赔|有没有补|补不补|归谁管|归哪"
    ),
    "quoted": re.compile(
        "新闻|电视|广播里|抖音|短视频|网上|看到报道|听说书|小说|电影|剧里|戏里|直播间|朋友圈看|游戏|故事|笑话|歌词|作文|梦到|梦见|做梦"
    ),
    "creatures": re.compile(
        "[猪牛羊鸡鸭鹅鱼狗猫兔虾蟹驴马](?!上|路|镇|场镇|桥|粮)|宠物|鸽子|蜜蜂|庄稼|果树|手机丢|钱包丢|电动车|车子不见|快递|账号"
    ),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """`find` says the danger; `unless` in the same stretch of the message, or one of the guards, calls it off."""

    name: str
    danger: str
    find: re.Pattern[str]
    unless: re.Pattern[str] | None
    guards: frozenset[str]


def _pattern(alternatives: Sequence[str]) -> re.Pattern[str]:
    if not all(alternatives):
        raise ValueError(f"{RULES_FILE.name}: an empty alternative would match everything")
    joined = "|".join(alternatives)
    for name, part in _PARTS.items():
        joined = joined.replace("{" + name + "}", part)
    return re.compile(joined)


def _rule(entry: Mapping[str, Any]) -> Rule:
    guards = frozenset(entry["guards"])
    if entry["danger"] not in DANGERS or not guards <= {*_GUARDS, "past"}:
        raise ValueError(f"{RULES_FILE.name}: rule {entry['name']} names an unknown danger or guard")
    unless = _pattern(entry["unless"]) if entry.get("unless") else None
    return Rule(entry["name"], entry["danger"], _pattern(entry["find"]), unless, guards)


@cache
def rules() -> tuple[Rule, ...]:
    """All rules of danger_rules.yaml. Raises `ValueError` when the file names what does not exist."""
    return tuple(map(_rule, _rules_file()["rules"]))


def _context(text: str, start: int, end: int) -> tuple[str, str]:
    """What stands before and after a find within its sentence, at most `_BEFORE` and `_AFTER` characters."""
    before = re.split("[。!?\n]", text[max(0, start - _BEFORE) : start])[-1]
    after = re.split("[。\n]", text[end : end + _AFTER])[0]
    return before, after


def _called_off(rule: Rule, text: str, found: re.Match[str]) -> bool:
    before, after = _context(text, found.start(), found.end())
    stretch = before + found.group() + after
    if rule.unless is not None and rule.unless.search(stretch):
        return True
    if "past" in rule.guards and _PAST.search(stretch) and not _NOW.search(stretch):
        return True
    where = {"denied": before, "quoted": before, "solved": after, "deceased": after}
    return any(_GUARDS[name].search(where.get(name, stretch)) for name in rule.guards - {"past"})


_BLANKS_BETWEEN_HAN = re.compile("(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")


def prepare(text: str) -> str:
    """The form that rules read: one spelling, lower case, no blanks between characters, key words repaired."""
    return repair(_BLANKS_BETWEEN_HAN.sub("", normalise(text).lower()))


def guarded_rules(text: str) -> list[tuple[str, bool]]:
    """Names of the rules whose words stand in `text`, each with whether it fires: not every find is called off."""
    prepared = prepare(text)
    named = []
    for rule in rules():
        finds = list(rule.find.finditer(prepared))
        if finds:
            named.append((rule.name, any(not _called_off(rule, prepared, found) for found in finds)))
    return named


def fired_rules(text: str) -> list[Rule]:
    """The rules whose words stand in `text` and which nothing calls off."""
    firing = {name for name, fires in guarded_rules(text) if fires}
    return [rule for rule in rules() if rule.name in firing]


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    said = set(names)
    return tuple(name for name in DANGERS if name in said)


@cache
def _cues() -> Mapping[str, re.Pattern[str]]:
    """Per danger what a message must at least speak of."""
    return {name: re.compile(words) for name, words in _rules_file()["cues"].items()}


def screen(text: str, scores: Mapping[str, float] | None = None) -> tuple[str, ...]:
    """The dangers of a message, in the contract's order.

    Those the interpreter is sure of, and those that a rule finds unless the interpreter, which knows the rules' finds
    too, all but rules them out in a short message. An interpreter without danger scores leaves the rules alone.
    """
    given = scores or {}
    needed = DISMISSED if len(text) < LETTER else 0.0
    found = {rule.danger for rule in fired_rules(text) if given.get(rule.danger, SURE) >= needed}
    cues = _cues()
    words = prepare(text)
    found.update(name for name, score in given.items() if score >= SURE and cues[name].search(words))
    return _ordered(found)
