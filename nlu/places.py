"""Places in a message: where somebody is registered, where they live, and how the two stand to each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nlu.gazetteer import TIANMEN, gazetteer, is_township

MAX_PLACE: Final = 30
"""Longest place expression in characters."""

_CN = "一二三四五六七八九十百零〇两"
_MASKED = re.compile(r"[A-Z]\d{0,2}(?:市经济开发区|市高新区|[省市州县区旗])(?:城(?![乡市区镇])|县)?")
_NOT_IN_NAME = r"[^的在住是我他她你您们了有和跟与来去到说就从于又也都没不这那被把给至户要本能会过还只把,。、;:!?\s(\[\"“·*某吃块钱岁个口]"
_UNIT = (
    r"(?:自治州|开发区|街道办事处|街道办|街道|管理区|工业园|管委会|办事处|农场|林场|渔场|社区|居委会|村委会|小区|花园"
    r"|家园|新城|公寓|新村|佳苑|公馆"
    r"|[省市县区旗镇乡村苑湾屯庄坪台垸巷路街]|大道|胡同)"
)
_UNIT_ONLY = re.compile(_UNIT)
_NAMED = re.compile(rf"(?P<name>{_NOT_IN_NAME}{{1,7}}?)(?P<unit>{_UNIT})(?P<tail>城(?![乡市区镇]))?")
_NUMBERED = re.compile(
    rf" ?(?:第?(?:\d{{1,4}}|[{_CN}]{{1,4}})(?:号楼|单元|[号组队栋幢楼室弄社户排](?!长|里|上|人)|村民小组|小组|大队))"
    rf"|{_NOT_IN_NAME}{{1,4}}?(?:[上下]?组|小组|坪|湾|坡|台|塆|垸|屯)(?![长织])"
)
_PEOPLE_END = re.compile(r"人$|村民$")
_SPOILT = re.compile(
    r"^(?:.*国家.*|.*外[省地市县].*|.*(?:超市|夜市|菜市|门市|集市|城市)$|农村|城市|城镇|乡镇|县城|城乡|市区|社区|小区"
    r"|全村|全县|全市|本村|本镇|本市|本县|外市|外县|外省|本省|省市|我村"
    r"|我县|村里|镇里|上街|老街|集镇|鱼市|早市|过街|逛街|大街"
    r"|一路|走路|马路|公路|铁路|出路|后路|同村|隔壁村|邻村|各村|每村|县市|市县|区县|某村|新农村|城中村|老家|老城区"
    r"|几个村|地区|郊区|山区|灾区|贫困村|贫困县"
    r"|[一二三四五六七八九十\d]+[村区路街台]|.{0,3}(?:医院|车站|学校|派出所|救助站|电话|公司|单位).{0,3})$"
)
_INSTITUTION = re.compile(
    r"^(?:的)?(?:人民)?(?:医院|中医|妇幼|一医|二医|火车|车站|汽车站|高铁|[东南西北]站|站|政府|民政|医保局|残联|教育局"
    r"|法院|公安|派出所|[一二三四五六七八九十]中|中学|小学|大学|学院"
    r"|财政|人社|信用社|银行|公司|监狱|看守所|殡仪|福利院|敬老院|养老院|救助|局|厂|水泥厂|矿)"
)

_PUBLIC_BUILDING = re.compile(
    r"^(?:的)?(?:人民|中心|第?[一二三四五])?(?:医院|中医院|火车|车站|汽车站|高铁|[东南西北]站|站|派出所|监狱|看守所)"
)
_FORMERLY = re.compile(r"(?:本来|以前|原来|原先|之前|曾经?|当年|年轻时|过去)[^,。]{0,4}$")


def place_at(text: str, start: int) -> int:
    """The end of the place expression that begins at `start`; `start` itself when there is none."""
    limit = min(len(text), start + MAX_PLACE)
    end = start
    while end < limit:
        step = _one_unit(text, end, limit, first=end == start)
        if step == end:
            break
        end = step
    return end if end - start >= 2 else start


def _one_unit(text: str, start: int, limit: int, *, first: bool) -> int:
    position = start + 1 if not first and text[start : start + 1] in (" ", "-") else start
    masked = _MASKED.match(text, position, limit)
    if masked:
        return masked.end()
    known = gazetteer().longest(text, position)
    if known and not text.endswith(known, max(0, position - len(known)), position):
        end = position + len(known)
        unit = _UNIT_ONLY.match(text, end, limit)
        if unit:
            return unit.end()  # a village or a street that bears the name of some county
        if text[end : end + 1] == "城" and text[end + 1 : end + 2] not in ("乡", "市", "区", "镇"):
            return end + 1
        return end
    if not first:
        numbered = _NUMBERED.match(text, position, limit)
        if numbered and not _SPOILT.match(numbered.group().strip()):
            return numbered.end()
    if position != start:
        return start
    named = _NAMED.match(text, position, limit)
    if named and not _SPOILT.match(named.group()):
        return named.end()
    return start


def place_before(text: str, end: int) -> int:
    """The start of the longest place expression that ends exactly at `end`; `end` itself when there is none."""
    earliest = max(0, end - MAX_PLACE)
    for mark in ",。;!?:\n(":
        earliest = max(earliest, text.rfind(mark, earliest, end) + 1)
    for start in range(earliest, end - 1):
        if place_at(text, start) == end:
            return _without_preamble(text, start, end)
    return end


def _without_preamble(text: str, start: int, end: int) -> int:
    """Drop words that a greedy reading took for part of a township's name (反映多宝镇)."""
    unit = re.match(r".{2,10}?(?:镇|乡|街道)", text[start:end])
    if not unit or gazetteer().longest(text, start):
        return start
    name = unit.group()
    masked = _MASKED.search(name)
    if masked:
        return start + masked.start()
    for offset in range(len(name) - 2):
        if gazetteer().longest(text, start + offset) or is_township(name[offset:]):
            return start + offset
    return start


