"""How the API answers: JSON with an entity tag, cursors that are opaque to clients, and what OpenAPI says of both.

The entity tag is the digest of the body. The position of the log of events would not do: an instant of a last sighting,
a hold and the time left until a sweep change without an event.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ghost_pipeline.catalog.history.comparison import ModelDifference
from ghost_pipeline.catalog.results import ModelPlace
from ghost_pipeline.errors import InvalidCursor
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.web.problems import MEDIA_TYPE

_FACT_TYPES = get_type_hints(ModelRecord)
_CURSOR_PREFIX = "m1-"


def json_response(request: Request, document: Any) -> Response:
    """Return a document as JSON; 304 without a body if the client has it already."""
    body = encode_json(document)
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if _is_known(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def encode_json(document: Any) -> bytes:
    """Return a document as the command line prints it with ``--json``, in one line."""
    return msgspec.json.encode(document)


def _is_known(stated: list[str], tag: str) -> bool:
    tags = {one.strip().removeprefix("W/") for value in stated for one in value.split(",")}
    return bool({"*", tag} & tags)


def format_model_cursor(model: ModelRecord | ModelDifference, sort: str | None) -> str:
    """Return the cursor after a model, in an order by ``sort``."""
    value = None if sort is None else getattr(model, sort.removeprefix("-"))
    content = msgspec.json.encode([sort, value, model.provider_id, model.model_id])
    return _CURSOR_PREFIX + base64.urlsafe_b64encode(content).decode().rstrip("=")


def parse_model_cursor(text: str, sort: str | None) -> ModelPlace:
    """Return the place that a cursor names. Raises InvalidCursor, also for a cursor of another order."""
    try:
        encoded = text.removeprefix(_CURSOR_PREFIX)
        content = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        stated, value, provider_id, model_id = msgspec.json.decode(content, type=tuple[str | None, Any, str, str])
        if not text.startswith(_CURSOR_PREFIX) or stated != sort or "\0" in provider_id + model_id:
            raise ValueError
        if value is not None:
            value = msgspec.convert(value, str if sort is None else _FACT_TYPES[sort.removeprefix("-")])
        if sort is None or "\0" in str(value):
            value = None
    except (ValueError, binascii.Error, msgspec.DecodeError, KeyError, UnicodeError):
        raise InvalidCursor(
            f"{text[:100]!r} is not a cursor of these models",
            "pass on the cursor of an earlier answer as it was, with the same other parameters",
        ) from None
    return ModelPlace(provider_id, model_id, value)


_EVENT_CURSOR = re.compile(r"e1-([0-9]{1,18})")


def format_event_cursor(event_id: int) -> str:
    """Return the cursor after an event of a model."""
    return f"e1-{event_id}"


def parse_event_cursor(text: str) -> int:
    """Return the id of the event that a cursor is after. Raises InvalidCursor."""
    match = _EVENT_CURSOR.fullmatch(text)
    if match is None:
        raise InvalidCursor(f"{text[:100]!r} is not a cursor of events", "pass on the cursor of an earlier answer")
    return int(match[1])


def describe_answers(name: str, description: str, *errors: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's responses of an operation that answers with the schema ``name``, and with these errors."""
    reference = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    tag = {"ETag": {"description": "The digest of the body.", "schema": {"type": "string"}}}
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": description, "content": {"application/json": reference}, "headers": tag},
        304: {"description": "The client has the current answer: If-None-Match names its entity tag.", "headers": tag},
    }
    for status in (*errors, 422, 500, 503):
        answers[status] = {"description": ERRORS[status], "content": {MEDIA_TYPE: problem}}
    return answers


ERRORS: Mapping[int, str] = {
    401: "The token is missing or wrong. Only where the server was started with a token.",
    403: "The server does not have this host name.",
    404: "The catalog has nothing of that name.",
    405: "Only GET and HEAD are possible.",
    422: "A parameter is invalid.",
    500: "An unexpected error happened. The log of the server has its cause.",
    503: "The catalog can't be read now, or too many clients are waiting.",
}
"""Status -> when it is answered."""
