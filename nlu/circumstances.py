"""Health, disability, work, housing and benefits that a message states about the person in need.

All functions take text made readable by `nlu.spelling.readable`.
"""

from __future__ import annotations

import re
from typing import Final

_NEGATED = re.compile(
    r"(?:没有?|不是|并非|无|没得|未|不算|排除|不符合|怕是?|担心|预防|怀疑|以为)(?:得|患|什么|任何|啥|被|过|确诊)?[^,。;!? ]{0,3}$"
)
_GENERAL = re.compile(
    r"(?:的人|患者|的家庭|的老人|人员|者)?(?:能|可以|能否|是否|有没有|有啥|有什么|怎么|如何|算不算|属不属于|在不在|报不报|标准)"
)

_ILLNESS = re.compile(
    r"癌(?!细胞扩散前)|尿毒症|白血病|中风|脑梗|脑出血|脑溢血|脑瘤|脑干出血|心梗|心肌梗[塞死]|肾衰|肾功能衰竭|肾透析|血透"
    r"|透析|恶性(?:肿)?瘤|淋巴瘤|骨髓瘤|黑色素瘤|肝硬化|肝腹水|肝衰竭?"
    r"|艾滋病|先天性心脏病|先心(?!思)|房间隔缺损|室间隔缺损|法洛四联|再障|再生障碍|血友病|红斑狼疮|渐冻|重症肌无力"
    r"|重型地中海|地中海贫血|地贫|换肾|肾移植|肝移植|骨髓移植|器官移植|心脏搭桥|心脏瓣膜"
    r"|帕金森|植物人|戈谢|庞贝|脊髓性肌萎缩|肌萎缩|系统性硬化|化疗|放疗|主动脉夹层|心衰|心力衰竭|脑膜瘤|胶质瘤|慢粒|骨癌"
    r"|重症胰腺炎|尘肺|矽肺|肺结核|脑炎|重度烧伤|大面积烧伤|白塞|肝豆状核"
)
_DEAD_BEFORE = re.compile(r"(?:去世|过世|走了|病逝|没了|死了)[^。]{0,8}$")
_DEAD_AFTER = re.compile(r"^[^,。;!?]{0,8}(?:去世|过世|死了|病逝|走了|没了|不在了|离世|离开人世|去拯)")
_MEDICAL_QUESTION = re.compile(r"(?:A市)?医保对|因[^,。]{0,6}人员|众所周知|疾控中心")


def serious_illness(text: str, *, personal: bool, mine: bool = False) -> bool | None:
    """A named grave illness that somebody living has.

    `personal`: the message tells of somebody at all. `mine`: the sender is in need, so a relative's illness does not count.
    """
    for match in _ILLNESS.finditer(text):
        before, after = text[max(0, match.start() - 8) : match.start()], text[match.end() : match.end() + 14]
        if _NEGATED.search(before) or _DEAD_BEFORE.search(before) or _DEAD_AFTER.match(after):
            continue
        if not personal and (_GENERAL.search(after) or _MEDICAL_QUESTION.search(text)):
            continue
        if mine and (about_relative(text, match.start()) or _RELATIVE_HAS_IT.match(after)):
            continue
        return True
    return None


