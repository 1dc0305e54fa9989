"""What the fact extractor reads: the normalised text with homophones, dialect words and slips of the tongue mended.

Speech recognisers write 护口 for 户口 and 底保 for 低保; a caller says 三口人 哦不对 四口. Both are mended here once, so
that every rule downstream sees the words that were meant.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from nlu.normalise import normalise
from nlu.numerals import find_numbers

MAX_READ: Final = 4_000
"""Characters read for facts; `nlu.normalise.clip` keeps head and tail of longer texts."""

_HOMOPHONES: Final[tuple[tuple[str, str], ...]] = (
    (r"护口|沪口|户囗|户扣", "户口"),
    (r"[底抵地第递](?=保(?:户|边缘|金|证|家庭|对象|[,。 ]|$|也|停|的|都|没|了|标准|那))", "低"),
    (r"(?:特捆|特坤|特昆)", "特困"),
    (r"伍保|午保|无保(?=户|老人|的|供养)", "五保"),
    (r"(?<![以认成作因称])(?:为|维|围|微)房(?!子|屋|租|产|价|东|间|主|改造成)", "危房"),
    (r"残[集级极急记寂吉](?=证|人|[一二三四1-4]|补|的|鉴|户|[,。 ]|$)", "残疾"),
    (r"零时(?=救助|补助|困难)|林时(?=救助)", "临时"),
    (r"尿毒[正证争政](?!明)|鸟毒症|尿毒正", "尿毒症"),
    (r"脑[摊滩贪潭](?![位子])", "脑瘫"),
    (r"(?:头吸|投析|透吸|投吸)", "透析"),
    (r"居[主驻]证", "居住证"),
    (r"就[住助]站", "救助站"),
    (r"[检监]测护|监测互|检测户", "监测户"),
    (r"白血并", "白血病"),
    (r"精[深申]残疾", "精神残疾"),
    (r"之体残疾|肢提残疾", "肢体残疾"),
    (r"瘫痪|摊痪|瘫换|瘫患", "瘫痪"),
    (r"(?:摊|滩)(?=在床|到床|在屋|倒在床)", "瘫"),
    (r"(?<=学)[废肺]", "费"),
    (r"医[要药]费|医药[废肺]", "医药费"),
    (r"刚[信兴]支出", "刚性支出"),
    (r"艾[慈磁]病", "艾滋病"),
    (r"身份[正政]", "身份证"),
    (r"年纪(?=[,。]|$)(?<=[一二三四五六]年纪)", "年级"),
    (r"(?<=[一二三四五六])年纪", "年级"),
)
_DIALECT: Final[tuple[tuple[str, str], ...]] = (
    (r"喺", "在"),
    (r"唔系", "不是"),
    (r"唔", "不"),
    (r"冇得", "没得"),
    (r"冇", "没"),
    (r"嘅", "的"),
    (r"佢", "他"),
    (r"哋", "们"),
    (r"嗰", "那"),
    (r"啲", "些"),
    (r"咗", "了"),
    (r"(?<![关联体派院干直嫡维中星太水血谱])系(?!统|列|数|主任|里|着)(?=[\u4e00-\u9fff])", "是"),
)
_RULES: Final = tuple((re.compile(wrong), right) for wrong, right in (*_HOMOPHONES, *_DIALECT))
_QUICK = re.compile(
    "[护沪囗扣底抵地第递捆坤昆伍午无为维围微集级极急记寂吉零林正证争政摊滩贪潭头投吸主驻住助并深申提换患废肺要药信兴慈磁纪喺唔冇嘅佢哋嗰啲咗系检测互]"
)

_TRAIL = r"(?:块钱|块|元|万|岁|口人|口|个人|个|人|年级|级)?"
_SLIP = re.compile(
    r"^(?P<unit>块钱|块|元|岁|口人|口|个人|个|人|级)?[,。 …]*"
    r"(?:(?:哦|噢|喔|呃|额|啊|哎|诶|唉|嗯|哎呀|哎哟|呀)[,。 …]*)*"
    r"(?:(?:不对|不是|错了|说错了?|讲错了?|记错了?|搞错了?|口误|更正|应该是|是说|我是说)[,。 …]*)+(?:是|应该是|有)?[,。 ]*$"
)
_HESITATION = re.compile(r"^(?:块钱|块|元)?[,。 …]*(?:(?:哦|噢|呃|额|嗯)[,。 …]+)+$")


_BLANK_BETWEEN = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")


def readable(text: str) -> str:
    """`text` ready for the fact rules: normalised, homophones and dialect mended, slips dropped."""
    return drop_slips(mend(_joined(normalise(text))))


def _joined(text: str) -> str:
    """Single characters set apart by blanks are put together: 我 越南 来 老公 打 我."""
    return _BLANK_BETWEEN.sub("", text) if text.count(" ") * 3 >= len(text) else text


def mend(text: str) -> str:
    """Homophones and dialect spellings replaced by the words meant."""
    if not _QUICK.search(text):
        return text
    for wrong, right in _RULES:
        text = wrong.sub(right, text)
    return text


def drop_slips(text: str) -> str:
    """A number that the speaker takes back at once is dropped: 六千哦不对八千 is 八千."""
    if not _SLIP_SIGN.search(text):
        return text
    numbers = find_numbers(text)
    pieces: list[str] = []
    position = 0
    for earlier, later in pairwise(numbers):
        between = text[earlier.end : later.start]
        if len(between) <= 24 and earlier.start >= position and (_SLIP.match(between) or _HESITATION.match(between)):
            pieces.append(text[position : earlier.start])
            position = later.start
    return "".join([*pieces, text[position:]]) if pieces else text


_SLIP_SIGN = re.compile("不对|不是|错|口误|更正|应该是|是说|[呃额嗯哦噢]")
