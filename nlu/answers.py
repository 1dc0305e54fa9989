"""A bare reply read with the question in mind: 两个, 一千八上下, 没有, 不晓得, 岳口的.

`read_answer` never raises and takes only what fits the question; a number that no household has (age 300, a household of
400, a negative income) is told as `impossible` with its text, so that the dialogue can ask again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from nlu.circumstances import can_self_care, current_status, disability, employment, housing, serious_illness
from nlu.contacts import read_id_number, read_phone, read_ticket
from nlu.events import extract_extra
from nlu.gazetteer import TIANMEN, gazetteer
from nlu.labels import FACT_CHOICES
from nlu.numerals import Number, find_numbers, parse_number
from nlu.people import MAX_AGE, MAX_HOUSEHOLD, RELATIVE, children_in_school, household_size, lives_alone
from nlu.places import place_at, read_places
from nlu.spelling import readable

Kind = Literal["value", "declined", "unknown", "impossible", "none"]
MAX_INCOME: Final = 10_000_000
MAX_YUAN: Final = 120_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply read: `value` carries the fact's value, for `impossible` the text of the number, else None."""

    kind: Kind
    value: Any = None


NOTHING: Final = Answer("none")

_DECLINED = re.compile(
    r"不想(?:说|讲|告诉|回答|填|透露|提|答)|不(?:方便|便)(?:说|讲|透露|告诉|回答)?|不(?:愿意?|肯)(?:说|讲|透露|告诉"
    r"|回答)|(?:这个?|那个?|先|就|我|能)?不说(?!清|准|话)(?:行"
    r"|可以|了|吧|好)?|不告诉|保密|隐私|(?:别|莫|不要)(?:再)?问|问(?:这|那)(?:个|些)?(?:干|做)(?:什么|嘛|啥|么)"
    r"|不回答|跳过|能不说|可以不(?:说|答|填)|不讲了|暂时不说|没必要(?:说|问)|下一个"
)
_UNKNOWN = re.compile(
    r"不(?:知道|晓得|清楚|太清楚|大清楚|记得|懂|确定|明白|了解|会算)|(?:记|说|搞|弄|算|讲|分|闹)不(?:清楚?|准|得|明白|到"
    r"|来|好)|没(?:数|算过|统计|留意|注意|问过)|忘(?:了|记|掉)"
    r"|哪(?:里)?(?:晓得|知道|搞得清|记得)|要?问(?:一下|下)?(?:我)?(?:儿子|女儿|老公|老婆|他|她|家里人|孩子)|拿不准"
    r"|不一定|说不好|不大晓得|难说|唔知|没印象"
)
_NO = re.compile(
    r"^(?:还|都|也|真的?|现在|暂时|目前|从来|啊|哦|嗯|呃|好像|基本|应该|根本|家里|屋里|我|我们|他|她|,| )*(?:没有?|没得"
    r"|冇|不是|不系|没办|无|否|不用|不要|不能|不行|不会|不需要|不在"
    r"|不算|不成|没吃|没领|没评|没缴|没交|没买|不对|一个都没|哪有|哪里有|什么都没|啥都没|未|别|唔|不)(?!知|晓|清|记|确"
    r"|太|错|多|少|久|停|断|止)"
)
_YES = re.compile(
    r"^(?:啊|哦|嗯|呃|那|当然|应该|好像|基本|肯定|确实|就|我|我们|他|她|家里|也|都|还|一直|早就|已经|,| )*(?:有"
    r"|是(?!不是)|对|系|嗯|恩|要(?!不要|问|看)|能(?!不能)|可以"
    r"|会(?!不会)|得行|行|要得|没错|冇错|办了|办过|办好|交了|缴了|买了|参加|过不下去|好的?|在的?|确诊|查出|正是|OK|ok"
    r"|yes|需要|领了|拿到|属于|可不是|查过|评了|[对是]啊)"
)
_HMM = re.compile(r"^(?:嗯+|恩+|哦+|啊+|对+|是+的?|👌|👍)[,。!~ ]*$")


def read_answer(fact: str, text: str) -> Answer:
    """Read `text` as the answer to a question about `fact` (a name of nlu.labels.FACT_TYPES or policy/facts.yaml)."""
    words = readable(text)
    reader = _READERS.get(fact)
    if not words or reader is None:
        return NOTHING
    answer = reader(words)
    if answer.kind != "none":
        return answer
    if len(words) <= 40 and _DECLINED.search(words):
        return Answer("declined")
    if len(words) <= 40 and _UNKNOWN.search(words):
        return Answer("unknown")
    return NOTHING


