"""Telegram, both modes, against a Bot API server of our own on loopback: what must hold when the network or Telegram does not."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from fake_telegram import RESIDENT, TOKEN, Drop, DropAfter, FakeTelegram, Garbage, Hang, Refusal
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from serving import serving
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs
from waiting import Clock, run, until

from bot.channels import telegram as channel_module
from bot.channels.telegram import TelegramChannel, secret_for
from bot.inbox import IncomingMessage, answer_waiting, receive, receive_all
from bot.outbox import DeliveryDelayed, claim_replies, deliver, split
from bot.turn import House
from hotline.assembly import quiet_logs
from hotline.channels import open_channels
from hotline.settings import Settings
from hotline.worker import Worker
from store.models import Attachment, Conversation, Inbox, Outbox, Referral
from store.session import Store

WORDS = "我家揭不开锅了,两天没吃饭"


@pytest.fixture
def server() -> Iterator[FakeTelegram]:
    with FakeTelegram() as telegram:
        yield telegram


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


def make_channel(server: FakeTelegram, store: Store, clock: Clock, **options: Any) -> TelegramChannel:
    given = {"token": TOKEN, "api_url": server.address, "poll_seconds": 10, "first_pause": 0.02, "read_timeout": 5.0}
    return TelegramChannel(store, clock=clock, **{**given, **options})


@asynccontextmanager
async def hotline(
    server: FakeTelegram, store: Store, house: House, clock: Clock, **options: Any
) -> AsyncIterator[TelegramChannel]:
    """Channel and worker as `hotline worker` runs them."""
    channel = make_channel(server, store, clock, **options)
    async with channel.running():
        worker = Worker(store, house, {channel.name: channel}, {channel.name: channel}, clock=clock)
        channel.on_message = worker.wake
        await worker.start()
        try:
            yield channel
        finally:
            await worker.stop()


@asynccontextmanager
async def connected(server: FakeTelegram, store: Store, clock: Clock, **options: Any) -> AsyncIterator[TelegramChannel]:
    """The channel alone, ready to send."""
    channel = make_channel(server, store, clock, **options)
    polls = len(server.called("getUpdates"))
    async with channel.running():
        await until(lambda: len(server.called("getUpdates")) > polls)
        yield channel


def count(store: Store, what: Any, **where: Any) -> int:
    with store.session() as session:
        return session.scalar(select(func.count(what.id)).filter_by(**where)) or 0


def enqueue(store: Store, clock: Clock, *texts: str, chat: int = RESIDENT) -> None:
    """Replies that wait to be sent, as turns leave them."""
    receive(store, IncomingMessage("telegram", str(chat), f"seed-{chat}-{texts}", "x"), clock())
    with store.begin() as session:
        inbox = session.scalars(select(Inbox).filter_by(external_id=f"seed-{chat}-{texts}")).one()
        inbox.status = "answered"
        for n, text in enumerate(texts):
            session.add(
                Outbox(
                    conversation_id=inbox.conversation_id,
                    inbox_id=inbox.id,
                    n=n,
                    template="t",
                    text=text,
                    next_try_at=clock(),
                    created_at=clock(),
                )
            )


async def send_round(store: Store, channel: TelegramChannel, clock: Clock) -> int:
    """Claim what is due and try it once."""
    due = claim_replies(store, (channel.name,), clock())
    for reply in due:
        await deliver(store, channel, reply, clock)
    return len(due)


# -- receiving, by polling -------------------------------------------------------------------------------------------


def test_a_message_is_answered(server: FakeTelegram, file_store: Store, file_house: House, clock: Clock) -> None:
    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            server.say(WORDS)
            await until(server.replies)
            await until(lambda: count(file_store, Outbox, status="sent") == 1)

    run(work())
    assert "登记号" in server.replies()[0]
    assert count(file_store, Referral) == 1


def test_a_repeated_update_is_answered_once(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            update = server.say(WORDS)
            await until(server.replies)
            server.offer(update, update)
            server.say("你好", chat=RESIDENT + 1)
            await until(lambda: server.replies(RESIDENT + 1))

    run(work())
    assert len(server.replies()) == 1
    assert count(file_store, Inbox) == 2


def test_an_update_is_confirmed_only_after_it_is_stored(
    server: FakeTelegram, file_store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails twice: the same update must be asked for again, and be confirmed only when it is safe."""
    confirmed_when_stored: list[int] = []
    failures = iter([True, True])

    def stumbling(store: Store, messages: list[IncomingMessage], now: datetime) -> int:
        if next(failures, False):
            raise OperationalError("insert", None, Exception("database or disk is full"))
        confirmed_when_stored.append(server.confirmed)
        return receive_all(store, messages, now)

    monkeypatch.setattr(channel_module, "receive_all", stumbling)

    async def work() -> None:
        async with make_channel(server, file_store, clock).running():
            update = server.say(WORDS)
            await until(lambda: server.confirmed == update["update_id"])

    run(work())
    assert confirmed_when_stored == [0]
    assert count(file_store, Inbox) == 1


