"""Installs Rasa into an environment of its own, .venv-rasa, with the standard library alone.

    setup_rasa.py

Rasa 3.6.21 runs on Python 3.10 and no newer. That Python is looked for on the path and among pyenv's; where there is none,
uv fetches one. Versions and hashes stand in nlu/rasa/requirements-nlu.txt. A second run with nothing to do takes a moment.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-rasa"
UV = ROOT / ".venv" / "bin" / "uv"
PINS = ROOT / "nlu" / "rasa" / "requirements-nlu.txt"
MARK = VENV / "installed"
MEGABYTES = 2_500  # 1.7 GB installed, and what is unpacked on the way
# An index set for some other project must not decide what is installed here.
FOREIGN = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "VIRTUAL_ENV", "PYTHONPATH")
NO_PYTHON = (
    "找不到 Python 3.10,uv 也没有取到。Rasa 3.6.21 只能用 3.10。请装上 Python 3.10 再试"
    "(例如 pyenv install 3.10,或 uv python install 3.10),或者不用 Rasa:make run"
)


def say(text: str) -> None:
    print(text, flush=True)


def candidates() -> Iterator[str]:
    """Where a Python 3.10 may be, best first."""
    yield from filter(None, [shutil.which("python3.10")])
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(root.glob("versions/3.10.*/bin/python3.10"), reverse=True))


def runs(python: str) -> bool:
    """Whether it is a 3.10 that really runs, and can make environments: a version manager's shim may do neither."""
    check = "import ssl, sys, venv; sys.exit(sys.version_info[:2] != (3, 10))"
    try:
        return subprocess.run([python, "-c", check], capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def run(*command: str) -> str | None:
    """None when it went well, else what it said."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"{done.stdout[-1500:]}{done.stderr[-3000:]}"


def make_environment() -> None:
    if runs(str(VENV / "bin" / "python")):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    python = next(filter(runs, candidates()), "3.10")
    say("· 建立 Rasa 的 Python 3.10 环境 .venv-rasa")
    trouble = run(str(UV), "venv", "--quiet", "--python", python, str(VENV))
    if trouble:
        sys.exit(f"{NO_PYTHON}\n{trouble}")


def install() -> None:
    free = shutil.disk_usage(ROOT).free // 1_000_000
    if free < MEGABYTES:
        sys.exit(f"磁盘只剩 {free} MB,装 Rasa 要 {MEGABYTES} MB。请腾出空间再试,或者不用 Rasa:make run")
    say("· 安装 Rasa(按 nlu/rasa/requirements-nlu.txt 锁定的版本和校验值,约 1.7 GB,要一两分钟)")
    python = str(VENV / "bin" / "python")
    # `sync` installs the file and nothing else: some of what Rasa asks for is left out on purpose (overrides.txt).
    options = ("--quiet", "--python", python, "--require-hashes", "--compile-bytecode")
    trouble = run(str(UV), "pip", "sync", *options, str(PINS))
    if trouble:
        sys.exit(f"Rasa 没有装上,请检查网络后再试:\n{trouble}")
    MARK.write_text(digest())


def digest() -> str:
    return hashlib.sha256(PINS.read_bytes()).hexdigest()


def main() -> None:
    if not UV.exists():
        sys.exit("先装好产品本身:make setup")
    if MARK.exists() and MARK.read_text() == digest() and (VENV / "bin" / "python").exists():
        return
    make_environment()
    install()


if __name__ == "__main__":
    main()