# ---- numbers -----------------------------------------------------------------------------------------------------------

_MINUS = re.compile(r"(?:负|-|−|欠)\s*$")
_OF_TIME = re.compile(r"^(?:多|几|来)?(?:个)?(?:年|月|天|小时|点|号|日|分钟|周|礼拜|岁)")
_OF_PEOPLE = re.compile(r"^(?:多|几)?(?:个|口|人|位|名)")
_OF_MONEY = re.compile(
    r"^(?:多|来|几|把)?(?:块|元|圆|左右|上下|出头|不到|的样子|样子|$|[,。! ]|多|的|吧|一个月|每月|一年|一月|/)"
)
_YEAR = re.compile(r"一年|每年|全年|年(?=收入|入|薪)|/年|一整年|1年")
_MONTH = re.compile(r"一个月|每个?月|一月(?!份)|月(?=收入|入|薪)|/月|个月")
_TERM = re.compile(r"学期|一期|每期|半年")
_DAY = re.compile(r"一天|每天|/天|一日")
_NO_MONEY = re.compile(
    r"^(?:基本|现在|目前|都|也|我|他|她|家里|屋里|一直|啥|什么|完全|真的?|,| )*(?:没有?|没得|冇|无|零|0)(?:任何|什么|啥"
    r"|一点|固定|得|有)*(?:收入|进账|来源|钱|工资|进项|花|欠|债"
    r"|外债|了|的|$|[,。! ])|一分(?:钱)?(?:都|也)?(?:没|冇)|没(?:花|欠|借)"
)
_WHO = re.compile(rf"(?:我|{RELATIVE.pattern}|他|她)[^,。]{{0,6}}$")
_TOTAL = re.compile(r"总共|一共|加起来|合计|全家|拢共|共")


def _only_number(words: str) -> Number | None:
    """The number when the reply is hardly more than one."""
    numbers = find_numbers(words)
    if not numbers:
        return None
    rest = len(words) - len(numbers[-1].text)
    return numbers[-1] if rest <= 14 or (len(numbers) == 1 and rest <= 24) else None


def _impossible(text: str, number: Number) -> Answer:
    sign = "-" if _MINUS.search(text[max(0, number.start - 2) : number.start]) else ""
    return Answer("impossible", sign + number.text)


def _age(words: str) -> Answer:
    for number in find_numbers(words):
        after = words[number.end : number.end + 6]
        if re.match(r"^(?:多|几)?个(?:多)?月", after) and "岁" not in words:
            return Answer("value", 0) if number.value <= 24 else NOTHING
        if re.match(r"^(?:多|来)?(?:年|月|日|号)(?!纪)", after) or re.search(r"属|生", after[:3]):
            return NOTHING
        stated = re.match(r"^(?:好几|几|多|来)?(?:周)?岁", after)
        if not stated and len(words) - len(number.text) > 12:
            continue
        if _OF_PEOPLE.match(after) or re.match(r"^(?:块|元|万|千)", after):
            continue
        if number.value > MAX_AGE or number.value < 0 or _MINUS.search(words[max(0, number.start - 1) : number.start]):
            return _impossible(words, number)
        return Answer("value", int(number.value))
    decade = re.search(r"([一二三四五六七八九])旬", words)
    if decade:
        return Answer("value", int(parse_number(decade.group(1)) or 0) * 10)
    return NOTHING


def _people(words: str) -> Answer:
    stated = household_size(words, find_numbers(words))
    if stated:
        return Answer("value", stated)
    if re.match(
        r"^(?:就|只有|只|剩|家里|屋里|现在|是|都)*(?:我|我自己|他|她|老人)?(?:自己)?(?:一个(?:人)?|一人|自己)(?:过|住"
        r"|生活)?(?:[,。! ]|$)|^就我(?:[,。! ]|$)|独居",
        words,
    ):
        return Answer("value", 1)
    if re.match(
        rf"^(?:就|只有|只|剩|家里|屋里|现在|是)*(?:我们|我)?(?:俩|两口子|老两口|(?:和|跟"
        rf"|同)?(?:{RELATIVE.pattern})(?:两个|俩)?)(?:人)?(?:[,。! ]|$)",
        words,
    ) and re.match(r"^.{0,4}我", words):
        return Answer("value", 2)
    return _count(words, low=1, high=MAX_HOUSEHOLD)


