"""Telephone, identity and ticket numbers, also when they are spaced out or read aloud digit by digit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from stdnum.cn import ric

from nlu.numerals import ALOUD

_SAID = "".join(ALOUD)
_DIGIT = rf"[\d{_SAID}]"
_GAP = r"[ \-·.]?"
_PHONE = re.compile(
    rf"(?<![\d{_SAID}.])(?:\+?86{_GAP})?((?:1|一|幺){_GAP}(?:[3-9]|[三四五六七八九拐勾])(?:{_GAP}{_DIGIT}){{9}})(?![\d{_SAID}])"
)
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3})[- ]?(\d{7,8})(?!\d)")
_IDENTITY = re.compile(rf"(?<![\dA-Za-z])((?:{_DIGIT}{_GAP}){{17}}(?:{_DIGIT}|[xXхХ叉]|艾克斯))(?![\dA-Za-z{_SAID}])")
_CALLED_IDENTITY = re.compile(r"身份证|证件号|证号|身份号")
_TICKET = re.compile(
    r"(?:(?:受理|工|订|查询|登记|申请|回执|转办|派|救助)?单(?:子)?(?:号码?)?|编号|受理号|工单号?|登记号|查询号|回执号"
    r"|业务号|案件号|号码?)(?:是|为|叫|:|尾号)?[ :#]?"
    r"(?P<called>[A-Za-z]{0,6}-?\d[\dA-Za-z]*(?:-[\dA-Za-z]+)*)"
)
_TICKET_SHAPE = re.compile(r"(?<![A-Za-z\d])(?P<shaped>[A-Za-z]{2,5}-?\d{4,}(?:-[\dA-Za-z]+)*)(?![A-Za-z\d])")
_MIN_TICKET: Final = 4
_MAX_TICKET: Final = 32


@dataclass(frozen=True, slots=True)
class Contacts:
    """The numbers that a message gives: `phone` digits only, `id_number` 18 characters, `ticket_number` as written."""

    phone: str | None = None
    id_number: str | None = None
    ticket_number: str | None = None


def _digits(text: str) -> str:
    said = text.replace("艾克斯", "X").replace("叉", "X")
    return "".join(ALOUD.get(char, char) for char in said if char.isalnum())


def read_contacts(text: str) -> Contacts:
    """The last telephone number, identity number and ticket number of `text` (normalised)."""
    id_number = read_id_number(text)
    rest = _IDENTITY.sub(" ", text) if id_number else text
    phone = read_phone(rest)
    return Contacts(phone, id_number, read_ticket(rest))


def read_phone(text: str) -> str | None:
    found = [_digits(match.group(1)) for match in _PHONE.finditer(text)]
    if found:
        return found[-1]
    landline = _LANDLINE.search(text)
    return landline.group(1) + landline.group(2) if landline else None


def read_id_number(text: str) -> str | None:
    """18 characters with a possible birth date; a wrong check character is passed on only when it is called an identity number.

    Callers misread single digits: the office asks again, so the number must not vanish silently.
    """
    found = None
    for match in _IDENTITY.finditer(text):
        number = _digits(match.group(1)).upper().replace("Х", "X")
        if len(number) != 18 or not number[:17].isdecimal() or not _birth_possible(number):
            continue
        alone = len(text) - (match.end() - match.start()) <= 4
        if ric.is_valid(number) or alone or _CALLED_IDENTITY.search(text):
            found = number
    return found


def _birth_possible(number: str) -> bool:
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    return 1890 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= 31


def read_ticket(text: str) -> str | None:
    for match in _TICKET.finditer(text):
        ticket = match.group("called")
        before = text[max(0, match.start() - 3) : match.start()]
        if not _MIN_TICKET <= len(ticket) <= _MAX_TICKET or _PHONE.fullmatch(ticket):
            continue
        if match.group().startswith("号") and not re.search(r"[A-Za-z-]", ticket):
            continue  # 手机号, 房号, 票号: only a number shaped like a ticket counts
        if before.endswith(("机", "电话", "身份证", "银行卡")):
            continue
        return ticket
    shaped = _TICKET_SHAPE.search(text)
    return shaped.group("shaped") if shaped else None
