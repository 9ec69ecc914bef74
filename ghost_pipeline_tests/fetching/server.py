"""An HTTP server on loopback that sends prepared responses, valid or not."""

import gzip
import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One received request."""

    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    target: str


Reply = Callable[["Line"], None]
Script = Callable[[Asked], Reply]


class Line:
    """The open connection of one request."""

    def __init__(self, request: BaseHTTPRequestHandler, closing: threading.Event) -> None:
        self._request = request
        self._closing = closing

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self._request.send_response(status)
        for name, value in headers.items():
            self._request.send_header(name, value)
        self._request.end_headers()

    def send(self, content: bytes) -> None:
        self._request.wfile.write(content)
        self._request.wfile.flush()

    def hang_up(self) -> None:
        self._request.close_connection = True

    def wait(self, seconds: float) -> bool:
        """Wait; return False once the server is being closed."""
        return not self._closing.wait(seconds)


class Server:
    """Serves until it is closed; ``requests`` holds what was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Asked] = []
        self._closing = threading.Event()
        self._http = _Http(("127.0.0.1", 0), self._handler_class())
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(parts.path, dict(parse_qsl(parts.query)), headers, self.path)
                server.requests.append(asked)
                server.script(asked)(Line(self, server._closing))

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it is called by
                pass

        return Handler


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def body_reply(content: bytes, status: int = 200, **headers: str) -> Reply:
    """``content`` with a right length; ``content_type`` and the like name headers."""

    def reply(line: Line) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        line.head(status, {"content-type": "application/json", "content-length": str(len(content)), **named})
        line.send(content)

    return reply


def json_reply(document: Any, status: int = 200, **headers: str) -> Reply:
    return body_reply(json.dumps(document).encode(), status, **headers)


def gzip_reply(content: bytes, **headers: str) -> Reply:
    return body_reply(gzip.compress(content), 200, content_encoding="gzip", **headers)


def bare_reply(status: int, **headers: str) -> Reply:
    """No body, no type."""

    def reply(line: Line) -> None:
        line.head(status, {"content-length": "0", **{name.replace("_", "-"): value for name, value in headers.items()}})

    return reply


def cut_reply(content: bytes, sent: int) -> Reply:
    """Announces all of ``content``, sends a part and hangs up."""

    def reply(line: Line) -> None:
        line.head(200, {"content-type": "application/json", "content-length": str(len(content))})
        line.send(content[:sent])
        line.hang_up()

    return reply


def silent_reply(seconds: float) -> Reply:
    """Not even a status line for ``seconds``."""

    def reply(line: Line) -> None:
        line.wait(seconds)
        line.hang_up()

    return reply


def dripping_reply(every: float) -> Reply:
    """White space before a JSON that never comes."""

    def reply(line: Line) -> None:
        line.head(200, {"content-type": "application/json", "transfer-encoding": "chunked"})
        while line.wait(every):
            line.send(b"1\r\n \r\n")

    return reply


def dripping_head_reply(every: float) -> Reply:
    """Send a status line and headers that never end."""

    def reply(line: Line) -> None:
        line.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-slow: ")
        while line.wait(every):
            line.send(b"a")

    return reply


def in_turn(*replies: Reply) -> Script:
    """One reply after the other; the last one again and again."""
    left = list(replies)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


def always(reply: Reply) -> Script:
    return lambda asked: reply