def _count(words: str, *, low: int, high: int) -> Answer:
    number = _only_number(words)
    if number is None:
        return NOTHING
    after = words[number.end : number.end + 4]
    if _OF_TIME.match(after) or re.match(r"^(?:块|元|级)", after) or number.value != int(number.value):
        return NOTHING
    if number.value > high or number.value < low or _MINUS.search(words[max(0, number.start - 1) : number.start]):
        return _impossible(words, number)
    return Answer("value", number.whole)


def _children(words: str) -> Answer:
    counted = children_in_school(words)
    if counted is not None:
        return Answer("value", counted)
    if _NO.match(words) or re.search(r"(?:都|已经|早)(?:就)?(?:毕业|工作|打工|不读|没读|大了|成家)", words):
        return Answer("value", 0)
    return _count(words, low=0, high=MAX_HOUSEHOLD)


def _grade(words: str) -> Answer:
    stated, _ = disability(words)
    if stated:
        return Answer("value", stated)
    number = _only_number(words)
    if number is None or re.match(r"^(?:岁|块|元|年|个|口|千|百)", words[number.end : number.end + 2]):
        return NOTHING
    if not 1 <= number.value <= 4 or number.value != int(number.value):
        return _impossible(words, number)
    return Answer("value", number.whole)


def _sums(words: str) -> list[Number]:
    return [
        number
        for number in find_numbers(words)
        if number.value >= 10
        and not _OF_TIME.match(words[number.end : number.end + 4])
        and not _OF_PEOPLE.match(words[number.end : number.end + 2])
        and (_OF_MONEY.match(words[number.end : number.end + 6]) or len(words) - len(number.text) <= 16)
    ]


def _money(words: str, *, per: str, limit: int) -> Answer:
    """A sum of yuan `per` month, year or in total: what is said for another period is converted."""
    sums = _sums(words)
    if not sums:
        small = _only_number(words)
        if small and small.value == 0 and len(words) <= 8:
            return Answer("value", 0)
        if small and _MINUS.search(words[max(0, small.start - 1) : small.start]):
            return _impossible(words, small)
        return (
            Answer("value", 0)
            if len(words) <= 24 and _NO_MONEY.search(words) and not _UNKNOWN.search(words)
            else NOTHING
        )
    if re.search(r"[负\-−]\s*$", words[max(0, sums[0].start - 2) : sums[0].start]):
        return _impossible(words, sums[0])
    several = (
        len(sums) > 1
        and per != "total"
        and all(_WHO.search(words[max(0, number.start - 12) : number.start]) for number in sums)
    )
    chosen = sums[-1] if len(sums) > 1 and _TOTAL.search(words) else sums[0]
    value = sum(number.value for number in sums) if several and not _TOTAL.search(words) else chosen.value
    value *= _conversion(words, per)
    if value > limit:
        return _impossible(words, chosen)
    return Answer("value", round(value))


def _conversion(words: str, per: str) -> float:
    if per == "month":
        return 1 / 12 if _YEAR.search(words) and not _MONTH.search(words) else 30.0 if _DAY.search(words) else 1.0
    if per == "year":
        if _TERM.search(words):
            return 2.0
        return 12.0 if _MONTH.search(words) and not _YEAR.search(words) else 1.0
    return 1.0


def _monthly(words: str) -> Answer:
    return _money(words, per="month", limit=MAX_INCOME)


def _yearly(words: str) -> Answer:
    return _money(words, per="year", limit=MAX_YUAN)


def _total(words: str) -> Answer:
    return _money(words, per="total", limit=MAX_YUAN)


def _months(words: str) -> Answer:
    if re.search(r"半年", words) and not re.search(r"[一二三四五六七八九十\d]年半", words):
        return Answer("value", 6)
    for number in find_numbers(words):
        after = words[number.end : number.end + 4]
        if re.match(r"^(?:多|几|来)?年", after):
            return Answer("value", round(number.value * 12 + (6 if after.startswith("年半") else 0)))
        if re.match(r"^(?:多|几|来)?(?:个)?(?:多)?月", after):
            return Answer("value", number.whole)
    return NOTHING


