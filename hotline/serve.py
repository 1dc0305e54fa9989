"""`hotline serve`: the web process. Residents at /, officers at /console, and by default the worker inside."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.channels import telegram, web
from bot.turn import House
from console.app import console_routes, install_handlers
from hotline.assembly import build_house, open_interpreter, open_settled_store, quiet_logs
from hotline.channels import open_channels
from hotline.errors import StartError
from hotline.settings import ROOT, Settings
from hotline.worker import Worker, now
from store.session import Store

log = structlog.get_logger()

SIGN_INS_A_MINUTE = 30  # from one address of the network; each costs a twentieth of a second


def create_app(
    settings: Settings,
    store: Store,
    house: House,
    *,
    worker_inside: bool = True,
    clock: Callable[[], datetime] = now,
) -> FastAPI:
    """The application. `app.state` holds `store`, `settings`, `clock`, `house` and `wake` (call it after storing a message)."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_channels(settings, store, listen=worker_inside) as channels:
            app.state.telegram = channels.telegram
            if not worker_inside:
                yield
                return
            worker = Worker(
                store,
                house,
                channels.senders,
                channels.fetchers,
                channels.fetched,
                clock,
                retention_days=settings.retention_days,
            )
            channels.on_message(worker.wake)
            app.state.wake = worker.wake
            await worker.start()
            try:
                yield
            finally:
                await worker.stop()

    app = FastAPI(title="救急难热线助手", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.store, app.state.settings, app.state.clock, app.state.house = store, settings, clock, house
    app.state.wake = lambda: None
    app.state.telegram = None
    app.state.too_many_sign_ins = web.TooFast(SIGN_INS_A_MINUTE)
    app.state.stopping = threading.Event()
    app.add_api_route("/health", health, methods=["GET"])
    app.mount("/static", StaticFiles(directory=ROOT / "templates" / "static"), name="static")
    app.include_router(web.routes())
    app.include_router(telegram.routes())
    app.include_router(console_routes(), prefix="/console")
    install_handlers(app, elsewhere=web.trouble_page)
    return app


def health(request: Request) -> Response:
    """For the container's health check: whether the store answers."""
    try:
        with request.app.state.store.session() as session:
            session.execute(text("select 1"))
    except SQLAlchemyError:
        return Response("store", status_code=503)
    return Response("ok")


class _Server(uvicorn.Server):
    """Tells the application that it is to end before waiting for its open connections."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.stopping.set()
        super().handle_exit(sig, frame)


def serve(settings: Settings, *, worker_inside: bool) -> None:
    """Run until Ctrl-C or SIGTERM. Raises StartError when the port is taken."""
    quiet_logs(settings.log_level)
    listener = _listen(settings.host, settings.port)
    store = open_settled_store(settings)
    try:
        house = build_house(settings, store, open_interpreter(settings))
        app = create_app(settings, store, house, worker_inside=worker_inside)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
        print(
            f"救急难热线已启动:居民 http://{settings.host}:{settings.port}/  工作人员 /console  (按 Ctrl-C 停止)",
            flush=True,
        )
        # uvicorn ends by raising the signal once more, for whoever listened before it; unheard, SIGTERM would end us before `finally`.
        signal.signal(signal.SIGTERM, lambda *_: None)
        _Server(config).run(sockets=[listener])
    finally:
        store.close()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"端口 {port} 已被占用:热线可能已经在运行,或者别的程序在用它。停掉它,或者换一个:HOTLINE_PORT=8001 make run"
        ) from error
    listener.set_inheritable(True)
    return listener
