"""Alembic's entry: runs on the engine that `store.session` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, Engine, func, select

from store.models import Base, UTCDateTime
from store.vault import EncryptedJSON, EncryptedText

engine: Engine = context.config.attributes["engine"]


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own column types as what they are in the database: a migration must not change when the code does."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, EncryptedText | EncryptedJSON):
        return "sa.LargeBinary()"
    return False


MIGRATION_LOCK = 4290060001  # any number that nobody else locks in this database


def one_at_a_time(connection: Connection) -> None:
    """Hold the others up until we commit: web and worker may start at the same moment, each with an empty store before it."""
    if engine.dialect.name == "sqlite":
        connection.execution_options(sqlite_begin="IMMEDIATE")
        connection.begin()
    elif engine.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))


with engine.connect() as connection:
    one_at_a_time(connection)
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=engine.dialect.name == "sqlite",
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
