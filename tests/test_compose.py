"""docker-compose.yml without Docker: what it says is true of this checkout, and each service's command does its work here.

The cluster of the tests stands in for `db`; the addresses inside the containers' network are replaced by ours, and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from postgres import Cluster, cluster, programs
from pydantic import AliasChoices
from sqlalchemy import func, select

from hotline.settings import ROOT, Settings
from nlu.understanding import Interpreter
from store.models import Inbox, Officer, Outbox
from store.session import open_store
from store.vault import vault_from_file

BIN = Path(sys.executable).parent
LIMIT = 90.0  # seconds until a service is ready, or has ended
VALUES = {"POSTGRES_PASSWORD": "secret1", "RASA_TOKEN": "secret2"}
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def example() -> dict[str, str]:
    """The names and values of .env.example."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(given: Any, values: dict[str, str]) -> Any:
    """${NAME:-default} and ${NAME:?why} as Compose fills them in, after reading the YAML; $$ is a dollar."""
    if isinstance(given, dict):
        return {key: filled(value, values) for key, value in given.items()}
    if isinstance(given, list):
        return [filled(item, values) for item in given]
    if not isinstance(given, str):
        return given

    def value(match: re.Match[str]) -> str:
        name, sign, rest = match["name"], match["sign"], match["rest"]
        found = values.get(name, "")
        if not found and sign == ":?":
            raise KeyError(name)
        return found or rest

    return re.sub(r"\$\{(?P<name>\w+)(?P<sign>:[-?])(?P<rest>[^}]*)\}", value, given).replace("$$", "$")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = filled(yaml.safe_load(COMPOSE), {**example(), **VALUES})
    return loaded


def settings_names() -> set[str]:
    """Every environment variable that the product reads."""
    names = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            names |= {str(choice) for choice in alias.choices}
        else:
            names.add(f"HOTLINE_{name}".upper())
    return names


# -- what it says --------------------------------------------------------------------------------------------------------


def test_it_has_the_services_of_the_design(compose: dict[str, Any]) -> None:
    commands = {name: service.get("command") for name, service in compose["services"].items()}
    assert commands == {
        "db": None,
        "setup": ["hotline", "setup"],
        "web": ["hotline", "serve", "--no-worker"],
        "worker": ["hotline", "worker"],
        "nlu": None,
    }


