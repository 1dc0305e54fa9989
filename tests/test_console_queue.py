"""The queue: order, who owns what, the race for a conversation, silence, answers, handing back."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from console_browser import Browser, Console, open_console
from cryptography.fernet import Fernet
from sqlalchemy import event, select

from actions import conversations
from actions.conversations import LONGEST_ANSWER, ConversationNotFound, NotTheOwner, TakenAlready
from actions.officers import create_officer
from bot.channels.web import transcript as seen_by_resident
from bot.inbox import IncomingMessage, answer_waiting, receive
from bot.outbox import claim_replies
from bot.turn import House
from hotline.settings import Settings
from store.models import Audit, Conversation, Inbox, Officer, Outbox
from store.session import Store, migrate, open_store
from store.vault import Vault


@pytest.fixture
def console(settings: Settings, store: Store, house: House, now: datetime) -> Console:
    return open_console(settings, store, house, now)


@pytest.fixture
def operator(console: Console) -> Browser:
    return console.as_role("operator")


def read(console: Console, conversation_id: int) -> Conversation:
    with console.store.session() as session:
        return session.get_one(Conversation, conversation_id)


def said_by_officers(console: Console) -> list[str]:
    with console.store.session() as session:
        return [row.text for row in session.scalars(select(Outbox).filter_by(author="officer"))]


def audited(console: Console, action: str) -> list[int | None]:
    with console.store.session() as session:
        return [row.object_id for row in session.scalars(select(Audit).filter_by(action=action))]


def test_severity_comes_first_then_who_waited_longest(console: Console, operator: Browser) -> None:
    late = console.conversation(severity="routine", waited=timedelta(hours=5))
    urgent = console.conversation(severity="urgent", waited=timedelta(minutes=5))
    new = console.conversation(severity="critical", waited=timedelta(minutes=1))
    older = console.conversation(severity="critical", waited=timedelta(minutes=9))
    console.conversation(handoff="none", severity="critical")
    console.conversation(handoff="returned")
    with console.store.session() as session:
        assert [row.id for row in conversations.queue(session)] == [older, new, urgent, late]
    page = operator.get("/console/queue").text
    assert "有 2 个危急的对话没有人接手" in page
    assert page.index(f"/console/queue/{older}") < page.index(f"/console/queue/{late}")
    rows = operator.get("/console/queue/rows").text
    assert "<html" not in rows
    assert 'data-title="【危急 2】"' in rows


def statements_of_the_queue(console: Console) -> int:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(console.store.engine, "before_cursor_execute", note)
    with console.store.session() as session:
        conversations.queue(session)
    event.remove(console.store.engine, "before_cursor_execute", note)
    return sum(statement.startswith("SELECT") for statement in statements)


def test_the_queue_asks_the_store_the_same_number_of_times_however_long(console: Console) -> None:
    console.conversation()
    short = statements_of_the_queue(console)
    for _ in range(20):
        console.conversation(severity="urgent")
    assert statements_of_the_queue(console) == short <= 5


def test_a_conversation_from_the_first_look_to_handing_back(console: Console, operator: Browser) -> None:
    number = console.conversation(severity="critical", words="我不想活了")
    path = f"/console/queue/{number}"
    page = operator.get(path).text
    for words in ("我不想活了", "没有人接手", "危急时这样做", "70 岁", "接手这个对话"):
        assert words in page
    taken = operator.follow(operator.post(f"{path}/take")).text
    assert "您正在办" in taken
    assert read(console, number).handoff == "owned"
    answered = operator.follow(operator.post(f"{path}/answer", text=" 我在,您慢慢说 \n")).text
    assert "我在,您慢慢说" in answered
    assert said_by_officers(console) == ["我在,您慢慢说"]
    back = operator.follow(operator.post(f"{path}/hand-back"))
    assert "已交回助手" in back.text
    row = read(console, number)
    assert (row.handoff, row.owner_id, row.severity) == ("returned", None, "routine")
    for action in ("read_conversation", "take_over", "answer_conversation", "hand_back"):
        assert number in audited(console, action), action


def test_the_second_operator_is_told_and_cannot_speak(console: Console, operator: Browser) -> None:
    number = console.conversation()
    other = console.as_role("supervisor")
    operator.post(f"/console/queue/{number}/take")
    late = other.follow(other.post(f"/console/queue/{number}/take"))
    assert "已经由别人接手" in late.text
    assert "operator 姓名 正在办" in late.text
    refused = other.post(f"/console/queue/{number}/answer", text="我来说")
    assert refused.status_code == 422
    assert "没有发出去" in refused.text
    assert said_by_officers(console) == []


def test_taking_ones_own_again_changes_nothing(console: Console, operator: Browser) -> None:
    number = console.conversation()
    for _ in range(2):
        assert "您正在办" in operator.follow(operator.post(f"/console/queue/{number}/take")).text
    assert audited(console, "take_over") == [number]


def test_of_many_who_take_at_once_exactly_one_gets_it(tmp_path: Path, now: datetime) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'race.db'}", Vault([Fernet.generate_key().decode()]))
    migrate(store)
    with store.begin() as session:
        for n in range(6):
            create_officer(session, f"op{n}", f"op{n}", "operator", None, None, now)
        session.add(
            Conversation(channel="web", address_key="k", handoff="waiting", handoff_at=now, created_at=now, last_at=now)
        )
    with store.session() as session:
        officers = session.scalars(select(Officer).order_by(Officer.id)).all()
    start, won, lost = threading.Barrier(len(officers)), list[int](), list[int]()

    def take(officer: Officer) -> None:
        start.wait(10)
        try:
            with store.begin() as session:
                conversations.take_over(session, officer, 1, now)
        except TakenAlready:
            lost.append(officer.id)
        else:
            won.append(officer.id)

    threads = [threading.Thread(target=take, args=(officer,)) for officer in officers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with store.session() as session:
        row = session.get_one(Conversation, 1)
        assert (len(won), len(lost), row.owner_id) == (1, 5, won[0])
        assert [a.officer_id for a in session.scalars(select(Audit).filter_by(action="take_over"))] == won
    store.close()


def test_the_officers_answer_reaches_the_resident_and_the_assistant_keeps_silent(
    console: Console, operator: Browser
) -> None:
    store, clock = console.store, console.clock

    def resident_says(n: int, text: str) -> None:
        clock.forward(seconds=1)
        receive(store, IncomingMessage("web", "browser-address-000001", f"m{n}", text), clock.now)
        answer_waiting(store, console.house, clock.now)

    resident_says(0, "我要转人工")
    with store.session() as session:
        number = session.scalars(select(Conversation.id)).one()
    assert read(console, number).handoff == "waiting"
    operator.post(f"/console/queue/{number}/take")
    before = len(seen_by_resident(store, "browser-address-000001"))
    for n in range(1, 30):
        resident_says(n, "我家两天没吃饭了" if n % 2 else "你好?")
    lines = seen_by_resident(store, "browser-address-000001")
    assert [line.author for line in lines[before:]] == ["resident"] * 29
    clock.forward(seconds=1)
    operator.post(f"/console/queue/{number}/answer", text="这就给您联系镇上")
    assert seen_by_resident(store, "browser-address-000001")[-1].author == "officer"
    due = [reply.text for reply in claim_replies(store, ("web",), clock.now)]
    assert due  # it leaves by the outbox, in the conversation's order
    operator.post(f"/console/queue/{number}/hand-back")
    resident_says(40, "谢谢")
    assert seen_by_resident(store, "browser-address-000001")[-1].author == "assistant"


@pytest.mark.parametrize(("text", "said"), [("  \n", "还没有写内容"), ("说" * (LONGEST_ANSWER + 1), "太长了")])
def test_an_answer_that_cannot_be_sent(console: Console, operator: Browser, text: str, said: str) -> None:
    number = console.conversation()
    operator.post(f"/console/queue/{number}/take")
    response = operator.post(f"/console/queue/{number}/answer", text=text)
    assert said in response.text
    assert text.strip() in response.text  # nothing typed is lost
    assert said_by_officers(console) == []


def test_a_button_pressed_twice_sends_once(console: Console, operator: Browser) -> None:
    number = console.conversation()
    operator.post(f"/console/queue/{number}/take")
    for _ in range(2):
        operator.post(f"/console/queue/{number}/answer", text="好的")
    assert said_by_officers(console) == ["好的"]
    console.clock.forward(minutes=1)
    operator.post(f"/console/queue/{number}/answer", text="好的")
    assert said_by_officers(console) == ["好的", "好的"]


def test_a_supervisor_gives_back_for_an_owner_who_left_an_operator_does_not(
    console: Console, operator: Browser
) -> None:
    number = console.conversation()
    operator.post(f"/console/queue/{number}/take")
    other = console.as_role("operator", login="second")
    assert "不归您" in other.follow(other.post(f"/console/queue/{number}/hand-back")).text
    supervisor = console.as_role("supervisor")
    supervisor.post(f"/console/queue/{number}/hand-back")
    assert read(console, number).handoff == "returned"


def test_a_conversation_that_nobody_asked_a_person_to_see_stays_closed(console: Console, operator: Browser) -> None:
    number = console.conversation(handoff="none")
    for path in (f"/console/queue/{number}", f"/console/queue/{number}/lines"):
        assert operator.get(path).status_code == 404
    for step in ("take", "answer", "hand-back"):
        assert operator.post(f"/console/queue/{number}/{step}", text="x").status_code == 404
    assert audited(console, "read_conversation") == []


def test_an_erased_conversation_is_gone(console: Console, operator: Browser) -> None:
    number = console.conversation()
    with console.store.begin() as session:
        session.get_one(Conversation, number).erased_at = console.clock.now
    assert operator.get(f"/console/queue/{number}").status_code == 404
    assert f"/console/queue/{number}" not in operator.get("/console/queue").text


def test_a_page_left_open_is_entered_every_ten_minutes_not_every_poll(console: Console, operator: Browser) -> None:
    number = console.conversation()
    for _ in range(21):
        operator.get(f"/console/queue/{number}/lines")
        console.clock.forward(seconds=31)
    assert audited(console, "read_conversation") == [number, number]


def test_what_a_resident_writes_is_text_and_nothing_else(console: Console, operator: Browser) -> None:
    number = console.conversation(words='<script>alert(1)</script>"><img src=x onerror=alert(1)>')
    for path in (f"/console/queue/{number}", f"/console/queue/{number}/lines"):
        page = operator.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page


def test_the_rules_by_themselves(console: Console) -> None:
    now, number = console.clock.now, console.conversation()
    console.officer("operator")
    with console.store.begin() as session:
        officer = session.scalars(select(Officer)).one()
        with pytest.raises(NotTheOwner):
            conversations.hand_back(session, officer, number, now)
        with pytest.raises(NotTheOwner):
            conversations.answer(session, officer, number, "x", now)
        with pytest.raises(ConversationNotFound):
            conversations.take_over(session, officer, number + 1, now)
        version = session.scalars(select(Conversation.version)).one()
        conversations.take_over(session, officer, number, now)
        assert session.scalars(select(Conversation.version)).one() == version + 1  # a turn that began before fails
        [row] = conversations.queue(session)
        assert row.unanswered is not None
        conversations.answer(session, officer, number, "好", now + timedelta(seconds=1))
        [row] = conversations.queue(session)
        assert row.unanswered is None
        session.add(
            Inbox(channel="web", external_id="z", conversation_id=number, text="在吗", next_try_at=now,
                  received_at=now + timedelta(seconds=9))
        )  # fmt: skip
        [row] = conversations.queue(session)
        assert row.unanswered == now + timedelta(seconds=9)
