"""A Rasa server of our own: trained when its model is older than its data, started on loopback, stopped with us.

It runs in its own environment, .venv-rasa (scripts/setup_rasa.py), because Rasa 3.6.21 needs Python 3.10 and libraries
that the product cannot use. Nothing of it is imported here.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from hotline.errors import StartError
from hotline.settings import ROOT
from nlu.corpus import data_hash
from nlu.features import FEATURES_VERSION

PYTHON: Final = ROOT / ".venv-rasa" / "bin" / "python"
PROJECT: Final = ROOT / "nlu" / "rasa"
MODEL_FILE: Final = "model.tar.gz"
DESCRIPTION_FILE: Final = "model.json"
# What a model is made of beside the messages: another of any of these, and it has to be trained again.
INGREDIENTS: Final = (
    PROJECT / "config.yml",
    PROJECT / "zh_components.py",
    PROJECT / "requirements-nlu.txt",
    ROOT / "nlu" / "danger_rules.yaml",
    ROOT / "nlu" / "concepts.yaml",
)
READY_SECONDS: Final = 180.0
PROGRESS_SECONDS: Final = 10.0
STOP_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.5
WARM_UP: Final = "你好"
NICENESS: Final = 5  # residents are served by the processes that training and Rasa share the machine with

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class RasaServer:
    """A running server: its address, the token it asks for, the number of its process."""

    url: str
    token: str
    process: int


def model_hash(data: Path) -> str:
    """SHA-256 over everything that a model is made of."""
    digest = hashlib.sha256(f"{data_hash(data)} {FEATURES_VERSION}".encode())
    for path in INGREDIENTS:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def rasa_model_is_current(folder: Path, data: Path) -> bool:
    try:
        description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = isinstance(description, dict) and description.get("made_of") == model_hash(data)
    return same and (folder / MODEL_FILE).is_file()


def train_rasa(data: Path, folder: Path, log_file: Path, *, epochs: int | None = None) -> Path:
    """Train into the folder and give the model's path; minutes. Raises `StartError` in words; the older model then stays."""
    made_of, began = model_hash(data), time.monotonic()
    command = [str(data), str(folder / MODEL_FILE), *(("--epochs", str(epochs)) if epochs else ())]
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        done = subprocess.run(
            _python("train.py", command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(),
            check=False,
        )
    if done.returncode:
        raise StartError(f"Rasa 模型没有训练成,原因写在 {log_file} 的末尾。内置模型不受影响:NLU=embedded make run")
    about = {"made_of": made_of, "seconds": round(time.monotonic() - began)}
    (folder / DESCRIPTION_FILE).write_text(json.dumps(about) + "\n", encoding="utf-8")
    return folder / MODEL_FILE


@contextmanager
def rasa_running(model: Path, log_file: Path, tell: Tell, *, limit: float = READY_SECONDS) -> Iterator[RasaServer]:
    """Start a server on a free port of 127.0.0.1, wait until it answers, stop it in the end.

    `limit` in seconds. Raises `StartError` when the server ends, or does not answer in time.
    """
    server = start_rasa(model, log_file, tell, limit=limit)
    try:
        yield server.running
    finally:
        server.stop()


class RasaProcess:
    """The child. It ends with us whatever happens to us: it reads its standard input, which we hold open."""

    def __init__(self, model: Path, log_file: Path, port: int, token: str) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        options = [str(model), "--host", "127.0.0.1", "--port", str(port), "--with-parent"]
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                _python("serve.py", options),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**_environment(), "RASA_TOKEN": token},
                start_new_session=True,  # Ctrl-C is for us; we stop it when our work is done
            )
        self.running = RasaServer(f"http://127.0.0.1:{port}", token, self._process.pid)
        self._lock = threading.Lock()

    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """Kindly, then not. Calling it again does nothing."""
        with self._lock:
            if self._process.stdin:
                self._process.stdin.close()
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def start_rasa(model: Path, log_file: Path, tell: Tell, *, limit: float = READY_SECONDS) -> RasaProcess:
    """A server that answers. Whoever asks for it stops it."""
    process = RasaProcess(model, log_file, _free_port(), secrets.token_urlsafe(24))
    try:
        _wait(process, log_file, tell, limit)
    except BaseException:
        process.stop()
        raise
    return process


def _wait(process: RasaProcess, log_file: Path, tell: Tell, limit: float) -> None:
    """Until the server has loaded its model and read one message: the first one takes it a second or more."""
    began = told = time.monotonic()
    tell("正在启动 Rasa,通常半分钟……")
    server = process.running
    with httpx.Client(base_url=server.url, params={"token": server.token}, timeout=10, trust_env=False) as client:
        while not _ready(client):
            now = time.monotonic()
            if process.ended():
                raise StartError(f"Rasa 没有启动起来,原因写在 {log_file} 的末尾。先用内置模型:make run")
            if now - began > limit:
                raise StartError(f"等了 {limit:.0f} 秒,Rasa 还没有准备好,见 {log_file}。先用内置模型:make run")
            if now - told > PROGRESS_SECONDS:
                told = now
                tell(f"  还在等 Rasa,已经 {now - began:.0f} 秒")
            time.sleep(POLL_SECONDS)
    tell(f"Rasa 已准备好,用了 {time.monotonic() - began:.0f} 秒")


def _ready(client: httpx.Client) -> bool:
    try:
        if client.get("/status").status_code != httpx.codes.OK:
            return False
        return client.post("/model/parse", json={"text": WARM_UP}).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _python(script: str, arguments: Sequence[str]) -> list[str]:
    if not PYTHON.exists():
        raise StartError("没有装 Rasa。请运行 python3 scripts/setup_rasa.py,或者不用 Rasa:make run")
    nice = ["nice", "-n", str(NICENESS)] if os.name == "posix" else []
    return [*nice, str(PYTHON), "-W", "ignore", str(PROJECT / script), *arguments]


def _environment() -> dict[str, str]:
    """Ours without our secrets and settings, which are no business of Rasa's."""
    ours = ("HOTLINE_", "TELEGRAM_", "PYTHON", "VIRTUAL_ENV", "RASA_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"PYTHONUTF8": "1"}
