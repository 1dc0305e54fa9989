"""The inbox of referrals as officers use it: what they see, the steps, what is entered in the audit."""

from __future__ import annotations

from datetime import datetime

import pytest
from console_browser import COUNTY, DUOBAO, Browser, Console, open_console
from sqlalchemy import select

from bot.turn import House
from console.pages import mask_numbers
from hotline.settings import Settings
from store.models import Audit, Referral
from store.session import Store


@pytest.fixture
def console(settings: Settings, store: Store, house: House, now: datetime) -> Console:
    return open_console(settings, store, house, now)


@pytest.fixture
def caseworker(console: Console) -> Browser:
    return console.as_role("caseworker")


def read(console: Console, referral_id: int) -> Referral:
    with console.store.session() as session:
        return session.get_one(Referral, referral_id)


def audited(console: Console) -> list[tuple[str, int | None]]:
    with console.store.session() as session:
        rows = session.scalars(select(Audit).where(Audit.object_kind != "officer").order_by(Audit.id))
        return [(row.action, row.object_id) for row in rows]


def test_the_list_shows_what_one_needs_to_choose(console: Console, caseworker: Browser) -> None:
    referral = read(console, console.referral())
    page = caseworker.get("/console/referrals").text
    for words in (referral.number, "紧急", "没有地方住", "住房", "岳口镇", "民政", "待接收"):
        assert words in page


def test_what_is_late_is_marked(console: Console, caseworker: Browser) -> None:
    console.referral(urgency="critical")
    assert "已超时" not in caseworker.get("/console/referrals").text
    console.clock.forward(minutes=16)
    assert "已超时 1 分钟" in caseworker.get("/console/referrals").text


def test_the_list_is_filtered_by_status_and_cut_into_pages(console: Console, caseworker: Browser) -> None:
    numbers = [read(console, console.referral()).number for _ in range(51)]
    first, second = (caseworker.get(f"/console/referrals?page={n}").text for n in (1, 2))
    assert sum(number in first for number in numbers) == 50
    assert sum(number in second for number in numbers) == 1
    assert "第 1 页，共 2 页" in first
    assert "没有转办单" in caseworker.get("/console/referrals?status=closed").text


def test_the_page_says_everything_in_words(console: Console, caseworker: Browser) -> None:
    referral = console.referral(consent="emergency", words="房子烧了,打我电话19900001202")
    page = caseworker.get(f"/console/referrals/{referral}").text
    for words in (
        "房子烧了",
        "没有等本人同意",
        "一起生活的人数",
        "3 人",
        "1,800 元",
        "本地户口",
        "临时救助",
        "199****1202",
    ):
        assert words in page
    assert "19900001202" not in page
    assert ("read_referral", referral) in audited(console)


def test_showing_the_telephone_is_entered_in_the_audit(console: Console, caseworker: Browser) -> None:
    referral = console.referral()
    page = caseworker.post(f"/console/referrals/{referral}/phone").text
    assert "19900001202" in page
    assert ("show_phone", referral) in audited(console)


def test_a_day_of_a_referral(console: Console, caseworker: Browser) -> None:
    referral = console.referral()
    path = f"/console/referrals/{referral}"
    assert "办理中" in caseworker.follow(caseworker.post(f"{path}/accept")).text
    assert "帮助已送到" in caseworker.follow(caseworker.post(f"{path}/aided", note="送去被子和米面")).text
    closed = caseworker.follow(caseworker.post(f"{path}/close", outcome="helped", note="安置在亲戚家")).text
    for words in ("已经帮上", "送去被子和米面", "安置在亲戚家", "caseworker 姓名"):
        assert words in closed
    assert read(console, referral).status == "closed"
    done = [action for action, number in audited(console) if number == referral]
    assert {"accepted_referral", "aided_referral", "closed_referral"} <= set(done)


def test_closing_twice_says_so(console: Console, caseworker: Browser) -> None:
    path = f"/console/referrals/{console.referral()}"
    caseworker.post(f"{path}/close", outcome="helped")
    again = caseworker.follow(caseworker.post(f"{path}/close", outcome="helped"))
    assert "不在这一步" in again.text