def test_what_was_not_confirmed_before_we_stopped_is_not_answered_again(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    update = server.update(server.message(WORDS))

    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            server.offer(update)
            await until(server.replies)

    run(work())
    server.offer(update)  # as if the confirmation had never reached Telegram
    run(work())
    assert len(server.replies()) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Refusal(500, "Internal Server Error"),
        Refusal(502, "Bad Gateway"),
        Garbage(),
        Garbage(200, "ok?"),
        Garbage(200, "[]"),
        Drop(),
        Refusal(429, "Too Many Requests: retry after 1", retry_after=0),
        Refusal(409, "Conflict: terminated by other getUpdates request"),
    ],
    ids=lambda trouble: f"{type(trouble).__name__} {getattr(trouble, 'code', '')}",
)
def test_polling_goes_on_after_trouble(
    server: FakeTelegram, file_store: Store, clock: Clock, trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "LONGEST_PAUSE", 0.05)
    server.trouble("getUpdates", trouble, trouble)

    async def work() -> None:
        async with make_channel(server, file_store, clock).running():
            server.say(WORDS)
            await until(lambda: count(file_store, Inbox) == 1)

    run(work())
    assert len(server.called("getUpdates")) >= 3


def test_a_poll_without_an_answer_is_given_up_and_done_again(
    server: FakeTelegram, file_store: Store, clock: Clock
) -> None:
    server.trouble("getUpdates", Hang())

    async def work() -> None:
        channel = make_channel(server, file_store, clock, poll_seconds=0, read_timeout=0.2)
        async with channel.running():
            await until(lambda: server.called("getUpdates"))
            server.say(WORDS)
            await until(lambda: count(file_store, Inbox) == 1)

    run(work())