# ---- yes and no --------------------------------------------------------------------------------------------------------


def _said(words: str) -> bool | None:
    """A plain yes or no at the head of the reply."""
    if re.match(r"^(?:没错|冇错|没问题|不错|可不是|不是吗)", words):
        return True
    if _NO.match(words):
        return False
    return True if _YES.match(words) or _HMM.match(words) else None


def _boolean(yes: str | None = None, no: str | None = None, extra: str | None = None) -> Callable[[str], Answer]:
    """A reader of yes and no: first the fact's own words, then what the message states plainly, then a bare yes or no."""
    yes_words = re.compile(yes) if yes else None
    no_words = re.compile(no) if no else None

    def read(words: str) -> Answer:
        if no_words and no_words.search(words):
            return Answer("value", False)
        if yes_words and yes_words.search(words):
            return Answer("value", True)
        stated = extract_extra(words).get(extra) if extra else None
        if isinstance(stated, bool):
            return Answer("value", stated)
        return _plain(words)

    return read


def _plain(words: str) -> Answer:
    said = _said(words)
    if said is None or len(words) > 24 or _DECLINED.search(words) or _UNKNOWN.search(words):
        return NOTHING
    return Answer("value", said)


def _self_care(words: str) -> Answer:
    stated = can_self_care(words)
    if stated is None and re.search(
        r"要人(?:帮|扶|照顾|管|伺候|喂|招呼)|搞不(?:动|了|得)|做不(?:了|到|得)|不行|动不了|都(?:要|靠)(?:我|人)|起不来|自己不能",
        words,
    ):
        stated = False
    if stated is None and re.search(
        r"^(?:都|还|自己|基本|勉强)*(?:能|可以|行|会)(?!不)|自己(?:来|能|会|做)|没问题", words
    ):
        stated = True
    return Answer("value", stated) if stated is not None else _plain(words)


_HARMLESS_PROPERTY = re.compile(
    r"摩托|电动|电瓶|三轮|自行车|老年代步|农用车|拖拉机|就(?:这|一)(?:一)?(?:套|间|栋)|只有(?:这|一)(?:一)?(?:套|间|栋)"
)
_PROPERTY = re.compile(
    r"(?:小汽车|轿车|汽车|面包车|货车|小车|有(?:一|1)?(?:辆|台|部)?车|两套|[二三]套|别的房|商品房|门面|商铺|存款(?!没)"
    r"|存了|存折|理财|股票|基金)"
)


def _property(words: str) -> Answer:
    denied = _NO.match(words) or re.search(
        r"(?:什么|啥)(?:都|也)没|(?:没|没有|没得|无)(?:得)?(?:车|存款|房|小汽车|别的|其他)|都没(?:有|得)?", words
    )
    if denied and not re.search(r"(?:但|就是|只是|不过)[^。]{0,6}有", words):
        return Answer("value", True)
    if _HARMLESS_PROPERTY.search(words):
        return Answer("value", True)
    if _PROPERTY.search(words) or (_YES.match(words) and len(words) <= 16 and not _UNKNOWN.search(words)):
        return Answer("value", False)
    return NOTHING


def _illness(words: str) -> Answer:
    stated = serious_illness(words, personal=True)
    return Answer("value", True) if stated else _plain(words)


def _alone(words: str) -> Answer:
    if lives_alone(words) or re.search(r"^(?:就|是|嗯|对|,| )*(?:我|他|她)?(?:自己|一个人|独自)", words):
        return Answer("value", True)
    if re.search(rf"(?:跟|和|同|与)(?:我|他|她)?(?:{RELATIVE.pattern})", words):
        return Answer("value", False)
    return _plain(words)


# ---- choices -----------------------------------------------------------------------------------------------------------

