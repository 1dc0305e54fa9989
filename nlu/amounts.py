"""Sums of money in a message and what each stands for: income, cost of illness, of school, debt.

A sum takes the role of the nearest word that names one; sums that are subsidies, deposits, rents or still to come take none.
All functions take text made readable by `nlu.spelling.readable`. Amounts are whole yuan.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from nlu.numerals import Number

Role = Literal["debt", "per_person", "medical", "education", "income", "spent", "ignored"]
MAX_YUAN: Final = 1_000_000_000

_FARTHEST: Final = 18  # a word farther off speaks of something else
_SHORT: Final = 40
_REACH_LEFT: Final = 26
_REACH_RIGHT: Final = 7
_PER_PERSON_BONUS: Final = 4  # 人均月入: the sharper word wins over the plain one beside it
_SOFT_COST: Final = 5  # a comma or blank between word and sum counts as so many characters

_YUAN = re.compile(r"^(?:多|来|几|把|好几)?(?:个)?(?:多)?(?:块钱|块|元|圆|人民币|RMB|rmb|大洋|/月|/年)")
_NOT_YUAN = re.compile(
    r"^(?:多|来|几)?(?:个)?(?:多)?(?:年(?!的?(?:药|学|工))|个?月(?!\d)|日|号|栋|岁|口|人(?!民币)|名|斤|公斤|平(?!均)|米"
    r"|只|头|亩|天|小时|点|级|组|楼|层|次"
    r"|分(?!钱)|期(?!\d)|届|张|台|份|户|位|%|度|kg|km|公里|里|条|间|套|床|箱|袋|瓶|支|针|片|颗|粒"
    r"|辆|艘|本|册|封|遍|趟|回|顿|餐|代|周|礼拜|星期|胞胎|儿|个(?!月)|女|子|男|院|医|附|旬|婚|把手|中|小学|厂|公司"
    r"|块(?:地|田|砖|板|肉|骨)|[a-zA-Z]{2,}|·|:|\.)"
)
_BEFORE_NOT_YUAN = re.compile(r"[第尾号〔\[]$|[A-Za-z#]$|电话|手机号|编号|\d[.:/-]$")

_ROLE_WORDS: Final[tuple[tuple[Role, str], ...]] = (
    (
        "ignored",
        (
            r"补助|补贴|报销(?:了|下来|完)?|报了|标准|押金|订金|定金|罚款?|赔|彩礼|工程|捐|中介费?|保费|医保|社保"
            r"|养老保险|合作医疗|车票|车费|水费|电费|取暖费?|暖气|租|房价|首付|救助(?:了|款"
            r"|金)|慰问|还差|钱差|差(?=\d|[一二三四五六七八九两])"
            r"|凑(?:了|到|齐)?|拖欠|工资没|欠薪|欠我|欠我们|还了(?!还)|卖|买|价|存款|丧葬费|抚慰金|贴现|垫付|份子|送礼"
            r"|身上|只剩|剩下|分期|抢|骗|偷|丢|每次|一次|一支|一针|每支|一天|每天|一盒"
            r"|一瓶|日均|手术费(?=要|得|还|大概|需)|手术要|不交|再交|先交|补交|补齐|[先再]补|补不上|要交|需交|得交|还要"
            r"|还需|需要(?=\d|[一二三四五六七八九两十])|预计|后续|大概要|估计|准备|预交|交齐|后期|将来"
            r"|奖金|奖励|高龄|抚养费|赡养费|护理补|老板|包工头|工头|工钱|血汗钱|起步价|物业费|年限|额度|会费"
        ),
    ),
    (
        "debt",
        (
            r"外债|债务|欠债|借债|负债|债|欠(?!费(?=[^\d一二三四五六七八九两十]))(?:了|下|着|款|账|费|医院|银行|人家|亲戚"
            r"|别人|信用社|[^,。]{0,3}的?钱)?|借(?!住|宿)(?:了|的|款"
            r"|来|遍|到|钱|下)?|贷款|贷了|网贷|窟窿|饥荒|拉账|赊(?:账|了)?|还欠|差(?:人家|别人|亲戚|银行|账|信用社)(?:的)?"
        ),
    ),
    (
        "per_person",
        (
            r"人均(?:每)?(?:月|年)?均?(?:可支配)?(?:收入|入)?|平均(?:每|一|到)(?:个)?人|平均下来|摊下来|摊到|摊得|每人"
            r"|一个人(?:一个月|每月|头)|人头|(?:均|合)到(?:每)?(?:个)?人"
        ),
    ),
    (
        "medical",
        (
            r"药(?!店|房|厂|材)(?:费|钱|片|物)?|吃药|买药|打针|医疗费?|医药费?|医药|治疗费?|治病|看病|就医|住院(?:费)?"
            r"|手术(?:费)?|开刀|透析|血透|化疗|放疗|住了[^,。]{0,4}院|抢救"
            r"|ICU|重症监护|康复(?:训练)?费?|护理费|自费|检查费|病(?=[^,。]{0,8}花)|护工|胰岛素|靶向药|癌"
        ),
    ),
    (
        "education",
        (
            r"学费|学杂费|住宿费?|书本费|书费|书杂费|伙食费|保教费|托费|杂费|杂用(?:费)?|生活费和杂|校服费|培训费|补课费"
            r"|读书(?:的)?(?:钱|费|开销)|上学(?:的)?(?:钱|费|开销)|学习(?:费用|开销)"
        ),
    ),
    (
        "income",
        (
            r"收入|进账|工资|退休金|养老金|养老钱|退休工资|月薪|年薪|月入|年入|挣|赚|打零工|打工|务工|做工|上班|理货|洗碗"
            r"|保洁|保安|搬砖|开出租|送货|跑车|卖菜|种田|种地|扫地|环卫|缝|工钱|低保金|低保钱"
            r"|抚恤金|社保金|老保|农保|拿(?=\d|[一二三四五六七八九两])|这点钱|加起来|加一起|合起来|凑起来|一共|总共|合计"
            r"|统共|拢共|靠|全家|一家|家里|过日子|糊口|养家|开(?=\d|[一二三四五六七八九两])"
        ),
    ),
    ("spent", r"花(?!园|生|卉|钱买|椒|了眼)(?:了|去|掉|脱|费|光|出去|销|完|起)?|用(?:了|去|掉|脱)|费用|开销|支出"),
)
_WORDS: Final = tuple((role, re.compile(words)) for role, words in _ROLE_WORDS)
_SICKNESS = re.compile(
    r"病|癌|瘤|医|院|药|手术|透析|化疗|中风|脑梗|出血|瘫|骨折|伤|摔|车祸|治|ICU|尿毒|诊断|肝|肾|心脏|抢救|开刀|动了刀|撞"
)
_MONTHLY = re.compile(
    r"(?<!住了)(?<!院)(?<!过)(?<!这)(?<!上)(?<!了)(?:每个?月|一个月|1个月|个把月|月月|每月|按月|(?<=[^\d一二十])一月(?!\d"
    r"|份)|月均|月(?=收入|入|工资|薪|药|花|开|支"
    r"|退休|养老|平均|总收)|/月|单月|一个月下来)"
)
_THIS_MONTH = re.compile(r"(?:这|上)个?月|住了一个月|一个月前|[\d一二三四五六七八九十]+月(?:份|\d)")
_YEARLY = re.compile(r"(?:一年|每年|全年|年(?=收入|入|薪|总收|纯收|均|人均)|/年|一年到头|每一年|一整年|1年|年纯)")
_TERM = re.compile(r"一?个?学期|每?学期|每期|一期|半年|半学年|一季")
_DAILY = re.compile(r"一天|每天|日均|一晚|一次|每次|一支|一针|一趟|一盒|/天|/次|一节课")
_ALL_NEAR = re.compile(
    r"全家|一家(?!医院|公司|店|饭)|我们?家|俺们?家|家(?=月|年|总|一)|家里|(?<![保户难缘困])家庭|屋里|屋头|家中|两口子"
    r"|老两口|夫妻|夫妇|两个人|我们俩|娘|爷俩|两人|加起来|加一起|加到一起"
    r"|凑一起|一共|总共|合计|统共|拢共|总收入|全部|所有|就靠|全靠|只靠|全指|就指|仅靠|单靠|都靠|就我|就他|就她|唯一|靠我"
    r"|靠他|靠她|(?<!依)靠(?=[^,。]{0,16}(?:过|生活|养|活|维持))"
)
_EARNED = re.compile(
    r"收入|工资|退休金|养老|挣|赚|过日子|打工|打零工|生活|上班|理货|洗碗|保洁|保安|搬砖|开出租|送货|跑车|卖菜|种田|种地"
    r"|扫地|环卫|缝|就我|就靠|全靠|进账|做工|摆摊|种"
)
_ALL_ANYWHERE = re.compile(
    r"就(?:我|他|她)?(?:这|那)(?:点|么点|几个|些|份)(?:钱|收入|工资)|没(?:有|得)?(?:别的|其他|其它|旁的)(?:的)?(?:收入"
    r"|进账|来源|钱)|(?:无|没有)其(?:他"
    r"|它)(?:经济)?(?:收入|来源)|就我一个(?:人)?(?:在)?(?:上班|挣钱|打工|赚钱|做事|有收入|干活)"
    r"|唯一(?:的)?(?:收入|经济来源)|(?:全|都|就|只)(?:家)?(?:靠|指望|指着)(?:我|他|她|老公|爸|妈|儿子|这|那)|靠(?:我|他"
    r"|她)(?:一个人|一人)|家里就(?:我|他|她|老公|爸"
    r"|妈)[^,。]{0,6}(?:挣|赚|上班|打工|有收入)|两口人.{0,4}就"
)
_SUM_WORDS = re.compile(r"总共|一共|前前?后后?|加起来|累计|合计|总计|拢共|到现在|至今|共")
_STILL = re.compile(r"还欠|还剩|还有|仍欠|尚欠|剩")
_GENERAL_AFTER = re.compile(
    r"^[^,。;!? ]{0,4}?(?:的|以下|以上|以内)(?:人|家庭|户|话)?(?:能不能|能否|是否(?!还)|可不可以|能(?:吃|拿|领|办|申请)"
    r"|可以(?:吃|拿|领|办|申请)|算不算|符不符合|够不够(?!用))"
)
_FUTURE_COST = re.compile(
    r"(?:还|需|要|得|大概|估计|预计|可能|准备|后续|接下来|下一步|医生说|通知)[^,。;]{0,8}(?:要|交|花|准备)?$"
)
_OWED_TO_SENDER = re.compile(
    r"(?:老板|公司|包工头|工头|单位|厂里?|工地|开发商|劳务)[^,。;]{0,10}(?:欠|拖)|欠(?:我|俺|咱|大家|工人|农民工)|拖欠"
    r"|(?:欠|拖)[^,。]{0,8}(?:工资|工钱)|工资[^,。]{0,6}(?:没|不)(?:给|发)"
)
_OWING = re.compile(r"欠[^,。 ]{0,8}$")
_RISES = re.compile(r"^[^,。 ]{0,3}?(?:降|减|涨|升|加|变|改)(?:到|至|为|成)")
_FORMER = re.compile(r"(?:上次|以前|原来|之前|当时|原先|从前|那时)[^。]{0,14}$")
_EACH = re.compile(r"一人|每人|各|人均|每个人")


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money with the words around it."""

    number: Number
    role: Role
    left: str
    right: str
    clause: str

    @property
    def yuan(self) -> int:
        return self.number.whole