@dataclass(frozen=True, slots=True)
class Residence:
    """What a message says of places: names as written, and `hukou` where it can be told."""

    hukou: str | None = None
    hukou_place: str | None = None
    residence_place: str | None = None


_REGISTER = r"(?:户口|户籍)"
_REGISTER_THEN_PLACE = re.compile(
    rf"(?:{_REGISTER}(?:所在地|簿|本|地|关系)?|籍贯)(?:(?:其实|没迁[成过]?来?|都|也|还|一直|现在|仍然?|依然|就|我|我们|他"
    rf"|她|落|挂|上|留)[ ,]?)*"
    r"(?:是|在|地|于|属于|属|为|:)*[ :]?"
)
_PLACE_THEN_REGISTER = re.compile(rf"(?:的|这边的?|那边的?)?(?:农村|城镇|农业|居民|非农)?(?:{_REGISTER}|籍(?!贯))")
_HUKOU_THERE = re.compile(rf"{_REGISTER}(?:也|都|还|就)*在那")
_FROM = re.compile(r"从(?=[^,。]{2,12}(?:来|过来|搬|到))")
_NOT_MOVED = re.compile(rf"{_REGISTER}[^,。]{{0,3}}(?:没|未)(?:有)?(?:迁|转|动)|没(?:有)?迁{_REGISTER}")
_DWELL = re.compile(
    r"(?:家住|住址(?:是|在)?|地址(?:是|在)?|住在|住到|住于|居住在|居住于|居住地(?:是|在)?|现住(?:在|址)?|暂住(?:在)?"
    r"|租住(?:在|于)?|租(?:在|到)|租房(?:住)?(?:在|于)|(?<!老)家在|屋里在"
    r"|人(?:现在|还)?在|现居住?(?:在|于)?|现(?:人)?住在|现在(?:人)?(?:住)?在|搬[到来去]|嫁到|躺在?|坐落(?:在|于)|(?<!记)(?<!院)住(?!院|址"
    r"|房|了|的|着))(?:了)?[ :,]?"
)
_BEING_THERE = re.compile(r"(?:在|来到|来|到|回到?老家|回到)[ :]?")
_LIVING_AFTER = re.compile(
    r"^(?:这边|这里|本地|那边|一?个?[^,。 被]{0,4})?(?:打工|务工|打零工|上班|干活|做工|做事|住|租|生活|陪读|送外卖"
    r"|开[^,。]{0,6}(?:店|铺|馆|摊)|摆摊|承包|工作|厂里|工地|出租屋|带孙|养老|跑|种|养"
    r"|做(?:点|个|小)?生意)"
)
_ADDRESS_END = re.compile(rf"(?:[号栋幢室楼组]|单元|小区|花园|社区|村|[\d{_CN}]+[户排])$")
_IS_FROM = re.compile(
    r"(?:我们?家?|俺们?|本人|咱们?|户主)?(?:是|系|乃|来自于?|属于)(?:一名|一位)?|代表|我们?(?=[A-Z\u4e00-\u9fff]{2,})"
)
_FOLK = re.compile(
    r"^(?:的)?(?:一|1)?(?:名|位|个)?(?:普通的?|普通)?(?:人(?![民均员大社家力事])|村民|居民|群众|农民|老百姓|百姓|贫困户"
    r"|低保户|[^,。 ]{0,2}患者|老乡|农户)"
)
_HOUSEHOLD_THERE = re.compile(
    r"^(?:有|的|,)?(?:一?(?:家|户|个|位|对)|老人|村民|居民|[\u4e00-\u9fff]某|残疾|五保|低保|独居|孤寡|困难|特困|低保|男|女)"
)
_ORIGIN = re.compile(r"^人(?=[在,来到 ])")
_VILLAGERS = re.compile(r"(?:的)?(?:一(?:名|位))?(?:村民|居民)(?!小组|委)")
_VILLAGE = re.compile(r"镇|乡|村|街道|社区|组")
_RELATIVE_BEFORE = re.compile(
    r"(?:儿子?|女|爸|妈|爹|娘|公|婆|哥|弟|姐|妹|孙子|孩子|他们|她们|亲戚|老板|妻子?|媳妇|丈夫|老伴|夫)(?:都|一?个?人?|现在|也|全|还)*$"
)