_WORDS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "sudden_event": (
        ("fire", r"火(?!车)|烧了"),
        ("accident", r"车祸|撞|摔|砸|受伤|事故|触电|淹|工伤|烫|跌|断了"),
        ("death_of_earner", r"(?:去世|过世|走了|死了|没了|不在了)"),
        ("grave_illness", r"病|癌|瘤|中风|脑梗|住院|ICU|透析|手术|白血"),
        ("job_loss", r"失业|下岗|裁|辞退|没(?:有)?工作|厂.{0,4}(?:倒|关)|没活"),
        ("other", r"偷|抢|骗|水|灾|坐牢|离婚|塌|^(?:有|是|出了事)"),
    ),
    "employment": (
        ("unable", r"(?:干|做|搞|动)不(?:了|动|得)|不能(?:干|做|劳动)|没(?:有)?(?:劳动)?能力|丧失|瘫|躺"),
        ("retired", r"退休"),
        (
            "unemployed",
            r"没(?:有)?(?:得)?(?:工作|活|事|班)|失业|下岗|待业|在家(?:待|歇|闲|带)|找不到|无业|闲着|没做|^没(?:有|得)?(?:[,。! ]|$)",
        ),
        (
            "employed",
            r"打工|上班|做事|有工作|务工|打零工|种田|种地|工地|厂里|跑|送|开车|有活|做点|在职|保洁|保安|摆摊|^有(?:[,。! ]|的|$)",
        ),
    ),
    "work_capacity": (
        (
            "partial",
            r"轻(?:一点|点)?(?:的)?(?:活|事)|一点(?:点)?|勉强|半劳力|重(?:的|活)(?:不|干不|做不)|偶尔|有时|部分|打打零工|少量",
        ),
        ("none", r"不(?:能|行|了|动|得|可以)|没(?:有)?(?:劳动)?(?:力|能力)|丧失|干不|做不|瘫|躺|^没|完全没"),
        (
            "full",
            r"^(?:还|都|当然)?(?:能|可以|行)|能(?:干|做|打工|下地)|有(?:劳动)?(?:力|能力)|身体好|没问题|^(?:有|是|对|嗯)",
        ),
    ),
    "student_stage": (
        ("university", r"大学|大专|本科|研究生|大[一二三四]|高职|专科|学院"),
        ("high_school", r"高中|高[一二三]|中职|中专|职高|技校|职校"),
        ("compulsory", r"小学|初中|初[一二三]|[一二三四五六七八九1-9]年级"),
        ("preschool", r"幼儿园|大班|中班|小班|学前"),
        ("none", r"没(?:有)?(?:读|上|念)|不读|不上|辍学|毕业|^(?:没有?|没得|不)|退学|没读"),
    ),
    "parents_status": (
        ("both_dead", r"(?:都|双|全|两个)[^,。]{0,4}(?:死|去世|不在(?!家|身边|本地)|没了|走了|过世)|双亡|孤儿"),
        ("missing", r"(?:失踪|失联|联系不(?:上|到)|跑了|找不到|下落不明|没音讯|没音信)"),
        (
            "one_dead_other_unable",
            r"(?:死|去世|没了|走了|过世|不在了)[^。]{0,14}(?:残|病|坐牢|改嫁|跑|失踪|不管|管不|服刑)",
        ),
        ("both_unable", r"(?:都|两个)[^,。]{0,6}(?:残|病|坐牢|服刑|戒毒|管不了|不能)|管不了|没能力管|养不了"),
        ("alive_able", r"(?:都)?(?:在|好|健在|管得了|能管|打工|身体好|正常)|^(?:能|可以|管)"),
    ),
    "legal_matter": (
        ("wages", r"工资|工钱|欠薪|薪|血汗钱"),
        ("support", r"抚养|赡养|不养|不管"),
        ("violence", r"家暴|打我|打人|虐待|被打"),
        ("injury", r"工伤|受伤|撞|赔|肇事|打伤"),
        ("social_assistance", r"低保|不批|救助|被拒|取消"),
        ("other", r"官司|离婚|房产|土地|债|^(?:有|是)"),
    ),
    "housing": (
        ("homeless", r"没(?:有|得)?(?:地方|房|屋)(?:住)?|桥洞|流浪|露宿|车站"),
        ("dangerous", r"(?<!不是)(?<!不算)危房|要倒|快倒|要塌|[CDcd]级|漏得|裂"),
        ("rented", r"租"),
        ("owned", r"自己(?:的|家|建|盖)|自家|自建|自有|祖屋|老屋|买的|^(?:是)?自己|有房"),
    ),
    "disability_type": (
        ("multiple", r"多重"),
        ("visual", r"视力|眼|瞎|盲"),
        ("hearing", r"听力|耳|聋"),
        ("speech", r"言语|语言|哑"),
        ("intellectual", r"智力|智障|脑子"),
        ("mental", r"精神|孤独症|自闭"),
        ("physical", r"肢体|腿|脚|手|腰|瘫"),
    ),
    "for_whom": (
        ("other", r"邻居|隔壁|别人|朋友|村民|不认识|路边|同事|亲戚"),
        (
            "family",
            r"家|爸|妈|爹|娘|儿|女儿|姑娘|老公|老婆|老伴|孙|爷|奶|公公|婆婆|孩子|伢|娃|弟|妹|哥|姐|爱人|媳妇|父|母",
        ),
        ("self", r"我(?:自己)?(?:[,。! ]|$)|本人|自己|给我"),
    ),
    "housing_grade": (("D", r"[dD]"), ("C", r"[cC]"), ("B", r"[bB]"), ("A", r"[aA]")),
    "person_type": (("elderly", r"老"), ("minor", r"孩|娃|伢|小"), ("disabled", r"残"), ("other", r"都不是|其他")),
}
_CHOICES: Final = {fact: tuple((value, re.compile(words)) for value, words in rules) for fact, rules in _WORDS.items()}
_HAS_NONE: Final = frozenset({"sudden_event", "legal_matter", "student_stage"})