@dataclass(frozen=True, slots=True)
class Money:
    """The amounts of a message by role; None where it names none."""

    household_income_monthly: int | None = None
    income_per_person_monthly: int | None = None
    medical_expense: int | None = None
    medical_expense_monthly: int | None = None
    education_expense: int | None = None
    debt: int | None = None


def find_amounts(text: str, numbers: list[Number]) -> list[Amount]:
    """Every number of `text` that is a sum of money, with its role."""
    sums = [number for number in numbers if _is_money(text, number)]
    amounts: list[Amount] = []
    previous_end = 0
    for index, number in enumerate(sums):
        next_start = sums[index + 1].start if index + 1 < len(sums) else len(text)
        amounts.append(_placed(text, number, previous_end, next_start, amounts))
        if not _RISES.match(text[number.end : number.end + 8]):
            previous_end = number.end
    return amounts


def _is_money(text: str, number: Number) -> bool:
    after, before = text[number.end : number.end + 8], text[max(0, number.start - 3) : number.start]
    if number.value <= 0 or number.value > MAX_YUAN:
        return False
    if _YUAN.match(after):
        return not re.match(r"^块(?:地|田|砖|板|肉|骨)", after)
    if _NOT_YUAN.match(after) or _BEFORE_NOT_YUAN.search(before) or after.startswith(("之", "/", "分")):
        return False
    if number.text.isdecimal() and (number.text.startswith("0") or _is_year(text, number)):
        return False
    if number.value <= _OLDEST and re.match(r"(?:多|好几)?(?:了|岁)", after):
        return False  # an age
    return number.value >= 50


