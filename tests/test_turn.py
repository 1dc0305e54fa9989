"""What a turn leaves in the store beside its reply: how to reach the family, and what a person who takes over can rely on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from console_browser import open_console
from sqlalchemy import select, update

from actions.eligibility import Hint, Policy
from actions.erasure import finish_erasures
from bot.channels.terminal import say
from bot.inbox import IncomingMessage
from bot.turn import House, Turn
from hotline.assembly import open_settled_store
from hotline.settings import Settings
from store.models import Conversation, Household, Inbox, Outbox, Referral, ReferralEvent
from store.session import Store


class Talk:
    """One resident, a minute between two messages."""

    def __init__(self, store: Store, house: House, now: datetime) -> None:
        self.store, self.house, self.now, self.said = store, house, now, 0

    def __call__(self, text: str, **after: float) -> Turn:
        self.said += 1
        self.now += timedelta(**after) if after else timedelta(minutes=1)
        return say(self.store, self.house, IncomingMessage("web", "resident", str(self.said), text), self.now)

    def set(self, **values: object) -> None:
        with self.store.begin() as session:
            session.execute(update(Conversation).values(**values, version=Conversation.version + 1))

    @property
    def conversation(self) -> Conversation:
        with self.store.session() as session:
            return session.scalars(select(Conversation)).one()

    @property
    def referral(self) -> Referral:
        with self.store.session() as session:
            return session.scalars(select(Referral).order_by(Referral.id.desc())).first() or pytest.fail("no referral")

    @property
    def household(self) -> Household:
        with self.store.session() as session:
            return session.get_one(Household, self.referral.household_id)


@pytest.fixture
def talk(store: Store, house: House, now: datetime) -> Talk:
    return Talk(store, house, now)


def test_a_telephone_given_after_the_referral_was_opened_reaches_the_office(talk: Talk) -> None:
    assert talk("家里三天没米下锅了,我在岳口镇").results.referral
    assert talk.household.contact is None or "phone" not in talk.household.contact
    talk("我电话19900001202")
    assert (talk.household.contact or {}).get("phone") == "19900001202"
    assert talk.household.phone_key


def test_a_reporters_telephone_stays_with_the_report(talk: Talk) -> None:
    talk("我是村里的网格员,岳口镇有个老人三天没吃饭了没人管")
    talk("我电话19900001202")
    assert talk.referral.kind == "report"
    assert (talk.referral.facts or {}).get("phone") == "19900001202"
    assert "phone" not in (talk.household.contact or {})
    assert talk.household.phone_key is None


def test_the_office_sees_a_reporters_telephone_masked_and_in_full_when_asked(talk: Talk, settings: Settings) -> None:
    talk("我是村里的网格员,岳口镇有个老人三天没吃饭了没人管")
    talk("我电话19900001202")
    console = open_console(settings, talk.store, talk.house, talk.now)
    browser = console.as_role("supervisor")
    page = f"/console/referrals/{talk.referral.id}"
    assert "反映人电话" in browser.get(page).text
    assert "19900001202" not in browser.get(page).text
    assert "19900001202" in browser.post(f"{page}/phone").text


def test_a_danger_said_to_a_person_moves_the_conversation_up(talk: Talk) -> None:
    talk("转人工")
    talk.set(handoff="owned")
    turn = talk("我不想活了")
    assert turn.reply is None
    assert (talk.conversation.handoff, talk.conversation.severity) == ("owned", "critical")
    talk("家里没米了")
    assert talk.conversation.severity == "critical"


def test_a_crisis_that_a_person_handed_back_is_over_and_a_new_one_is_new(talk: Talk) -> None:
    talk("我不想活了")
    talk.set(handoff="returned", severity="routine", owner_id=None)
    turn = talk("我家里困难,老婆有病,一个月收入三百块钱")
    assert "stay" not in [part.template for part in turn.parts], turn.reply
    assert "self_harm" in talk.referral.dangers
    turn = talk("我真的不想活了")
    assert "danger_self_harm" in [part.template for part in turn.parts]
    assert (talk.conversation.handoff, talk.conversation.severity) == ("waiting", "critical")


def test_talking_to_a_person_is_no_absence(talk: Talk) -> None:
    talk("家里三天没米下锅了,我在岳口镇")
    talk.set(handoff="owned")
    talk("我等着呢", hours=7)
    talk.set(handoff="returned")
    turn = talk("我电话19900001202")
    assert "welcome_back" not in [part.template for part in turn.parts]


def test_after_delete_everything_nothing_tells_what_was_said(talk: Talk) -> None:
    talk("家里三天没米下锅了,我在岳口镇,电话19900001202")
    assert talk.conversation.handoff == "waiting"
    talk("把我的资料都删掉")
    assert talk("是的,删掉").results.erased
    assert (talk.conversation.handoff, talk.conversation.severity) == ("none", "routine")
    with talk.store.begin() as session:
        assert finish_erasures(session) == 1
    with talk.store.session() as session:
        assert {(row.text, row.template) for row in session.scalars(select(Outbox))} == {("", "")}
        assert {(row.text, row.understanding) for row in session.scalars(select(Inbox))} == {(None, None)}
        referral, household = session.scalars(select(Referral)).one(), session.scalars(select(Household)).one()
        assert (referral.summary, referral.facts, referral.event_place) == ("", None, None)
        assert (household.contact, household.facts, household.phone_key) == (None, None, None)
        assert not [e for e in session.scalars(select(ReferralEvent)) if e.note]
    assert talk.conversation.address is None
    talk("你好", days=1)
    assert talk.conversation.handoff == "none"


def test_a_deadline_that_has_passed_is_not_told_as_one_to_come(talk: Talk) -> None:
    talk("家里三天没米下锅了,我在岳口镇")
    assert "前给您回话" in (talk("我的登记办到哪一步了").reply or "")
    reply = talk("我的登记办到哪一步了", hours=5).reply or ""
    assert "时限已经过了" in reply
    assert "前给您回话" not in reply


def test_the_law_is_read_for_the_day_that_it_is_in_china(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[date] = []

    def on_that_day(_policy: Policy, _facts: object, day: date, _place: str) -> tuple[Hint, ...]:
        asked.append(day)
        return ()

    monkeypatch.setattr("bot.dialogue.assess", on_that_day)
    house.counsel.hints({}, datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    house.counsel.hints({}, datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    assert asked == [date(2026, 12, 31), date(2027, 1, 1)]


def test_a_conversation_does_not_stay_with_an_officer_who_is_gone(talk: Talk, settings: Settings) -> None:
    talk("转人工")
    console = open_console(settings, talk.store, talk.house, talk.now)
    operator = console.officer("operator")
    talk.set(handoff="owned", owner_id=operator)
    assert console.as_role("administrator").post(f"/console/users/{operator}/deactivate").status_code == 303
    assert (talk.conversation.handoff, talk.conversation.owner_id) == ("waiting", None)


def test_only_who_owns_a_conversation_reads_numbers_in_full(talk: Talk, settings: Settings) -> None:
    talk("转人工,我电话19900001202")
    console = open_console(settings, talk.store, talk.house, talk.now)
    browser = console.as_role("operator")
    page = f"/console/queue/{talk.conversation.id}"
    assert "199****1202" in browser.get(page).text
    assert "19900001202" not in browser.get(page).text
    browser.post(f"{page}/take")
    assert "19900001202" in browser.get(page).text


def test_what_the_product_writes_is_for_its_own_user(tmp_path: Path) -> None:
    open_settled_store(Settings(var=tmp_path / "var")).close()
    assert (tmp_path / "var").stat().st_mode & 0o077 == 0


def test_a_fire_of_yesterday_leaves_room_for_todays_need_and_despair_does_not_end_by_itself(talk: Talk) -> None:
    talk("我家着火了,现在还在烧,我在岳口镇")
    assert "stay" in [part.template for part in talk("我家老人病了").parts]
    later = talk("我家老人住院花了两万块,自己拿不出", hours=20)
    assert "stay" not in [part.template for part in later.parts], later.reply
    assert "disaster_now" in talk.referral.dangers
    talk("我不想活了")
    assert "stay" in [part.template for part in talk("嗯,我在", hours=20).parts]
