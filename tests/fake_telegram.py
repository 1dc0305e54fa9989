"""A Bot API server for tests, on loopback, in a thread: the real HTTP protocol, and every trouble that the real one makes.

What python-telegram-bot sends (the token in the path, form or JSON bodies) is understood and written down; updates are given out by
long polling with Telegram's meaning of `offset`, or pushed to the webhook with its secret. It waits on a condition, never on the clock.

    with FakeTelegram() as telegram:
        telegram.trouble("sendMessage", Refusal(429, "Too Many Requests: retry after 3", retry_after=3))
        telegram.say("揭不开锅了")
        telegram.wait_for(lambda: telegram.replies())
"""

from __future__ import annotations

import email
import email.policy
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

TOKEN = "123456:TEST-token_of_nobody"
RESIDENT = 7001
LIMIT = 15.0  # seconds that anything in a test may take
LONGEST_TEXT = 4096
LARGEST_FILE = 20 * 1024 * 1024


@dataclass(frozen=True)
class Refusal:
    """An error as the Bot API answers it."""

    code: int
    description: str
    retry_after: int | None = None

    def body(self) -> bytes:
        answer: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.retry_after is not None:
            answer["parameters"] = {"retry_after": self.retry_after}
        return json.dumps(answer).encode()


@dataclass(frozen=True)
class Garbage:
    """An answer of a proxy on the way: no JSON."""

    code: int = 502
    text: str = "<html>Bad Gateway</html>"


class Drop:
    """The connection is closed without an answer, before anything was done."""


class DropAfter:
    """What was asked for is done, and the connection closed without an answer: the unavoidable doubt."""


class Hang:
    """No answer until the caller gives up or the server closes."""


Trouble = Refusal | Garbage | Drop | DropAfter | Hang


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    method: str
    data: dict[str, Any]
    at: float = field(default_factory=time.monotonic)


CUT_OFF = 413  # what hanging up on a body that is too long comes to