def _choice(fact: str) -> Callable[[str], Answer]:
    def read(words: str) -> Answer:
        stated = _stated_choice(fact, words)
        if stated:
            return Answer("value", stated)
        if len(words) > 40 or _DECLINED.search(words):
            return NOTHING
        if fact in _HAS_NONE and _NO.match(words) and len(words) <= 16:
            return Answer("value", "none")
        if _UNKNOWN.search(words):
            return NOTHING
        for value, pattern in _CHOICES[fact]:
            match = pattern.search(words)
            if match and not re.search(r"(?:没有?|不是|没得|不算)$", words[max(0, match.start() - 3) : match.start()]):
                return Answer("value", value)
        return NOTHING

    return read


def _stated_choice(fact: str, words: str) -> str | None:
    if fact == "employment":
        return employment(words, family_patient=False)
    if fact == "housing":
        return housing(words)
    if fact == "disability_type":
        return disability(words)[1]
    if fact == "housing_grade":
        return None
    stated = extract_extra(words).get(fact)
    return stated if isinstance(stated, str) else None


def _status(words: str) -> Answer:
    held = current_status(words, mine=True)
    if held:
        return Answer("value", held)
    if len(words) > 40:
        return NOTHING
    if _NO.match(words) or re.search(
        r"(?:都|也|还|从来|啥|什么)(?:没|不)(?:有|得|领|吃|拿|享受|评|是)?|没(?:有)?(?:吃|领|拿|享受|评|办)", words
    ):
        return Answer("value", [])
    names = [
        name
        for name, pattern in (
            ("dibao_edge", r"边缘"),
            ("dibao", r"低保(?!边缘)"),
            ("tekun", r"特困|五保"),
            ("rigid_expenditure", r"刚性"),
            ("monitored", r"监测"),
        )
        if re.search(pattern, words)
    ]
    asked_back = words.rstrip().endswith(("?", "吗", "呢"))
    return Answer("value", names) if names and not asked_back and not re.search(r"申请|想|停|取消", words) else NOTHING


# ---- places and numbers to reach somebody ------------------------------------------------------------------------------

_FILLER = re.compile(
    r"^(?:我|我们|就|是|在|住|家|户口|户籍|人(?=在|现在)|现在|目前|还|也|都|一直|那个?|这个?|嗯|哦|啊|呃|他|她|它|出事"
    r"|发生|地址|位置|,| )+"
)
_TAIL = re.compile(r"(?:那边|这边|那里|这里|的|人|户口|附近|旁边|呢|啊|吧|,|。|!| )+$")


def _place(words: str) -> Answer:
    if _DECLINED.search(words) or _UNKNOWN.search(words):
        return NOTHING
    stated = read_places(words)
    name = stated.residence_place or stated.hukou_place
    if name:
        return Answer("value", name)
    start = _FILLER.match(words)
    for offset in {0, start.end() if start else 0}:
        end = place_at(words, offset)
        if end > offset:
            return Answer("value", words[offset:end].strip().replace(" ", ""))
    return NOTHING


