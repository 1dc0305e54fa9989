"""The commands as processes: what they print, with which status they end, and that nobody is shown a traceback."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hotline.settings import ROOT, Settings
from nlu.understanding import Interpreter

HOTLINE = ROOT / ".venv" / "bin" / "hotline"
PROMPT = 120  # seconds until a command that has nothing to wait for is taken to hang
PROGRAMMES = {path.stem for path in (ROOT / "policy" / "programmes").glob("*.yaml")}


@pytest.fixture
def environment(tmp_path: Path, settings: Settings, interpreter: Interpreter) -> dict[str, str]:
    """A folder of its own for what is written; the trained model of the other tests."""
    assert interpreter
    ours = ("HOTLINE_", "TELEGRAM_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "HOTLINE_VAR": str(tmp_path / "var"),
        "HOTLINE_MODEL": str(settings.model_folder),
        "COLUMNS": "100",
    }


def run(environment: dict[str, str], *arguments: str, stdin: str | bytes = b"") -> subprocess.CompletedProcess[str]:
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [HOTLINE, *arguments], input=given, env=environment, capture_output=True, timeout=PROMPT, check=False
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in out + err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def answers(environment: dict[str, str], *arguments: str, lines: list[Any]) -> list[dict[str, Any]]:
    """What a `--json` command answers: one object for each line that is not blank, and nothing else on standard output."""
    given = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    done = run(environment, *arguments, "--json", stdin=given)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# -- the words of the command line -----------------------------------------------------------------------------------


def test_help_names_the_commands(environment: dict[str, str]) -> None:
    done = run(environment, "--help")

    assert done.returncode == 0
    for command in ("parse", "hints", "chat", "train", "evaluate", "setup", "serve", "worker", "users", "policy"):
        assert re.search(rf"^\W+{command}\b", done.stdout, re.MULTILINE), command
        assert run(environment, command, "--help").returncode == 0


def test_an_unknown_command_is_bad_usage(environment: dict[str, str]) -> None:
    assert run(environment, "sing").returncode == 2


# -- one JSON object a line ------------------------------------------------------------------------------------------

BAD_LINES: list[bytes] = [b"no json", b"[1, 2]", b"{}", b"\xff\xfe", b"[" * 20_000, b'{"text": 5}', b'{"text": null}']


def test_parse_answers_each_line_in_order(environment: dict[str, str]) -> None:
    good = {"id": 7, "text": "屋里起火了，人还在里面"}

    said = answers(environment, "parse", lines=[*BAD_LINES, b"", good, {"id": "x", "text": ""}])

    assert len(said) == len(BAD_LINES) + 2
    assert all("error" in answer for answer in said[: len(BAD_LINES)])
    assert set(said[-2]) == {"id", "intent", "needs", "dangers", "urgency", "facts"}
    assert set(said[-2]["intent"]) == {"name", "confidence"}
    assert said[-2]["id"] == 7
    assert said[-2]["urgency"] == "critical"
    assert said[-1]["id"] == "x"


def test_hints_answer_each_line_in_order(environment: dict[str, str]) -> None:
    household = {"on": "2026-11-23", "place": "429006", "facts": {"household_size": 3}}
    bad = [{**household, "facts": {"age": "old"}}, {**household, "on": "soon"}, {"facts": {}}]

    said = answers(environment, "hints", lines=[{"id": 1, **household}, *BAD_LINES, *bad, {"id": 2, **household}])

    assert len(said) == len(BAD_LINES) + len(bad) + 2
    assert (said[0]["id"], said[-1]["id"]) == (1, 2)
    assert all("error" in answer for answer in said[1:-1])
    assert set(said[0]) == {"id", "hints", "next_question"}
    assert {hint["programme"] for hint in said[0]["hints"]} == PROGRAMMES
    for hint in said[0]["hints"]:
        assert hint["verdict"] in ("likely", "possible", "unlikely")
        assert all(set(reason) == {"text", "holds", "source"} for reason in hint["reasons"])


def test_chat_keeps_conversations_apart_and_in_order(environment: dict[str, str]) -> None:
    said = answers(
        environment,
        "chat",
        lines=[
            {"conversation": "a", "channel": "web", "text": "我家四口人，都没有收入了，想问问低保"},
            *BAD_LINES,
            b"",
            {
                "conversation": "b",
                "channel": "telegram",
                "text": "我从外地来，两天没吃饭，没地方住",
                "at": "2026-11-23T20:00:00+08:00",
            },
            {"conversation": "a", "channel": "web", "text": "转人工"},
            {"conversation": "a", "channel": "web", "text": "…", "at": "yesterday"},
        ],
    )

    first, *bad, second, third, wrong_time = said
    assert len(bad) == len(BAD_LINES)
    assert all(set(answer) == {"error"} for answer in (*bad, wrong_time))
    for answer in (first, second, third):
        assert set(answer) == {
            "conversation", "replies", "understanding", "facts", "asked", "hints", "referral", "handoff",
        }  # fmt: skip
    assert [answer["conversation"] for answer in (first, second, third)] == ["a", "b", "a"]
    assert first["facts"]["household_size"] == 4
    assert first["replies"]
    assert {hint["verdict"] for hint in first["hints"]} <= {"likely", "possible", "unlikely"}
    assert "household_size" not in second["facts"]
    assert set(second["referral"]) == {
        "number", "status", "urgency", "needs", "programmes", "department", "level", "office", "aid_due_at", "paperwork_due_at",
    }  # fmt: skip
    assert second["referral"]["aid_due_at"].startswith("2026-11-24T12:00")
    assert third["handoff"] is True
    assert third["facts"]["household_size"] == 4


def test_chat_for_programs_leaves_nothing_behind(environment: dict[str, str], tmp_path: Path) -> None:
    answers(environment, "chat", lines=[{"conversation": "a", "text": "你好"}])

    assert not (tmp_path / "var" / "hotline.db").exists()


def test_chat_in_a_terminal_ends_with_the_input(environment: dict[str, str]) -> None:
    done = run(environment, "chat", stdin="我家没米下锅了\n")

    assert done.returncode == 0
    assert "登记" in done.stdout


# -- what is missing or damaged --------------------------------------------------------------------------------------


def test_a_missing_model_is_trained_by_parse_and_named_by_serve(environment: dict[str, str], tmp_path: Path) -> None:
    done = run({**environment, "HOTLINE_MODEL": str(tmp_path / "none"), "HOTLINE_PORT": "0"}, "serve")

    assert done.returncode == 1
    assert "hotline train" in done.stderr
    assert str(tmp_path / "none") in done.stderr


def test_a_damaged_model_is_named(environment: dict[str, str], tmp_path: Path, settings: Settings) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in settings.model_folder.iterdir():
        content = path.read_bytes()
        (damaged / path.name).write_bytes(content[: len(content) // 2] if path.suffix == ".npz" else content)

    done = run({**environment, "HOTLINE_MODEL": str(damaged), "HOTLINE_PORT": "0"}, "serve")

    assert done.returncode == 1
    assert "损坏" in done.stderr
    assert "hotline train" in done.stderr


def test_a_damaged_store_is_named_and_kept(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    file = tmp_path / "var" / "hotline.db"
    file.write_bytes(b"this is no database, but it may be the only copy of one" * 100)
    before = file.read_bytes()

    done = run({**environment, "HOTLINE_PORT": "0"}, "serve")

    assert done.returncode == 1
    assert "损坏" in done.stderr
    assert file.read_bytes() == before


def test_evaluate_says_that_a_file_is_missing_or_wrong(environment: dict[str, str], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("no json\n", encoding="utf-8")

    missing, unreadable = (
        run(environment, "evaluate", str(tmp_path / "none.jsonl")),
        run(environment, "evaluate", str(wrong)),
    )

    assert (missing.returncode, unreadable.returncode) == (1, 1)
    assert "none.jsonl" in missing.stderr
    assert "wrong.jsonl" in unreadable.stderr


def test_evaluate_grades_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"text": "谢谢你啊", "intent": "thank"}\n', encoding="utf-8")
    done = run(environment, "evaluate", str(gold), "--json")

    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)


def test_settings_that_make_no_sense_are_named(environment: dict[str, str]) -> None:
    done = run({**environment, "HOTLINE_PORT": "eight"}, "serve")

    assert done.returncode == 1
    assert "HOTLINE_PORT" in done.stderr


# -- users and policy ------------------------------------------------------------------------------------------------


def test_a_user_is_added_once_with_a_one_time_password(environment: dict[str, str]) -> None:
    add = ("users", "add", "zhang", "--role", "operator", "--name", "张三")

    first, again, wrong = run(environment, *add), run(environment, *add), run(environment, *add[:-3], "king")

    assert first.returncode == 0, first.stderr
    assert re.search(r"一次性密码:\S{10,}\(", first.stdout)
    assert (again.returncode, wrong.returncode) == (1, 1)
    assert "没有建成" in again.stderr


def test_the_policy_has_no_mistakes(environment: dict[str, str]) -> None:
    done = run(environment, "policy", "check")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_in_the_policy_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()

    done = run({**environment, "HOTLINE_POLICY": str(tmp_path / "policy")}, "policy", "check")

    assert done.returncode == 1
    assert ".yaml" in done.stderr


def test_a_programme_is_shown_with_its_sources(environment: dict[str, str]) -> None:
    assert "L0" in run(environment, "policy", "show", "dibao").stdout
    assert run(environment, "policy", "show", "gold").returncode == 1
    assert run(environment, "policy", "review").returncode == 0


# -- serving ---------------------------------------------------------------------------------------------------------


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [HOTLINE, "serve"],
        env={**environment, "HOTLINE_PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until_healthy(process, f"http://127.0.0.1:{port}")
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def until_healthy(process: subprocess.Popen[str], address: str) -> None:
    deadline = time.monotonic() + PROMPT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2) as response:
                assert response.status == 200
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("not healthy")


@pytest.mark.slow
def test_serve_stops_clean_and_starts_again_at_once(environment: dict[str, str]) -> None:
    assert run(environment, "setup").returncode == 0
    for _ in range(2):
        before = cpu_seconds()
        with serving(environment) as (process, address):
            with urllib.request.urlopen(f"{address}/", timeout=PROMPT) as response:
                assert "救急难热线" in response.read().decode()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PROMPT)
        assert process.returncode in (0, -signal.SIGTERM)
        assert address in out
        assert "Traceback" not in err
        assert cpu_seconds() - before < 5


def cpu_seconds() -> float:
    """Of the processes that ended: what a start takes on a machine with nothing else to do, however busy this one is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
def test_a_second_start_says_that_the_port_is_taken(environment: dict[str, str]) -> None:
    with serving(environment) as (_, address):
        port = address.rsplit(":", 1)[1]

        done = run({**environment, "HOTLINE_PORT": port}, "serve")

        assert done.returncode == 1
        assert f"端口 {port} 已被占用" in done.stderr


@pytest.mark.slow
def test_setting_up_twice_changes_nothing(environment: dict[str, str]) -> None:
    first, second = run(environment, "setup"), run(environment, "setup")

    assert (first.returncode, second.returncode) == (0, 0)
    assert len(re.findall("一次性密码 ", first.stdout)) == 6
    assert "一次性密码 " not in second.stdout