def test_an_update_that_cannot_be_read_is_passed_over_and_its_words_are_not_logged(
    server: FakeTelegram, file_store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    broken = server.update({"text": WORDS, "date": "yesterday", "chat": 5})

    async def work() -> None:
        async with make_channel(server, file_store, clock).running():
            server.offer(broken)
            server.say("后面的话")
            await until(lambda: count(file_store, Inbox) == 1)

    with capture_logs() as logs, caplog.at_level(logging.DEBUG):
        run(work())
    assert "telegram_update_unreadable" in [line["event"] for line in logs]
    assert WORDS not in caplog.text


def test_groups_are_not_answered(server: FakeTelegram, file_store: Store, clock: Clock) -> None:
    async def work() -> None:
        async with make_channel(server, file_store, clock).running():
            server.offer(server.update(server.message(WORDS, chat=-100, kind="supergroup")))
            server.offer(server.update(server.message(WORDS, chat=-200, kind="group")))
            server.say("私聊")
            await until(lambda: count(file_store, Inbox) == 1)

    run(work())
    assert count(file_store, Conversation) == 1


@pytest.mark.parametrize(
    ("said", "stored"),
    [("/start", ""), ("/start yuekou_poster-7", ""), ("/start 我家没米了", "我家没米了"), ("/help", "/help")],
)
def test_start(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock, said: str, stored: str
) -> None:
    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            server.say(said)
            await until(server.replies)

    run(work())
    with file_store.session() as session:
        assert session.scalars(select(Inbox.text)).one() == stored


def test_an_edited_message_is_heard_but_a_moving_location_is_not(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            said = server.message("我家3口人")
            server.offer(server.update(said))
            await until(lambda: len(server.replies()) == 1)
            server.offer(server.update({**said, "text": "我家4口人", "edit_date": 1795406460}, "edited_message"))
            await until(lambda: len(server.replies()) == 2)
            where = server.message(location={"longitude": 113.1, "latitude": 30.6})
            server.offer(server.update({**where, "edit_date": 1795406470}, "edited_message"))
            server.say("在吗", chat=RESIDENT + 1)
            await until(lambda: server.replies(RESIDENT + 1))

    run(work())
    assert len(server.replies()) == 2


def test_a_voice_note_is_answered_with_the_request_to_write_or_call(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    voice = {"file_id": "v", "file_unique_id": "v", "duration": 3, "mime_type": "audio/ogg"}

    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            server.say(voice=voice)
            await until(server.replies)

    run(work())
    assert "打字" in server.replies()[0]
    assert "12345" in server.replies()[0]


def test_a_shared_contact_is_read_as_its_number(server: FakeTelegram, file_store: Store, clock: Clock) -> None:
    async def work() -> None:
        async with make_channel(server, file_store, clock).running():
            server.say(contact={"phone_number": "19900001302", "first_name": "张"})
            await until(lambda: count(file_store, Inbox) == 1)

    run(work())
    with file_store.session() as session:
        assert session.scalars(select(Inbox.text)).one() == "19900001302"


# -- files -----------------------------------------------------------------------------------------------------------


def photo(name: str, size: int = 5) -> dict[str, Any]:
    return {"photo": [{"file_id": name, "file_unique_id": name, "width": 9, "height": 9, "file_size": size}]}


def document(name: str, size: int, **more: Any) -> dict[str, Any]:
    return {
        "document": {"file_id": name, "file_unique_id": name, "file_name": f"{name}.pdf", "file_size": size, **more}
    }


def test_files_before_and_after_the_referral_are_sealed_and_go_with_it(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    server.files = {"before": b"first photo", "after": b"%PDF later"}

    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            server.say(**photo("before"))
            await until(lambda: count(file_store, Attachment, status="stored") == 1)
            server.say(WORDS)
            await until(lambda: count(file_store, Referral) == 1)
            clock.advance(seconds=1)
            server.say(**document("after", 10, mime_type="application/pdf"))
            await until(lambda: count(file_store, Attachment, status="stored") == 2)

    run(work())
    with file_store.session() as session:
        referral = session.scalars(select(Referral)).one()
        first, second = session.scalars(select(Attachment).order_by(Attachment.id)).all()
        assert {first.referral_id, second.referral_id} == {referral.id}
        assert first.content is not None
        assert b"first photo" not in first.content
        assert file_store.vault.open(first.content) == b"first photo"
        assert file_store.vault.open(second.content or b"") == b"%PDF later"
        assert (second.name, second.media_type, second.size) == ("after.pdf", "application/pdf", 10)


def test_a_file_that_is_too_large_is_kept_on_record_and_its_sender_told(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    server.files["big"] = bytes(20 * 1024 * 1024 + 1)

    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            server.say(**document("big", 5_000_000_000, mime_type="x" * 300))
            await until(lambda: len(server.replies()) == 2)

    run(work())
    assert "没有存上" in server.replies()[1]
    assert count(file_store, Attachment, status="failed") == 1


def test_a_file_is_fetched_again_after_trouble(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    server.files["p"] = b"photo"
    server.trouble("getFile", Refusal(500, "Internal Server Error"))
    server.trouble("download", Refusal(503, "Service Unavailable"))

    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            server.say(**photo("p"))
            await until(lambda: count(file_store, Attachment, attempts=1) == 1)
            clock.advance(seconds=6)
            await until(lambda: count(file_store, Attachment, attempts=2) == 1)
            clock.advance(seconds=11)
            await until(lambda: count(file_store, Attachment, status="stored") == 1)

    run(work())


# -- sending ---------------------------------------------------------------------------------------------------------


def test_429_is_waited_for_exactly_as_told(server: FakeTelegram, file_store: Store, clock: Clock) -> None:
    enqueue(file_store, clock, "答复")
    server.trouble("sendMessage", Refusal(429, "Too Many Requests: retry after 30", retry_after=30))

    async def work() -> None:
        async with connected(server, file_store, clock) as channel:
            assert await send_round(file_store, channel, clock) == 1
            clock.advance(seconds=29.999)
            assert await send_round(file_store, channel, clock) == 0
            clock.advance(seconds=0.001)
            assert await send_round(file_store, channel, clock) == 1

    run(work())
    assert server.replies() == ["答复"]
    assert count(file_store, Outbox, status="sent", attempts=2) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Refusal(500, "Internal Server Error"),
        Refusal(502, "Bad Gateway"),
        Garbage(),
        Drop(),
        Refusal(401, "Unauthorized"),
    ],
    ids=["500", "502", "proxy", "drop", "401"],
)
def test_a_reply_is_tried_again_with_growing_pauses(
    server: FakeTelegram, file_store: Store, clock: Clock, trouble: Any
) -> None:
    enqueue(file_store, clock, "答复")
    server.trouble("sendMessage", trouble, trouble)

    async def work() -> None:
        async with connected(server, file_store, clock) as channel:
            assert await send_round(file_store, channel, clock) == 1
            assert await send_round(file_store, channel, clock) == 0
            clock.advance(seconds=1)
            assert await send_round(file_store, channel, clock) == 1
            clock.advance(seconds=1)
            assert await send_round(file_store, channel, clock) == 0
            clock.advance(seconds=1)
            assert await send_round(file_store, channel, clock) == 1

    run(work())
    assert server.replies() == ["答复"]


def test_a_send_without_an_answer_is_tried_again(server: FakeTelegram, file_store: Store, clock: Clock) -> None:
    enqueue(file_store, clock, "答复")
    server.trouble("sendMessage", Hang(), DropAfter())

    async def work() -> None:
        async with connected(server, file_store, clock, read_timeout=0.2) as channel:
            for _ in range(3):
                await send_round(file_store, channel, clock)
                clock.advance(seconds=10)

    run(work())
    # The second attempt was carried out, and its answer lost on the way: it cannot be known, so it is done again.
    assert server.replies() == ["答复", "答复"]
    assert count(file_store, Outbox, status="sent", attempts=3) == 1


def test_order_in_a_conversation_is_kept_and_others_are_not_held_up(
    server: FakeTelegram, file_store: Store, clock: Clock
) -> None:
    enqueue(file_store, clock, "一", "二", "三")
    enqueue(file_store, clock, "别人", chat=RESIDENT + 1)
    server.trouble("sendMessage", Refusal(429, "Too Many Requests: retry after 5", retry_after=5))

    async def work() -> None:
        async with connected(server, file_store, clock) as channel:
            await send_round(file_store, channel, clock)
            assert (server.replies(), server.replies(RESIDENT + 1)) == ([], ["别人"])
            await send_round(file_store, channel, clock)
            assert server.replies() == []
            clock.advance(seconds=5)
            for _ in range(3):
                await send_round(file_store, channel, clock)

    run(work())
    assert server.replies() == ["一", "二", "三"]


def test_a_blocked_bot_fails_that_reply_and_others_go_on(server: FakeTelegram, file_store: Store, clock: Clock) -> None:
    enqueue(file_store, clock, "收不到", "也收不到")
    enqueue(file_store, clock, "收得到", chat=RESIDENT + 1)
    server.blocked.add(RESIDENT)

    async def work() -> None:
        async with connected(server, file_store, clock) as channel:
            while await send_round(file_store, channel, clock):
                pass

    run(work())
    assert count(file_store, Outbox, status="failed") == 2
    assert server.replies(RESIDENT + 1) == ["收得到"]


def test_a_reply_that_never_gets_through_is_given_up_after_two_days(
    server: FakeTelegram, file_store: Store, clock: Clock
) -> None:
    enqueue(file_store, clock, "答复")
    server.trouble("sendMessage", *[Refusal(500, "Internal Server Error")] * 2)

    async def work() -> None:
        async with connected(server, file_store, clock) as channel:
            await send_round(file_store, channel, clock)
            clock.advance(days=2)
            await send_round(file_store, channel, clock)

    run(work())
    assert count(file_store, Outbox, status="failed") == 1


def test_a_fault_of_ours_in_sending_neither_loses_the_reply_nor_stops_the_rest(file_store: Store, clock: Clock) -> None:
    class Faulty:
        name = "telegram"

        async def send(self, address: str, text: str, *, key: str) -> None:
            raise KeyError(text)

    enqueue(file_store, clock, "答复")

    async def work() -> None:
        for due in claim_replies(file_store, ("telegram",), clock()):
            assert not await deliver(file_store, Faulty(), due, clock)

    run(work())
    assert count(file_store, Outbox, status="waiting", attempts=1) == 1


# -- long texts ------------------------------------------------------------------------------------------------------


def test_a_long_reply_is_cut_at_a_sentence_and_arrives_in_order(
    server: FakeTelegram, file_store: Store, clock: Clock
) -> None:
    text = "".join(f"第{n}句话,说的是第{n}件事😀。" for n in range(700))
    pieces = split(text, 4096)
    enqueue(file_store, clock, *pieces)

    async def work() -> None:
        async with connected(server, file_store, clock) as channel:
            while await send_round(file_store, channel, clock):
                pass

    run(work())
    assert len(pieces) > 2
    assert server.replies() == pieces
    assert all(piece.endswith("。") for piece in pieces)
    assert "".join(pieces) == text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@given(st.text(alphabet=st.sampled_from("字a 。!？\n😀”　,"), max_size=300), st.integers(2, 60))
def test_split_keeps_within_the_limit_and_loses_only_white_space_at_cuts(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(0 < _units(piece) <= limit and piece.strip() for piece in pieces)
    rest = text
    for piece in pieces:  # each piece follows the one before, with nothing but white space between
        index = rest.index(piece)
        assert not rest[:index].strip()
        rest = rest[index + len(piece) :]
    assert not rest.strip()


@given(st.text(max_size=200))
def test_split_leaves_alone_what_fits(text: str) -> None:
    assert split(text, 400) == split(text, None) == ([text] if text.strip() else [])


# -- the webhook -----------------------------------------------------------------------------------------------------


def webhook_app(store: Store, channel: TelegramChannel | None) -> FastAPI:
    app = FastAPI()
    app.state.store, app.state.telegram = store, channel
    app.include_router(channel_module.routes())
    return app


@asynccontextmanager
async def webhook(
    server: FakeTelegram, store: Store, house: House, clock: Clock
) -> AsyncIterator[tuple[str, TelegramChannel]]:
    """The whole way with a webhook; its address, and the channel."""
    app = webhook_app(store, None)
    with serving(app) as base:
        async with hotline(server, store, house, clock, webhook_url=f"{base}/telegram") as channel:
            app.state.telegram = channel
            await until(lambda: server.webhook.get("url"))
            yield f"{base}/telegram", channel


def test_the_webhook_answers(server: FakeTelegram, file_store: Store, file_house: House, clock: Clock) -> None:
    update = server.update(server.message(WORDS))

    async def work() -> None:
        async with webhook(server, file_store, file_house, clock):
            await until(lambda: server.push(update) == 200)
            await until(server.replies)
            await until(lambda: server.push(update) == 200)

    run(work())
    assert server.webhook["secret_token"] == secret_for(TOKEN)
    assert len(server.replies()) == 1
    assert not server.called("getUpdates")


def test_the_webhook_refuses_what_it_should(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    good = server.update(server.message(WORDS))
    answers: dict[str, int] = {}

    async def work() -> None:
        async with webhook(server, file_store, file_house, clock) as (address, _):
            bodies: dict[str, Callable[[], int]] = {
                "wrong secret": lambda: server.push(good, secret="guess"),
                "no secret": lambda: server.push(good, secret="", address=address),
                "no json": lambda: server.push(b"\xff{"),
                "nested": lambda: server.push(b"[" * 100_000),
                "null": lambda: server.push(b"null"),
                "no update": lambda: server.push({"update_id": 1, "message": {"text": "x"}}),
                "huge": lambda: server.push(b'"' + b"x" * 1_000_001 + b'"'),
                "good": lambda: server.push(good),
            }
            for name, push in bodies.items():
                await until(lambda name=name, push=push: answers.setdefault(name, push()))

    with capture_logs() as logs:
        run(work())
    refused = {"wrong secret": 403, "no secret": 403, "huge": 413}
    passed_over = dict.fromkeys(("no json", "nested", "null", "no update", "good"), 200)
    assert answers == {**refused, **passed_over}
    assert [line["event"] for line in logs].count("telegram_update_passed_over") == 4
    assert count(file_store, Inbox) == 1


def test_the_webhook_answers_503_while_the_store_is_in_trouble(
    server: FakeTelegram, file_store: Store, clock: Clock
) -> None:
    trouble = [True]

    def fail(*_: Any) -> None:
        if trouble:
            raise OperationalError("begin", None, Exception("database is locked"))

    event.listen(file_store.engine, "before_cursor_execute", fail)
    update = server.update(server.message(WORDS))
    channel = make_channel(server, file_store, clock, webhook_url="http://x/telegram")
    with serving(webhook_app(file_store, channel)) as base:
        assert server.push(update, secret=secret_for(TOKEN), address=f"{base}/telegram") == 503
        trouble.clear()
        assert server.push(update, secret=secret_for(TOKEN), address=f"{base}/telegram") == 200
    assert count(file_store, Inbox) == 1


def test_without_telegram_there_is_no_webhook(server: FakeTelegram, file_store: Store) -> None:
    with serving(webhook_app(file_store, None)) as base:
        assert server.push({}, secret="x", address=f"{base}/telegram") == 404


# -- starting without Telegram, and keeping quiet ----------------------------------------------------------------------


def test_an_unreachable_telegram_stops_nobody_and_is_found_later(
    server: FakeTelegram, file_store: Store, file_house: House, clock: Clock
) -> None:
    server.trouble("getMe", Drop(), Drop(), Drop())

    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            web = IncomingMessage("web", "browser", "1", "你好")
            receive(file_store, web, clock())
            await until(lambda: count(file_store, Inbox, status="answered") == 1)
            server.say(WORDS)
            await until(server.replies)

    with capture_logs() as logs:
        run(work())
    events = [line["event"] for line in logs]
    assert "telegram_unreachable" in events
    assert events.index("telegram_unreachable") < events.index("telegram_ready")


def test_nothing_is_sent_before_telegram_was_reached(server: FakeTelegram, file_store: Store, clock: Clock) -> None:
    channel = make_channel(server, file_store, clock)

    async def work() -> None:
        with pytest.raises(DeliveryDelayed):
            await channel.send("1", "x", key="1")

    run(work())
    assert not server.called("sendMessage")


def test_a_wrong_token_is_one_clear_line(server: FakeTelegram, file_store: Store, clock: Clock) -> None:
    async def work() -> None:
        channel = make_channel(server, file_store, clock, token="123456:some-other-token")
        with capture_logs() as logs:
            async with channel.running():
                await until(lambda: logs)
        assert [line["event"] for line in logs] == ["telegram_token_refused"]
        assert "TELEGRAM_BOT_TOKEN" in logs[0]["advice"]

    run(work())


def test_a_malformed_token_is_one_clear_line(file_store: Store, tmp_path: Path) -> None:
    settings = Settings(var=tmp_path, telegram_bot_token="no token at all")

    async def work() -> None:
        with capture_logs() as logs:
            async with open_channels(settings, file_store) as channels:
                assert channels.telegram is None
        assert [line["event"] for line in logs] == ["telegram_token_malformed"]
        assert "no token at all" not in str(logs)

    run(work())


def test_the_token_and_the_words_stay_out_of_logs_and_errors(
    server: FakeTelegram,
    file_store: Store,
    file_house: House,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    quiet_logs("DEBUG")
    request.addfinalizer(structlog.reset_defaults)
    caplog.set_level(logging.INFO)
    server.trouble("getMe", Drop(), Garbage())
    server.trouble("getUpdates", Refusal(500, "Internal Server Error"), Garbage(200, WORDS))
    server.trouble("sendMessage", Refusal(401, "Unauthorized"), Drop())

    async def work() -> None:
        async with hotline(server, file_store, file_house, clock):
            server.say(WORDS)
            for attempts in (1, 2):
                await until(lambda attempts=attempts: count(file_store, Outbox, attempts=attempts) == 1)
                clock.advance(seconds=10)
            await until(server.replies)
        refused = make_channel(server, file_store, clock, token="123456:wrong")
        async with refused.running():
            pass
        for trouble in (Refusal(401, "Unauthorized"), Refusal(404, "Not Found"), Drop()):
            server.trouble("sendMessage", trouble)
            async with connected(server, file_store, clock) as channel:
                with pytest.raises(DeliveryDelayed) as error:
                    await channel.send(str(RESIDENT), WORDS, key="1")
                assert error.value.__suppress_context__
                assert TOKEN not in str(error.value)

    run(work())
    out, err = capfd.readouterr()
    everything = out + err + caplog.text
    assert "telegram_ready" in everything
    assert TOKEN.split(":")[1] not in everything
    assert WORDS not in everything


def test_two_workers_share_a_token_one_polls_and_the_other_stands_by(
    server: FakeTelegram, file_store: Store, clock: Clock
) -> None:
    async def work() -> None:
        with capture_logs() as logs:
            async with connected(server, file_store, clock), make_channel(server, file_store, clock).running():
                await until(lambda: "telegram_polled_elsewhere" in [line["event"] for line in logs])
                server.say(WORDS)
                await until(lambda: count(file_store, Inbox) == 1)

    run(work())


def test_the_wait_between_attempts_has_an_end(file_store: Store, clock: Clock) -> None:
    """The back-off grows to ten minutes, not for ever."""

    class Deaf:
        name = "telegram"

        async def send(self, address: str, text: str, *, key: str) -> None:
            raise DeliveryDelayed("deaf")

    enqueue(file_store, clock, "答复")
    pauses: list[timedelta] = []

    async def work() -> None:
        for _ in range(14):
            before = clock()
            due = claim_replies(file_store, ("telegram",), clock())
            await deliver(file_store, Deaf(), due[0], clock)
            with file_store.session() as session:
                clock.at = session.scalars(select(Outbox.next_try_at)).one()
            pauses.append(clock() - before)

    run(work())
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=1)
    assert pauses[-1] == timedelta(minutes=10)


def test_answering_goes_on_while_a_reply_cannot_leave(file_store: Store, file_house: House, clock: Clock) -> None:
    receive(file_store, IncomingMessage("telegram", "1", "1", "你好"), clock())
    assert answer_waiting(file_store, file_house, clock()) == 1
    receive(file_store, IncomingMessage("telegram", "1", "2", "有什么救助"), clock())
    assert answer_waiting(file_store, file_house, clock()) == 1
    assert count(file_store, Outbox, status="waiting") == 2