_OLDEST: Final = 120
_BEFORE_SUM = re.compile(r"(?:工资|收入|金|钱|费|挣|赚|拿|月|年|欠|花|了|有|共|块|入|靠|才|就|这|到|得)$")


def _is_year(text: str, number: Number) -> bool:
    """A bare 2017 without yuan is a year unless a word of money stands before it."""
    looks = 1949 <= number.value <= 1999 or 2001 <= number.value <= 2030
    return looks and not _BEFORE_SUM.search(text[max(0, number.start - 3) : number.start])


def _placed(text: str, number: Number, previous_end: int, next_start: int, earlier: list[Amount]) -> Amount:
    hard = max((text.rfind(mark, 0, number.start) for mark in "。!?;\n"), default=-1) + 1
    left = text[max(hard, previous_end, number.start - _REACH_LEFT) : number.start]
    right_end = min(next_start, number.end + 16)
    right = re.split(r"[。!?;\n]", text[number.end : right_end], maxsplit=1)[0]
    soft_left = max(left.rfind(","), left.rfind(" "), left.rfind("、")) + 1
    clause = left[soft_left:] + number.text + re.split(r"[, ]", right, maxsplit=1)[0]
    role = _role(left, number.text, right, earlier)
    return Amount(number, role, left, right, clause)