_RELATIVE_HAS_IT = re.compile(r"^[^,。;!?]{0,14}的(?:老伴|老公|老婆|丈夫|妻子|爸|妈|父|母|儿子|女儿|孩子|爷爷|奶奶)")
_GRADE_WORD: Final = {
    "一": 1,
    "二": 2,
    "三": 3,
    "四": 4,
    "1": 1,
    "2": 2,
    "3": 3,
    "4": 4,
    "壹": 1,
    "贰": 2,
    "叁": 3,
    "肆": 4,
    "Ⅰ": 1,
    "Ⅱ": 2,
    "两": 2,
}
_TYPES: Final[tuple[tuple[str, str], ...]] = (
    ("multiple", r"多重(?:残疾|残)?"),
    ("mental", r"精神(?:类)?(?:残疾|障碍|残|病残|[一二三四]级)|精神(?:分裂|病|失常)|孤独症|自闭症|双相"),
    (
        "intellectual",
        r"智力(?:类)?(?:残疾|残|低下|障碍|[一二三四1-4]级|方面的残疾|有问题|不行)|智障|智残|弱智|脑瘫痴呆|唐氏",
    ),
    ("visual", r"视力(?:残疾|残|[一二三四1-4]级)|盲人|盲了|双目失明|失明|眼睛(?:全)?(?:瞎|看不见)|眼瞎|全盲|瞎子"),
    (
        "hearing",
        (
            r"听力(?:残疾|残|[一二三四1-4]级|障碍)|聋哑|聋(?=[,。了子]|$)|聋人|耳聋|双耳[^,。]{0,4}(?:失聪|听不)|失聪"
            r"|炸坏了?耳朵|耳朵(?:全)?(?:聋|听不见)"
        ),
    ),
    ("speech", r"言语(?:残疾|残|[一二三四1-4]级|障碍)|哑巴|语言残疾"),
    (
        "physical",
        (
            r"肢体(?:上的|类)?(?:残疾|残|[一二三四1-4]级|障碍|不全)|截肢|(?:割|绞|锯|轧|压)断[左右双]?(?:臂|腿|手|脚|胳膊)"
            r"|断了?一(?:条|只)(?:臂|腿|手|脚|胳膊)|缺了?一(?:条"
            r"|只)(?:腿|手|脚|胳膊)|(?:下|上)肢残疾|高位截瘫|截瘫|下肢瘫|断臂|腿残|[左右]?手残|[左右]腿残疾|小儿麻痹|侏儒"
        ),
    ),
)
_TYPE_RULES: Final = tuple((name, re.compile(words)) for name, words in _TYPES)
_GRADE = re.compile(
    r"(?:残疾|残|视力|听力|肢体|智力|精神|言语|多重|伤残|残疾证|评了|评为|鉴定为|定为|办理)(?:残疾|残|人|证|等级|障碍|类"
    r"|是|为|评|定|鉴定|上|的|了|:)*[, ]?(?P<a>[一二三四1-4壹贰叁肆两])级"
    r"|(?P<b>[一二三四1-4])级(?:的)?(?:肢体|视力|听力|智力|精神|言语|多重|伤)?(?:残疾?|伤残|智残|智障)"
)
_DISABLED_OTHERS = re.compile(r"残疾人(?:能|可以|有没有|有什么|真的|都|就业|政策|的政策)")
_TWO_PEOPLE = re.compile(r"[\u4e00-\u9fff]某[^,。;]{0,10}残疾[^。;]{0,6}[\u4e00-\u9fff]某[^,。;]{0,10}残疾")


def disability(text: str) -> tuple[int | None, str | None]:
    """(grade 1-4, kind) as stated; neither when the message speaks of two different disabled people."""
    if _TWO_PEOPLE.search(text):
        return None, None
    kinds: list[tuple[int, str]] = []
    for name, words in _TYPE_RULES:
        for match in words.finditer(text):
            before, after = text[max(0, match.start() - 6) : match.start()], text[match.end() : match.end() + 8]
            if not _NEGATED.search(before) and not _DEAD_AFTER.match(after):
                kinds.append((match.start(), name))
                break
    grade = None
    for match in _GRADE.finditer(text):
        before = text[max(0, match.start() - 14) : match.start()]
        if not _NEGATED.search(before[-5:]) and not re.search(r"如果|假如|要是|万一", before):
            grade = _GRADE_WORD[match.group("a") or match.group("b")]
            break
    names = {name for _, name in kinds}
    if "multiple" in names:
        return grade, "multiple"
    return grade, min(kinds)[1] if kinds else None


