"""The house keeps its own rules: who imports whom, where words and addresses may stand, and that the documents tell the truth."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import grimp
import pytest

from hotline.settings import ROOT, Settings
from nlu.understanding import Interpreter

PACKAGES = ("bot", "nlu", "actions", "console", "monitor", "store", "hotline")
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
}
NOT_OURS = {"node_modules", "var", "__pycache__", "build"}
BINARY = {".png", ".gz", ".npz", ".jpg", ".ico", ".woff2"}
# What these say is read by whoever writes policy, or by the program that talks to `chat --json`; no resident sees it.
TECHNICAL = ("actions/eligibility/", "bot/channels/terminal.py")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
CHINESE_SENTENCE = re.compile(r"[\u4e00-\u9fff,，、。：:！？]{6,}")


def our_files(*patterns: str) -> list[Path]:
    """The project's files that match one of the patterns (all of them without): nothing installed, built or written.

    A star stands for any text, folders too.
    """
    found = [
        path
        for path in _all_files()
        if not patterns or any(fnmatch(str(path.relative_to(ROOT)), pattern) for pattern in patterns)
    ]
    assert found, patterns
    return found


@cache
def _all_files() -> tuple[Path, ...]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not _elsewhere(name)]
        found += [Path(folder, name) for name in names if Path(folder, name).exists()]
    return tuple(sorted(found))


def _elsewhere(folder: str) -> bool:
    return folder in NOT_OURS or folder.endswith(".egg-info") or (folder.startswith(".") and folder != ".ci")


def our_texts() -> Iterator[tuple[Path, str]]:
    for path in our_files():
        if path.suffix not in BINARY:
            yield path.relative_to(ROOT), path.read_text("utf-8")


# -- who imports whom ------------------------------------------------------------------------------------------------


def lint(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / ".venv" / "bin" / "lint-imports"), "--no-logo", "--no-cache", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_import_contracts_hold() -> None:
    done = lint(ROOT)

    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("bot/outbox.py", "import console.pages", "bot"),
        ("bot/memory.py", "import hotline.settings", "bot"),
        ("console/users.py", "import bot.wording", "console"),
        ("monitor/__init__.py", "import nlu.hear", "monitor"),
        ("actions/numbers.py", "import bot.state", "actions"),
        ("nlu/facts.py", "import actions.errors", "nlu"),
        ("store/vault.py", "import nlu.labels", "store"),
        # Purity that leaks through a friend: the dialogue imports routing, which imports the calendar.
        ("actions/calendars.py", "import sqlalchemy", "pure"),
        ("actions/errors.py", "from time import time", "pure"),
        ("nlu/normalise.py", "import httpx", "pure"),
        ("nlu/training.py", "import urllib.request", "nlu_io"),
        ("nlu/features.py", "import sklearn", "light"),
    ],
)
def test_a_broken_contract_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data", "rasa")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")

    done = lint(tmp_path, "--contract", contract)

    assert done.returncode == 1
    assert "BROKEN" in done.stdout


def test_what_is_pure_never_asks_the_clock() -> None:
    graph = grimp.build_graph(*PACKAGES)
    modules: set[str] = set()
    for name in CONTRACTS["pure"]["source_modules"]:
        modules |= {name} | graph.find_descendants(name)
    for name in tuple(modules):
        modules |= graph.find_upstream_modules(name)
    assert "actions.calendars" in modules

    for module in sorted(modules):
        for node in ast.walk(ast.parse(_source(module).read_text("utf-8"))):
            called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
            assert called not in ("now", "today", "utcnow"), f"{module}: line {getattr(node, 'lineno', 0)}"


def _source(module: str) -> Path:
    path = ROOT / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_each_package_says_what_is_here_and_what_is_not() -> None:
    for package in PACKAGES:
        said = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text("utf-8"))) or ""
        assert len(said) > 60, package


# -- words, addresses, shortcuts -------------------------------------------------------------------------------------


def test_no_sentence_for_people_stands_in_code() -> None:
    """Words live in templates/. Code may carry labels for understanding, and messages to whoever runs or maintains the product."""
    for path in our_files("bot/*.py", "actions/*.py", "console/*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for text, line in _sentences(tree):
            assert path.relative_to(ROOT).as_posix().startswith(TECHNICAL), f"{path}:{line} {text!r}"


def _sentences(tree: ast.AST) -> Iterator[tuple[str, int]]:
    free = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "advice":  # a log line's advice to the administrator
            free |= {id(part) for part in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in free:
            for found in CHINESE_SENTENCE.finditer(node.value):
                if len(CHINESE.findall(found.group())) >= 6:
                    yield node.value, node.lineno


def test_no_index_host_or_download_address_is_named() -> None:
    """What is installed comes from wherever this machine's package tools are set to look; see docs/decisions."""
    hosts = [
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("np" + "mjs", "org"),
        ("np" + "mjs", "com"),
        ("npm" + "mirror", "com"),
        ("github" + "usercontent", "com"),
        ("releases/" + "download", ""),
        ("deb" + r"\.debian", "org"),
        ("docker", "io"),
        ("gh" + "cr", "io"),
        ("quay", "io"),
        ("hugging" + "face", "co"),
        ("unp" + "kg", "com"),
        ("js" + "delivr", "net"),
        ("cdn" + "js", ""),
    ]
    pattern = re.compile(
        "|".join(r"\b" + name + (rf"\.{end}\b" if end else "") for name, end in hosts) + r"|\bmirrors?\.\w"
    )
    options = re.compile(r"--(?:extra-|default-)?ind[e]x(?:-url)?\b|--find-l[i]nks\b")

    for path, text in our_texts():
        for found in (pattern.search(text), options.search(text)):
            assert found is None, f"{path}: {found}"


