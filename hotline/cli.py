"""The commands. Each imports what it needs when it runs, so that `hotline --help` is quick and `parse` loads no web server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hotline.errors import StartError
from hotline.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="救急难热线助手", pretty_exceptions_enable=False)
users = typer.Typer(no_args_is_help=True, help="控制台的用户")
policy = typer.Typer(no_args_is_help=True, help="政策数据")
app.add_typer(users, name="users")
app.add_typer(policy, name="policy")

JsonFlag = Annotated[bool, typer.Option("--json", help="一行一个 JSON,从标准输入读,写到标准输出")]


def main() -> None:
    """Run a command. What was foreseen ends with a sentence and status 1 (2 for bad usage), never with a traceback."""
    try:
        app()
    except StartError as error:
        typer.echo(str(error), err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        typer.echo(f"环境变量写得不对:{'、'.join(_named(one) for one in error.errors())}", err=True)
        sys.exit(1)
    except Exception as error:
        from actions.eligibility import PolicyError

        if not isinstance(error, PolicyError):
            raise
        typer.echo(str(error), err=True)
        sys.exit(1)


def _named(error: ErrorDetails) -> str:
    """A setting as it is called in the environment. Its value is not shown: it may be a secret."""
    name = str(error["loc"][0])
    return name if name.isupper() else f"HOTLINE_{name.upper()}"


def _now() -> datetime:
    return datetime.now(UTC)


def _input() -> Iterator[str]:
    """Lines of standard input; bytes that are no UTF-8 become marks, so that one bad line does not end the run."""
    for raw in sys.stdin.buffer:
        yield raw.decode("utf-8", "replace")


def _put(lines: Iterator[str]) -> None:
    out = sys.stdout.buffer
    for line in lines:
        out.write(line.encode("utf-8", "replace") + b"\n")
        out.flush()


def _trainer() -> Any:
    """Trains where scikit-learn is installed; says what is going on on standard error."""

    def train(data: Path, folder: Path) -> object:
        typer.echo("正在训练理解模型(只在第一次或数据改动后)……", err=True)
        from nlu.training import train as fit

        return fit(data, folder)

    return train


@app.command()
def parse(json_lines: JsonFlag = False, text: Annotated[str, typer.Argument(help="一句话")] = "") -> None:
    """理解一句话:想要什么、有没有危险、说了哪些情况。"""
    from hotline.assembly import open_interpreter, quiet_logs
    from nlu.lines import parse_lines
    from nlu.understand import understand

    settings = Settings()
    quiet_logs(settings.log_level)
    interpreter = open_interpreter(settings, train=_trainer())
    if json_lines:
        _put(parse_lines(_input(), interpreter))
    elif text:
        typer.echo(json.dumps(understand(text, interpreter).as_json(), ensure_ascii=False, indent=2))
    else:
        raise typer.BadParameter("请给一句话,或者用 --json 从标准输入读")


@app.command()
def hints(json_lines: JsonFlag = False) -> None:
    """资格提示:从标准输入一行读一户的情况。"""
    from actions.eligibility import load_policy
    from actions.eligibility.lines import hints_lines

    if not json_lines:
        raise typer.BadParameter("请用 --json,从标准输入一行读一户")
    _put(hints_lines(load_policy(Settings().policy), _input()))


@app.command()
def chat(json_lines: JsonFlag = False) -> None:
    """在终端里跟助手说话;--json 供程序使用,默认用内存里的临时数据。"""
    from bot.channels.terminal import chat_lines, talk
    from hotline.assembly import build_house, memory_store, open_interpreter, open_settled_store, quiet_logs

    settings = Settings()
    quiet_logs("WARNING")
    keep = bool(settings.store_url) or not json_lines
    store = open_settled_store(settings) if keep else memory_store()
    if not keep:
        from actions.directory import load_sample_directory

        with store.begin() as session:
            load_sample_directory(session, settings.policy)
    house = build_house(settings, store, open_interpreter(settings, train=_trainer()))
    if json_lines:
        _put(chat_lines(_input(), store, house, _now))
    else:
        talk(store, house, _now)


@app.command()
def train(
    nlu: Annotated[str, typer.Option(help="训练哪一个:embedded 或 rasa;默认是正在用的")] = "",
) -> None:
    """从 nlu/data 训练理解模型。"""
    settings = Settings()
    which = nlu or settings.nlu
    if which == "rasa":
        from hotline.rasa_process import train_rasa

        typer.echo("正在训练 Rasa 模型,要几分钟……", err=True)
        typer.echo(str(train_rasa(settings.nlu_data, settings.rasa_model_folder, settings.rasa_log)))
    elif which == "embedded":
        from nlu.training import train as fit

        typer.echo(str(fit(settings.nlu_data, settings.model_folder)))
    else:
        raise typer.BadParameter("只有 embedded 和 rasa")


@app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="标注好的消息:一行一个 JSON 的文件,或放着 nlu/data 那样的 yml 的文件夹")],
    as_json: Annotated[bool, typer.Option("--json", help="只写数字,一个 JSON")] = False,
    errors: Annotated[int, typer.Option(min=0, help="再写出几条理解错的")] = 0,
    noise: Annotated[float, typer.Option(min=0, max=1, help="有多少字换成同音字")] = 0.0,
) -> None:
    """按标注给理解打分。"""
    from hotline.assembly import open_interpreter
    from nlu.corpus import CorpusError
    from nlu.evaluation import GoldError, read_gold
    from nlu.evaluation import evaluate as grade

    try:
        gold = read_gold(file)
    except OSError as error:
        raise StartError(f"读不了这个文件:{file}({error.strerror})") from error
    except (GoldError, CorpusError) as error:
        raise StartError(str(error)) from error
    figures, wrong = grade(gold, open_interpreter(Settings(), train=_trainer()), noise)
    typer.echo(json.dumps(figures.as_json(), ensure_ascii=False) if as_json else figures.as_text())
    for mistake in wrong[:errors]:
        typer.echo(f"\n{mistake.gold.id} {mistake.gold.text}")
        for kind, (labelled, understood) in mistake.wrong.items():
            typer.echo(f"  {kind}: {labelled} → {understood}")


@app.command()
def setup() -> None:
    """建库、装示例目录、建每种角色一个用户、训练模型。可以重复运行。"""
    from hotline.setting_up import set_up

    set_up(Settings(), typer.echo, _trainer())


@app.command()
def serve(
    worker_inside: Annotated[bool, typer.Option("--worker/--no-worker", help="同时处理消息")] = True,
    first: Annotated[bool, typer.Option("--setup", help="先做 hotline setup")] = False,
) -> None:
    """启动网页:居民 / ,工作人员 /console。"""
    from hotline.serve import serve as run

    if first:
        from hotline.setting_up import set_up

        set_up(Settings(), typer.echo, _trainer())
    run(Settings(), worker_inside=worker_inside)


@app.command()
def worker() -> None:
    """只处理消息和发送回复,不开网页;可以同时开几个。"""
    from hotline.worker import work

    work(Settings())


@users.command("add")
def users_add(
    login: str,
    role: Annotated[str, typer.Option(help="operator caseworker supervisor monitoring_officer administrator")],
    name: Annotated[str, typer.Option(help="姓名")] = "",
    department: Annotated[str | None, typer.Option(help="部门,如 civil_affairs")] = None,
    unit: Annotated[str | None, typer.Option(help="乡镇代码,如 429006107")] = None,
) -> None:
    """建一个用户,打印一次性密码。"""
    from actions.errors import HotlineError
    from actions.officers import create_officer
    from hotline.assembly import open_settled_store

    store = open_settled_store(Settings())
    try:
        with store.begin() as session:
            password = create_officer(session, login, name or login, role, department, unit, _now())
    except HotlineError as error:
        raise StartError(f"没有建成:{error}") from error
    typer.echo(f"{login} 的一次性密码:{password}(第一次登录后要改)")


@policy.command("check")
def policy_check() -> None:
    """检查政策数据:写错的地方给出文件、行和改法。"""
    from actions.eligibility import check_policy

    problems = check_policy(Settings().policy)
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo("政策数据没有发现问题。")


@policy.command("show")
def policy_show(
    programme: str,
    on: Annotated[str, typer.Option(help="哪一天,如 2026-07-01")] = "",
    place: Annotated[str, typer.Option(help="区划代码")] = "429006",
) -> None:
    """看一个项目在某天某地的条件、参数和出处。"""
    from actions.eligibility import load_policy, show_programme

    loaded = load_policy(Settings().policy)
    if programme not in loaded.programmes:
        raise StartError(f"没有叫 {programme} 的项目;有:{'、'.join(loaded.programmes)}")
    try:
        day = date.fromisoformat(on) if on else _now().date()
    except ValueError as error:
        raise StartError(f"日期写得不对:{on};要像 2026-07-01") from error
    typer.echo(show_programme(loaded, programme, day, place))


@policy.command("review")
def policy_review(
    days: Annotated[int, typer.Option(min=0, help="看多少天之内要复核的数字")] = 60,
) -> None:
    """列出该复核的参数:已经过期的、快要过期的。"""
    from actions.eligibility import load_policy, review

    due = review(load_policy(Settings().policy), _now().date(), days)
    for one in due:
        typer.echo(str(one))
    if not due:
        typer.echo(f"{days} 天之内没有要复核的数字。")
