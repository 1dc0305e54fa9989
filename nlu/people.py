"""Who is in need, how old they are, how many live together and how many children are at school.

All functions take text made readable by `nlu.spelling.readable`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from nlu.numerals import Number, parse_number

Whom = Literal["self", "family", "other"]
MAX_AGE: Final = 120
MAX_HOUSEHOLD: Final = 20

_ELDERS = (
    r"(?:爷爷|奶奶|娭毑|姆妈|阿[婆公爷妈爸]|老妈妈|丈母娘|老丈人|娘老子|外公|外婆|姥姥|姥爷|爹爹|婆婆|公公|公婆|岳父"
    r"|岳母|父母(?!官)|父亲|母亲|爸妈|爸爸|妈妈|爸|妈(?!的[,!。]|了个)|老爹"
    r"|老娘|(?<![姑老板婆新伴])娘(?![俩仨家])|爹(?!爹)|老爸|老妈|老母亲?|老父亲?|家父|家母"
    r"|老汉儿?|老头子?|婶|嬷)"
)
_SPOUSES = r"(?:老公|老婆|丈夫|妻子|爱人|老伴|媳妇|婆娘|堂客|屋里人|男人)"
_YOUNG = (
    r"(?:儿子|女儿|闺女|(?<!小)姑娘|孩子|小孩|娃儿?|伢儿?子?|崽崽?|幺儿|宝宝|毛毛|囡囡|聋儿|奶娃|养[女子]|继[子女]|孙子"
    r"|孙女|孙姑娘|孙伢|外孙|儿女|子女|儿童|小儿|男孩|女孩|女童|男童"
    r"|我儿(?!子|女)|吾儿|儿(?=\d|[一二三四五六七八九十]+岁|患|得|今)"
    r"|丫头|小子|双胞胎|其子|其女)"
)
_SIBLINGS = r"(?:哥哥?|(?<!兄)弟弟?(?!兄)|姐姐?|妹妹?(?!子)|嫂子|弟媳)"
RELATIVE = re.compile(rf"{_ELDERS}|{_SPOUSES}|{_YOUNG}|{_SIBLINGS}|其[父母夫妻子女]")
_ME = re.compile(r"我(?!们|市|县|省|国|镇|乡|村|区|校|局)|本人|俺(?!们)")
_OUR_HOME = re.compile(
    r"(?:我|俺|咱)们?(?:这?一?家(?!庭医生|伙|乡)|屋里|屋头|家里|家人|一家|家庭)|(?<!在)(?:家里|屋头)|(?<![在租])屋里"
    r"|全家(?!身体|健康|幸福)|一家[一二三四五六七八九\d两几]口"
    r"|家中|(?:娘|爷|母子|母女|父子|父女|祖孙)[俩仨]"
)
_OURS = re.compile(
    r"(?:我们|咱们|俺们)(?:娘|爷|母|父|祖孙|两口|俩|姐弟|兄弟|姐妹)|(?:我们|咱们|俺们)(?=.{0,8}(?:低保|特困|五保|监测"
    r"|刚性|从|房|收入|口人|本地|户口|外地|困难|收尸))"
)
_VILLAGE_VOICE = re.compile(r"我们?(?:这|那)里|我村|我们村|代表[^,。]{0,8}(?:村民|患者|居民|业主|居住)|全体")

_REPORT = re.compile(
    r"网格员|网格日报|联络员|同病房|上报变更|现?反映一户|转发|男主人|老看到|看到一?[个位名]|看见一?[个位名]|工棚"
    r"|(?:村支书|村妇联|村委|社区|居委会|民政办|支书|书记)[^,。;我]{0,4}(?:上报"
    r"|报告?)[:,: ]|替(?:邻居|别人|人家)问|写信反映|反映一[个位户]|有人把|对面的?[^,。]{0,6}(?:夫妇|夫妻|老人|一家)"
    r"|睡着一个|坐着一个|躺着一个"
    r"|(?:我们|俺们|咱们?|我)?(?:这|那)?(?:村|组|小区|社区|湾|湾子|队|院子|楼|单元|厂|工地|班|街|隔壁|对门|楼上"
    r"|楼下)(?:里|上|子里)?(?:还)?有(?:一)?(?:个|位|户|家|名|对)"
    r"|(?:路边|街上|街头|桥头|桥下|车站|门口|公园|天桥|超市|广场|地下通道|银行|医院|终点站)[^,。]{0,8}(?:有|睡|躺|坐"
    r"|看到|捡|那个|住满)[^,。]{0,8}(?:老人|老头|老太|老叫花|乞丐"
    r"|流浪|小伙|妇女|婆婆|爹爹|女的|男的|孩子|人)"
    r"|流浪(?:人员|汉|老人|乞讨)|乞讨人员|叫花子|(?:这|那|有)(?:一)?(?:家人|户人家|户人|个五保|个孤老|位老人|个老(?:人|太|头|爹|婆|汉))"
    r"|有(?:一|1)?(?:个|位)?(?:朋友|同事|工友|同学)|我(?:一|的)?(?:个)?(?:叔叔?|伯伯?|伯父|姑(?:姑|妈|父)|舅舅?|姨妈?|婶"
    r"|堂[兄弟姐妹哥]|表[兄弟姐妹哥]|侄[子女]|亲戚|战友|房东|租客|朋友|同事|工友)"
)
_REPORT_BY_NAME = re.compile(
    r"(?:村民|组民|住户|贫困户|低保户|低保对象|保障对象|五保户|特困人员|特困户|特困供养老人|特困老人|老人"
    r"|残疾人)[\u4e00-\u9fff]{1,2}某|(?:[一二三四五六七八九\d]+组|村"
    r"|社区)[^,。]{0,10}?(?<!书记)(?<!主任)(?<!干部)[\u4e00-\u9fff]某"
)
_NEXT_DOOR = re.compile(
    r"(?<![给托跟和向找问求靠遍到是])(?:隔壁|邻居|对门|楼上|楼下|邻村)(?!.{0,6}(?:借|接济|送饭|帮忙|帮衬|吵|漏水|噪|装修"
    r"|都(?:吃|有|拿|办|问)))(?!区|们|民)"
)
_CALLER_NOTE = re.compile(r"来电(?:人|者|(?= ?[男女学]))|求助人|来访人|申请人(?=[男女,\d])")
_NOTE_RELATIVE = re.compile(
    r"其(?:[父母夫妻子女]|老伴|丈夫|孙|妹|弟|哥|姐)|[,。 ](?:[儿女父夫妻](?=[\d患一二三四五六七八九])"
    r"|[子母孙儿父](?=[^女男\d ]))|(?:母亲|父亲|丈夫|妻子|儿子|女儿|孙子|孙女|老伴)"
)
_BACKGROUND_AFTER = re.compile(
    r"^(?:们|都|又|也|还|就|一直|前年|去年|今年|早就?|已经?|现在|亲|的|他|她|早|因病|因|\d{4}年|上个月|昨天|天天|老是|全"
    r"|喝了酒|以前|生前|走了以后|长期|每天|在|出?车祸|得病|癌症?"
    r"|[肺肝胃肠]癌|尿毒症|脑溢血|心脏病|跟|和|妈|爸|母|不|幸)*"
    r"(?:死|去世|过世|病逝|走了|没了|不在了|离婚|离异|改嫁|再婚|跑了|离家出走|外地|外面|广东|深圳|浙江|打我|又打|殴打|锁"
    r"|骂|不要我|不管|嫌|嫁|寄钱|寄回来|照顾|护理|赌博|坐牢|打(?:我|零工|工|电话)"
    r"|各有|成家|都有自己|不孝|在外|管这些|一个月才|医治无效|说(?!.{0,4}(?:不让|欠))|带大|抚养|养我|不给|离开人世|意外"
    r"|相继|感情|吵架|从小|生前)"
)
_RELATIVE_NEEDY = re.compile(
    r"病|癌|瘫|残|聋|哑|瞎|傻|痴|住院|手术|开刀|透析|化疗|救助|低保|五保|特困|证|岁|读|上学|学费|大学|小学|初中|高中"
    r"|幼儿|丢|不见|没回|走失|走丢|买包|被骗|传销|联系不上|倒在|晕|昏|吐|医|药"
    r"|退休|户口|吃|饿|哭|中风|脑|心脏|不便|瘦|尿|ICU|骨折|老了|没人|自理|公租|补"
)
_SELF_FILL = (
    r"(?:我|本人|俺|我自己)(?:就|也|都|还|又|真的|现在|今年|从小|是一?[个名位]?|今天|昨天|一直|只|已经|目前|刚"
    r"|才|这种?|的|去年[^,。]{0,4}|前年|上个月|这几天|一个人|想"
    r"|要|长期|实在|本来|身体|一?[个名位]| ){0,4}"
)
_SELF_PATIENT = re.compile(
    _SELF_FILL
    + r"(?:残|肢体|视力|听力|[一二三四]级|聋|瞎|智力|精神[病残分]|智障|眼睛|腿|腰|双耳|下肢|患|得了?[^,。]{0,6}(?:病|癌"
    r"|症)|有病|查出|被?诊断|尿毒|癌|[乳肺胃肝肠]|脑[瘫梗出]|瘫"
    r"|低保(?:户)?(?=[,。 ]|停)|(?:又)?吃(?:着)?低保|五保|特困|孤儿|失业|下岗"
    r"|被(?:优化|裁|辞|打|骗|撞|抢|锁|赶)|没工作|没饭|没地方|没人(?:管)?|没儿|无儿|没(?:有)?了?劳动能力|住院|透析|化疗"
    r"|怀孕|流浪|睡|饿|[两三四几]天没吃|不会说话|残疾|失去|丧失|独居|摔|车祸|撞)"
    r"|(?:患者|这种|像我|尿毒症患者)[^,。]{0,4}我|我们这种[^,。]{0,6}患者"
    r"|^[^我俺爸妈父母儿女公婆孩娃伢爷奶老宝夫妻姑孙哥弟姐妹崽囡岳丫他她]{0,24}(?:检测出|查出|检查出"
    r"|确诊(?!标准))[^,。]{0,6}(?:癌|病|症|瘤)"
)
_SELF_STATE = re.compile(
    _SELF_FILL
    + r"(?:[一二三四五六七八九十\d]{2,}[岁了]|外地|外省|单身|住(?!址)|租|打零工|单亲|送外卖|大[一二三四]|学生|退休"
    r"|农民工?|打工|务工|在外|在[^,。]{2,8}打工|老了|身上|喂的|养的|没房"
    r"|没钱|[^,。]{0,8}大学生|[^,。]{0,6}没有中国户口|越南|[^,。]{0,8}读(?:高|初|大))"
)
_SUBJECTLESS = re.compile(
    r"被骗|跑出来|放出来|没人要|身上(?:就|只)?剩|(?:桥洞|车站|公园)[^,。]{0,4}睡|(?:腿|手|腰|脚)(?:撞|摔|砸)?断|炸坏"
    r"|出租屋里|残[^。]{0,20}想|想(?:回家|找活|有个活)"
    r"|没(?:得)?钱买票|拖欠[^,。]{0,6}工资|我们收尸"
)
_SELF_HARM = re.compile(
    r"不想活|活够|活着(?:真)?(?:没|冇)|想死|去死|寻死|自杀|轻生|跳(?:楼|河|江|桥)|百草枯|敌敌畏|安眠药|上吊|割腕"
    r"|一了百了|下辈子|走得安心|来世|遗书|了结自己|解脱|跟他一起去|活不下去|明天就一个都没|撑不下去了?$"
)
_NOT_SELF_HARM = re.compile(
    r"没有?(?:想不开|寻|不想活|想死)|以前寻|的人|如果|(?:妈|爸|儿子|女儿|老公|老婆|同学|朋友|同事|弟|妹|哥|姐|他"
    r"|她)[^,。]{0,8}(?:不想活|想死|自杀|跳楼|喝了?药|遗书)"
)
_TOPIC = re.compile(
    r"低保|五保|特困|救助|补助|补贴|申请|户口|户籍|公租|廉租|残|病|癌|药|医|院|瘫|失业|工作|下岗|裁|优化|饿|吃|钱|债|欠"
    r"|住|房|租|睡|桥洞|孤|离婚|打我|又打|反锁|关|学费|上学|读书|大学|受灾|淹"
    r"|烧|塌|工资|收入|生活|困难|养老|没人|退休|岁|残疾|老板|摔|撞|怀孕|流浪|回家|护照|轮椅|肢体|视力|听力|出门|扶手"
    r"|血汗|轮椅|肢体|视力|听力|出门|扶手|血汗|资助|教育|贫困|救济|福利|慰问|帮扶|尿毒"
)
_NOT_SELF = re.compile(
    r"^(?:谢谢|不用|没事|测试)|捐|献爱心|驾驶证|噪|扰民|业主|幼儿园|垃圾分类|快递|井盖|物业|停车|电话写错|的电话是"
    r"|打我手机|搞不清|记不清|哪搞得|没有想不开|电话写|违法|没得哪个|没(?:有)?人打|瞎猜|重新报|众所周知"
)


@dataclass(frozen=True, slots=True)
class Relatives:
    """Relatives that a message names: those in the story at all, and those it shows in need."""

    named: tuple[re.Match[str], ...]
    needy: tuple[re.Match[str], ...]


_MISSING = re.compile(r"没回(?:来|家)|走失|走丢|不见了|失踪|联系不上")


def find_relatives(text: str) -> Relatives:
    named = tuple(RELATIVE.finditer(text))
    background = set() if _MISSING.search(text) else _background(text, named)
    return Relatives(named, tuple(match for match in named if match.start() not in background))


def _background(text: str, named: tuple[re.Match[str], ...]) -> set[int]:
    """Starts of relatives who only explain the story: dead, gone, away, violent."""
    return {match.start() for match in named if _BACKGROUND_AFTER.match(text[match.end() : match.end() + 16])}


_ABOUT_NOBODY: Final = frozenset(
    {"other", "donate", "greet", "thank", "goodbye", "affirm", "deny", "dont_know", "talk_to_human"}
)


def for_whom(text: str, relatives: Relatives, *, alone: bool, intent: str | None = None) -> Whom | None:
    """Who is in need, or None when the message does not say.

    `intent` (a name of nlu.labels.INTENTS) settles what the words leave open: a report is about somebody else, a cry for
    help about the sender or their family, thanks about nobody.
    """
    if _SELF_HARM.search(text) and intent != "report_other" and not _NOT_SELF_HARM.search(text):
        return "self"
    if intent in _ABOUT_NOBODY:
        return None
    if intent == "report_other":
        return "other"
    if _CALLER_NOTE.search(text):
        return _whom_of_note(text)
    if intent != "seek_help" and _is_report(text):
        return "other"
    whom = _whom_at_home(text, relatives, alone=alone)
    if whom is None and intent == "seek_help":
        return "family" if any(_stands_for_need(text, match) for match in relatives.needy) else "self"
    return whom


def _is_report(text: str) -> bool:
    if _REPORT.search(text):
        return True
    by_name = _REPORT_BY_NAME.search(text)
    if by_name and not _ME.search(text, 0, by_name.end()):
        return True
    next_door = _NEXT_DOOR.search(text)
    return bool(next_door) and not re.search(
        r"(?:我|俺)(?:家|屋里|就|一个人|是|今年|都|有|妈|爸|老)", text[: next_door.start() if next_door else 0]
    )


_CHILD_WRITES = re.compile(
    r"我(?:今年|才|刚|现在|只有|满)?(?:[4-9]|1[0-5]|[四五六七八九]|十[一二三四五]?)岁(?!的(?:时候"
    r"|孩|儿|女|娃|小|弟|妹|孙))(?!时|那年)|我(?:才|上|读|在读)?(?:小学)?[一二三四五六]年级"
)
_PARENT_WRITES = re.compile(
    r"(?:我|本人)是[^,。]{0,14}(?:的|儿|童)(?:一[名位个])?(?:妈妈|母亲|爸爸|父亲|家长|奶奶|爷爷|妻子|丈夫|女儿|儿子|孙女"
    r"|孙子)(?=[,。!? ]|$)"
)


def _whom_at_home(text: str, relatives: Relatives, *, alone: bool) -> Whom | None:
    """Self, family or nobody: the patient counts first, then whose state is told, then whose home is spoken of."""
    needy = [match for match in relatives.needy if _stands_for_need(text, match)]
    patients = [match for match in needy if _is_patient(text, match)]
    if _CHILD_WRITES.search(text):
        return "self"
    if _PARENT_WRITES.search(text):
        return "family"
    patient_me, me = _SELF_PATIENT.search(text), _SELF_STATE.search(text)
    if patient_me and not any(
        _ILL.search(_own_clause(text, match)) for match in patients if match.start() < patient_me.start()
    ):
        return "self"
    if alone and not patients:
        return "self" if _ME.search(text) or "里就" in text else None
    if patients:
        return "family"
    if _VILLAGE_VOICE.search(text):
        return None
    return _whom_of_state(text, needy, me)


_MY_RELATIVE = re.compile(rf"(?:我|我家|我们家|俺)(?:{RELATIVE.pattern})(?![^,。]{{0,8}}(?:管|晓得|知道|回来))")


def _whom_of_state(text: str, needy: list[re.Match[str]], me: re.Match[str] | None) -> Whom | None:
    topic = _TOPIC.search(text)
    home = _OUR_HOME.search(text)
    if me:
        return "family" if home and home.start() < me.start() else "self"
    if topic and (home or _OURS.search(text)):
        return "family"
    if _SUBJECTLESS.search(text):
        return "self"
    if topic and not _NOT_SELF.search(text) and (mine := _ME.search(text)):
        owned = any(match.start() - mine.end() <= 1 for match in needy if match.start() >= mine.start())
        alone_me = any(not RELATIVE.match(text, other.end()) for other in _ME.finditer(text))
        return "family" if owned and not alone_me else "self"
    return "family" if _MY_RELATIVE.match(text) and not topic else None


def _own_clause(text: str, match: re.Match[str]) -> str:
    """The words about a relative: to the end of the clause, and one more clause when that is short."""
    following = text[match.end() : match.end() + 24]
    parts = re.split(r"[。;!?]", following, maxsplit=1)[0]
    clauses = re.split(r"[, ]", parts)
    reach = clauses[0]
    for clause in clauses[1:2]:
        if len(reach) >= 6 or _ME.match(clause) or RELATIVE.match(clause):
            break
        reach += clause
    me = _ME.search(reach)
    return reach[: me.start()] if me and me.start() >= 4 else reach


def _is_patient(text: str, match: re.Match[str]) -> bool:
    if _RELATIVE_NEEDY.search(_own_clause(text, match)):
        return True
    before = re.split(r"[,。;!? ]", text[max(0, match.start() - 8) : match.start()])[-1]
    return bool(
        re.search(
            r"(?:残疾|病|瘫|级|岁|自闭|孤独症|智力|低下|障碍)[^我]{0,3}的?(?:我)?$|(?:给|帮|替|替我|给我|帮我)(?:我)?$|给(?:我)?(?:家)?$",
            before,
        )
    )


_NOTE_SELF = re.compile(
    r"来电(?:人|者)?[^,。 ]{0,2}[男女]? ?\d{2,3}[ ,]{1,2}(?:瘫|残|病|癌|尿毒|独居|独卧|低保|五保|特困|失业|孕|盲|聋|肢体"
    r"|视力|聋哑|流浪|称?被)"
    r"|称?(?:儿子|丈夫|其夫|其子|女婿|儿媳)[^,。]{0,12}(?:殴打|打骂|虐待|要钱|家暴|不孝)"
)


def _whom_of_note(text: str) -> Whom | None:
    if _NOTE_RELATIVE.search(text) and not _NOTE_SELF.search(text):
        return "family"
    return "self" if re.search(r"来电(?:人|者)?[^,。]{0,4}[男女\d学]|本人|[男女] ?\d{2}", text) else None


def _stands_for_need(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - 4) : match.start()]
    if before.endswith(("他", "她", "跟", "老看到", "你", "您", "问我", "没", "无", "有个老")) and not before.endswith(
        ("给他", "跟")
    ):
        return False
    return not re.search(r"(?:没|无|跟|和|问|靠|问|被)(?:我)?$", before)


_AGE_UNIT = re.compile(r"^(?:多|几|来)?(?:周)?岁")
_AGE_AS_DECADE = re.compile(r"([一二三四五六七八九])旬")
_ANCIENT = (
    (re.compile(r"(?:年过|年逾|已过|过了?)?古稀"), 70),
    (re.compile(r"花甲"), 60),
    (re.compile(r"耄耋"), 80),
    (re.compile(r"知天命|年过半百|年逾半百"), 50),
)
_NOTE_AGE = re.compile(
    r"(?:[男女]|学生|老人|孤老|本人|来电人)[, ]?(?P<age>\d{1,3})(?=[,。 ]|$|[^\d元块万年月日号多个组级%.])"
)
_BARE_AGE_AFTER = re.compile(
    r"^(?:多|几|好几|出头)?(?:了|啦|咯)(?!解|几|一|两|三|钱|个|块)|^好几(?![个万千百年天])|^(?:出头|挂零)(?=[,。 了]|$)|^[,。 ]+没人要"
)
_OWNER_BEFORE = re.compile(r"(?:^|[,。;! ])(?:我|本人|老伴|他|她|我妈|我爸|我自己)(?:今年)?$")
_BARE_AGE_BEFORE = re.compile(r"(?:年过|年逾|年满|年近|今年|都|也|快|已经?|岁数|年纪|年龄)(?:应该)?(?:是|有|都|已)?$")
_PAST_AGE = re.compile(
    r"(?:小时候|那年|那时|当年|时候|早年|以前|从小|前年|那一年|我在|在我|不到|自从|从|我们?小时候|父母在我|母亲在我)[^,。]{0,4}$"
)
_PAST_AGE_AFTER = re.compile(
    r"^(?:多|几)?(?:周)?岁(?:的时候|时|那年|那边|起|就(?!是)|开始|以[上下前]|以后|(?:母亲|父亲|爸|妈|父母)[^,。]{0,6}(?:去世|死|离婚|走))"
)
_AGE_RULE_AFTER = re.compile(
    r"^(?:多|几)?周?岁(?:以[上下内]|[^,。了]{0,3}(?:能领|可以领|才能|津贴|高龄|患者|的(?:老人|人)(?:能|可以|有|每)))"
)


def find_ages(text: str, numbers: list[Number]) -> list[tuple[int, int]]:
    """(position, age) of every present age that the message states."""
    ages: list[tuple[int, int]] = []
    for number in numbers:
        after, before = text[number.end : number.end + 12], text[max(0, number.start - 8) : number.start]
        stated = bool(_AGE_UNIT.match(after))
        bare = (
            not stated
            and number.value >= 14
            and (
                _BARE_AGE_AFTER.match(after)
                or ((_BARE_AGE_BEFORE.search(before) or _OWNER_BEFORE.search(before)) and _ends_clause(after))
            )
        )
        if not (stated or bare) or not 0 < number.value <= MAX_AGE or number.value != int(number.value):
            continue
        if _PAST_AGE.search(before) or _PAST_AGE_AFTER.match(after) or _AGE_RULE_AFTER.match(after):
            continue
        ages.append((number.start, number.whole))
    ages.extend(
        (match.start(), int(match.group("age")))
        for match in _NOTE_AGE.finditer(text)
        if 0 < int(match.group("age")) <= MAX_AGE
    )
    ages.extend((match.start(), int(parse_number(match.group(1)) or 0) * 10) for match in _AGE_AS_DECADE.finditer(text))
    for words, age in _ANCIENT:
        ages.extend((match.start(), age) for match in words.finditer(text))
    return sorted(set(ages))


def _ends_clause(after: str) -> bool:
    return not after or bool(re.match(r"(?:多|几)?(?:了)?(?:[,。;!? ]|$)", after))


_ILL = re.compile(
    r"病|癌|瘫|残|聋|瞎|智|痴|走失|失踪|不见|没回|透析|住院|手术|不能自理|不便|脑|疯|傻|哑|尿毒|化疗|孤独症|自闭|中风|失明"
)
_ILLNESS_NEAR = re.compile(
    r"病|癌|瘫|残|聋|瞎|智|痴|走失|失踪|不见|没回|透析|住院|户口|自理|一个人在|锁|脑|疯|傻|读|学"
)


def person_age(text: str, ages: list[tuple[int, int]], whom: Whom | None, relatives: Relatives) -> int | None:
    """The age of the person in need: never the sender's when a relative is in need, never a relative's when the sender is."""
    if not ages:
        return None
    holders = [(age, *_holder(text, position, relatives)) for position, age in ages]
    if whom == "self":
        own = [age for age, kind, _ in holders if kind != "relative"]
        return own[0] if own else None
    if whom == "family":
        theirs = [(age, near) for age, kind, near in holders if kind == "relative"]
        if theirs:
            return max(theirs, key=lambda pair: pair[1])[0]
        if any(kind == "self" for _, kind, _ in holders) and _named_patient(text, relatives):
            return None
        return holders[0][0]
    return holders[0][0]


def _named_patient(text: str, relatives: Relatives) -> bool:
    if _CALLER_NOTE.search(text):
        return True
    return any(_ILL.search(text[match.end() : match.end() + 12]) for match in relatives.needy)


_PARENT_OF = re.compile(r"[\d一二三四五六七八九十]{1,3}岁[^,。]{0,10}的(?:妈|爸|家长|母亲|父亲|奶奶|爷爷)")


def _subject_start(text: str, position: int) -> int:
    """Where the words begin that may name whose age stands at `position`: its clause and the one before, within the sentence."""
    hard = max(text.rfind(mark, 0, position) for mark in "。;!?\n") + 1
    soft = max(text.rfind(mark, hard, position) for mark in ", ")
    previous = max(text.rfind(mark, hard, max(hard, soft)) for mark in ", ")
    return max(hard, previous + 1)


def _holder(text: str, position: int, relatives: Relatives) -> tuple[str, int]:
    """Whose age stands at `position` (relative, self, unknown) and how strongly the sentence shows them in need."""
    left = _subject_start(text, position)
    clause_end = min((index for mark in ",。;!? " if (index := text.find(mark, position)) >= 0), default=len(text))
    need = len(_ILLNESS_NEAR.findall(text[max(left, position - 12) : clause_end + 16]))
    after = next(
        (
            match
            for match in relatives.named
            if position < match.start() <= clause_end and match.start() - position <= 12
        ),
        None,
    )
    before = [match for match in relatives.named if left <= match.start() < position]
    me = list(_ME.finditer(text, left, position))
    if _CALLER_NOTE.search(text) and re.search(r"来电(?:人|者)[^,。 ]{0,4}$", text[left : position + 1]):
        return "self", need
    nearest_relative = before[-1].start() if before else -1
    nearest_me = -1
    for match in me:
        if not any(other.start() - match.end() in (0, 1, 2) for other in relatives.named):
            nearest_me = match.start()
    if _PARENT_OF.match(text, position):
        return "relative", need + 2
    if after and not (me and nearest_me > position - 6):
        return "relative", need + 1
    if nearest_relative > nearest_me and nearest_relative >= 0:
        return "relative", need
    return ("self" if nearest_me >= 0 else "unknown"), need


_SIZE_AFTER = re.compile(
    r"^(?:个)?(?:口人|口之家|口(?=[,。;!? ]|$|[\u4e00-\u9fff])(?!子))(?!井|锅|缸|塘|猪|饭|水|气|价|粮)"
)
_HOME_BEFORE = re.compile(
    r"(?:家里?|屋里|屋头|全家|一家|家中|家人|户上|户口本上|我们家|我们)(?:现在|总共|一共|就|只有|只剩|共|有|拢共|还有"
    r"|人口|上下|总|剩|下|是|大小)*(?:我们)?$"
)
_PERSON_AFTER = re.compile(r"^(?:个)?人(?!工|次|均|生|家|民|月|一|每|都没|来|说|送|打)")
_HEADS_AFTER = re.compile(r"^个人(?:了|的|一起|一道|吃|$|[,。! ])")
_HEADS_BEFORE = re.compile(r"(?:就这|就是|现在是|现在剩|剩|算|只有|变成|一起住的是|保户[, ]|^)$")
_PAIR = re.compile(
    r"(?:就|只有|只剩|剩|家里?|屋里|现在|就是|我们|跟|和)(?:剩|有|是|下|我们|我|们|只)*(?P<words>老两口|两口子|娘俩|爷俩"
    r"|母女俩|母子俩|父子俩|父女俩|祖孙俩|爷孙俩|婆孙俩|姐弟俩|兄弟俩"
    r"|姊妹俩|夫妻俩|俩口子|两个老人|俩人|娘仨|爷仨|祖孙三|娘三个)(?!加起来|都在|打工|一个月)"
)
_PAIR_SIZE: Final = {"娘仨": 3, "爷仨": 3, "祖孙三": 3, "娘三个": 3}
_TWO_OF_US = re.compile(
    rf"(?:家里?|屋里|家中|现在)(?:现在|就|只|剩|有|是|只有)*(?:剩|有)?(?:我(?:[和跟与同]|还有)(?:我|一个)?(?:{RELATIVE.pattern})"
    rf"|(?:我)?(?:{RELATIVE.pattern})(?:[和跟与同]|还有)我)(?:两个|两|二人|相依为命)?(?=人|[,。;!? ]|$|相依)"
)
_JUST_ME = re.compile(
    r"(?:家里?|屋里头?|屋头|家中|户口本上)(?:现在|就|只|剩|有|是|只有|只剩|下|了)+(?:我|他|她|本人|自己)?(?:老太婆"
    r"|老头子|老婆子)?(?:一个人|1个人|一人|一个(?!人?(?:上班|挣|赚"
    r"|打工|养|有|劳动|撑|干|做|拿))(?=[,。;!? ]|$)|一口人)(?!(?:在)?(?:上班|挣|赚|打工|养|有工作|劳动|撑|干活|做事|拿))"
)
_ALONE = re.compile(
    r"独居|孤身一人|孤零零一?个?人?|独自(?:一人)?(?:生活|居住|在家住|住)|一个人(?:租房|租住|租屋|住|过(?!来|去|年|得)|生活|居住|单过)"
    r"|一个人在(?:家|屋里)(?:住|过|生活)|单独(?:住|居住|生活)"
    r"|自己(?:一个人)?(?:单过|一个人住)|光棍一?个?人?一?个?过"
)
_NOT_ALONE = re.compile(r"不是[^,。]{0,4}(?:独居|一个人住|独自)|没有独居|独居(?:老人|的老人)?(?:能|有什么|可以|有没有)")
_SIZE_LIST = re.compile(rf"^(?P<count>[一二三四五六七八九十两\d]+)个(?:人)?[, :]+(?:{RELATIVE.pattern}|我)")
_TWO_TOGETHER = re.compile(rf"我(?:[和跟与同]|还有)(?:我)?(?:{RELATIVE.pattern})(?:两个人?|俩|二人)(?!都|每|一个月|加)")
_COUNTED = re.compile(
    r"(?:加上|算上|连|包括)[^,。]{1,8}[,一共总是就有]{0,3}(?P<count>[一二三四五六七八九十两\d]{1,2})个(?:人)?(?:[,。 ]|$)"
)


def lives_alone(text: str) -> bool | None:
    if _NOT_ALONE.search(text):
        return None
    return True if _ALONE.search(text) or _JUST_ME.search(text) else None


def household_size(text: str, numbers: list[Number]) -> int | None:
    """People who live and eat together, as stated; the last statement counts."""
    sizes: list[int] = []
    for number in numbers:
        after, before = text[number.end : number.end + 6], text[max(0, number.start - 12) : number.start]
        if not 0 < number.value <= MAX_HOUSEHOLD or number.value != int(number.value):
            continue
        by_mouth = _SIZE_AFTER.match(after) and (after.startswith("口人") or not re.search(r"[第买挖养]$", before))
        by_people = number.value > 1 and _PERSON_AFTER.match(after) and _HOME_BEFORE.search(before)
        by_people = by_people or (number.value > 1 and _HEADS_AFTER.match(after) and _HEADS_BEFORE.search(before))
        if by_mouth or by_people or (number.value > 1 and re.match(r"^个人(?:就|全|都)?靠", after)):
            sizes.append(number.whole)
    if sizes:
        return sizes[-1]
    if _JUST_ME.search(text):
        return 1
    listed = _SIZE_LIST.match(text)
    if listed:
        return int(parse_number(listed.group("count")) or 0) or None
    pair = _PAIR.search(text)
    if pair:
        return _PAIR_SIZE.get(pair.group("words"), 2)
    counted = _COUNTED.search(text)
    if counted:
        return int(parse_number(counted.group("count")) or 0) or None
    return 2 if _TWO_OF_US.search(text) or _TWO_TOGETHER.search(text) else None


_SCHOOL = (
    r"(?:读书|念书|上学|在读|求学|上(?:幼儿园|小学|初中|中学|高中)|读(?:幼儿园|小学|初中|中学|高中"
    r"|[一二三四五六七八九]年级|初[一二三]|高[一二三])|念(?:小学|初中|高中))"
)
_KIDS = r"(?:个|名|位)?(?:小)?(?:孩子|小孩|娃儿?|伢儿?子?|儿子|女儿|姑娘|闺女|孙子|孙女|孙伢|崽|学生|子女|丫头|孙)"
_KIDS_AT_SCHOOL = re.compile(
    rf"(?P<count>[一二三四五六七八九两俩仨\d])(?:个|名|位)?{_KIDS}(?:都|还|也|在|正|全|要|现在|跟我|均)*{_SCHOOL}"
)
_SCHOOL_KIDS = re.compile(
    rf"(?:{_SCHOOL}|培养|供)(?:中)?(?:的)?(?P<count>[一二三四五六七八九两俩\d])(?:个|名|位){_KIDS}(?!结婚)(?P<tail>(?:读书|上学|念书)?)"
)
_GRADES = re.compile(
    r"(?:一,?个|1个|老大|老二|老三|大的|小的|大女儿|小女儿|大儿子|小儿子|一)(?:在|都|上|读|念|个)*(?:读|上|念)?(?:幼儿园"
    r"|小学|初中|高中|中学|[一二三四五六七八九]年级|初[一二三]|高[一二三])"
)
_ONE_CHILD_STAGE = re.compile(
    rf"(?:{_YOUNG})(?:都|还|也|在|正|就|现在|今年|刚|要|才)*[^。;!?]{{0,40}}?(?:读|上|念|就读)(?:[^,。]{{0,8}})?(?:幼儿园"
    rf"|小学|初中|中学|高中"
    rf"|[一二三四五六七八九]年级|初[一二三]|高[一二三]|[一二三四五六七八九\d]中)"
)
_COLLEGE = re.compile(r"大学|大专|本科|研究生|学院|中职|大[一二三四](?!岁)|职校")


_PUPIL_CHILD = re.compile(
    r"(?:读|上|念)(?:着|的)?(?:小学|初中|中学|高中|[一二三四五六七八九]年级|初[一二三]"
    r"|高[一二三])的(?:一个)?(?:女儿|儿子|孩子|小孩|娃|伢|孙子|孙女|姑娘|闺女|丫头)"
)
_PUPILS = re.compile(r"(?P<count>[一二三四五两\d])个(?:都|在|要|还在)*(?:上学|读书|念书)(?!费)")
_PUPIL = re.compile(
    r"在[^,。]{0,12}(?:小学|中学|初中|高中|[一二三四五六七八九\d]中)(?:读|念|上)(?:[小初高]?[一二三四五六七八九]|书)"
)


def children_in_school(text: str) -> int | None:
    """How many children of the household go to school: said in figures, by grades, or one child with its school."""
    for pattern in (_KIDS_AT_SCHOOL, _SCHOOL_KIDS):
        match = pattern.search(text)
        if match and (
            pattern is _KIDS_AT_SCHOOL
            or match.group("tail")
            or re.match(_SCHOOL, match.group())
            or "培养" in match.group()
        ):
            return int(parse_number(match.group("count")) or 0) or None
    if _PUPIL_CHILD.search(text):
        return len(_PUPIL_CHILD.findall(text))
    pupils = _PUPILS.search(text)
    if pupils:
        return int(parse_number(pupils.group("count")) or 0) or None
    grades = _GRADES.findall(text)
    if len(grades) >= 2:
        return len(grades)
    if _PUPIL.search(text) and re.search(
        r"(?:儿子|女儿|孩子|小孩|孙子|孙女|[6-9]岁|1[0-8]岁|[六七八九十]岁|十[一二三四五六七八]岁)", text
    ):
        return 1
    single = _ONE_CHILD_STAGE.search(text)
    if (
        single
        and not _COLLEGE.search(single.group())
        and not re.search(r"毕业|政策|如何|无法|老师|请问|要上|快上|明年上", single.group())
    ):
        return 1
    return None