_NOT_LOCAL = re.compile(
    r"(?:不是|不系|并非|非|没有?|没得|无|不属于)(?:你们|我们|咱们)?(?:这里|这边|天门|当地)?本(?:地|市|县)(?:的)?(?:人"
    r"|户口|户籍|居民|籍)|唔系本地|(?:不是|没有?|没得|非|无"
    r"|没)天门(?:的)?(?:户口|户籍)|非本地户籍"
    rf"|外(?:地|省|市|县)(?:的)?(?:{_REGISTER}|人|来的)|(?:我们?|俺们?|咱们?|他们?|她|是|系|都是|属于)外(?:地|省|市|县)的"
    rf"|{_REGISTER}(?:都|又|也|还|是)?(?:不在|不是|没在)(?:这|本|天门|你们|当地)|{_REGISTER}(?:都|也|还|是)?在?(?:外地"
    rf"|外省|老家|外面)|{_REGISTER}(?:都|也|还|一直)?(?:没|未)(?:有)?迁(?:过来|来|进)|异地户口"
)
_LOCAL = re.compile(
    rf"(?<!只给)(?<!只有)(?<!必须)(?<!需要)(?<!要有)(?<!非)(?<!不是)(?<!限)(?<!得)(?<!要)(?<!没有)(?<!没)(?<!无)本(?:地"
    rf"|市|县|村|镇)(?:的)?{_REGISTER}"
    rf"|{_REGISTER}(?:就|也|都|是|在)*(?:在)?(?:本(?:地|市|县|村)|这里|这边(?!没)|当地)(?:的)?|(?:我|我们|俺|我家"
    rf"|都)(?:就)?(?:是|系)(?:土生土长的?)?本地(?:的|人)"
)
_NO_HUKOU = re.compile(
    rf"黑户|(?:没|未)(?:有|得|能|给)?(?:上|落|入|报)(?:过|成)?{_REGISTER}|(?:没|无)(?:有|得)?(?:中国|国内|内地"
    rf"|大陆)?{_REGISTER}(?!本|簿|迁|页)"
    rf"|{_REGISTER}(?:被)?(?:注销|销了|没上|没落)"
    rf"|{_REGISTER}(?:一直|都|还)*(?:没|未)(?:有)?(?:上|落|报)"
)
_ELSEWHERE = re.compile(
    r"本市|本地|这边|你们这|这里|外地|外省|在外|务工|打工|出来|来(?:这|你们|天门)|租|现(?:在)?(?:人|住|在)|车站|流浪"
    r"|回家|回老家|返乡|跟我们?住|被骗"
)
_ELSEWHERE_NOTE = re.compile(r"来电|住了|[\d一二三四五六七八九十]年|租住|人在")
_ONLY_CORRECTION = re.compile(rf"{_REGISTER}[^,。]{{0,4}}没迁成")


