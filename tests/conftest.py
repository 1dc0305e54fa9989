"""What several tests share: a clock that stands still, a store in memory, the trained interpreter, the house."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actions.directory import load_sample_directory
from bot.turn import House
from hotline.assembly import build_house, memory_store, open_interpreter, open_settled_store
from hotline.settings import Settings
from nlu.training import train
from nlu.understanding import Interpreter
from store.session import Store

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # Monday noon in China


@pytest.fixture
def now() -> datetime:
    return NOON


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings()


@pytest.fixture(scope="session")
def interpreter(settings: Settings) -> Interpreter:
    """The embedded interpreter as `make run` would have it: trained when its model is older than its data."""
    return open_interpreter(settings, train=train)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = memory_store()
    with opened.begin() as session:
        load_sample_directory(session, settings.policy)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shared_house(settings: Settings, interpreter: Interpreter) -> House:
    """A house whose vault belongs to no store: good for everything that opens no household."""
    return build_house(settings, memory_store(), interpreter)


@pytest.fixture
def house(settings: Settings, interpreter: Interpreter, store: Store, shared_house: House) -> House:
    return build_house(settings, store, interpreter, shared_house.policy)


@pytest.fixture
def file_store(settings: Settings, tmp_path: Path) -> Iterator[Store]:
    """A store in an SQLite file, as the product has it: for everything that runs in several threads."""
    opened = open_settled_store(Settings(var=tmp_path / "var"))
    with opened.begin() as session:
        load_sample_directory(session, settings.policy)
    yield opened
    opened.close()


@pytest.fixture
def file_house(settings: Settings, interpreter: Interpreter, file_store: Store, shared_house: House) -> House:
    return build_house(settings, file_store, interpreter, shared_house.policy)


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parent.parent