def _role(left: str, figure: str, right: str, earlier: list[Amount]) -> Role:
    best: tuple[int, int, Role] | None = None
    for rank, (role, words) in enumerate(_WORDS):
        for match in words.finditer(left + figure, 0, len(left) + 1):  # some words need a figure after them
            if match.end() > len(left):
                continue
            gap = left[match.end() :]
            cost = len(gap) + _SOFT_COST * sum(gap.count(mark) for mark in ", 、")
            cost -= _PER_PERSON_BONUS if role == "per_person" else 0
            best = min(best or (cost, rank, role), (cost, rank, role))
        match_right = words.search(re.split(r"[, ]", right, maxsplit=1)[0][: _REACH_RIGHT + 4])
        if match_right and match_right.start() <= _REACH_RIGHT and "就" not in right[: match_right.start() + 1]:
            cost = match_right.start() + 3
            best = min(best or (cost, rank, role), (cost, rank, role))
    if best is None:
        if earlier and earlier[-1].role == "debt" and re.match(r"^[^,。]{0,6}[, ][^,。]{0,5}$", left):
            return "debt"
        return "ignored"
    if best[0] > _FARTHEST and best[2] != "ignored":
        return "ignored"
    return "debt" if best[2] in ("medical", "education") and _OWING.search(left) else best[2]