def read_places(text: str, *, third_person: bool = False) -> Residence:
    """Registration and residence as `text` (normalised) states them; `third_person` when the sender reports somebody else."""
    hukou_place = _registered_at(text)
    residence, origin = _resident_at(text, third_person=third_person)
    if hukou_place is None and origin and _ELSEWHERE.search(text):
        hukou_place = origin
    elif residence is None and origin:
        residence = origin
    if residence and hukou_place and residence == hukou_place:
        residence = None
    return Residence(_standing(text, hukou_place, residence), hukou_place, residence)


def _named(text: str, start: int, end: int) -> str | None:
    name = text[start:end].strip(" ,-").replace(" ", "")
    return name if len(name) >= 2 and not _SPOILT.match(name) else None


def _registered_at(text: str) -> str | None:
    for match in _REGISTER_THEN_PLACE.finditer(text):
        end = place_at(text, match.end())
        if end > match.end() and _named(text, match.end(), end):
            return _named(text, match.end(), end)
    for match in _PLACE_THEN_REGISTER.finditer(text):
        start = place_before(text, match.start())
        denied = re.search(r"(?:不是|不系|没有?|没得|非|无|要)$", text[max(0, start - 3) : start])
        if start < match.start() and _named(text, start, match.start()) and not denied:
            return _named(text, start, match.start())
    there = _HUKOU_THERE.search(text)
    if there:
        return _last_place(text, there.start())
    if _NOT_MOVED.search(text):
        for match in _FROM.finditer(text):
            end = place_at(text, match.end())
            if end > match.end():
                return _named(text, match.end(), end)
    return None


def _last_place(text: str, before: int) -> str | None:
    for start in range(before - 2, max(-1, before - 40), -1):
        if gazetteer().longest(text, start):
            first = start
            while first > 0 and place_at(text, first - 1) > first:
                first -= 1
            return _named(text, first, place_at(text, first))
    return None


def _resident_at(text: str, *, third_person: bool) -> tuple[str | None, str | None]:
    """(residence, origin): origin is a whole province, city or county that somebody says they are from."""
    for match in _DWELL.finditer(text):
        place = _place_after(text, match)
        if place:
            return place, None
    for match in _BEING_THERE.finditer(text):
        end = place_at(text, match.end())
        if end == match.end() or _INSTITUTION.match(text[end:]):
            continue
        place = _named(text, match.end(), end)
        whose = text[max(0, match.start() - 6) : match.start()]
        if not place or _RELATIVE_BEFORE.search(whose) or _FORMERLY.search(whose):
            continue
        first_person = whose.endswith(("我", "我们", "俺", "本人", "现", "家", "人"))
        if (
            _LIVING_AFTER.match(text[end:])
            or match.group().startswith("回")
            or (first_person and _ADDRESS_END.search(place))
        ):
            return place, None
    return _from_where(text, third_person=third_person)


