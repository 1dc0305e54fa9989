"""Installs what a verb of the Makefile needs, with the standard library alone. Nothing leaves the checkout but, where we are root,
packages of the system that are missing.

    setup.py run     the product
    setup.py check   and the quick tests
    setup.py test    and every test: PostgreSQL, Chromium and a Chinese font

A second run with nothing to do takes a moment: what was installed is remembered by the hash of its pins.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
UV_PINS = ROOT / "requirements" / "uv.txt"
PINS = {
    "run": ("run.txt", "train.txt"),
    "check": ("run.txt", "train.txt", "test.txt"),
    "test": ("run.txt", "train.txt", "test.txt"),
}
# What the tests need of the system: a command that shows it is there, and Debian's name for it.
SYSTEM = {
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "chromium"),
    "postgresql": (("pg_ctlcluster", "postgres"), "postgresql"),
}
FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    str(Path.home() / ".fonts"),
    "/Library/Fonts",
    "/System/Library/Fonts",
)


def say(text: str) -> None:
    print(text, flush=True)


def stop(text: str) -> None:
    sys.exit(text)


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        stop(f"失败:{' '.join(command[:4])} …\n{done.stdout[-1500:]}{done.stderr[-3000:]}")


def apt(*packages: str) -> None:
    """Install packages of the system, where that is ours to do."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("apt-get"):
        stop(
            f"缺少系统软件 {' '.join(packages)},而这里不能自动安装。请先装上再试,例如:sudo apt-get install {' '.join(packages)}"
        )
    say(f"  安装系统软件 {' '.join(packages)} ……")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode and command[1] == "install":
            stop(f"系统软件没有装上:{' '.join(packages)}\n{done.stderr[-2000:]}")


def make_environment() -> None:
    if (VENV / "bin" / "python").exists():
        return
    say("· 建立 Python 环境 .venv")
    try:
        venv.create(VENV, with_pip=True)
    except (subprocess.CalledProcessError, ImportError, OSError):
        shutil.rmtree(VENV, ignore_errors=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        apt(f"python{version}-venv")
        run(sys.executable, "-m", "venv", str(VENV))


def install(level: str) -> None:
    if any(_installed(one) for one in PINS if set(PINS[level]) <= set(PINS[one])):
        return
    files = [ROOT / "requirements" / name for name in PINS[level]]
    say("· 安装依赖(按 requirements/*.txt 里锁定的版本和校验值)")
    python = str(VENV / "bin" / "python")
    run(
        python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(UV_PINS)
    )
    uv = str(VENV / "bin" / "uv")
    requirements = [argument for path in files for argument in ("-r", str(path))]
    run(uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "--compile-bytecode", *requirements)
    run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    _mark(level).write_text(_digest(level))


def _installed(level: str) -> bool:
    return _mark(level).exists() and _mark(level).read_text() == _digest(level)


def _mark(level: str) -> Path:
    return VENV / f"installed-{level}"


def _digest(level: str) -> str:
    files = [ROOT / "requirements" / name for name in PINS[level]]
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in [*files, UV_PINS, ROOT / "pyproject.toml"])
    ).hexdigest()


def system_for_tests() -> None:
    missing = []
    for commands, package in SYSTEM.values():
        if not any(shutil.which(command) for command in commands) and not _postgres_elsewhere(package):
            missing.append(package)
    if not any(_has_chinese_font(Path(folder)) for folder in FONT_FOLDERS):
        missing.append("fonts-noto-cjk")
    if missing:
        apt(*missing)


def _postgres_elsewhere(package: str) -> bool:
    return package == "postgresql" and any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def _has_chinese_font(folder: Path) -> bool:
    return any(folder.rglob("*CJK*")) or any(folder.rglob("*PingFang*")) or any(folder.rglob("wqy*"))


def main() -> None:
    level = sys.argv[1] if len(sys.argv) > 1 else "run"
    if level not in PINS:
        stop(__doc__ or "")
    if sys.version_info < (3, 11):
        stop(
            f"需要 Python 3.11 或更新的版本,这里是 {sys.version.split()[0]}。请安装后再试,例如:PYTHON=python3.11 make run"
        )
    make_environment()
    install(level)
    if level == "test":
        system_for_tests()


if __name__ == "__main__":
    main()