def _event_place(words: str) -> Answer:
    named = _place(words)
    if named.kind == "value":
        return named
    bare = _TAIL.sub("", _FILLER.sub("", words))
    if (
        2 <= len(bare) <= 20
        and not _NO.match(words)
        and not _UNKNOWN.search(words)
        and not _DECLINED.search(words)
        and "?" not in bare
        and not re.search(r"家里|屋里|不|没", bare)
    ):
        return (
            Answer("value", bare.replace(" ", ""))
            if re.search(r"医院|车站|站|路|街|桥|厂|工地|学校|广场|市场|店|楼|河|湖|门口", bare)
            else NOTHING
        )
    return NOTHING


def _hukou(words: str) -> Answer:
    stated = read_places(words)
    if stated.hukou in FACT_CHOICES["hukou"]:
        return Answer("value", stated.hukou)
    if len(words) > 40:
        return NOTHING
    if re.search(r"黑户|没(?:有)?(?:上)?户口", words):
        return Answer("value", "none")
    if re.search(r"外(?:地|省|市|县)|老家|不(?:在|是)(?:这|本|天门|当地)", words) and not re.search(
        r"不是外|不在老家", words
    ):
        return Answer("value", "nonlocal")
    if re.search(r"本(?:地|市|县|村|镇|乡)|这边|这里|当地|就在(?:这|天门)|天门", words):
        return Answer("value", "local")
    place = _place(words)
    code = gazetteer().code(str(place.value)) if place.kind == "value" else ""
    if len(code) < 4 and code != TIANMEN[:2]:
        return Answer("value", "nonlocal") if code else NOTHING
    if code == TIANMEN[:2]:
        return NOTHING
    return Answer("value", "local" if code.startswith(TIANMEN) else "nonlocal")


def _number_of(read: Callable[[str], str | None], low: int, high: int) -> Callable[[str], Answer]:
    def reader(words: str) -> Answer:
        found = read(words)
        if found:
            return Answer("value", found)
        runs = re.findall(r"[\dXx][\dXx \-]{4,}", words)
        digits = "".join(char for char in runs[0] if char.isalnum()) if runs else ""
        return Answer("impossible", digits) if low <= len(digits) <= high else NOTHING

    return reader


def _ticket(words: str) -> Answer:
    bare = re.fullmatch(r"(?:是|号码?|单号)?[: ]?([A-Za-z0-9][A-Za-z0-9\-]{3,31})", words)
    found = read_ticket(words) or (bare.group(1) if bare else None)
    return Answer("value", found) if found else NOTHING


