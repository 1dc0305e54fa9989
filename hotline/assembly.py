"""The composition root: opens the store, loads the law, the words and the interpreter, and hands them on as one house."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import structlog
from actions.calendars import load_calendar
from actions.routing import find_unit, load_routes
from cryptography.fernet import Fernet
from sqlalchemy.exc import DatabaseError, OperationalError

from actions.eligibility import Policy, load_policy
from actions.perform import Tools
from bot.turn import House
from bot.wording import Wording
from hotline.settings import Settings
from nlu.embedded import EmbeddedInterpreter, ModelDamaged, ModelMissing, model_is_current
from nlu.understanding import Interpreter
from store.session import Store, migrate, open_store
from store.vault import Vault, VaultError, vault_from_file


class StartError(Exception):
    """Something without which we cannot start. The text is for the person at the keyboard."""


def quiet_logs(level: str) -> None:
    """Structured lines on standard error: a static event and identifiers, never words of a resident."""
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,  # so that a test can take the configuration back
    )
    logging.basicConfig(level=logging.WARNING)
    for name in ("httpx", "telegram", "httpcore", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def open_settled_store(settings: Settings) -> Store:
    """The store of the settings, at its newest revision."""
    try:
        settings.var.mkdir(parents=True, exist_ok=True)
        store = open_store(settings.url, vault_from_file(settings.key_file))
        migrate(store)
    except VaultError as error:
        raise StartError(f"数据密钥有问题:{error}。请把原来的密钥文件放回 {settings.key_file}。") from error
    except OperationalError as error:
        raise StartError(_store_trouble(settings, error)) from error
    except DatabaseError as error:
        raise StartError(
            f"数据库文件已损坏,打不开:{settings.url}。请先把它另存一份,再用备份恢复;不要删除原文件。"
        ) from error
    except OSError as error:
        raise StartError(f"不能在 {settings.var} 里写文件:{error.strerror}。请检查磁盘空间和权限。") from error
    return store


def _store_trouble(settings: Settings, error: OperationalError) -> str:
    text = str(error.orig).lower()
    if "locked" in text:
        return f"数据库正被别的程序占用:{settings.url}。请先停掉另一个程序再启动。"
    if "full" in text:
        return "磁盘已满,数据库写不进去。请腾出空间再启动;已经收到的消息没有丢。"
    if "readonly" in text or "unable to open" in text:
        return f"数据库打不开或不能写:{settings.url}。请检查路径和权限。"
    return f"数据库连不上:{settings.url.split('@')[-1]}。请检查数据库是否在运行。"


def memory_store() -> Store:
    """A fresh store in memory with a key of its own: for `chat --json` and tests."""
    store = open_store("sqlite://", Vault([Fernet.generate_key().decode("ascii")]))
    migrate(store)
    return store


def open_interpreter(settings: Settings, *, train: Callable[[Path, Path], object] | None = None) -> Interpreter:
    """The embedded interpreter; with `train` it is trained first when its model is missing or older than its data."""
    folder, data = settings.model_folder, settings.nlu_data
    if train and not model_is_current(folder, data):
        train(data, folder)
    try:
        return EmbeddedInterpreter.load(folder)
    except ModelMissing as error:
        raise StartError(f"找不到理解模型 {folder}。请先运行 hotline train。") from error
    except ModelDamaged as error:
        raise StartError(f"理解模型 {folder} 已损坏。请运行 hotline train 重新训练。") from error


def open_policy(settings: Settings) -> Policy:
    return load_policy(settings.policy)


def build_house(settings: Settings, store: Store, interpreter: Interpreter, policy: Policy | None = None) -> House:
    routes = load_routes(settings.policy)
    return House(
        interpreter=interpreter,
        policy=policy or open_policy(settings),
        tools=Tools(
            routes=routes,
            calendar=load_calendar(settings.policy),
            vault=store.vault,
            find_unit=lambda place: find_unit(routes, place),
        ),
        wording=Wording(),
        place=settings.place,
    )