class FakeTelegram:
    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.calls: list[Call] = []
        self.sent: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.blocked: set[int] = set()
        self.webhook: dict[str, Any] = {}
        self.confirmed = 0  # the highest update_id that was confirmed
        self.closing = False
        self._updates: list[dict[str, Any]] = []
        self._next_update, self._next_message = 100, 1
        self._troubles: dict[str, deque[Trouble]] = defaultdict(deque)
        self._polls = 0
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self.closing = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(LIMIT)

    # -- what a test says and sees -------------------------------------------------------------------------------

    def trouble(self, method: str, *troubles: Trouble) -> None:
        """Answer the next calls of `method` so, one after the other; then all is well again."""
        with self._changed:
            self._troubles[method].extend(troubles)

    def message(
        self, text: str | None = None, chat: int = RESIDENT, kind: str = "private", **more: Any
    ) -> dict[str, Any]:
        """A Message object of the Bot API."""
        with self._changed:
            number, self._next_message = self._next_message, self._next_message + 1
        sender = {"id": chat, "is_bot": False, "first_name": "居民"}
        where = {"id": chat, "type": kind, **({"title": "群"} if kind != "private" else {"first_name": "居民"})}
        said = {"text": text} if text is not None else {}
        return {"message_id": number, "date": 1795406400, "chat": where, "from": sender, **said, **more}

    def update(self, message: dict[str, Any], field_name: str = "message") -> dict[str, Any]:
        """An Update with the next number, not yet given out."""
        with self._changed:
            number, self._next_update = self._next_update, self._next_update + 1
        return {"update_id": number, field_name: message}

    def offer(self, *updates: dict[str, Any]) -> None:
        """Put updates before whoever polls. An old one may be offered again: a repeated update_id."""
        with self._changed:
            self._updates.extend(updates)
            self._changed.notify_all()

    def say(self, text: str | None = None, chat: int = RESIDENT, **more: Any) -> dict[str, Any]:
        """A resident writes; the update."""
        update = self.update(self.message(text, chat, **more))
        self.offer(update)
        return update

    def push(self, update: Any, *, secret: str | None = None, address: str | None = None) -> int:
        """Post an update to the webhook as Telegram does; the status of the answer."""
        headers = {"Content-Type": "application/json"}
        given = self.webhook.get("secret_token") if secret is None else secret
        if given:
            headers["X-Telegram-Bot-Api-Secret-Token"] = given
        body = update if isinstance(update, bytes) else json.dumps(update).encode()
        request = urllib.request.Request(address or self.webhook["url"], body, headers)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except urllib.error.URLError as error:
            # A server that refuses a body by its length may hang up before all of it was sent; the answer is lost then.
            if isinstance(error.reason, ConnectionError):
                return CUT_OFF
            raise
        except ConnectionError:
            return CUT_OFF

    def replies(self, chat: int = RESIDENT) -> list[str]:
        """The texts that this chat got, in order."""
        return [message["text"] for message in self.sent if message["chat_id"] == chat]

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def wait_for(self, condition: Callable[[], object], seconds: float = LIMIT) -> None:
        """Until `condition` holds. It is looked at after every request."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(condition()), seconds):
                raise AssertionError(f"did not come to pass; calls: {[call.method for call in self.calls]}")

    # -- the methods of the Bot API ------------------------------------------------------------------------------

    def answer(self, method: str, data: dict[str, Any]) -> bytes | Trouble:
        """What to answer. Called in the request's own thread."""
        with self._changed:
            self.calls.append(Call(method, data))
            self._changed.notify_all()
            trouble = self._troubles[method].popleft() if self._troubles[method] else None
            if isinstance(trouble, Hang):
                self._changed.wait_for(lambda: self.closing, LIMIT)
                return trouble
            if trouble is not None and not isinstance(trouble, DropAfter):
                return trouble
            result = self._act(method, data)
            self._changed.notify_all()
        if isinstance(result, Refusal) or trouble is not None:
            return trouble or result
        return json.dumps({"ok": True, "result": result}).encode()

    def _act(self, method: str, data: dict[str, Any]) -> Any:
        acts = {
            "getMe": self._get_me,
            "getUpdates": self._get_updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "sendMessage": self._send_message,
            "getFile": self._get_file,
        }
        return acts[method](data) if method in acts else Refusal(404, "Not Found")

    def _get_me(self, data: dict[str, Any]) -> Any:
        return {"id": int(self.token.split(":")[0]), "is_bot": True, "first_name": "热线", "username": "hotline_bot"}

    def _get_updates(self, data: dict[str, Any]) -> Any:
        if self.webhook.get("url"):
            return Refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        self._polls += 1
        mine = self._polls
        self._changed.notify_all()  # a poll that is still open is ended by this one
        if (offset := int(data.get("offset") or 0)) > 0:
            self.confirmed = max(self.confirmed, offset - 1)
            self._updates = [update for update in self._updates if update["update_id"] >= offset]
        self._changed.wait_for(
            lambda: self._updates or self.closing or self._polls != mine, min(float(data.get("timeout") or 0), LIMIT)
        )
        if self._polls != mine:
            return Refusal(409, "Conflict: terminated by other getUpdates request")
        return self._updates[: int(data.get("limit") or 100)]

    def _set_webhook(self, data: dict[str, Any]) -> Any:
        self.webhook = data
        return True

    def _delete_webhook(self, data: dict[str, Any]) -> Any:
        self.webhook = {}
        return True

    def _send_message(self, data: dict[str, Any]) -> Any:
        chat, text = int(data["chat_id"]), str(data.get("text", ""))
        if chat in self.blocked:
            return Refusal(403, "Forbidden: bot was blocked by the user")
        if not text.strip():
            return Refusal(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > LONGEST_TEXT:
            return Refusal(400, "Bad Request: message is too long")
        self.sent.append({"chat_id": chat, "text": text})
        number, self._next_message = self._next_message, self._next_message + 1
        where = {"id": chat, "type": "private", "first_name": "居民"}
        return {"message_id": number, "date": 1795406400, "chat": where, "text": text}

    def _get_file(self, data: dict[str, Any]) -> Any:
        name = data["file_id"]
        content = self.files.get(name)
        if content is None:
            return Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(content) > LARGEST_FILE:
            return Refusal(400, "Bad Request: file is too big")
        return {"file_id": name, "file_unique_id": name, "file_size": len(content), "file_path": f"photos/{name}"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that has gone away is nothing to report."""


def _handler(telegram: FakeTelegram) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path)
            if path.startswith("/file/bot"):
                self._file(path.removeprefix("/file/bot"))
                return
            token, _, method = path.removeprefix("/bot").partition("/")
            if token != telegram.token:
                self._answer(401, Refusal(401, "Unauthorized").body())
                return
            answer = telegram.answer(method, _fields(self.headers.get("Content-Type", ""), body))
            if isinstance(answer, bytes):
                self._answer(200, answer)
            elif isinstance(answer, Refusal):
                self._answer(answer.code, answer.body())
            elif isinstance(answer, Garbage):
                self._answer(answer.code, answer.text.encode(), "text/html")
            else:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

        def _file(self, path: str) -> None:
            token, _, name = path.partition("/")
            content = telegram.files.get(name.removeprefix("photos/")) if token == telegram.token else None
            if content is None:
                self._answer(404, Refusal(404, "Not Found").body())
                return
            outcome = telegram.answer("download", {"path": name})  # so that it is on record, and may be told to fail
            if isinstance(outcome, Refusal) and outcome.code != 404:
                self._answer(outcome.code, outcome.body())
            else:
                self._answer(200, content, "application/octet-stream")

        def _answer(self, status: int, body: bytes, media_type: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Quiet: the calls are on record."""

    return Handler


def _fields(media_type: str, body: bytes) -> dict[str, Any]:
    """The parameters of a call, however they were sent. Nested ones come as JSON text in a form, and stay so."""
    if media_type.startswith("application/json"):
        parsed = json.loads(body or b"{}")
        return parsed if isinstance(parsed, dict) else {}
    if media_type.startswith("multipart/form-data"):
        head = f"Content-Type: {media_type}\r\n\r\n".encode()
        parts = email.message_from_bytes(head + body, policy=email.policy.HTTP).iter_parts()
        return {str(part.get_param("name", header="content-disposition")): part.get_content() for part in parts}
    return dict(parse_qsl(body.decode(), keep_blank_values=True))
