"""How the API answers: JSON with an entity tag, cursors that are opaque to clients, and what OpenAPI says of both.

The entity tag is the digest of the body. The position of the log of events would not do: an instant of a last sighting,
a hold and the time left until a sweep change without an event.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any, TypeVar, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ghost_pipeline.catalog.history.comparison import ModelDifference
from ghost_pipeline.catalog.results import ModelPlace
from ghost_pipeline.errors import InvalidCursor
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.retirement import RetiringModel
from ghost_pipeline.web.problems import MEDIA_TYPE

T = TypeVar("T")

_FACT_TYPES = get_type_hints(ModelRecord)
_CURSOR_PREFIX = "m1-"

TAG_BYTES = 16
"""Length of the digest in an entity tag."""


def json_response(request: Request, document: Any) -> Response:
    """Return a document as JSON; 304 without a body if the client has it already."""
    return tagged_response(request, encode_json(document), "application/json")


def tagged_response(request: Request, body: bytes, media_type: str) -> Response:
    """Return a body with its digest as the entity tag; 304 without a body if the client has it already."""
    headers = tag_headers(hashlib.blake2b(body, digest_size=TAG_BYTES).hexdigest())
    return not_modified(request, headers) or Response(body, headers=headers, media_type=media_type)


def tag_headers(digest: str) -> dict[str, str]:
    """Return the headers of an answer that clients may keep, and have to ask for again before they use it."""
    return {"etag": f'"{digest}"', "cache-control": "private, no-cache"}


def not_modified(request: Request, headers: Mapping[str, str]) -> Response | None:
    """Return 304 with the headers if the client names their entity tag; None if it needs the body."""
    if _is_known(request.headers.getlist("if-none-match"), headers["etag"]):
        return Response(status_code=304, headers=headers)
    return None


def encode_json(document: Any) -> bytes:
    """Return a document as the command line prints it with ``--json``, in one line."""
    return msgspec.json.encode(document)


def _is_known(stated: list[str], tag: str) -> bool:
    tags = {one.strip().removeprefix("W/") for value in stated for one in value.split(",")}
    return bool({"*", tag} & tags)


def format_model_cursor(model: ModelRecord | ModelDifference, sort: str | None) -> str:
    """Return the cursor after a model, in an order by ``sort``."""
    value = None if sort is None else getattr(model, sort.removeprefix("-"))
    return _encode_cursor(_CURSOR_PREFIX, [sort, value, model.provider_id, model.model_id])


def parse_model_cursor(text: str, sort: str | None) -> ModelPlace:
    """Return the place that a cursor names. Raises InvalidCursor, also for a cursor of another order."""
    try:
        decoded = _decode_cursor(_CURSOR_PREFIX, text, tuple[str | None, Any, str, str])
        stated, value, provider_id, model_id = decoded
        if stated != sort or "\0" in provider_id + model_id:
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


def iterate_file(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what a file has from its position on, and close it."""
    with file:
        while chunk := file.read(65_536):
            yield chunk


_RETIRING_PREFIX = "r1-"


def format_retiring_cursor(model: RetiringModel) -> str:
    """Return the cursor after a model that retires."""
    return _encode_cursor(_RETIRING_PREFIX, [model.expires_at, model.provider_id, model.model_id])


def parse_retiring_cursor(text: str) -> tuple[datetime, str, str]:
    """Return the date, provider and id of the model that a cursor is after. Raises InvalidCursor."""
    try:
        place = _decode_cursor(_RETIRING_PREFIX, text, tuple[datetime, str, str])
        if place[0].tzinfo is None:
            raise ValueError
    except (ValueError, binascii.Error, msgspec.DecodeError, UnicodeError):
        raise InvalidCursor(
            f"{text[:100]!r} is not a cursor of models that retire", "pass on the cursor of an earlier answer"
        ) from None
    return place


def _encode_cursor(prefix: str, content: Sequence[Any]) -> str:
    return prefix + base64.urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")


def _decode_cursor(prefix: str, text: str, shape: type[T]) -> T:
    """Return the content of a cursor. Raises ValueError, binascii.Error, msgspec.DecodeError, UnicodeError."""
    encoded = text.removeprefix(prefix)
    if encoded == text:
        raise ValueError
    content = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    return msgspec.json.decode(content, type=shape)


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
