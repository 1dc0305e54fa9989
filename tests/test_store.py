"""The floor: encryption at rest, aware times, migrations that match the tables."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from store.models import Base, Conversation, Household, Officer, UTCDateTime
from store.session import Store, is_current, migrate, open_store
from store.vault import Vault, VaultError, vault_from_file


def key() -> str:
    return Fernet.generate_key().decode("ascii")


def file_store(folder: Path, vault: Vault) -> Store:
    store = open_store(f"sqlite:///{folder / 'hotline.db'}", vault)
    migrate(store)
    return store


# --- vault ------------------------------------------------------------------------------------------------------------------

VAULT = Vault([key()])


@given(st.binary())
def test_what_is_sealed_opens_again_and_never_looks_the_same(plain: bytes) -> None:
    sealed = VAULT.seal(plain)
    assert VAULT.open(sealed) == plain
    assert VAULT.seal(plain) != sealed


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(VaultError):
        Vault([key()]).open(VAULT.seal(b"x"))


def test_keys_can_be_changed_without_losing_anything() -> None:
    old, new = key(), key()
    before, after = Vault([old]), Vault([new, old])
    assert after.open(before.seal(b"x")) == b"x"
    assert after.lookup_key("phone", "199") == before.lookup_key("phone", "199")
    with pytest.raises(VaultError):
        before.open(after.seal(b"x"))


def test_look_up_keys_differ_by_kind_value_and_key() -> None:
    keys = {VAULT.lookup_key("phone", "1"), VAULT.lookup_key("phone", "2"), VAULT.lookup_key("identity", "1")}
    assert len(keys | {Vault([key()]).lookup_key("phone", "1")}) == 4


def test_a_malformed_key_is_said() -> None:
    with pytest.raises(VaultError, match="base64"):
        Vault(["short"])


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret" / "data.key"
    first = vault_from_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert vault_from_file(path).open(first.seal(b"x")) == b"x"


def test_an_empty_key_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "data.key"
    path.touch()
    with pytest.raises(VaultError, match="empty"):
        vault_from_file(path)


def test_nothing_that_identifies_a_person_lies_open_in_the_file(tmp_path: Path, now: datetime) -> None:
    store = file_store(tmp_path, VAULT)
    contact = {"phone": "19900001234", "name": "王某"}
    with store.begin() as session:
        session.add(Household(contact=contact, facts={"place": "岳口镇"}, created_at=now, changed_at=now))
    with store.session() as session:
        assert session.scalars(select(Household)).one().contact == contact
    store.close()
    for path in tmp_path.iterdir():
        raw = path.read_bytes()
        for secret in ("19900001234", "王某", "岳口镇"):
            assert secret.encode() not in raw


def test_the_wrong_key_is_a_vault_error_not_garbage(tmp_path: Path, now: datetime) -> None:
    with_key = file_store(tmp_path, VAULT)
    with with_key.begin() as session:
        session.add(Household(contact={"phone": "1"}, created_at=now, changed_at=now))
    with_key.close()
    other = file_store(tmp_path, Vault([key()]))
    with other.session() as session, pytest.raises(VaultError):
        session.scalars(select(Household)).one()
    other.close()


def test_an_engine_without_a_vault_refuses_to_store(now: datetime) -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Household(contact={"phone": "1"}, created_at=now, changed_at=now))
        with pytest.raises(StatementError, match="without a vault"):
            session.flush()
    engine.dispose()


@given(st.text() | st.just("\ud800"))
def test_any_text_comes_back_as_it_was(text_given: str) -> None:
    sealed = VAULT.seal(text_given.encode("utf-8", "surrogatepass"))
    assert VAULT.open(sealed).decode("utf-8", "surrogatepass") == text_given


# --- time -------------------------------------------------------------------------------------------------------------------


@given(st.integers(-(10**15), 10**15), st.integers(-12, 14))
def test_a_moment_comes_back_as_the_same_moment_in_utc(microseconds: int, offset: int) -> None:
    moment = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(
        timezone(timedelta(hours=offset))
    )
    dialect = create_engine("sqlite://").dialect
    stored = UTCDateTime().process_bind_param(moment, dialect)
    back = UTCDateTime().process_result_value(stored, dialect)
    assert back == moment
    assert back.tzinfo is UTC


def test_a_naive_time_is_refused(store: Store) -> None:
    naive = datetime(2026, 11, 23, 12, tzinfo=UTC).replace(tzinfo=None)
    with store.session() as session:
        session.add(Household(created_at=naive, changed_at=naive))
        with pytest.raises(StatementError, match="time zone"):
            session.flush()


# --- tables -------------------------------------------------------------------------------------------------------------------


def test_the_migrations_build_the_tables_of_the_models(tmp_path: Path) -> None:
    store = file_store(tmp_path, VAULT)
    assert is_current(store)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    store.close()


def test_an_empty_store_is_not_current_and_migrating_twice_does_no_harm(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'hotline.db'}", VAULT)
    assert not is_current(store)
    migrate(store)
    migrate(store)
    assert is_current(store)
    store.close()


def test_sqlite_is_set_to_lose_nothing(tmp_path: Path) -> None:
    store = file_store(tmp_path, VAULT)
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    store.close()


def test_a_failing_transaction_leaves_nothing(store: Store, now: datetime) -> None:
    def begin_and_fail() -> None:
        with store.begin() as session:
            session.add(Household(created_at=now, changed_at=now))
            session.flush()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        begin_and_fail()
    with store.session() as session:
        assert session.scalars(select(Household)).all() == []


def test_states_that_do_not_exist_are_refused_by_the_store(store: Store, now: datetime) -> None:
    with store.session() as session:
        session.add(Officer(login="x", name="x", role="king", password_hash="!", created_at=now))
        with pytest.raises(IntegrityError):
            session.flush()


def test_two_writers_of_one_conversation_do_not_overwrite_each_other(tmp_path: Path, now: datetime) -> None:
    store = file_store(tmp_path, VAULT)
    with store.begin() as session:
        talk = Conversation(channel="web", address_key="k", created_at=now, last_at=now, version=0)
        session.add(talk)
        session.flush()
        talk_id = talk.id
    with store.session() as slow:
        behind = slow.get_one(Conversation, talk_id)
        slow.commit()
        with store.begin() as quick:
            quick.get_one(Conversation, talk_id).severity = "urgent"
        behind.severity = "critical"
        with pytest.raises(StaleDataError):
            slow.flush()
        slow.rollback()
    store.close()