_HELPLESS = re.compile(
    r"瘫(?:痪)?(?:在|到|倒在)?[^,。]{0,2}床|瘫痪|瘫了|全瘫|偏瘫在床|(?<!脑)瘫(?:在(?:家|屋|炕|地)|着(?!急)|起的?|炕|子)"
    r"|截瘫|卧床|(?:起不了|下不了|起不来|离不开|不能下|下不来)床"
    r"|(?:生活)?(?:完全|基本)?(?:不能|不会|无法|没法|没办法|难以"
    r"|没得办法)(?:生活)?(?:完全)?自理"
    r"|生活不(?:能)?自理|没有?自理能力|无自理能力|(?<![遗丢])失能(?!否|不)|半失能|失去自理|自理不了|吃喝拉撒(?:睡)?(?:全"
    r"|都|样样)?(?:是|在床"
    r"|要|得|靠|需|离)|大小便失禁|屎尿(?:都|要|不能)|端屎端尿|(?:吃饭"
    r"|饭)[^,。]{0,3}(?:要人喂|得人喂|靠人喂|要喂|得喂)"
    r"|(?:自己)?(?:啥|什么)(?:事)?(?:也|都)做不了|(?:自己)?(?:动弹不得|不能动弹|动不了(?!工|身))|离不得人"
    r"|离不开人(?:照顾|伺候|招呼)?|24小时(?:要|得|需)(?:人)?(?:照顾"
    r"|看护|护理)|植物人|要人(?:全天)?(?:伺候|服侍)|翻身都要"
)
_HELPLESS_NOT = re.compile(r"(?:等我|如果|假如|要是|万一)[^,。]{0,6}瘫|半自理|(?:能|可以|对)[^,。]{0,2}生活不能自理的")
_CAPABLE = re.compile(
    r"(?<!不)(?<!无法)(?<!没法)(?<!不会)(?<!难以)(?:能够?|可以|会|还能|完全能|基本能|都能)(?:自己|生活|基本|完全)*自理"
    r"|生活(?:可以|能够?|基本|完全)自理|自理没问题"
    r"|(?:自己|他自己|她自己)(?:还)?(?:能|会|可以)(?:做饭|煮饭|吃饭|洗|穿|走|照顾自己|动)|(?:吃饭|穿衣|洗澡|上厕所|做饭"
    r"|洗衣)[^。]{0,12}(?:自己来|自己能|都能|能自己|都会|都是自己"
    r"|没问题|自己做)|(?:不要|不用|不需要|用不着)人(?:扶|管|照顾|伺候|服侍|招呼|喂)"
)


def can_self_care(text: str) -> bool | None:
    helpless = _HELPLESS.search(text)
    if (
        helpless
        and not _HELPLESS_NOT.search(text)
        and not re.search(r"(?:不是|没有|没)[^,。]{0,2}$", text[max(0, helpless.start() - 3) : helpless.start()])
    ):
        return False
    return True if _CAPABLE.search(text) else None


_UNABLE = re.compile(
    r"(?:干|做|搞)不(?:了|动|得)(?:任何|什么|重|农|力气|体力|一点|一)?(?:的)?(?:活|事|工|体力)"
    r"|(?<!家里)(?<!家)(?<!家中)(?:丧失|没有?|失去|无|没得|无有)(?:了)?(?:任何"
    r"|完全)?(?:劳动|工作|劳力)(?:能力|力)|(?:不能|无法|没法|没办法)(?:再)?(?:干|做|从事|参加|下)(?:任何|重|农|体力"
    r"|什么)*(?:活|劳动|工作|农活|事|地)|(?:不能|无法)(?:劳动|工作)"
    r"|干不得|做不得事|无劳力|无劳动力|不能干农活"
)
_RETIRED = re.compile(r"退休(?!政策|年龄|手续|金?标准|还(?:有|差)|人员要|办)")
_NOT_RETIRED = re.compile(
    r"(?:没|未|不|快|将|等|即将|还没|没有|非离|离|未办|办|没一个有|没有一个有|到了?|没到|还没到|不到)(?:有)?退休|退休人员|非退休"
)
_UNEMPLOYED = re.compile(
    r"失业(?!金|保险|补)|下岗(?!职工目睹)|被(?:公司|厂里|单位|老板)?(?:优化|裁|辞退|开除|炒)|裁员|辞退"
    r"|没(?:有)?(?:得)?工作(?!单位|能力|人员)|没得工作|无业|(?:没"
    r"|无)(?:有)?工作(?=[,。 ]|没|$)|找不到(?:工作|活|事做)|没(?:得|有)?(?:事|活)(?:做|干)|待业"
    r"|没(?:有)?(?:公司|单位|厂)(?:录用|要)|失去(?:了)?工作|工作没了|丢了工作|没人要(?=[,。 ]|$)|没班上|在家(?:里)?闲"
    r"|闲着|没(?:有)?上班|厂(?:子)?倒(?:闭)?了"
)
_EMPLOYED = re.compile(
    r"(?:我|本人|俺|他|她|自己|(?<!你)们|现在?|目前|平时|市|地|人|在|长期|外|州|京|海|圳|省|莞|汉|租住|来|一直)(?:现在"
    r"|在|到|外|外面|外地|这边|那边|长期|平时|靠|都|一直|也|天天|本市"
    r"|厂里|工地|工地上|超市|饭店|餐馆|深圳|外头|单位|还|去)*(?:打工|务工|上班|打零工|做工|送外卖|理货|跑外卖|扫马路"
    r"|搬砖|跑车|开出租|做保洁|当保安)"
    r"|(?<!没)(?<!没有)(?<!不)(?<!想)(?<!能)找到(?:了)?(?:活|工作|事做|班上)|参加工作|上班了|有工作(?=[,。 ]|$)|工作单位"
    r"|来[^,。]{0,12}工作(?:已经)?(?:有)?(?:了)?[\d一二三四五六七八九十]|在职|就业了|转正"
)


