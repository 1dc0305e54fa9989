"""`hotline setup`: everything that a fresh clone needs before it can serve. Running it again changes nothing that is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from actions.directory import load_sample_directory
from actions.officers import create_officer
from hotline.assembly import open_settled_store, train_rasa_if_needed
from hotline.errors import StartError
from hotline.settings import Settings
from nlu.embedded import model_is_current
from store.models import Officer
from store.session import Store

# One user of each role, and two caseworkers so that one can see what the other may not.
SAMPLE_OFFICERS = (
    ("operator", "接线员(示例)", "operator", None, None),
    ("yuekou", "岳口镇民政经办(示例)", "caseworker", "civil_affairs", "429006107"),
    ("county", "市民政局经办(示例)", "caseworker", "civil_affairs", "429006"),
    ("supervisor", "督办(示例)", "supervisor", None, "429006"),
    ("monitor", "监测员(示例)", "monitoring_officer", None, "429006"),
    ("admin", "管理员(示例)", "administrator", None, None),
)


def set_up(settings: Settings, tell: Callable[[str], object], train: Callable[[Path, Path], object]) -> None:
    """Store, directory, users, model, in this order; a line for each step. Raises StartError in words."""
    tell("① 数据库:建表或升级……")
    store = open_settled_store(settings)
    try:
        tell("② 办事机构目录:示例数据,号码都是编的,上线前请换成真的")
        with store.begin() as session:
            added = load_sample_directory(session, settings.policy)
        tell(f"   {'装入' if added else '已有'}示例目录" + (f",{added} 个机构" if added else ""))
        _officers(store, tell)
    finally:
        store.close()
    _model(settings, tell, train)
    if settings.nlu == "rasa" and not settings.rasa_url:
        train_rasa_if_needed(settings, lambda text: tell(f"⑤ {text}"))


def _officers(store: Store, tell: Callable[[str], object]) -> None:
    tell("③ 控制台用户:每种角色一个")
    with store.begin() as session:
        if session.scalar(select(func.count(Officer.id))):
            tell("   已有用户,不再新建。忘了密码:hotline users add 新建一个")
            return
        for login, name, role, department, unit in SAMPLE_OFFICERS:
            password = create_officer(session, login, name, role, department, unit, datetime.now(UTC))
            tell(f"   {login:<11} {name}  一次性密码 {password}")
    tell("   这些密码只显示这一次,第一次登录要改。")


def _model(settings: Settings, tell: Callable[[str], object], train: Callable[[Path, Path], object]) -> None:
    if model_is_current(settings.model_folder, settings.nlu_data):
        tell("④ 理解模型:已是最新")
        return
    tell("④ 理解模型:第一次启动或数据有改动,正在训练,一两分钟……")
    try:
        train(settings.nlu_data, settings.model_folder)
    except ImportError as error:
        raise StartError("没有装训练用的库(scikit-learn)。请运行 make setup。") from error