_READERS: Final[Mapping[str, Callable[[str], Answer]]] = {
    # Questions of the dialogue's own, that are about no fact.
    "consent": _boolean(
        r"愿意|同意|确定|登记|转(?:过去|给|办)|报上去|麻烦(?:你|您|了)|^(?:那|就|好|行|可以|要得|中|成)",
        r"不(?:用|要|必|想|愿|同意|登|报|需要)|别|莫|算了|先不|再(?:想|看|说)",
    ),
    "erase": _boolean(
        r"确定|确认|删|清(?:掉|空|除)|^要", r"不(?:用|要|想|必)?删|别删|莫删|算了|留着|先不|不(?:确定|用|要)了?$"
    ),
    "company": _boolean(
        r"(?<!没)有人|在(?:旁边|身边|家里?|我边上)|陪(?:着|我)", r"没(?:有|人|得)|冇|一个人|就我|自己(?:一个)?在|都不在"
    ),
    "age": _age,
    "household_size": _people,
    "children_in_school": _children,
    "disability_grade": _grade,
    "household_income_monthly": _monthly,
    "income_per_person_monthly": _monthly,
    "own_income_monthly": _monthly,
    "medical_expense_monthly": _monthly,
    "household_income_12m": _yearly,
    "rigid_expense_12m": _yearly,
    "medical_expense_12m": _yearly,
    "education_expense_12m": _yearly,
    "education_expense": _yearly,
    "medical_expense": _total,
    "debt": _total,
    "parent_absent_months": _months,
    "serious_illness": _illness,
    "can_self_care": _self_care,
    "lives_alone": _alone,
    "property_ok": _property,
    "basic_life_in_difficulty": _boolean(
        r"过不(?:下去|了|走)|撑不|没(?:饭|米|钱|地方)|断(?:粮|药)|饿|揭不开|都(?:有|难)|活不下",
        r"过得(?:去|下去|走)|还(?:行|好|可以|能过)|吃饭(?:不愁|没问题)|吃(?:得|的)(?:上|起|饱)|(?:饭|吃|住)(?:还)?有",
        "basic_life_in_difficulty",
    ),
    "natural_disaster": _boolean(r"淹|洪|台风|龙卷风|冰雹|地震|大风|滑坡|雪压|受灾|水冲", None, "natural_disaster"),
    "away_from_home": _boolean(
        r"没地方(?:去|住)|回不(?:了|去)|没钱回|流浪|在外面", r"在家|有地方住|有住|本地的", "away_from_home"
    ),
    "residence_permit": _boolean(r"^办(?:了|过|好)|有(?:的|居住证)", r"没(?:有)?办|未办|没有|没得", "residence_permit"),
    "disability_certificate": _boolean(
        r"^(?:早就|已经)?办(?:了|过|好|下来)|有(?:的|证|残疾)|[一二三四]级",
        r"没(?:有)?(?:办|评|证|去)|还没|未办|没有|没得|在办|正在办|过期",
        "disability_certificate",
    ),
    "insured": _boolean(
        r"(?<!没)(?:交|缴|买|参)(?:了|过|的|加)",
        r"(?:没|未|忘|断|停)(?:了|有)?(?:交|缴|买|参)|没(?:有|得)|断了|停了",
        "insured",
    ),
    "autism": _boolean(
        r"(?<!不是)(?<!没有)(?:自闭症|孤独症)|确诊|查出", r"不是(?:自闭|孤独)|没(?:有)?(?:查|确诊|得)", "autism"
    ),
    "long_term_care_needed": _boolean(
        r"离不(?:开|得|了)人|天天(?:要|都)|一直(?:要|都|有)|(?:要|靠)人(?:照顾|伺候|管|守)|好几年|[一二三四五六七八九十几]年了",
        r"不(?:用|要|需要)(?:人|照顾)?|自己能",
        "long_term_care_needed",
    ),
    "legal_supporter": _boolean(
        r"有(?:一|两|三|几|个)*(?:个)?(?:儿|女|老婆|老公|老伴|父母|爸|妈|弟|哥)|(?:儿子|女儿)(?:都)?(?:在|有|嫁|打工)",
        r"(?:没|无|冇)(?:有|得)?(?:儿|女|人|后|伴|子女|亲)|都(?:死|不在|没|走)|一个(?:人|都没)|孤",
        "legal_supporter",
    ),
    "supporter_able": _boolean(
        r"养得(?:起|了|活)|有能力|条件(?:还)?(?:可以|好|行)|管得(?:起|了)|^能(?!力)|做生意|上班",
        r"养不(?:起|了|活)|没(?:有)?能力|自己(?:都|也)|(?:也|都)(?:有病|残疾|困难|难|穷|吃低保|坐牢)|管不(?:了|起)|不管|顾不",
        None,
    ),
    "income_source": _boolean(
        r"退休金|养老金|工资|打工|种(?:田|地)|租金|低保|零工|老保",
        r"(?:没|无|冇)(?:有|得)?(?:收入|来源|进账|钱|来路|任何)|什么都没|啥都没|一分(?:钱)?(?:都|也)?没",
        "income_source",
    ),
    "rural_household": _boolean(
        r"农村|农业|村里|乡下|组上", r"城镇|城里|街上|镇上|非农|居民户|小区|市里", "rural_household"
    ),
    "death_in_family": _boolean(r"去世|过世|走了|死了|没了|病逝", None, "death_in_family"),
    "in_prison_or_missing_member": _boolean(r"坐牢|服刑|监狱|戒毒|失踪|失联", None, None),
    "work_injury_nursing_fee": _boolean(),
    "unattended_child_subsidy": _boolean(),
    "refused_in_writing": _boolean(
        r"书面|有(?:通知|单子|纸)|给了(?:通知|单子|纸|书)", r"没(?:有)?(?:给|书面|通知|单子)|口头|嘴上|电话里", None
    ),
    **{fact: _choice(fact) for fact in _WORDS},
    "current_status": _status,
    "hukou": _hukou,
    "hukou_place": _place,
    "residence_place": _place,
    "event_place": _event_place,
    "phone": _number_of(read_phone, 5, 17),
    "id_number": _number_of(read_id_number, 12, 20),
    "ticket_number": _ticket,
}

ANSWERABLE: Final = frozenset(_READERS)
"""The facts that a bare reply can answer."""