_PERIODS: Final = (("month", _MONTHLY), ("year", _YEARLY), ("term", _TERM), ("day", _DAILY))
_PERIOD_REACH: Final = 5  # 2000块一个月: a period may follow its sum at once


def _period(amount: Amount) -> str:
    """month, year, term, day or empty: the nearest word of time before the sum, else right after it."""
    left = amount.left + amount.number.text[:1]
    before = [(match.end(), match.start(), name) for name, pattern in _PERIODS for match in pattern.finditer(left)]
    clause_start = max(left.rfind(mark) for mark in ", ") + 1
    near = [found for found in before if found[0] > clause_start]
    if near:
        return max(near)[2]
    right = re.split(r"[, ]", amount.right, maxsplit=1)[0]
    after = [(match.start(), name) for name, pattern in _PERIODS for match in pattern.finditer(right)]
    if after and min(after)[0] <= _PERIOD_REACH:
        return min(after)[1]
    return max(before)[2] if before else ""


def _is_stated(amount: Amount) -> bool:
    """Not a general case, a value taken back (不是六万) or the one before a change (从两千六降到九百)."""
    return not (_GENERAL_AFTER.match(amount.right) or _RISES.match(amount.right) or amount.left.endswith("不是"))


def read_money(text: str, numbers: list[Number], *, alone: bool = False, personal: bool = True) -> Money:
    """The amounts of a message by role; `alone` when the person in need lives alone (then their own pay is all there is).

    Without somebody in need (`personal` false) only a short message states costs: a longer one speaks of the rules.
    """
    amounts = [amount for amount in find_amounts(text, numbers) if _is_stated(amount)]
    if not amounts:
        return Money()
    if not personal and len(text) > _SHORT:
        return Money(_household_income(text, amounts, alone=alone), _per_person(amounts))
    return Money(
        household_income_monthly=_household_income(text, amounts, alone=alone),
        income_per_person_monthly=_per_person(amounts),
        medical_expense=_medical_total(text, amounts),
        medical_expense_monthly=_medical_monthly(text, amounts),
        education_expense=_education(amounts),
        debt=_debt(text, amounts),
    )


def _as_monthly(amount: Amount, period: str) -> int | None:
    if period == "year":
        return round(amount.yuan / 12)
    return None if period in ("day", "term") else amount.yuan


def _owed(text: str, amount: Amount) -> bool:
    """Whether the sum is owed to the sender (wages in arrears), not by them."""
    start, end = amount.number.start, amount.number.end
    return bool(
        _OWED_TO_SENDER.search(text[max(0, start - 20) : start])
        or re.match(r"^[^,。]{0,6}(?:工资|工钱)[^,。]{0,8}(?:没|不|拖|欠)", text[end : end + 20])
    )


def _household_income(text: str, amounts: list[Amount], *, alone: bool) -> int | None:
    wages = [
        amount
        for amount in amounts
        if amount.role == "income" and not _EACH.search(amount.left[-6:]) and not _owed(text, amount)
    ]
    wages = [amount for amount in wages if not _FORMER.search(amount.left)] or wages
    wages = [amount for amount in wages if re.search(r"实际(?:上)?(?:就|只)?(?:是|有)?$", amount.left)] or wages
    for index, amount in enumerate(wages):
        if index and re.search(r"加起来|加一起|合起来|凑起来|一共|总共|合计|统共|拢共|共", amount.left[-8:]):
            return _as_monthly(amount, _period(amount) or _period(wages[index - 1]))
    for amount in wages:
        nearby = amount.left + amount.number.text + amount.right[:10]
        if _ALL_NEAR.search(nearby) and (_period(amount) or _EARNED.search(nearby)):
            return _as_monthly(amount, _period(amount))
    return _wages_that_are_all(text, wages, alone=alone)