def _place_after(text: str, match: re.Match[str]) -> str | None:
    end = place_at(text, match.end())
    if end == match.end() or _PUBLIC_BUILDING.match(text[end:]):
        return None
    if _RELATIVE_BEFORE.search(text[max(0, match.start() - 4) : match.start()]) and not match.group().startswith("家"):
        whole = text[max(0, match.start() - 8) : match.start()]
        if re.search(r"儿|女|孙|孩", whole):
            return None
    return _named(text, match.end(), end)


def _from_where(text: str, *, third_person: bool) -> tuple[str | None, str | None]:
    for match in _IS_FROM.finditer(text):
        end = place_at(text, match.end())
        if end == match.end() or text[max(0, match.start() - 1) : match.start()] in ("你", "您", "他"):
            continue
        place = _named(text, match.end(), end)
        folk = _FOLK.match(text[end:])
        if not place or not folk:
            continue
        code = gazetteer().code(place)
        if code and not code.startswith(TIANMEN) and len(code) <= 6 and not _VILLAGE.search(place):
            return None, place
        return place, None
    for start in _clause_starts(text):
        end = place_at(text, start)
        if (
            end > start
            and _ORIGIN.match(text[end:])
            and gazetteer().code(text[start:end])
            and not _VILLAGE.search(text, start, end)
        ):
            return None, text[start:end]
    for match in _VILLAGERS.finditer(text):
        start = place_before(text, match.start())
        if start < match.start() and _VILLAGE.search(text, start, match.start()):
            return _named(text, start, match.start()), None
    for start in _clause_starts(text):
        name = gazetteer().longest(text, start)
        stands_alone = text[start + len(name) : start + len(name) + 1] in ("", ",", "。", ";", " ")
        if name.endswith(("镇", "街道", "乡", "农场")) and gazetteer().codes[name].startswith(TIANMEN) and stands_alone:
            return name, None
    if third_person:
        for start in _clause_starts(text):
            end = place_at(text, start)
            if end > start and _HOUSEHOLD_THERE.match(text[end:].lstrip()) and _VILLAGE.search(text, start, end):
                return _named(text, _without_preamble(text, start, end), end), None
    return None, None


def _clause_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer(r"[^\u4e00-\u9fffA-Za-z0-9]+|反映|上报|报告", text))]


_GENERAL_CASE = re.compile(
    rf"^[^我俺咱]{{0,14}}(?:非本市|非本地|外地|外省|没有?|无|不是本地)(?:的)?(?:{_REGISTER})?(?:的)?(?:人|老人|老婆"
    rf"|媳妇)?[^我俺咱]{{0,12}}(?:能|可以|可不可以|行|管)[^我俺咱]*$"
)


def _standing(text: str, hukou_place: str | None, residence: str | None) -> str | None:
    if _GENERAL_CASE.match(text) and not (hukou_place or residence) and not _ELSEWHERE_NOTE.search(text):
        return None
    if _NO_HUKOU.search(text):
        return "none"
    if _NOT_LOCAL.search(text):
        return "nonlocal"
    if hukou_place:
        registered = gazetteer().code(hukou_place)
        if not registered:
            return None
        lives = gazetteer().code(residence or "")
        if lives:
            shorter = min(len(lives), len(registered), 6)
            return "nonlocal" if lives[:shorter] != registered[:shorter] else "local"
        if not registered.startswith(TIANMEN) and registered != TIANMEN[:2] and _ELSEWHERE.search(text):
            return None if _ONLY_CORRECTION.search(text) else "nonlocal"
    if _LOCAL.search(text):
        return "local"
    return None
