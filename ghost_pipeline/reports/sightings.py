"""One sighting, as any program says it in JSON.

    {"provider": "openai", "model": "gpt-5-preview", "name": "GPT-5 preview", "metadata": {"region": "eu"},
     "first_at": "2026-05-01T12:00:00Z", "last_at": "2026-05-01T12:04:30Z", "count": 12}

Only ``provider`` and ``model`` are needed. Instants are ISO 8601 (UTC unless they say otherwise) or seconds since
1970. A key that is not known is refused: a misspelt instant that is passed over would tell something else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.inferences import Inference, checked_inference

Where = Mapping[str, str | int]
"""Where a sighting stands: {"file": "gateway.jsonl", "line": 7}."""

MAX_SAID_LENGTH = 256 * 1024
"""Characters that are kept of what was said and rejected."""


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: str
    model: str
    name: str | None = None
    metadata: dict[str, Any] | None = None
    first_at: str | int | float | None = None
    last_at: str | int | float | None = None
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


@dataclass(frozen=True, slots=True)
class Sighting:
    """A sighting that can be recorded."""

    inference: Inference
    count: int
    """How many inferences it stands for."""
    is_clamped: bool
    """Whether an instant was one that no clock that is right can say."""
    where: Where
    said: str

    def rejected(self, reason: str) -> "Rejected":
        """The same, set aside after all."""
        return Rejected(self.where, reason, self.said[:MAX_SAID_LENGTH])


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is no sighting: where it stands, why it is none, and what was said."""

    where: Where
    reason: str
    said: str

    def to_line(self) -> str:
        """A line of JSON for people to read."""
        text = json.dumps({**self.where, "reason": self.reason, "said": self.said}, ensure_ascii=False)
        return text.encode(errors="backslashreplace").decode() + "\n"


def read_sighting(
    statement: bytes | Mapping[str, Any], where: Where, said: str, told_at: datetime, now: datetime
) -> Sighting | Rejected:
    """The sighting that JSON text, or an object that was JSON, states; ``told_at`` is its instant if it says none."""
    try:
        stated = _decoded(statement)
        first_at, last_at = _instants(stated, told_at)
        inference = checked_inference(
            stated.provider, stated.model, first_at, last_at, stated.name, stated.metadata, now
        )
    except UnicodeDecodeError as error:
        return Rejected(where, f"is not UTF-8 (byte {error.start})", said[:MAX_SAID_LENGTH])
    except UnicodeEncodeError:
        return Rejected(where, "holds half a character (a lone surrogate)", said[:MAX_SAID_LENGTH])
    except (msgspec.MsgspecError, RecursionError, UsageError) as error:
        return Rejected(where, str(error) or type(error).__name__, said[:MAX_SAID_LENGTH])
    is_clamped = (inference.first_at, inference.last_at) != (first_at, last_at)
    return Sighting(inference, stated.count, is_clamped, where, said)


def _decoded(statement: bytes | Mapping[str, Any]) -> _Statement:
    if isinstance(statement, bytes):
        statement.decode()  # msgspec does not look into strings that nobody asked for
        return _decode(statement)
    return msgspec.convert(statement, _Statement)


_decode = msgspec.json.Decoder(_Statement).decode


def _instants(stated: _Statement, told_at: datetime) -> tuple[datetime, datetime]:
    first_at = None if stated.first_at is None else _instant("first_at", stated.first_at)
    if stated.last_at is None:
        return (told_at, told_at) if first_at is None else (first_at, max(first_at, told_at))
    last_at = _instant("last_at", stated.last_at)
    if first_at is not None and first_at > last_at:
        raise UsageError("first_at is later than last_at")
    return (last_at if first_at is None else first_at), last_at


def _instant(key: str, stated: str | float) -> datetime:
    try:
        if not isinstance(stated, str):
            return datetime.fromtimestamp(stated, UTC)
        instant = datetime.fromisoformat(stated)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{key} {str(stated)[:40]!r} is no instant: give ISO 8601, such as 2026-05-01T12:00:00Z, or seconds since "
            "1970"
        ) from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