def test_what_installs_names_no_address() -> None:
    address = re.compile(r"https?://(?!127\.0\.0\.1|localhost|[a-z]+[:/]|\{|\$)[^\s\"')]+")
    for path in our_files(
        "Makefile", ".ci/*", "scripts/*", "requirements/*", "docker-compose.yml", "Dockerfile*", "pyproject.toml"
    ):
        assert address.findall(path.read_text("utf-8")) == [], path


def test_no_shortcut_is_taken() -> None:
    words = (
        "TO" + "DO",
        "FIX" + "ME",
        "no" + "qa",
        "type: " + "ignore",
        "mark.sk" + "ip",
        "x" + "fail",
        "pytest.sk" + "ip",
    )
    pattern = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in words))
    for path, text in our_texts():
        assert pattern.search(text) is None, f"{path}: {pattern.search(text)}"


def test_texts_are_utf8_and_end_with_a_newline() -> None:
    for path in our_files("templates/*", "policy/*", "nlu/data/*", "docs/*", "*.md"):
        if path.suffix in BINARY:
            continue
        text = path.read_bytes().decode("utf-8")
        assert text.endswith("\n"), path
        assert "\r" not in text, path
        assert "\ufffd" not in text, path


# -- the documents tell the truth ------------------------------------------------------------------------------------

README = ROOT / "README.md"
NAMED_FILE = re.compile(
    r"(?<![\w/.:*-])((?:[\w.-]+/)*[\w*-]+\.(?:py|md|txt|ya?ml|html|css|js|png|toml|csv|in)|(?:[\w.-]+/)+)(?![\w/])"
)


def test_the_files_that_the_readme_names_are_there() -> None:
    named = {name for name in NAMED_FILE.findall(README.read_text("utf-8")) if not name.startswith("var/")}
    assert len(named) > 20

    for name in named:
        assert any(ROOT.glob(name)), name


def test_every_link_in_the_documents_leads_somewhere() -> None:
    links = [
        (path, target.split("#")[0])
        for path in our_files("*.md")
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
        if not re.match(r"[a-z]+:|#", target)
    ]
    assert links

    for path, target in links:
        assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


def test_the_readme_tells_every_variable_of_the_environment_and_no_other() -> None:
    read = [_names_in_the_environment(name) for name in Settings.model_fields]
    named = set(re.findall(r"\b(?:HOTLINE|TELEGRAM)_[A-Z_]+\b", README.read_text("utf-8")))

    assert {names[0] for names in read} <= named
    assert named <= {name for names in read for name in names}


def _names_in_the_environment(setting: str) -> list[str]:
    """The names under which a setting is read, the usual one first."""
    choices = getattr(Settings.model_fields[setting].validation_alias, "choices", ())
    return [str(name) for name in choices if str(name).isupper()] or [f"HOTLINE_{setting.upper()}"]


def test_the_conversation_in_the_readme_is_what_the_product_says(interpreter: Interpreter) -> None:
    """`make screenshots` renews it."""
    assert interpreter  # trained before the command would train it
    said = README.read_text("utf-8")
    number = re.compile(r"JN-\d{5}-\d{5}-[A-Z]")
    renewed = [sys.executable, "-c", "import sys, transcript; sys.stdout.write(transcript.renewed(sys.stdin.read()))"]
    done = subprocess.run(renewed, cwd=ROOT / "scripts", input=said, capture_output=True, text=True, check=True)

    assert number.sub("JN", done.stdout) == number.sub("JN", said)


def test_make_alone_lists_the_verbs() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert sorted(re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE)) == sorted(phony)
    assert set(re.findall(r"`make ([a-z]+)", README.read_text("utf-8"))) <= set(phony)


def test_every_dependency_is_accounted_for() -> None:
    told = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    for path in our_files("requirements/*.in"):
        for line in path.read_text("utf-8").splitlines():
            name = re.split(r"[\[=<>~! ;]", line)[0]
            if name and not name.startswith(("#", "-")):
                assert f"| `{name}` |" in told, name


def test_names_of_the_glossary_are_those_of_the_code() -> None:
    names = re.findall(r"^\|[^|]+\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text("utf-8"), re.MULTILINE)
    code = "\n".join(path.read_text("utf-8") for path in our_files("*.py", "policy/*.yaml"))
    used = [name for cell in names for name in re.findall(r"`([^`]+)`", cell)]
    assert len(used) >= 50

    for name in used:
        assert re.search(rf"\b{re.escape(name)}\b", code), name


def test_decision_records_are_numbered_and_complete() -> None:
    records = our_files("docs/decisions/[0-9]*.md")
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))

    for path in records:
        text = path.read_text("utf-8")
        for heading in ("## Context", "## Decision", "## Consequences", "## Alternatives", "## What enforces it"):
            assert heading in text, f"{path.name}: {heading}"
