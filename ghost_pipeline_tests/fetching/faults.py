"""Faults of a page: what the server does, and the message that users get.

Wherever a server can send text, it repeats the key.
"""

import gzip
import json
from dataclasses import dataclass

from ghost_pipeline_tests.fetching.builders import KEY, QUICK, ids_bytes
from ghost_pipeline_tests.fetching.server import (
    Line,
    Reply,
    bare_reply,
    body_reply,
    cut_reply,
    dripping_head_reply,
    dripping_reply,
    gzip_reply,
    json_reply,
    silent_reply,
)

LISTING = ids_bytes("a", "b", "c")
ECHO = f"Incorrect API key provided: {KEY}."
LARGE = 100_000_000


@dataclass(frozen=True)
class FaultyPage:
    reply: Reply
    message: str
    """A part of the reason."""
    attempts: int = 3
    """How often the page is asked for; workshop.QUICK allows three."""
    read_timeout: float = QUICK.read_timeout
    total_timeout: float = QUICK.total_timeout
    """Seconds; little where that is the limit to be met."""


def _endless(line: Line) -> None:
    line.head(200, {"content-type": "application/json", "transfer-encoding": "chunked"})
    part = b" " * 1_000_000
    for _ in range(LARGE // len(part)):
        line.send(b"%x\r\n%s\r\n" % (len(part), part))


def _no_http(line: Line) -> None:
    line.send(f"key {KEY}\r\n\r\n".encode())
    line.hang_up()


def _echoing_headers(line: Line) -> None:
    line.head(403, {"content-length": "0", "etag": f'"{KEY}"', "x-request-id": KEY, "www-authenticate": KEY})


FAULTS = {
    "slow headers": FaultyPage(silent_reply(2), "sent nothing for 0.2 s", read_timeout=0.2),
    "headers that never end": FaultyPage(dripping_head_reply(0.05), "not finished within 0.5 s", 1, total_timeout=0.5),
    "a slow body": FaultyPage(dripping_reply(0.05), "not finished within 0.5 s", 1, total_timeout=0.5),
    "a connection cut in the middle": FaultyPage(cut_reply(LISTING, 40), "closed the connection"),
    "a length that is too long": FaultyPage(
        body_reply(LISTING, content_length="500"), "sent nothing for 0.2 s", read_timeout=0.2
    ),
    "a length that is too short": FaultyPage(body_reply(LISTING, content_length="60"), "cut off", attempts=1),
    "no HTTP at all": FaultyPage(_no_http, "does not speak HTTP"),
    "500": FaultyPage(json_reply({"error": {"message": ECHO}}, 500), "HTTP 500 Internal Server Error from http://127"),
    "503 with an HTML page": FaultyPage(body_reply(b"<html>x", 503, content_type="text/html"), "HTTP 503"),
    "408": FaultyPage(bare_reply(408), "HTTP 408"),
    "425": FaultyPage(bare_reply(425), "HTTP 425"),
    "429": FaultyPage(json_reply({"error": {"message": "slow down"}}, 429, retry_after="0"), '"slow down"'),
    "429 for longer than there is": FaultyPage(bare_reply(429, retry_after="3600"), "asks to wait 3,600 s", 1),
    "401": FaultyPage(json_reply({"error": {"message": ECHO}}, 401), "check the key in OPENAI_API_KEY", 1),
    "403 with the key in headers": FaultyPage(_echoing_headers, "check the key in OPENAI_API_KEY", 1),
    "404": FaultyPage(body_reply(ECHO.encode(), 404), "check its base_url and path", 1),
    "206": FaultyPage(body_reply(LISTING, 206), "HTTP 206", 1),
    "unrequested 304": FaultyPage(bare_reply(304), "HTTP 304", 1),
    "200 with an error": FaultyPage(json_reply({"error": {"message": ECHO}}), "returned an error", 1),
    "200 with an error in a list": FaultyPage(json_reply([{"error": {"message": ECHO}}]), "returned an error", 1),
    "200 with success: false": FaultyPage(json_reply({"success": False, "errors": [{"message": ECHO}]}), "error", 1),
    "200 with data: null": FaultyPage(json_reply({"data": None, "message": ECHO}), "data: null", 1),
    "200 with HTML": FaultyPage(body_reply(f"<title>{KEY}</title>".encode()), "an HTML or XML page", 1),
    "200 with rows of nothing": FaultyPage(json_reply({"data": [{"key": KEY}]}), "", 1),
    "a listing with the key in it": FaultyPage(json_reply({"data": [{"id": KEY}]}), "repeats the key", 1),
    "half a JSON": FaultyPage(body_reply(LISTING[:60]), "cut off", 1),
    "no content": FaultyPage(bare_reply(200), "empty", 1),
    "a wrong content type": FaultyPage(body_reply(LISTING, content_type=f"text/{KEY}"), "Content-Type", 1),
    "100 MB announced": FaultyPage(body_reply(b"", content_length=str(LARGE)), "larger than 1,000,000 bytes", 1),
    "100 MB": FaultyPage(_endless, "larger than 1,000,000 bytes", 1),
    "100 MB in gzip": FaultyPage(gzip_reply(b" " * LARGE), "larger than 1,000,000 bytes", 1),
    "half a gzip": FaultyPage(body_reply(gzip.compress(LISTING)[:-9], content_encoding="gzip"), "ends early"),
    "gzip that is none": FaultyPage(body_reply(LISTING, content_encoding="gzip"), "is gzip, but its body is not", 1),
    "gzip and more": FaultyPage(body_reply(gzip.compress(LISTING) + b"x", content_encoding="gzip"), "data follows", 1),
    "brotli": FaultyPage(body_reply(LISTING, content_encoding="br"), "not requested", 1),
    "a redirect to another host": FaultyPage(
        bare_reply(302, location=f"http://127.0.0.2/{KEY}"), "another server (http://127.0.0.2:80)", 1
    ),
    "a redirect to a host with the key": FaultyPage(
        bare_reply(307, location=f"https://{KEY}.example"), "refers to another server", 1
    ),
    "a redirect to a file": FaultyPage(bare_reply(301, location="file:///etc/hosts"), "refers to another server", 1),
    "redirects in circles": FaultyPage(bare_reply(302, location="/v1/models"), "has a redirect loop", 6),
}
"""On page 1 all of them must leave nothing behind."""

assert len(json.loads(LISTING)["data"]) == 3