@pytest.mark.parametrize(
    ("outcome", "note", "said"),
    [("not_qualified", " ", "写明原因"), ("nonsense", "x", "选一个办理结果"), ("", "x", "选一个办理结果")],
)
def test_closing_without_help_needs_a_reason(
    console: Console, caseworker: Browser, outcome: str, note: str, said: str
) -> None:
    referral = console.referral()
    page = caseworker.follow(caseworker.post(f"/console/referrals/{referral}/close", outcome=outcome, note=note))
    assert said in page.text
    assert read(console, referral).status == "open"


def test_giving_back_sends_it_on(console: Console, caseworker: Browser) -> None:
    referral = console.referral()
    without = caseworker.follow(caseworker.post(f"/console/referrals/{referral}/return", reason="  "))
    assert "写明原因" in without.text
    after = caseworker.follow(caseworker.post(f"/console/referrals/{referral}/return", reason="户口不在这里"))
    assert "已经退回" in after.text
    assert caseworker.get(f"/console/referrals/{referral}").status_code == 404  # it is another office's now
    supervisor = console.as_role("supervisor").get(f"/console/referrals/{referral}").text
    assert "户口不在这里" in supervisor
    assert read(console, referral).status == "returned"


def test_a_caseworker_sees_only_their_own_department_and_township(console: Console, caseworker: Browser) -> None:
    elsewhere, other = console.referral(unit=DUOBAO), console.referral(unit=COUNTY, department="education")
    for referral in (elsewhere, other):
        assert read(console, referral).number not in caseworker.get("/console/referrals").text
        for step in ("", "/accept", "/aided", "/return", "/close", "/phone"):
            path = f"/console/referrals/{referral}{step}"
            answer = caseworker.post(path, outcome="helped", reason="x") if step else caseworker.get(path)
            assert answer.status_code == 404, path
        assert read(console, referral).status == "open"
        assert all(number != referral for _, number in audited(console))


def test_an_operator_reads_but_takes_no_step(console: Console) -> None:
    page = console.as_role("operator").get(f"/console/referrals/{console.referral()}").text
    assert "居民的原话" in page
    assert "接收，由我办" not in page


def test_two_officers_at_once_the_second_is_told(console: Console, caseworker: Browser) -> None:
    path = f"/console/referrals/{console.referral()}"
    supervisor = console.as_role("supervisor")
    caseworker.post(f"{path}/accept")
    assert "不在这一步" in supervisor.follow(supervisor.post(f"{path}/accept")).text


def test_a_file_is_opened_from_the_vault_and_only_downloaded(console: Console, caseworker: Browser) -> None:
    referral = console.referral()
    photo = console.file(referral, b"\x89PNG-bytes", "户口本.png", "image/png")
    page = console.file(referral, b"<script>alert(1)</script>", "x.html", "text/html")
    assert "户口本.png" in caseworker.get(f"/console/referrals/{referral}").text
    answer = caseworker.get(f"/console/referrals/{referral}/files/{photo}")
    assert answer.content == b"\x89PNG-bytes"
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "%E6%88%B7%E5%8F%A3%E6%9C%AC.png" in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("download_file", photo) in audited(console)
    script = caseworker.get(f"/console/referrals/{referral}/files/{page}")
    assert script.headers["content-type"] == "application/octet-stream"
    other = console.referral()
    assert caseworker.get(f"/console/referrals/{other}/files/{photo}").status_code == 404


@pytest.mark.parametrize("name", ['a"\r\nX-Evil: 1.png', "../../etc/passwd", "", "x" * 500])
def test_a_files_name_cannot_leave_its_header(console: Console, caseworker: Browser, name: str) -> None:
    referral = console.referral()
    file = console.file(referral, b"x", name, "image/png")
    answer = caseworker.get(f"/console/referrals/{referral}/files/{file}")
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
    assert "/" not in answer.headers["content-disposition"].split("''")[1]


def test_what_a_resident_writes_is_text_and_nothing_else(console: Console, caseworker: Browser) -> None:
    referral = console.referral(words="<script>alert(1)</script><img src=x onerror=alert(1)>")
    page = caseworker.get(f"/console/referrals/{referral}").text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("打19900001202找我", "打199****1202找我"),
        ("199 0000 1202", "199****1202"),
        ("身份证42900619600101001X的", "身份证429006********1X的"),
        ("欠了120000元,2026年", "欠了120000元,2026年"),
    ],
)
def test_numbers_in_words_are_masked(text: str, shown: str) -> None:
    assert mask_numbers(text) == shown
