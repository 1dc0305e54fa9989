"""Opening the store: engine, sessions, and the settings without which SQLite would lose or mislay something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool

from store.vault import VAULT_ATTRIBUTE, Vault

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_WAIT_SECONDS = 15


@dataclass(frozen=True)
class Store:
    """An open store: `session()` for reading, `begin()` for one transaction."""

    engine: Engine
    sessions: sessionmaker[Session]
    vault: Vault

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.sessions() as session:
            yield session

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction. On SQLite it takes the write lock at once, so that two writers wait instead of failing half-way."""
        with self.sessions() as session:
            if self.engine.dialect.name == "sqlite":
                session.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
            yield session
            session.commit()

    def close(self) -> None:
        self.engine.dispose()


def open_store(url: str, vault: Vault) -> Store:
    """Open the store at an SQLAlchemy URL. `sqlite://` is a fresh store in memory, shared by all its sessions."""
    arguments: dict[str, Any] = {"hide_parameters": True}  # an error must not carry somebody's words into a log
    if url.startswith("sqlite"):
        arguments["connect_args"] = {"timeout": LOCK_WAIT_SECONDS, "check_same_thread": False}
        if url in ("sqlite://", "sqlite:///:memory:"):
            arguments["poolclass"] = StaticPool
    else:
        arguments["pool_pre_ping"] = True
    engine = create_engine(url, **arguments)
    setattr(engine.dialect, VAULT_ATTRIBUTE, vault)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    return Store(engine, sessionmaker(engine, expire_on_commit=False, autoflush=True), vault)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see below
        cursor = connection.cursor()
        # WAL lets readers read while one writes; FULL because a message whose receipt was confirmed must survive a power cut.
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={LOCK_WAIT_SECONDS * 1000}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")


def alembic_config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def migrate(store: Store) -> None:
    """Bring the tables to the newest revision; an empty store is built from the first revision on. All of it, or nothing."""
    if is_current(store):
        return
    command.upgrade(alembic_config(store.engine), "head")


def is_current(store: Store) -> bool:
    """Whether the tables stand at the newest revision."""
    head = ScriptDirectory.from_config(alembic_config(store.engine)).get_current_head()
    with store.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
