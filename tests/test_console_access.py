"""Every route of the running app, asked by every role and by nobody: allowed or refused as console_access.yaml says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import httpx
import pytest
import yaml
from console_browser import Browser, Console, open_console
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from actions.officers import ROLES
from bot.turn import House
from console.app import console_routes
from hotline.settings import Settings
from store.session import Store

TABLE = yaml.safe_load((Path(__file__).parent / "console_access.yaml").read_text(encoding="utf-8"))
PAIRS = [*TABLE["roles"], *TABLE["signed_in"]]
SIGN_IN, PASSWORD = "/console/sign-in", "/console/password"


@pytest.fixture
def console(settings: Settings, store: Store, house: House, now: datetime) -> Console:
    return open_console(settings, store, house, now)


def routes_of(app: FastAPI) -> set[str]:
    """`METHOD /path` of everything that the app answers, files apart."""
    return {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        if not isinstance(route.original_route, Mount)
        for method in (route.methods or {"?"}) - {"HEAD"}
    }


def test_the_table_names_exactly_the_routes_of_the_running_app(console: Console) -> None:
    found = routes_of(console.app)
    assert found == {*TABLE["public"], *TABLE["signed_in"], *TABLE["roles"]}
    # The list must not be short because a router was passed over: what each noun's router holds is counted by itself.
    held = sum(len(route.methods or ()) for route in iter_route_contexts(console_routes().routes))
    assert held == len([name for name in found if name.split()[1].startswith("/console")]) >= 25


def test_the_only_mount_serves_files(console: Console) -> None:
    mounts = [r.original_route for r in iter_route_contexts(console.app.routes) if isinstance(r.original_route, Mount)]
    assert [mount.path for mount in mounts if isinstance(mount, Mount)] == ["/static"]


def ask(browser: Browser, console: Console, route: str) -> httpx.Response:
    """Ask for a route with fresh rows behind its numbers, and a form that would be good if it were allowed."""
    method, path = route.split()
    if "{referral_id}" in path:
        referral = console.referral()
        path = path.replace("{referral_id}", str(referral))
        if "{file_id}" in path:
            path = path.replace("{file_id}", str(console.file(referral, b"x", "a.png", "image/png")))
    if "{conversation_id}" in path:
        path = path.replace("{conversation_id}", str(console.conversation()))
    if "{officer_id}" in path:
        path = path.replace(
            "{officer_id}", str(console.officer("operator", login=f"spare{console.clock.now.timestamp()}"))
        )
    if method == "GET":
        return browser.get(path)
    return browser.post(path, text="您好", reason="不归我们管", note="没有找到人", outcome="not_found")


def verdict(response: httpx.Response) -> str:
    location = response.headers.get("location", "")
    if response.status_code == 303 and location.startswith((SIGN_IN, PASSWORD)):
        return "sign_in" if location.startswith(SIGN_IN) else "password"
    if response.status_code == 403:
        assert "没有权限" in response.text, response.text  # and not an expired form
        return "refused"
    assert response.status_code in (200, 303, 422), (response.status_code, response.text)
    return "allowed"


@pytest.mark.parametrize("route", PAIRS)
def test_nobody_is_sent_to_the_sign_in(console: Console, route: str) -> None:
    assert verdict(ask(console.browser(), console, route)) == "sign_in"


@pytest.mark.parametrize("route", TABLE["public"])
def test_a_public_route_asks_nobody_to_sign_in(console: Console, route: str) -> None:
    method, path = route.split()
    response = console.browser().get(path) if method == "GET" else console.browser().post(path)
    assert not response.headers.get("location", "").startswith(SIGN_IN)


def test_a_one_time_password_must_be_changed_first(console: Console) -> None:
    officer = console.officer("administrator", one_time=True)
    for route in TABLE["roles"]:
        assert verdict(ask(console.signed_in(officer), console, route)) == "password", route
        console.clock.forward(seconds=1)
    for route in TABLE["signed_in"]:
        assert verdict(ask(console.signed_in(officer), console, route)) in ("allowed", "sign_in"), route


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_what_the_table_says_and_nothing_else(console: Console, role: str) -> None:
    officer = console.officer(role)
    asked = {}
    for route in TABLE["roles"]:
        asked[route] = verdict(ask(console.signed_in(officer), console, route))
        console.clock.forward(seconds=1)
    assert asked == {route: "allowed" if role in roles else "refused" for route, roles in TABLE["roles"].items()}


def test_every_form_needs_the_token_of_its_session(console: Console) -> None:
    posts = [route for route in PAIRS if route.startswith("POST")]
    assert len(posts) >= 12
    for role in ROLES:
        officer = console.officer(role)
        for route in posts:
            if route in TABLE["roles"] and role not in TABLE["roles"][route]:
                continue
            for token in ("", "guess", console.signed_in(officer).csrf):
                browser = console.signed_in(officer)
                browser.csrf = token
                response = ask(browser, console, route)
                assert response.status_code == 403, (route, token)
                assert "过期" in response.text
                console.clock.forward(seconds=1)


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "http://elsewhere.test"}], ids=["fetch-site", "origin"]
)
def test_a_form_on_somebody_elses_page_is_refused(console: Console, headers: dict[str, str]) -> None:
    browser = console.as_role("administrator")
    assert browser.post("/console/sign-out", headers=headers).status_code == 403
    assert console.browser().post(SIGN_IN, headers=headers, login="administrator").status_code == 403
    assert browser.get("/console/users").status_code == 200