def _wages_that_are_all(text: str, wages: list[Amount], *, alone: bool) -> int | None:
    """Wages that the message elsewhere says are all: one, or one for each of two earners."""
    paid = [amount for amount in wages if _period(amount) or re.search(r"工资|退休金|养老", amount.left)]
    if len(paid) == 1 and (alone or _ALL_ANYWHERE.search(text)):
        return _as_monthly(paid[0], _period(paid[0]))
    if len(paid) == 2 and re.search(r"就这两(?:份|个)|没(?:有|得)?(?:别的|其他|其它)(?:的)?(?:收入|来源)", text):
        parts = [_as_monthly(amount, _period(amount)) for amount in paid]
        return sum(part for part in parts if part is not None)
    return None


_NOT_EARNED_EACH = re.compile(r"标准[^,。 |]*\||补[^,。|]*\||交|缴|保险|工钱|奖|学费")


def _per_person(amounts: list[Amount]) -> int | None:
    for amount in amounts:
        if amount.role == "per_person" and not _NOT_EARNED_EACH.search(amount.left[-16:] + "|" + amount.right[:4]):
            return _as_monthly(amount, _period(amount))
    return None


def _is_medical(text: str, amount: Amount) -> bool:
    if amount.role == "medical":
        return True
    if amount.role != "spent":
        return False
    return bool(_SICKNESS.search(text))


def _medical_monthly(text: str, amounts: list[Amount]) -> int | None:
    monthly = [amount for amount in amounts if _is_medical(text, amount) and _period(amount) == "month"]
    named = [amount.yuan for amount in monthly if amount.role == "medical"]
    return max(named or [amount.yuan for amount in monthly], default=None)


def _medical_total(text: str, amounts: list[Amount]) -> int | None:
    found = [
        amount
        for amount in amounts
        if _is_medical(text, amount)
        and _period(amount) not in ("month", "day")
        and not _FUTURE_COST.search(amount.left[-12:])
        and not re.search(r"大概|估计|预计|左右要|要花", amount.left[-8:])
    ]
    if not found:
        return None
    for amount in found:
        if _SUM_WORDS.search(amount.left[-10:]):
            return amount.yuan
    if len(found) > 1 and all(re.search(r"又|再", amount.left[-8:]) for amount in found[1:]):
        return sum(amount.yuan for amount in found)
    return max(amount.yuan for amount in found)


SCHOOL_MONTHS: Final = 10
"""Months of a school year, for fees that are said per month."""
_MEALS: Final = ("伙食费", "生活费")
_FEE = re.compile(r"学费|学杂费|住宿费?|书本费|书费|书杂费|伙食费|保教费|杂费|生活费")


def _education(amounts: list[Amount]) -> int | None:
    """Fees of one school year; a fee per term is doubled, different fees beside each other are added."""
    fees: dict[str, int] = {}
    for amount in amounts:
        period = _period(amount)
        names = _FEE.findall(amount.left)
        if amount.role != "education" or period == "day" or (period == "month" and names and names[-1] in _MEALS):
            continue
        fees[names[-1] if names else ""] = amount.yuan * {"term": 2, "month": SCHOOL_MONTHS}.get(period, 1)
    return sum(fees.values()) or None


def _debt(text: str, amounts: list[Amount]) -> int | None:
    owed = [amount for amount in amounts if amount.role == "debt" and not _owed(text, amount)]
    if not owed:
        return None
    for amount in owed:
        if _STILL.search(amount.left[-6:]):
            return amount.yuan
    for amount in owed:
        if _SUM_WORDS.search(amount.left[-8:]):
            return amount.yuan
    return sum(amount.yuan for amount in owed)
