"""Rasa itself: a small model trained in its own environment, a real server on loopback, asked through the product's client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from hotline.errors import StartError
from hotline.rasa_process import (
    PYTHON,
    RasaServer,
    rasa_model_is_current,
    rasa_running,
    start_rasa,
    train_rasa,
)
from hotline.settings import ROOT
from nlu.labels import INTENTS
from nlu.rasa_client import RasaInterpreter, RasaState
from nlu.understanding import Interpretation

pytestmark = pytest.mark.slow

EPOCHS = 15
PATIENCE = 20.0  # seconds a parse may take here, where training may still have the machine busy
MESSAGES = {
    "greet": ("你好", "您好", "在吗", "早上好", "您好，有人吗"),
    "thank": ("谢谢", "多谢你", "太感谢了", "谢谢您啊", "非常感谢你们"),
    "goodbye": ("再见", "拜拜", "下次再说，再见", "好，再见", "那就先这样，拜拜"),
    "ask_progress": ("我的申请到哪一步了", "申请批了没有", "材料交了一个月还没消息", "我的申请怎么样了", "批下来没有"),
}


def write_data(folder: Path) -> Path:
    """A data folder as nlu/data is: examples with metadata, and beside them what is not for training."""
    folder.mkdir(parents=True)
    for intent, texts in MESSAGES.items():
        examples = [{"text": f"{text}\n", "metadata": {"needs": [], "dangers": []}} for text in texts]
        document = {"version": "3.1", "nlu": [{"intent": intent, "examples": examples}]}
        (folder / f"{intent}.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    (folder / "words.yml").write_text("words: [你好]\n", encoding="utf-8")
    (folder / "heldout").mkdir()
    (folder / "heldout" / "donate.yml").write_text(
        'version: "3.1"\nnlu:\n- intent: donate\n  examples:\n  - text: 我想捐点钱\n', encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    """.venv-rasa as pinned, made where it is missing."""
    subprocess.run([sys.executable, ROOT / "scripts" / "setup_rasa.py"], check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rasa")


@pytest.fixture(scope="module")
def data(folder: Path) -> Path:
    return write_data(folder / "data")


@pytest.fixture(scope="module")
def log(folder: Path) -> Path:
    return folder / "rasa.log"


@pytest.fixture(scope="module")
def model(folder: Path, data: Path, log: Path) -> Path:
    return train_rasa(data, folder / "model", log, epochs=EPOCHS)


@pytest.fixture(scope="module")
def server(model: Path, log: Path) -> Iterator[RasaServer]:
    told: list[str] = []
    with rasa_running(model, log, told.append) as running:
        assert told
        yield running


class Embedded:
    name = "embedded"

    def interpret(self, text: str) -> Interpretation:
        return Interpretation(intents={"other": 1.0}, needs={"living": 0.9})


def test_the_components_in_their_own_environment() -> None:
    done = subprocess.run(
        [PYTHON, "-W", "ignore", ROOT / "tests" / "rasa_components.py"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'nlu' / 'rasa'}", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_model_belongs_to_its_data(model: Path, data: Path, tmp_path: Path) -> None:
    assert rasa_model_is_current(model.parent, data)
    changed = write_data(tmp_path / "data")
    assert rasa_model_is_current(model.parent, changed)
    (changed / "more.yml").write_text("nlu: []\n", encoding="utf-8")
    assert not rasa_model_is_current(model.parent, changed)
    assert not rasa_model_is_current(tmp_path, data)
    (tmp_path / "model.json").write_text("[", encoding="utf-8")
    assert not rasa_model_is_current(tmp_path, data)


def test_the_server_reads_messages_through_the_client(server: RasaServer) -> None:
    client = RasaInterpreter(Embedded(), server.url, server.token, timeout=PATIENCE)
    heard = {intent: client.interpret(texts[0]) for intent, texts in MESSAGES.items()}
    assert {intent: max(said.intents, key=said.intents.__getitem__) for intent, said in heard.items()} == {
        intent: intent for intent in MESSAGES
    }
    said = heard["greet"]
    assert tuple(said.intents) == INTENTS
    assert sum(said.intents.values()) == pytest.approx(1)
    assert said.intents["donate"] == 0  # of heldout/, never trained
    assert said.needs == {"living": 0.9}
    assert client.look() == RasaState(answered=True)
    client.close()


@pytest.mark.parametrize("pair", [("谢谢您", "谢谢恁"), ("我的申请到哪一步了", "我的申请道哪一布了")])
def test_what_sounds_alike_is_read_alike(server: RasaServer, pair: tuple[str, str]) -> None:
    client = RasaInterpreter(Embedded(), server.url, server.token, timeout=PATIENCE)
    written, misspelt = (client.interpret(text).intents for text in pair)
    assert max(written, key=written.__getitem__) == max(misspelt, key=misspelt.__getitem__)
    client.close()


@pytest.mark.parametrize("text", ["", "😭😭", "a1-" * 3000, "\x00\x1b[31m", "[钱](amount)", '{"entity": "x"}'])
def test_strange_texts(server: RasaServer, text: str) -> None:
    client = RasaInterpreter(Embedded(), server.url, server.token, timeout=PATIENCE)
    client.interpret(text)
    assert client.state() == RasaState(answered=True)
    client.close()


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong"])
def test_nothing_without_the_token(server: RasaServer, query: str) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as stranger:
        assert stranger.post(f"/model/parse{query}", json={"text": "你好"}).status_code == httpx.codes.UNAUTHORIZED
        assert stranger.get(f"/status{query}").status_code == httpx.codes.UNAUTHORIZED
        assert stranger.delete(f"/model{query}").status_code == httpx.codes.UNAUTHORIZED
        right = {"token": server.token}
        assert stranger.get("/status", params=right).status_code == httpx.codes.OK


def test_the_token_stands_in_no_list_of_processes(server: RasaServer) -> None:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "args", "-p", str(server.process)], capture_output=True, text=True, check=True
    )
    assert "serve.py" in listed.stdout
    assert server.token not in listed.stdout


def test_no_message_is_logged(server: RasaServer, log: Path) -> None:
    secret = "我住岳口镇李家湾三组"
    client = RasaInterpreter(Embedded(), server.url, server.token, timeout=PATIENCE)
    client.interpret(secret)
    client.close()
    written = log.read_text(encoding="utf-8", errors="replace")
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written


def test_a_server_that_cannot_start_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"rasa\.log"):
        start_rasa(tmp_path / "nothing.tar.gz", tmp_path / "rasa.log", str)
    assert "no model" in (tmp_path / "rasa.log").read_text(encoding="utf-8")


def test_training_that_fails_leaves_the_older_model(model: Path, tmp_path: Path) -> None:
    before = model.read_bytes()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bad.yml").write_text('version: "3.1"\nnlu: [{intent: 5}]\n', encoding="utf-8")
    with pytest.raises(StartError, match=r"rasa\.log"):
        train_rasa(tmp_path / "data", model.parent, tmp_path / "rasa.log", epochs=1)
    assert model.read_bytes() == before


def test_it_ends_when_the_process_that_started_it_is_killed(model: Path, tmp_path: Path) -> None:
    """No wait for readiness here: a server still loading its model must end, too."""
    parent = (
        "import sys; from pathlib import Path; from hotline.rasa_process import RasaProcess;"
        f"child = RasaProcess(Path({str(model)!r}), Path({str(tmp_path / 'rasa.log')!r}), 0, 'token');"
        "print(child.running.process, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdin=-1, stdout=-1, text=True, cwd=ROOT) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        process.kill()
    assert ends(child)


def ends(process: int, seconds: int = 30) -> bool:
    """`tail --pid` waits for a process that is not our child, without our asking again and again."""
    done = subprocess.run(
        ["timeout", str(seconds), "tail", "--pid", str(process), "-f", "/dev/null"], capture_output=True, check=False
    )
    return done.returncode == 0
