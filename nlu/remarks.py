"""What a message says beside its intent: the small questions inside it, a wish to be registered or not, a programme's name,
an order to the machine, an insult. The dialogue answers each in passing.

Each remark is one regular expression over the simplified text, with the words that call it off. Cases on both sides stand in
tests/remarks.yaml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

MAX_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class _Sign:
    name: str
    says: re.Pattern[str]
    unless: re.Pattern[str] | None = None


def _sign(name: str, says: str, unless: str | None = None) -> _Sign:
    return _Sign(name, re.compile(says), re.compile(unless) if unless else None)


_NO: Final = r"(?:不用|不要|不必|别|莫|不想|先不|不需要|用不着|无需|冇使|唔使|不)"
_REGISTER: Final = r"(?:登记|报上去|报过去|上报|转办|转交|转过去|转过切|转给|转到|记下来|记到|记上|备案|立案|建档|留资料|留个底|受理|反映上去|安排人|派人|派个人)"

_SIGNS: Final = (
    _sign(
        "wants_referral",
        _REGISTER
        + r"|按(?:正规|规矩|程序)的?来|帮我(?:们|家)?(?:办|申请|报|递)|(?:你|您)(?:就)?(?:帮|跟|给|替)我(?:们)?(?:办|申请|报)|来个?人(?:看|瞧|核)|上门(?:看|核|帮|来)|请协调|请(?:安排|核实|处理|派)|麻烦(?:安排|协调|报)",
        rf"{_NO}[^,，。;；!！?？]{{0,6}}{_REGISTER}|(?:怎么|咋|哪里|哪儿|去哪|在哪|如何|要不要|能不能|可不可以)[^,，。?？]{{0,6}}(?:登记|受理|上报|备案|立案|建档|申请)"
        r"|(?:没|没有|还没|未|早就|已经|以前|上次|去年)[^,，。]{0,6}(?:登记|受理|上报|备案|立案|建档)|失业登记|登记(?:失业|在册|结婚)|不办了|结婚登记",
    ),
    _sign(
        "refuses_referral",
        rf"{_NO}[^,，。;；!！?？]{{0,6}}{_REGISTER}|不办了|不报了|不申请了|不弄了|不搞了|(?<![漏计打合划])算了",
        r"要不要|不用我|为什么|凭什么|怎么不|叫我算了|让我算了|说算了|就不(?:给|受理|登记)",
    ),
    _sign(
        "wants_erasure",
        r"(?:删|清|抹|销毁|去)(?:掉|除|空|光|了|干净)?[^,，。]{0,8}(?:信息|资料|记录|数据|聊天|号码|电话)|(?:信息|资料|记录|数据|聊天)[^,，。]{0,10}(?:删|清掉|清空|清除|抹掉|销毁|注销)",
    ),
    _sign(
        "papers",
        r"(?:带|准备|交|拿|要|开|提供|提交)[^,，。]{0,8}(?:什么|哪些|啥|么子|哪样)?(?:材料|手续|证件|证明|资料|流水|复印件|票据)[^,，。]{0,4}(?:吗|不|么|呢|\?|？|行不行|可以)|要不要[^,，。]{0,10}(?:证明|材料|流水|盖章)|(?:什么|哪些|啥|么子|几多)(?:材料|手续|证件|证明)|(?:收入|存款|贫困|财产)证明|(?:复印件|原件)",
    ),
    _sign(
        "proxy",
        r"(?:代|替|帮)(?:他|她|我|您|你|老人|爹|妈|爸|儿|女|父|母|孩子|伢)?(?:们)?(?:来|去)?(?:办|签|申请|跑|写|填|递)|代办|代签|代写|委托|(?:签|写|填)不(?:了|到|来|得)[^,，。]{0,4}(?:字|表|名)?|不(?:会|识|认)(?:写|字)|走不(?:动|了|得)|出不(?:了|得)门|来不(?:了|得)|去不(?:了|得)",
        r"帮我(?:们|家)?(?:办|申请)",
    ),
    _sign(
        "home_visit",
        r"来(?:个|一个)?人(?:看|瞧|核)|上门|到(?:我|屋|家)(?:屋里|家里|家)?来(?:看|核)|派(?:个)?人来|(?:能|可以|要)[^,，。]{0,4}(?:入户|走访)",
    ),
    _sign(
        "seized",
        r"(?:身份证|证件|护照|手机|工资卡|户口本)[^,，。]{0,8}(?:扣(?:着|下|了|住|押)|收走|没收|不还)|(?:扣|押)(?:了|着|住)?我?的?(?:身份证|证件|护照|手机)|黑厂|传销|(?:不让|不准|不许)(?:我|我们|人)?(?:走|离开|出门|出去)",
    ),
    _sign(
        "anonymous",
        r"匿名|(?:不|别|莫|先不)[^,，。]{0,6}(?:说|讲|留|写|透露|告诉|晓得)[^,，。]{0,6}(?:名字|姓名|是谁|是我|我的名)|名字(?:先|就)?不(?:说|留|写|讲)|保密|不(?:想|愿)(?:露|留)名",
    ),
    _sign(
        "hukou",
        r"(?:户口|户籍|护口|本地人|外地人|外地的|外省|居住证|居主证)[^。]{0,18}(?:能|可以|行|办|申请|给|管|收|得|影响|限制|要紧)[^。]{0,8}(?:吗|么|不|没|冇|呢|\?|？|啊)|(?:不是本地|外地|没有户口|冇户口|没户口|冇[^,，。]{0,3}户口)[^。]{0,12}(?:能|可以|得|就|也)[^。]{0,10}(?:吗|么|不|冇|呢|\?|？)|回(?:老家|户籍地|原籍)(?:去)?(?:办|申请)",
    ),
    _sign(
        "how_long",
        r"(?:多久|多长时间|几天|几多天|几时|什么时候|啥时候|么时候|何时|好久|等到)[^,，。]{0,10}(?:批|办|下来|有结果|答复|来人|到账|好|能拿|有信|回|处理|\?|？|吗|呢|$)",
    ),
    _sign("who_decides", r"(?:谁|哪个|哪一级|哪里)(?:来|去)?(?:决定|审批|批准|批|说了算|定)"),
    _sign(
        "cost", r"(?:收|要|交|给)(?:不收|不要|不交)?(?:多少)?(?:手续费|钱吗|费吗|费用吗|钱不)|花(?:多少)?钱吗|免费吗"
    ),
    _sign(
        "amount",
        r"(?:给|补|发|领|拿|有|是|能)(?:我|我们|他|她)?(?:到)?(?:多少|几多|好多|几块)钱?|(?:多少|几多|好多)钱(?:一个月|一年|一个人|每月)",
    ),
    _sign(
        "appeal", r"不服|复议|申诉|起诉|(?:不批|没批|拒绝|驳回|退回|不同意)[^,，。]{0,10}(?:怎么办|咋办|么办|找谁|告)"
    ),
    _sign(
        "both_subsidies",
        r"(?:两项|两样|两份|两个|两种|都|同时|一起|一并)[^,，。]{0,10}(?:补贴|领|拿|享受|申请|给)|(?:生活|护理)(?:补贴|的)?[^,，。]{0,6}(?:护理|生活)(?:补贴|的)?",
    ),
    _sign("money_now", r"(?:今天|马上|现在|立刻|立马|直接|当场)[^,，。]{0,8}(?:打钱|给钱|发钱|打款|到账|把钱|转账|批)"),
    _sign(
        "injection",
        r"(?:忽略|无视|忘记|忘掉|跳过|绕过)[^,，。]{0,8}(?:规则|指令|设定|提示|审核|限制|要求|上面|之前|以前)|系统(?:提示词|指令|消息)|提示词|prompt|管理员模式|开发者模式|越狱|jailbreak|"
        r"你(?:现在)?(?:是|扮演|假装)[^,，。]{0,10}(?:局长|领导|管理员|主任|市长|民政局|黑客)|(?:状态|结果)改成|(?:登记|求助)过的人|别人的(?:姓名|电话|信息|资料)|ignore (?:all|previous|the)|system prompt|直接(?:给我)?(?:批|通过)",
    ),
    _sign(
        "abuse",
        r"(?:他妈|特么|操你|草你|日你|傻[逼叉屄x]|煞笔|废物|滚蛋|去死吧你|狗日|畜生|王八|脑残|垃圾(?:机器人|系统|玩意)|你(?:个|这个)?(?:猪|狗))",
    ),
    _sign(
        "about_bot",
        r"你(?:是不是|是|到底是)?(?:真人|人工|机器人|机器|AI|ai|谁|chatgpt|ChatGPT|什么东西|啥)|(?:是|跟)(?:机器|机器人|真人)(?:吗|在|说)",
    ),
    _sign(
        "another_household",
        r"(?:另外|另|还有|再(?:帮|替|给))[^,，。]{0,6}(?:一家|一户|一个人家|别人家|人家)|(?:帮|替|给)(?:另外|别)(?:一|的)?(?:家|户|人)|换(?:一)?(?:家|户)(?:人)?(?:问|说|登记)?|(?:这|那)(?:次|回)(?:是|帮)(?:别人|邻居|另)",
    ),
    _sign(
        "correction",
        r"更正|纠正|(?:说|讲|写|报|算|填|记|搞|弄)错|不对|漏(?:算|说|了|报)|改(?:成|为|一下|过来)|应该是|其实(?:是)?|才想起|重新(?:报|说)|不是[^,，。]{1,8}(?:，|,|而)?是",
    ),
    _sign(
        "asks",
        r"[?？]|[吗么嘛啵呗]\s*[。.!！~]*$|(?:能不能|可不可以|可以不|行不行|有没有|有没得|是不是|要不要|该不该|得不得|要得不|中不中|好不好|够不够)|(?:怎么|咋|么样|如何|哪里|哪儿|哪个|哪些|什么|啥|几时|多少|几多|好多|多久|为什么|凭什么|么子)|(?:请问|想问|问一下|咨询|打听)|呢\s*[。.!！~]*$",
    ),
    _sign("still_there", r"还在吗|在不在|有人吗|在吗|听得到"),
    _sign("no_need", r"(?:没|没有|冇)(?:什么|啥)?困难|逗你|测试|测一下|试一下你|试试你|玩玩|随便问问"),
)

_PROGRAMMES: Final = (
    ("dibao_edge", r"低保边缘|边缘(?:户|家庭)|底保边缘"),
    ("rigid_expenditure", r"刚性支出|支出型困难"),
    ("tekun", r"特困|五保|特捆|敬老院|福利院供养"),
    ("disability_subsidy", r"两项补贴|护理补贴|残疾人?(?:生活)?补贴|残补|护理费|残疾人(?:还有)?两(?:份|个)"),
    ("temporary_assistance", r"临时救助|零时救助|急难救助|救急难|小额快救"),
    ("medical_aid", r"医疗救助|大病救助|医疗补助|大病补助"),
    ("education_aid", r"助学|贫困生|教育(?:救助|资助)|学费减免|奖学金|寄宿生补助|困难(?:学)?生"),
    ("housing_aid", r"公租房|廉租房|危房|为房|危改|住房(?:救助|补贴|保障)|租赁补贴"),
    ("employment_aid", r"公益性?岗位?|就业(?:援助|救助|困难)|失业(?:补助|金)|技能培训"),
    ("disaster_relief", r"救灾|受灾|灾后|冬春救助|因灾"),
    ("child_rehabilitation", r"康复(?:救助|补助|补贴|训练|费)|人工耳蜗|自闭症补|孤独症补"),
    ("home_accessibility", r"无障碍|扶手|坡道"),
    ("heating_subsidy", r"取暖|取暧|供暖|暖气(?:费|补)"),
    ("funeral_relief", r"丧葬|殡葬|火化|伤葬|安葬"),
    ("child_welfare", r"孤儿|事实无人抚养|困境儿童|留守儿童"),
    ("care_service", r"助餐|送餐|居家养老|上门照(?:护|料)|探访|护工"),
    ("stranded_aid", r"救助站|救济站|就住站|流浪|返乡|遣送"),
    ("charity", r"慈善|红十字|水滴筹|轻松筹|众筹"),
    ("legal_aid", r"法律援助|法援|打官司"),
    ("monitored", r"防返贫|监测户|返贫|脱贫户|贫困户|建档立卡"),
    ("dibao", r"低保|底保|最低生活保障|吃保"),
)


@cache
def _programme_patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(words)) for name, words in _PROGRAMMES)


def remarks_of(text: str) -> frozenset[str]:
    """The remarks that a simplified text makes. Only its first 4,000 characters are read."""
    head = text[:MAX_CHARACTERS]
    return frozenset(
        sign.name for sign in _SIGNS if sign.says.search(head) and not (sign.unless and sign.unless.search(head))
    )


def named_programmes(text: str) -> tuple[str, ...]:
    """The programmes that a simplified text names, in the order of the table above. 低保边缘 does not name 低保."""
    head = text[:MAX_CHARACTERS]
    found = []
    for name, pattern in _programme_patterns():
        if pattern.search(head):
            found.append(name)
            head = pattern.sub(" ", head)
    return tuple(found)