def _own(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The first match that is not said of a relative."""
    return next((match for match in pattern.finditer(text) if not about_relative(text, match.start())), None)


def employment(text: str, *, family_patient: bool) -> str | None:
    """Work of the person in need; `family_patient` when a relative is in need, so that the sender's own work does not count."""
    if _own(_UNABLE, text):
        return "unable"
    if _RETIRED.search(text) and not _NOT_RETIRED.search(text) and not _LIVING_ON_PENSION.search(text):
        return "retired"
    if family_patient:
        return None
    employed = _own(_EMPLOYED, text)
    if employed and "找到" in employed.group():
        return "employed"
    if _own(_UNEMPLOYED, text):
        return "unemployed"
    return "employed" if employed else None


_LIVING_ON_PENSION = re.compile(r"[靠就][^,。]{0,6}退休(?:金|工资)")
_SOMEBODY_ELSE = re.compile(
    r"(?:老公|老婆|丈夫|妻子|儿子|女儿|爸|妈|儿女|子女|父亲|母亲|哥|弟|姐|妹|媳妇|爱人|姑娘|婆娘|父母|爷爷|奶奶|老板)[^。;!?我]{0,14}$"
)


def about_relative(text: str, position: int) -> bool:
    """Whether the words at `position` are said of a relative named shortly before, not of the sender."""
    return bool(_SOMEBODY_ELSE.search(text[max(0, position - 18) : position + 1]))


_DANGEROUS = re.compile(
    r"(?:我家|老家|自家|家里)(?:的)?危房|危房(?!改造|政策|改|鉴定(?!为|是)|补|改建|标准|加固)|危房改造(?=[,。]?(?:报了"
    r"|申请了))|危改报了|(?<![A-Za-z\d])[CDcd]级"
    r"|(?:房子?|屋|墙|楼|老屋|房屋)[^,。;]{0,8}(?:快|要|就要|面临|随时(?:会|可能|要)?|马上|将要)[^,。;]{0,3}(?:倒|塌|垮)"
    r"|摇摇欲坠|面临倒[垮塌]|房子?(?:塌了?|垮了?)(?:一?半|一角|一面)"
    r"|土[坯被]房[^。]{0,12}(?:开裂|开列|裂|漏|倒|塌|维修)"
)
_NOT_DANGEROUS = re.compile(r"不(?:是|算|属于)(?:[CD]级)?危房|请问危房|(?:鉴定|评)(?:为)?[^,。]{0,3}[AB]级|关于鉴定")
_HOMELESS = re.compile(
    r"桥洞|露宿|睡(?:在)?(?:大街|街上|马路|车站|公园|天桥|涵洞|候车|网吧|街头|路边|长椅)|流浪(?!狗|猫)|无家可归"
    r"|无处(?:可)?(?:住|安身)|(?<!不是)没(?:有|得)?地方(?:住|睡)|居无定所|(?:今晚"
    r"|晚上|今天|夜里|现在)[^,。]{0,8}不(?:知道|晓得|知)(?:该)?(?:上)?(?:睡|住)(?:在)?(?:哪|啥|么)|不(?:知道"
    r"|晓得)(?:今晚|晚上|今天|夜里)(?:上)?(?:该)?(?:睡|住)"
    r"|没(?:有|得)?(?:地方|处)(?:睡|过夜)|(?:撵|赶|轰)出来[^。]{0,20}(?:睡|住)(?:哪|在外|街)|住(?:满)?(?:在)?(?:桥|涵洞|天桥|地下通道)"
)
_RENTED = re.compile(
    r"租(?:的)?(?:房|住|屋)(?!补|保障|信息|政策)|房租|(?:住|在)(?:的)?[^,。]{0,6}出租(?:屋|房)|租(?:了|着|的是"
    r"|在)[^,。]{0,6}(?:房|屋|间|住)|出租屋"
    r"|一直(?:是)?在租|租在|租到|租人家的?(?:房|屋)|住的是租|房东(?![^,。]{0,4}(?:撵|赶|轰|扔))"
)
_NOT_RENTED = re.compile(r"廉租|公租|租给|出租给|出租完|房租补贴|收(?:房)?租")
_OWNED = re.compile(
    r"(?:住)?(?:在)?(?:的)?(?:是)?自己(?:家)?(?:的|建的|盖的|买的)(?:老|旧|祖|土|瓦|砖)?(?:房|屋)|自(?:有"
    r"|建)(?:的)?(?:房|住房)|(?:有|住)(?:一套"
    r"|一栋)?(?:自己的)?(?:老房子|祖屋|老屋)(?=[,。 ]|$)|房子是自己的|自家的?(?:老)?(?:房|屋)|买了房"
)


def housing(text: str) -> str | None:
    if _HOMELESS.search(text) and not re.search(r"流浪(?:救助)?(?:政策|怎么)", text):
        return "homeless"
    if _DANGEROUS.search(text) and not _NOT_DANGEROUS.search(text):
        return "dangerous"
    rented = _RENTED.search(text)
    if rented and not (
        _NOT_RENTED.search(text) and not re.search(r"租住|租房(?!补)|房租|租在|租到", _NOT_RENTED.sub("", text))
    ):
        return "rented"
    return "owned" if _OWNED.search(text) else None


_HOLD_BEFORE = (
    r"(?:吃(?:着|了|上|的|到|政府)?|拿(?:着|了|到)?|享受(?:着|了|到)?|是(?:个|一户|一名)?|领(?:着|了|取)?|靠(?:着)?"
    r"|纳入(?:了)?|评(?:上|为|了)(?:了)?|有(?:个)?"
    r"|属于|认定(?:为|了|成)?|办(?:了|好了)|列为|被评|列入|定为"
    r"|批(?:了|下来))(?:农村|城市|城镇|的|了|国家)?"
)
_PROGRAMMES: Final[tuple[tuple[str, str], ...]] = (
    ("dibao_edge", r"(?:低保|最低生活保障)?边缘(?:户|家庭|人口|人员)?"),
    (
        "dibao",
        r"低保(?!边缘|标准|政策|金?怎么|办|申请|线|中心|科)(?:户|证|家庭|对象|金|人员)?|最低生活保障(?!边缘|标准)",
    ),
    ("tekun", r"特困(?!补|供养金|家庭)(?:户|人员|供养)?|五保(?:户|老人|人员|供养)?"),
    ("rigid_expenditure", r"刚性支出(?:困难)?(?:家庭|户)?"),
    ("monitored", r"(?:防?返?贫?(?:致贫)?)监测(?:户|对象|家庭|人口)(?!标准)|(?:脱贫不稳定|边缘易致贫|突发严重困难)户"),
)
_HELD: Final = tuple(
    (
        name,
        re.compile(words),
        re.compile(rf"{_HOLD_BEFORE}$"),
    )
    for name, words in _PROGRAMMES
)
_NOT_HELD_BEFORE = re.compile(
    r"(?:不是|没有?|没得|没吃|没办|没评|未|申请|办(?!了|好了)|能(?:不能)?|可以|想|要|算|取消|停了?|停发|评不?上?|吃不"
    r"|享受不|拿不|咨询|够|符合|给|报|帮|凭|为什么|怎么|名下|不给|吃不上"
    r"|拿不到|没能|认定|领不|怎样|才能|不能|是否|是不是|有没有|算不算|问|条件|撤销?|为|转|吃得?到)[^,。;!?]{0,8}$"
)
_NOT_HELD_AFTER = re.compile(
    r"^(?:的?(?:大有人在|全是|都是|人(?!员)))|^(?:户|金|证|资格|待遇|的|我|被|家庭|也|又|都|就|给|一直)*(?:停|取消|没了"
    r"|没批|被拒|批没|批了没|没下来|不给|被停|停发|还没|没有|没得"
    r"|怎么|如何|能|可以|多少|好多|要|需|申请|办|认定标准|标准|条件|政策|救助一直|落选|在哪|到哪|算|有什么|吗|是什么"
    r"|跟社保|与社保|该|什么|下来没|批下来没|用户|老人看|审|拖|人员名单|名单|信息|那个认定(?!,))"
)
_GENERAL_HELD = re.compile(
    r"(?:有钱|别人|人家|他们|有房|有车|村干部|干部|大有人在|很多|有些|有的|好多|都能|都在|村里都|那些|邻居|他还|她还"
    r"|全镇|我们[镇村]|户吃|老张家|老李家|老王家)[^,。;!?]{0,12}$"
)
_NOTE_HELD = re.compile(r"(?:^|[,。;! ]|男|女|岁|\d)$")
_NOTE_AFTER = re.compile(r"^(?:户|人员|老人|对象|家庭|的|[,。; ]|$|独居|[\u4e00-\u9fff]某|,今年)")
_GIVEN = re.compile(
    r"^(?:的)?(?:户|家庭|那个)?(?:的)?(?:认定|都|也|已经|已|被|早)*(?:下来了|批下来了|,?(?:去年|今年|前年|上个?月"
    r"|\d+月)[^,。]{0,3}(?:批|认定|评)[^,。]{0,4}|批了|纳入了?|评上了?|办下来了"
    r"|通过了|定下来了|认定了)(?!伐|没|吗|么|不|冇|了没)|^(?:的"
    r"|那个认定)[,。]|^(?:的)?关系在"
)
_STOPPED = re.compile(
    r"(?:低保|五保|特困)[^,。;]{0,12}(?:停了|停发|取消|没了|落选|不给了)|吃了[^,。]{0,6}低保[^,。]{0,6}(?:落选|停|取消)"
    r"|被评了[^,。]{0,4}低保"
)


def current_status(text: str, *, mine: bool) -> list[str] | None:
    """Benefits that the household holds now; `mine` when the message tells of somebody at all."""
    held = [
        name
        for name, words, before in _HELD
        if any(_is_held(text, match, before, mine=mine) for match in words.finditer(text))
    ]
    return held or None


def _is_held(text: str, match: re.Match[str], hold_before: re.Pattern[str], *, mine: bool) -> bool:
    before, after = text[max(0, match.start() - 14) : match.start()], text[match.end() : match.end() + 12]
    clause = re.split(r"[,。;:!? ]", before)[-1]
    if (
        _GENERAL_HELD.search(clause)
        or _NOT_HELD_AFTER.match(after)
        or re.search(r"不是$|没有?$|没吃$|没得$|想吃$|能吃$", clause)
    ):
        return False
    if _STOPPED.search(text[max(0, match.start() - 8) : match.end() + 30]):
        return False
    if re.search(hold_before, clause) and not _NOT_HELD_BEFORE.search(hold_before.sub("", clause)):
        return True
    if _GIVEN.match(after) and not _NOT_HELD_BEFORE.search(clause):
        return True
    noun = match.group().endswith(("户", "人员", "证", "对象", "家庭"))
    if _NOT_HELD_BEFORE.search(clause):
        return False
    if noun and mine and _NOTE_AFTER.match(after) and (len(clause) <= 6):
        return True
    return (
        mine
        and len(clause) <= 1
        and bool(_NOTE_AFTER.match(after))
        and bool(_NOTE_HELD.search(before))
        and not re.match(r"^[,。 ]?(?:怎么|能|可以|要)", after)
    )
