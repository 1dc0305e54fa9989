"""The composition root: opens the store, loads the law, the words and the interpreter, and hands them on as one house."""

from __future__ import annotations

import atexit
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import structlog
from alembic.util import CommandError
from cryptography.fernet import Fernet
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from actions.calendars import load_calendar
from actions.eligibility import Policy, load_policy
from actions.perform import Tools
from actions.routing import find_unit, load_routes
from bot.turn import House
from bot.wording import Wording
from hotline.errors import StartError
from hotline.settings import Settings
from nlu.embedded import EmbeddedInterpreter, ModelDamaged, ModelMissing, model_is_current
from nlu.rasa_client import RasaInterpreter
from nlu.understanding import Interpreter
from store.models import Conversation
from store.session import Store, migrate, open_store
from store.vault import Vault, VaultError, vault_from_file


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
    """The store of the settings, at its newest revision, proved to be writable and to fit our key. Raises StartError in words."""
    try:
        settings.var.mkdir(mode=0o700, parents=True, exist_ok=True)  # ours alone: not all in it is sealed
        fresh_key = not settings.key_file.exists()
        store = open_store(settings.url, vault_from_file(settings.key_file))
        migrate(store)
        _prove(store)
    except VaultError as error:
        if fresh_key:  # made a moment ago, and the data is older
            settings.key_file.unlink(missing_ok=True)
            raise StartError(
                f"找不到数据密钥 {settings.key_file},而数据库里已有数据。请把原来的密钥文件放回去;没有它,数据读不出来。"
            ) from error
        raise StartError(f"数据密钥有问题:{error}。请把原来的密钥文件放回 {settings.key_file}。") from error
    except OperationalError as error:
        raise StartError(_store_trouble(settings, error)) from error
    except (ArgumentError, ModuleNotFoundError) as error:
        raise StartError(
            "HOTLINE_STORE_URL 写得不对。要像 postgresql+psycopg://用户:密码@主机/库名,或者留空。"
        ) from error
    except CommandError as error:
        raise StartError(
            f"数据库的版本这个程序不认识,可能是新版程序建的:{_shown(settings)}。请用新版程序打开。"
        ) from error
    except DatabaseError as error:
        raise StartError(
            f"数据库文件已损坏,打不开:{_shown(settings)}。请先把它另存一份,再用备份恢复;不要删除原文件。"
        ) from error
    except OSError as error:
        raise StartError(f"不能在 {settings.var} 里写文件:{error.strerror}。请检查磁盘空间和权限。") from error
    return store


def _prove(store: Store) -> None:
    """Write, as the first message would, and read something back that was sealed, if there is anything."""
    with store.begin() as session:
        session.execute(text("update alembic_version set version_num = version_num"))
        session.scalars(select(Conversation.address).order_by(Conversation.id).limit(1)).first()


def _store_trouble(settings: Settings, error: OperationalError) -> str:
    said = str(error.orig).lower()
    if "locked" in said:
        return f"数据库正被别的程序占用:{_shown(settings)}。请先停掉另一个程序再启动。"
    if "full" in said:
        return "磁盘已满,数据库写不进去。请腾出空间再启动;已经收到的消息没有丢。"
    if "readonly" in said or "unable to open" in said:
        return f"数据库打不开或不能写:{_shown(settings)}。请检查路径和权限。"
    if "disk i/o" in said:
        return f"磁盘读写出错:{_shown(settings)}。请检查磁盘是否已满或有坏块;已经收到的消息没有丢。"
    return f"数据库连不上:{_shown(settings)}。请检查数据库是否在运行、地址和密码对不对。"


def _shown(settings: Settings) -> str:
    """The store's address without its password."""
    return make_url(settings.url).render_as_string(hide_password=True)


def memory_store() -> Store:
    """A fresh store in memory with a key of its own: for `chat --json` and tests."""
    store = open_store("sqlite://", Vault([Fernet.generate_key().decode("ascii")]))
    migrate(store)
    return store


def open_interpreter(settings: Settings, *, train: Callable[[Path, Path], object] | None = None) -> Interpreter:
    """The interpreter of the settings; with `train` its model is trained first when it is missing or older than its data."""
    embedded = _open_embedded(settings, train)
    return _open_rasa(settings, embedded, may_train=train is not None) if settings.nlu == "rasa" else embedded


def _open_embedded(settings: Settings, train: Callable[[Path, Path], object] | None) -> EmbeddedInterpreter:
    folder, data = settings.model_folder, settings.nlu_data
    if train and not model_is_current(folder, data):
        train(data, folder)
    try:
        return EmbeddedInterpreter.load(folder)
    except ModelMissing as error:
        raise StartError(f"找不到理解模型 {folder}。请先运行 hotline train。") from error
    except ModelDamaged as error:
        raise StartError(f"理解模型 {folder} 不能用(已损坏,或是别的版本训练的)。请运行 hotline train 重新训练。") from error


def _open_rasa(settings: Settings, embedded: EmbeddedInterpreter, *, may_train: bool) -> RasaInterpreter:
    """Ask the server of the settings, or one of our own that ends with this process."""
    url, token = settings.rasa_url, settings.rasa_token.get_secret_value().strip() if settings.rasa_token else ""
    if url and not token:
        raise StartError("有 HOTLINE_RASA_URL 就要有 HOTLINE_RASA_TOKEN:没有口令的 Rasa 谁都可以删掉它的模型。")
    if not url:
        from hotline.rasa_process import MODEL_FILE, start_rasa

        if may_train:
            train_rasa_if_needed(settings, tell_user)
        model = settings.rasa_model_folder / MODEL_FILE
        if not model.is_file():
            raise StartError(f"找不到 Rasa 模型 {model}。请先运行 hotline train --nlu rasa。")
        process = start_rasa(model, settings.rasa_log, tell_user)
        atexit.register(process.stop)
        url, token = process.running.url, process.running.token
    return RasaInterpreter(embedded, url, token, timeout=settings.rasa_timeout)


def train_rasa_if_needed(settings: Settings, tell: Callable[[str], object]) -> None:
    """Train our own Rasa's model when it is missing or older than what it is made of. Raises `StartError` in words."""
    from hotline.rasa_process import rasa_model_is_current, train_rasa

    folder, data = settings.rasa_model_folder, settings.nlu_data
    if rasa_model_is_current(folder, data):
        tell("Rasa 模型:已是最新")
        return
    tell("Rasa 模型:第一次启动或数据有改动,正在训练,要几分钟……")
    train_rasa(data, folder, settings.rasa_log)


def tell_user(text: str) -> None:
    """On standard error: standard output belongs to what a command was asked for."""
    print(text, file=sys.stderr, flush=True)


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
