"""Facts beyond the label contract that a message may state plainly and that the dialogue uses: events, papers, supporters.

Conservative: only what the words say. A question, a condition, somebody else's case or the long past states nothing.
The names and values are those of policy/facts.yaml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from nlu.circumstances import about_relative
from nlu.places import place_at
from nlu.spelling import readable

_ASKS = re.compile(
    r"如果|假如|要是|万一|请问|能不能|可不可以|怎么(?:办理|申请)|有没有.{0,8}政策|是不是可以|哪里办|在哪里?办|听说|新闻|政策上"
)
_LONG_AGO = re.compile(
    r"前年|去年|多年前|[三四五六七八九十\d]+年前|小时候|以前|当年|[12]\d{3}年|\d{2}年(?=[^,。]{0,8})"
)
_DENIED = re.compile(r"(?:没有?|不是|并没|未|无|没得|不算|不存在)[^,。;!? ]{0,3}$")


@dataclass(frozen=True, slots=True)
class _Sign:
    value: Any
    words: re.Pattern[str]
    recent: bool = False  # an event that counts only when it is not long past


def _sign(value: Any, words: str, *, recent: bool = False) -> _Sign:
    return _Sign(value, re.compile(words), recent)


_SIGNS: Final[dict[str, tuple[_Sign, ...]]] = {
    "sudden_event": (
        _sign(
            "fire",
            r"(?:房子?|屋|家里|厨房|租的房)[^,。;]{0,8}(?:着火|起火|失火|烧(?:了|光|没|毁))|(?:我|家|屋"
            r"|房)[^,。;]{0,8}火灾|(?<!场)(?<!厂)(?<!棚)(?:着了?"
            r"|起|失)火[^,。;]{0,10}(?:烧(?!死)|屋|房|家)",
            recent=True,
        ),
        _sign(
            "accident",
            r"车祸|(?:被|给)[^,。;]{0,8}(?:车|摩托|货车)[^,。;]{0,4}(?:撞|压|轧|碾)|撞(?:断|伤|倒)|从[^,。;]{0,10}(?:摔"
            r"|掉|跌)(?:下来|落)|摔(?:断|伤"
            r"|成)|触电|溺水|工地[^,。;]{0,10}(?:受伤|摔|砸)|被[^,。;]{0,8}砸(?:伤|断|到|中)|煤气中毒|烫伤|烧伤",
            recent=True,
        ),
        _sign(
            "death_of_earner",
            r"(?:老公|丈夫|男人|爱人|顶梁柱|当家的|主劳力)[^,。;]{0,12}(?:去世|过世|死了|走了|没了|猝死|离世)|(?:全家"
            r"|一家)[^,。;]{0,6}靠(?:他|她)[^,。;]{0,12}(?:去世|走了|没了|死了)",
            recent=True,
        ),
        _sign(
            "grave_illness",
            r"(?:突然|突发|刚刚?|昨天|前天|今天|上周|上个?月|这个月|前几天)[^。;!?]{0,14}(?:查出|检查出|确诊|诊断|得了"
            r"|患|脑出血|脑溢血|脑梗|心梗|中风|病倒|ICU|抢救"
            r"|病危)[^。;]{0,10}|(?:查出|确诊|突发)[^,。;]{0,6}(?:癌|尿毒症|白血病|脑|心|恶性)",
            recent=True,
        ),
        _sign(
            "job_loss",
            r"(?:刚|突然|上个?月|这个月|昨天|最近|前几天|现在)?(?:被|给)(?:公司|厂里|单位|老板)?(?:裁|辞退|开除|优化)"
            r"|厂(?:子|里)?[^,。;]{0,6}(?:倒闭|关门|停产)|失业了|丢了工作",
            recent=True,
        ),
    ),
    "death_in_family": (
        _sign(
            True,
            r"(?:刚|昨天|前天|今天|昨夜|上周|上个?月|这个月|前几天|才)[^,。;]{0,10}(?:去世|过世|病逝|离世|(?:爸|妈|爹|娘"
            r"|老伴|爷爷|奶奶|婆婆|公公|父亲|母亲|老公|丈夫|儿子|女儿"
            r"|老人)[^,。;]{0,6}(?:走了|死了|没了))|(?:爸|妈|爹|娘|老伴|父亲|母亲|老公|丈夫)[^,。;]{0,3}(?:刚|昨天|昨夜"
            r"|前天|今早)[^,。;]{0,4}(?:走了|没了|死了)"
            r"|(?:去世|过世|死了|走了)(?:才|刚)|(?:五保|老人|爸|妈|爹|老伴|爷爷|奶奶|婆婆|公公|父亲|母亲|老公"
            r"|丈夫)[^,。;]{0,4}(?:过世了|刚走|去世了)[^。]{0,20}丧葬"
            r"|办丧事|没钱(?:安葬|火化|下葬|办后事)",
            recent=True,
        ),
    ),
    "natural_disaster": (
        _sign(
            True,
            r"(?:被|遭了?|发|让|给)?(?:大水|洪水|内涝|水)(?:冲(?:了|垮|走|毁)|淹(?:了|没|死|掉)?|泡(?:了|坏))|发大水"
            r"|洪灾|水灾|龙卷风|台风|冰雹|地震|泥石流"
            r"|山体滑坡(?!的?(?:地质|地段|隐患|点|影响))|山洪|旱灾|大风(?:刮|掀|吹)(?:了|走|倒|翻)|雪(?:灾|压(?:塌|垮))|遭(?:了)?水|受灾",
            recent=True,
        ),
    ),
    "disability_certificate": (
        _sign(
            False,
            r"残疾(?:人)?证[^,。;]{0,4}(?:还)?(?:没|未|冇)(?:有|得)?(?:办|拿|领|评|下来|做)?|(?:没|未|还没|没有"
            r"|没得)(?:去)?(?:办|领|拿|评|有)?(?:过|到"
            r"|得)?残疾(?:人)?证|没(?:有)?评残|无残疾证",
        ),
        _sign(
            True,
            r"(?:有|领了|办了|拿了|持)(?:了|着|的|一本|个|本|肢体|视力|听力|智力|精神"
            r"|[一二三四1-4]级)*残疾(?:人)?证(?!明)|残疾(?:人)?证(?:上)?(?:是|为|写(?:的"
            r"|着)(?:是)?|:)?(?:[^,。]{0,4})[一二三四1-4]级|(?:视力|听力|肢体|智力|精神|言语|多重)(?:残疾|残)[^,。;]{0,2}[一二三四1-4]级"
            r"|[一二三四1-4]级(?:肢体|视力|听力|智力|精神|言语)残",
        ),
    ),
    "insured": (
        _sign(
            False,
            r"(?:没|未|冇|没有|没得)(?:交|缴|买|参加|参|上|办)(?:过|成|得)?[^,。;]{0,5}(?:医保|新农合|农合|合作医疗"
            r"|医疗保险)|(?:医保|合作医疗|新农合"
            r"|医疗保险)[^,。;]{0,5}(?:没(?:有)?(?:交|缴|买|参|办)|断(?:了|缴)|停(?:了|缴)|忘了(?:交|缴))|没(?:有|得)?医保",
        ),
        _sign(
            True,
            r"(?:交了|缴了|买了|参加了|参了|办了|有(?!没有))[^,。;]{0,6}(?:医保|新农合|农合|合作医疗|医疗保险)|(?:医保"
            r"|合作医疗|新农合|医疗保险)[^,。;]{0,4}(?:交了|缴了"
            r"|买了|年年(?:交|缴)|一直(?:在)?(?:交|缴)|是有的)",
        ),
    ),
    "student_stage": (
        _sign(
            "university",
            r"(?:考(?:上|取|起)(?:了)?|读|念|上|是)(?:的)?(?:了)?[^,。;]{0,4}(?:大学|大专|本科|专科|研究生"
            r"|大[一二三四](?![岁]))|大[一二三四](?:的)?学生|大学生(?!村官)",
        ),
        _sign(
            "high_school",
            r"(?:读|念|上|在)(?:的|了)?[^,。;]{0,6}(?:高中|高[一二三]|中职|中专|职高|职校|技校)|高[一二三](?:的)?学生",
        ),
        _sign(
            "compulsory",
            r"(?:读|念|上|在)(?:的|了)?[^,。;]{0,6}(?:小学|初中|初[一二三]|[一二三四五六七八九]年级)|(?:小学|初中)生",
        ),
        _sign("preschool", r"(?:读|上|在)(?:的|了)?[^,。;]{0,4}幼儿园"),
    ),
    "away_from_home": (
        _sign(
            True,
            r"(?:没|冇|没有|没得)(?:得)?钱(?:买票)?(?:回(?:家|去|老家)|坐车)|(?:回不了|回不去)(?:家|老家)"
            r"|想回家[^,。;]{0,6}(?:没|冇)|(?:钱包|证件"
            r"|身份证)[^。;]{0,16}(?:偷|丢|摸走|抢|扣)[^。]{0,50}(?:回家|买票|回去|没地方)|(?:流落|流浪)(?:在|到"
            r"|街头)?(?!猫|狗|汉|人员|老人)|求返乡|余款不够购票",
        ),
    ),
    "parents_status": (
        _sign(
            "both_dead",
            r"(?:父母|爸妈|爹妈|爹娘|爸爸妈妈)(?:都|双|全|均|先后|相继|早)+[^,。;]{0,4}(?:去世|不在|死|走了|没了|亡"
            r"|过世)|父母双亡|(?<!像)孤儿(?!院|补|津|的政策|基本)",
        ),
        _sign(
            "missing",
            r"(?:父母|爸妈|爹妈|爸爸妈妈)(?:都|全|双双)*[^,。;]{0,6}(?:失踪|失联|联系不上|跑了|下落不明|找不到人)",
        ),
        _sign(
            "one_dead_other_unable",
            r"(?:爸|爸爸|父亲|爹|妈|妈妈|母亲)[^,。;]{0,6}(?:死了|去世|没了|走了|不在)[^。]{0,6}(?:妈|妈妈|母亲|爸|爸爸"
            r"|父亲|爹)[^,。;]{0,8}(?:改嫁|跑了|失踪|坐牢|失联|残疾|联系不上|精神病)",
        ),
        _sign("both_unable", r"(?:父母|爸妈|爹妈)(?:都|全|双双)[^,。;]{0,6}(?:残疾|坐牢|服刑|戒毒|精神病|重残|智障)"),
    ),
    "autism": (
        _sign(
            True,
            r"(?:确诊|查出|患|得了?|有|是|诊断)[^,。;]{0,6}(?:自闭症|孤独症)|(?:自闭症|孤独症)(?:的)?(?:孩子|儿童|娃|伢|患儿)",
        ),
    ),
    "long_term_care_needed": (
        _sign(
            True,
            r"瘫(?:痪)?(?:在|到)?床|瘫痪|卧床|不能自理|不会自理|无法自理|吃喝拉撒[^,。;]{0,4}(?:要|靠|都)|(?:天天|每天"
            r"|整天|常年|24小时|日夜|一直|长期)(?:都)?(?:要|得"
            r"|需要?|离不开)(?:人|我|有人)?(?:照顾|伺候|服侍|护理|守着|看着|陪)|离不(?:得|开|了)人",
        ),
    ),
    "legal_supporter": (
        _sign(
            False,
            r"无儿无女|没儿没女|没(?:有|得)?儿(?:没|无|也没)?女|(?:没|无|没得|没有|冇得)(?:得)?(?:儿女|子女|后人|后代"
            r"|亲人|伴|老伴)|儿女都(?:不在|死|没)|(?:没"
            r"|无)(?:有)?(?:任何)?(?:亲属|亲人)|无子女|没(?:有)?成家[^。]{0,8}(?:没|无)(?:儿|后)|一辈子没结婚",
        ),
        _sign(
            True,
            r"(?:儿女|子女|儿子|女儿)(?:都|全|们)?(?:在(?:外地|广东|深圳|浙江|外面|外头|外打工)|不管|不养|不孝|嫁(?:得|到)|一个月)",
        ),
    ),
    "income_source": (
        _sign(
            False,
            r"(?:没|无|没有|没得|冇|毫无|断了)(?:得|任何|什么|其他|固定|一点|半点|稳定|别的)*(?:经济|生活)?(?:收入|来源"
            r"|进账|进项|进钱)(?!证明)(?!高)|(?:收入|经济来源"
            r"|生活来源)(?:都)?(?:没(?:有|得)|断了|为零|是零)|一分钱(?:的)?(?:收入|进账)(?:都|也)?(?:没|冇)",
        ),
        _sign(True, r"(?:就|只|全|都)?靠[^,。;]{0,8}(?:退休金|养老金|低保金?|工资|打工|打零工|种田|种地)"),
    ),
    "residence_permit": (
        _sign(False, r"(?:没|没有|未|没得)(?:办|有|领)?(?:过)?居住证|居住证(?:也|还|都)?(?:没|未)(?:有|办|下来)?"),
        _sign(
            True,
            r"(?:有|办了|办好了|领了|持)(?:了|着|的)?(?:本地|本市|天门|这边的?)?居住证|居住证(?:有|办了|办好了|已经办)",
        ),
    ),
    "legal_matter": (
        _sign(
            "wages",
            r"(?:拖欠|欠|不给|不发|没给|没发|扣(?:了|着)?|讨|要不到|拿不到)[^,。;]{0,12}(?:工资|工钱|薪|血汗钱|工程款)"
            r"|(?:工资|工钱|薪水)[^,。;]{0,10}(?:没给|不给"
            r"|没发|不发|拖|欠|一分没|要不到|没结|没拿到)|欠薪|讨薪",
        ),
        _sign(
            "support",
            r"抚养费|赡养费|(?:儿子|女儿|儿女|子女)[^,。;]{0,6}(?:不养|不管|不赡养|不给(?:生活费|养老))|不(?:给|付)抚养|争抚养权",
        ),
        _sign(
            "injury",
            r"工伤(?!保险条例)|(?:交通事故|车祸|打伤|撞伤)[^。]{0,20}(?:不赔|赔偿|对方|肇事|跑了)|医疗事故|肇事(?:者|司机)?(?:逃|跑)",
        ),
        _sign(
            "violence",
            r"家暴|(?:老公|丈夫|男人|儿子|老婆|他|爸|爹|继父|媳妇)[^,。;]{0,10}(?:又打|打我|殴打|毒打|打骂|虐待)"
            r"|被(?:老公|丈夫|儿子|媳妇)[^,。;]{0,3}打",
        ),
    ),
    "rural_household": (
        _sign(
            True,
            r"农村(?:的)?户口|农业户口|户口(?:是|在)?农村|(?:我|我们)(?:家)?(?:是|住(?:在)?)(?:农村|乡下|村里"
            r"|[^,。 ]{1,8}(?:村|组|湾)(?:的)?(?:人|村民)?(?=[,。 ]|$))|村民",
        ),
        _sign(False, r"城镇(?:居民)?户口|非农(?:业)?户口|居民户口|城市户口|城里户口"),
    ),
    "work_capacity": (
        _sign(
            "none",
            r"(?:丧失|失去|没有?|无|没得)(?:了)?(?:任何|完全)?(?:劳动|工作)(?:能力|力)|(?:干|做|搞)不(?:了|动|得)(?:任何"
            r"|什么|一点)?(?:的)?(?:活|事)|做不得事",
        ),
        _sign(
            "partial",
            r"(?:只能|只好|勉强)(?:干|做|搞)(?:点|些)?(?:轻|小|简单|手上)[^,。;]{0,3}(?:活|事)|(?:干|做)不(?:了|动"
            r"|得)重(?:体力)?(?:活|的)|不能干(?:重|农)活",
        ),
    ),
    "basic_life_in_difficulty": (
        _sign(
            True,
            r"揭不开锅|(?:没|没有|没得|冇)(?:得)?(?:钱)?(?:吃饭|饭吃|米|东西吃|买米|买菜|吃的)|断(?:了)?(?:粮|炊|顿)"
            r"|(?:两|三|几|一|四|五|\d)(?:天|顿"
            r"|餐)(?:都)?(?:没|冇)(?:得)?(?:吃|进食)|饿(?:着|肚子|得)|(?:日子|生活)?(?:实在)?(?:过|活|撑|扛|熬)不下去"
            r"|没(?:有|得)?地方(?:住|睡)|桥洞|(?:停"
            r"|断)(?:药|透析|治疗)|交不(?:起|上|齐)[^,。;]{0,6}(?:医药费|住院费|押金|手术费)",
        ),
    ),
}
_STAGES: Final = frozenset({"university", "high_school", "compulsory", "preschool"})
_NO_PUPIL = re.compile(r"毕业|教书|老师|医院|附[属一二]|楚雅|工作|回到|以前|上班")
_PERSONAL_ONLY: Final = frozenset(
    {"parents_status", "student_stage", "legal_supporter", "long_term_care_needed", "rural_household"}
)
_PERSONAL = re.compile(r"我|俺|本人|咱|家里|屋里|来电|他|她|其|老人|孩子|娃|伢|某|住|男|女|岁")
_EVENT_AT = re.compile(
    r"(?:车祸|出事|事故|着火|起火|失火|被撞|摔(?:倒|伤|断)?|受伤|被困|晕倒)了?,?(?:就|是|人|现)?在|(?:困在|倒在|躺在|我(?:现在|们|人)*在)"
)
_EVENT_NEAR = re.compile(r"车祸|撞|摔|着火|起火|失火|火|淹|塌|出事|受伤|晕倒|被困|偷|抢|钱包|打我|昏|水漫|车站|没钱回")


def extract_extra(text: str) -> dict[str, Any]:
    """The facts beyond the contract that `text` states plainly. Never raises."""
    words = readable(text)
    found: dict[str, Any] = {}
    if not words:
        return found
    personal = bool(_PERSONAL.search(words))
    for name, signs in _SIGNS.items():
        if name in _PERSONAL_ONLY and not personal:
            continue
        held = [sign for sign in signs if any(_holds(words, match, sign) for match in sign.words.finditer(words))]
        if not held or {True, False} <= {sign.value for sign in held if isinstance(sign.value, bool)}:
            continue  # said both ways: not plain
        found[name] = held[0].value
    place = event_place(words) if _EVENT_NEAR.search(words) else None
    if place:
        found["event_place"] = place
    return found


def _holds(text: str, match: re.Match[str], sign: _Sign) -> bool:
    start = max((text.rfind(mark, 0, match.start()) for mark in "。!?;\n"), default=-1) + 1
    end = min((index for mark in "。!?;\n" if (index := text.find(mark, match.end())) >= 0), default=len(text))
    sentence = text[start : end + 1]
    before = text[max(start, match.start() - 8) : match.start()]
    if sign.value is not False and _DENIED.search(before):
        return False
    if sign.value in _STAGES and _NO_PUPIL.search(text[max(0, match.start() - 6) : match.end() + 8]):
        return False
    if sign.value in ("none", "partial") and about_relative(text, match.start()):
        return False
    if sign.value == "violence" and _LONG_AGO.search(text[max(start, match.start() - 12) : match.start()]):
        return False
    if re.search(r"如果|假如|要是|万一|听说|新闻|的人|隔壁村", text[max(start, match.start() - 20) : match.start()]):
        return False
    if (
        sentence.rstrip().endswith(("?", "吗", "么"))
        and len(sentence) < 24
        and _ASKS.search(sentence)
        and not re.search(r"我|俺|家里", sentence)
    ):
        return False
    return not (sign.recent and _LONG_AGO.search(text[max(start, match.start() - 12) : match.end()]))


def event_place(text: str) -> str | None:
    """Where it happens, when the message names the place."""
    for match in _EVENT_AT.finditer(text):
        end = place_at(text, match.end())
        if end > match.end() and end - match.end() >= 2:
            return text[match.end() : end].strip().replace(" ", "")
    return None
