"""A catalog whose clock is set by hand, and a receiver of webhooks on loopback."""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingOutcome, SubmittedListing
from ghost_pipeline.notifications.destinations import Destination, parse_destinations
from ghost_pipeline.settings import Settings

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOUR = timedelta(hours=1)


@dataclass
class World:
    """A catalog and the time."""

    home: Path
    now: datetime = START
    catalog: ModelCatalog = field(init=False)

    def __post_init__(self) -> None:
        self.catalog = ModelCatalog.open(Settings(home=self.home), clock=self.clock)

    def clock(self) -> datetime:
        return self.now

    def pass_time(self, span: timedelta) -> None:
        self.now += span

    def ingest(self, provider_id: str, content: bytes, *, is_complete: bool = True) -> ListingOutcome:
        """Admit and reconcile a listing that was observed now."""
        outcome = self.catalog.admit(SubmittedListing(provider_id, f"{provider_id}_models.json", content, self.now))
        if not outcome.is_refused and outcome.counts is None:
            outcome = self.catalog.reconcile(outcome.listing_id)
        assert not is_complete or outcome.verdict == "complete", outcome.reason
        return outcome

    def list_models(self, provider_id: str, *model_ids: str, is_complete: bool = True) -> ListingOutcome:
        """Ingest a listing with these models."""
        content = json.dumps({"data": [{"id": one, "object": "model"} for one in model_ids]}).encode()
        return self.ingest(provider_id, content, is_complete=is_complete)


def openrouter_listing(prices: dict[str, float]) -> bytes:
    """Return a listing in OpenRouter's form: model -> USD per million tokens, for input and output."""
    rows = [
        {"id": one, "name": one, "pricing": {"prompt": repr(price / 1e6), "completion": repr(price / 1e6)}}
        for one, price in prices.items()
    ]
    return json.dumps({"data": rows}).encode()


def webhook(url: str, name: str = "hook", more: str = "") -> Destination:
    """Return a webhook's destination, as a file has it."""
    text = f'[destinations.{name}]\nkind = "webhook"\nurl = "{url}"\nsecret_variable = "HOOK_SECRET"\n{more}'
    [found] = parse_destinations(text)
    return found


@dataclass(frozen=True)
class Received:
    """One POST."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.content)

    @property
    def entries(self) -> list[tuple[str, str, str | None]]:
        """Section, provider and model of each entry."""
        return [(one["section"], one["provider_id"], one["model_id"]) for one in self.document["data"]["entries"]]


Answer = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, content: bytes = b"", **headers: str) -> Answer:
    """Answer with a status, a body and headers."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return reply


class Receiver:
    """An HTTP server on loopback that keeps each POST; ``answers`` decides what it sends, then 204."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[Answer] = []
        self.default: Answer = answer(204)
        self.closing = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, content))
                self.close_connection = True
                reply = receiver.answers.pop(0) if receiver.answers else receiver.default
                with suppress(OSError):
                    reply(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it is called by
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def all_entries(self) -> Sequence[tuple[str, str, str | None]]:
        return [entry for one in self.received for entry in one.entries]

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """Send a byte from time to time, so that no silence is long."""
        while not self.closing.wait(0.1):
            request.wfile.write(b"x")

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
