"""An officer's browser against the app in process, and the rows that console tests begin with."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from actions.officers import sign_in
from actions.referrals import NewReferral, open_referral
from actions.routing import Destination, Level
from bot.turn import House
from console.security import COOKIE
from hotline.serve import create_app
from hotline.settings import Settings
from store.models import Attachment, Conversation, Household, Inbox, Officer
from store.session import Store

YUEKOU, DUOBAO, COUNTY = "429006107", "429006100", "429006"
PASSWORD = "four plain words here"


@dataclass
class Clock:
    """The app's clock, moved by the test."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Browser:
    """Keeps cookies, follows no redirect unless told to."""

    app: FastAPI
    cookies: httpx.Cookies
    csrf: str = ""

    def get(self, path: str) -> httpx.Response:
        return self._send("GET", path, {}, {})

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
        """Send a form with the session's token, unless the form brings another."""
        return self._send("POST", path, {"csrf": self.csrf, **form}, headers or {})

    def follow(self, response: httpx.Response) -> httpx.Response:
        """The page that a redirect leads to."""
        assert response.status_code == 303, (response.status_code, response.text)
        return self.get(response.headers["location"])

    def _send(self, method: str, path: str, form: dict[str, str], headers: dict[str, str]) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hotline.test") as client:
                client.cookies = self.cookies
                answer = await client.request(method, path, data=form or None, headers=headers)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())


@dataclass
class Console:
    """The app over a store, with what a test needs to put in."""

    app: FastAPI
    store: Store
    house: House
    clock: Clock

    def browser(self) -> Browser:
        return Browser(self.app, httpx.Cookies())

    def officer(
        self,
        role: str,
        login: str | None = None,
        department: str | None = None,
        unit: str | None = None,
        *,
        one_time: bool = False,
    ) -> int:
        """An officer who has changed the one-time password, or has not. A caseworker is of civil affairs in Yuekou by default."""
        if role == "caseworker":
            department, unit = department or "civil_affairs", unit or YUEKOU
        login = login or role
        with self.store.begin() as session:
            officer = Officer(
                login=login,
                name=f"{login} 姓名",
                role=role,
                department=department,
                unit_code=unit,
                password_hash="no password fits this",  # a real one takes a tenth of a second to make
                must_change_password=one_time,
                created_at=self.clock.now,
            )
            session.add(officer)
            session.flush()
            return officer.id

    def signed_in(self, officer_id: int) -> Browser:
        with self.store.begin() as session:
            token, csrf = sign_in(session, session.get_one(Officer, officer_id), self.clock.now)
        cookies = httpx.Cookies()
        cookies.set(COOKIE, token, domain="hotline.test", path="/console")
        return Browser(self.app, cookies, csrf)

    def as_role(self, role: str, login: str | None = None) -> Browser:
        return self.signed_in(self.officer(role, login))

    def referral(
        self,
        *,
        words: str = "房子烧了没地方住",
        unit: str = YUEKOU,
        department: str = "civil_affairs",
        urgency: str = "urgent",
        phone: str | None = "19900001202",
        consent: str = "given",
    ) -> int:
        now = self.clock.now
        with self.store.begin() as session:
            contact = {"phone": phone, "name": "王某"} if phone else {}
            household = Household(contact=contact, created_at=now, changed_at=now)
            session.add(household)
            session.flush()
            level: Level = "county" if unit == COUNTY else "township"
            destination = Destination(
                department, level, unit, self.house.tools.routes.unit_name(unit), "event_place", None
            )
            new = NewReferral(
                kind="danger",
                channel="web",
                conversation_id=None,
                household_id=household.id,
                urgency=urgency,
                dangers=["no_shelter"],
                needs=["housing"],
                programmes=["temporary_assistance"],
                event_place="岳口镇",
                destination=destination,
                summary=words,
                facts={"household_size": 3, "household_income_monthly": 1800, "hukou": "local", "current_status": []},
                consent=consent,
            )
            return open_referral(session, new, now, self.house.tools.calendar).id

    def conversation(
        self,
        *,
        words: str = "我要找人说话",
        handoff: str = "waiting",
        severity: str = "routine",
        waited: timedelta = timedelta(),
        channel: str = "web",
    ) -> int:
        now = self.clock.now
        with self.store.begin() as session:
            count = len(session.scalars(select(Conversation.id)).all())
            row = Conversation(
                channel=channel,
                address=f"address {count}",
                address_key=f"key {count}",
                handoff=handoff,
                handoff_at=now - waited,
                severity=severity,
                state={"dangers": ["self_harm"] if severity == "critical" else [], "needs": [], "facts": {"age": 70}},
                created_at=now - waited,
                last_at=now,
            )
            session.add(row)
            session.flush()
            session.add(
                Inbox(
                    channel=channel,
                    external_id=f"{row.id}-1",
                    conversation_id=row.id,
                    text=words,
                    status="answered",
                    next_try_at=now,
                    received_at=now - waited,
                )
            )
            return row.id

    def file(self, referral_id: int, content: bytes, name: str, media_type: str) -> int:
        conversation = self.conversation(handoff="none")
        now = self.clock.now
        with self.store.begin() as session:
            inbox = session.scalars(select(Inbox.id).filter_by(conversation_id=conversation)).one()
            row = Attachment(
                conversation_id=conversation,
                inbox_id=inbox,
                referral_id=referral_id,
                channel_reference="ref",
                name=name,
                media_type=media_type,
                size=len(content),
                content=self.store.vault.seal(content),
                status="stored",
                next_try_at=now,
                created_at=now,
            )
            session.add(row)
            session.flush()
            return row.id


def open_console(settings: Settings, store: Store, house: House, now: datetime) -> Console:
    clock = Clock(now)
    return Console(create_app(settings, store, house, worker_inside=False, clock=clock), store, house, clock)


def token_in(page: str) -> str:
    """The form token of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found.group(1)