@pytest.mark.parametrize("service", ["setup", "web", "worker"])
def test_every_variable_is_one_that_the_product_reads(
    compose: dict[str, Any], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = compose["services"][service]["environment"]
    assert set(environment) <= settings_names()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.store_url == "postgresql+psycopg://hotline:secret1@db:5432/hotline"
    assert not settings.telegram_webhook_url
    assert not settings.telegram_bot_token


def test_the_database_is_the_one_that_the_others_ask(compose: dict[str, Any]) -> None:
    services = compose["services"]
    database = services["db"]["environment"]
    assert services["web"]["environment"]["HOTLINE_STORE_URL"] == (
        f"postgresql+psycopg://{database['POSTGRES_USER']}:{database['POSTGRES_PASSWORD']}@db:5432/{database['POSTGRES_DB']}"
    )
    assert services["worker"]["environment"]["HOTLINE_RASA_TOKEN"] == services["nlu"]["environment"]["RASA_TOKEN"]


def test_what_must_last_is_in_volumes(compose: dict[str, Any]) -> None:
    used = {name: service.get("volumes", []) for name, service in compose["services"].items()}
    declared = set(compose["volumes"])
    assert {volume.split(":")[0] for volumes in used.values() for volume in volumes} == declared
    assert used["db"] == ["db:/var/lib/postgresql/data"]
    # The data key lies in HOTLINE_VAR: all three must have the same one.
    assert used["web"] == used["worker"] == used["setup"] == ["hotline:/data"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "HOTLINE_VAR=/data" in dockerfile
    assert "VOLUME /data" in dockerfile


def test_what_runs_on_is_watched_and_started_again(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name == "setup":
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"], name
    for name in ("web", "worker"):
        assert compose["services"][name]["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}


def test_only_the_web_page_can_be_reached_from_outside(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"]}
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("db", "nlu", "setup"):
        assert compose["services"][name]["networks"] == ["inside"]


def test_there_is_no_secret_in_it_and_none_is_made_up() -> None:
    secrets = {"POSTGRES_PASSWORD", "RASA_TOKEN", "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET"}
    assert {name for name in secrets if example()[name]} == set()
    for name in VALUES:
        others = {other: value for other, value in VALUES.items() if other != name}
        with pytest.raises(KeyError, match=name):
            filled(yaml.safe_load(COMPOSE), {**example(), **others})
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE))
    assert asked == set(example())
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {".env", "var", ".git"} <= set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("path", ["Dockerfile", "nlu/rasa/Dockerfile"])
def test_the_images_are_built_from_pins_and_do_not_run_as_root(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    last = text.rsplit("\nFROM ", 1)[-1]
    assert re.search(r"^USER (?!root|0)\w+", last, re.MULTILINE)
    # Only ourselves, the source beside it, may be installed without hashes.
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if "pip install" in line or "pip sync" in line:
            parts = [part for part in re.split(r"&&", line) if "pip install" in part or "pip sync" in part]
            assert all(
                "--require-hashes" in part or part.strip().endswith("--no-deps --no-build-isolation -e /app")
                for part in parts
            )
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for pattern in source.split():
            assert pattern == "." or list(ROOT.glob(pattern.rstrip("/"))), pattern
    assert "://" not in re.sub(r"^#.*$", "", text, flags=re.MULTILINE)


def test_rasa_is_started_with_a_token_and_asked_whether_it_is_well(compose: dict[str, Any]) -> None:
    text = (ROOT / "nlu" / "rasa" / "Dockerfile").read_text(encoding="utf-8")
    command = json.loads(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[-1])
    script = next(part for part in command if part.endswith(".py"))
    assert (ROOT / script).is_file()
    assert command[-4:] == ["--host", "0.0.0.0", "--port", "5005"]
    assert compose["services"]["web"]["environment"]["HOTLINE_RASA_URL"].endswith(":5005")
    assert compose["services"]["nlu"]["environment"]["RASA_TELEMETRY_ENABLED"] == "false"
    check = compose["services"]["nlu"]["healthcheck"]["test"]
    assert (ROOT / check[-1]).is_file()
    for token, said in (("", "RASA_TOKEN"), ("t", "no model")):
        environment = {"PATH": os.environ["PATH"], "RASA_TOKEN": token}
        started = [sys.executable, ROOT / script, "there-is-no-such-model.tar.gz", *command[-4:]]
        done = subprocess.run(started, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert said in done.stderr
    # Nobody listens there: the check must say so.
    sick = subprocess.run(
        [sys.executable, ROOT / check[-1]], env={"RASA_PORT": "1", "RASA_TOKEN": "t"}, capture_output=True, check=False
    )
    assert sick.returncode == 1


# -- what it starts ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


class Machine:
    """Runs a service's command as its container would, with the addresses of this machine."""

    def __init__(self, compose: dict[str, Any], url: str, folder: Path, model: Path) -> None:
        self.services, self.url, self.folder, self.model = compose["services"], url, folder, model
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def environment(self, service: str) -> dict[str, str]:
        image = {"HOTLINE_VAR": str(self.folder), "HOTLINE_MODEL": str(self.model), "HOTLINE_HOST": "127.0.0.1"}
        ours = {"HOTLINE_STORE_URL": self.url, "HOTLINE_RASA_URL": "http://127.0.0.1:1", "HOTLINE_PORT": str(self.port)}
        path = {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUTF8": "1"}
        return {**path, **image, **self.services[service]["environment"], **ours}

    def log(self, service: str) -> str:
        path = self.folder / f"{service}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @contextmanager
    def running(self, service: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / f"{service}.log").open("ab") as log:
            process = subprocess.Popen(
                self.services[service]["command"], env=self.environment(service), stdout=log, stderr=log, cwd=ROOT
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(LIMIT)

    def healthy(self, service: str) -> bool:
        """The service's own health check, at our addresses."""
        test = self.services[service]["healthcheck"]["test"]
        words = [word.replace("8000", str(self.port)).replace("/data/", f"{self.folder}/") for word in test[1:]]
        command = ["sh", "-c", words[0]] if test[0] == "CMD-SHELL" else words
        return not subprocess.run(
            command, env=self.environment(service), capture_output=True, timeout=LIMIT, check=False
        ).returncode


def wait_for(condition: Any, what: str) -> None:
    """Until it holds. Another process is asked, so there is nothing to be woken by."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.mark.slow
def test_the_services_start_answer_a_message_and_stop_clean(
    compose: dict[str, Any], database: Cluster, tmp_path: Path, settings: Settings, interpreter: Interpreter
) -> None:
    assert interpreter  # its model stands where the image has its own
    url = database.new_database()
    machine = Machine(compose, url, tmp_path, settings.model_folder)
    with machine.running("setup") as setup:
        assert setup.wait(LIMIT) == 0, machine.log("setup")
    assert "一次性密码" in machine.log("setup")
    with machine.running("setup") as again:
        assert again.wait(LIMIT) == 0, machine.log("setup")

    with machine.running("web") as web, machine.running("worker") as worker:
        wait_for(lambda: machine.healthy("web"), machine.log("web"))
        wait_for(lambda: "worker_ready" in machine.log("worker"), machine.log("worker"))
        wait_for(lambda: machine.healthy("worker"), machine.log("worker"))
        with httpx.Client(base_url=f"http://127.0.0.1:{machine.port}", timeout=LIMIT, trust_env=False) as browser:
            browser.get("/")
            browser.post("/messages", data={"text": "家里断粮了,两天没吃饭", "key": "1"})
            wait_for(lambda: "登记号" in browser.get("/").text, machine.log("worker"))
            assert browser.get("/console/").status_code in {200, 303, 307, 401}
            with browser.stream("GET", "/events") as events:  # a page that is open must not hold the end up
                events_left = events.iter_lines()
                next(events_left)
                for process in (web, worker):
                    process.send_signal(signal.SIGTERM)
                list(events_left)
        assert [process.wait(LIMIT) for process in (web, worker)] == [0, 0], machine.log("web") + machine.log("worker")
    assert "worker_stopped" in machine.log("worker")
    for name in ("web", "worker", "setup"):
        assert "Traceback" not in machine.log(name)

    store = open_store(url, vault_from_file(tmp_path / "data.key"))
    with store.session() as session:
        assert session.scalars(select(Inbox.status)).all() == ["answered"]
        assert session.scalar(select(func.count(Outbox.id))) == 1
        assert session.scalar(select(func.count(Officer.id.distinct())))
    store.close()


@pytest.mark.slow
def test_the_databases_health_check(compose: dict[str, Any], database: Cluster) -> None:
    command = shlex.join(compose["services"]["db"]["healthcheck"]["test"][1:]).replace("5432", str(database.port))
    environment = {"PATH": str(programs())}
    assert subprocess.run(shlex.split(command), env=environment, capture_output=True, check=False).returncode == 0
    elsewhere = command.replace(str(database.port), "1")
    assert subprocess.run(shlex.split(elsewhere), env=environment, capture_output=True, check=False).returncode == 2
