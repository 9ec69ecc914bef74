"""One report or line -> sightings, or what was rejected."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from typing import Annotated, Any

import msgspec

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.validation import validate_inference

Location = Mapping[str, str | int]
"""Where a sighting stands: {"file": "gateway.jsonl", "line": 7}."""

MAX_RAW_LENGTH = 256 * 1024
"""Characters that are kept of what was said and rejected."""


class _SightingPayload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
    where: Location
    said: str

    def rejected(self, reason: str) -> "DeadLetter":
        """The same, set aside after all."""
        return DeadLetter(self.where, reason, self.said[:MAX_RAW_LENGTH])


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is no sighting: where it stands, why it is none, and what was said."""

    where: Location
    reason: str
    said: str

    def to_line(self) -> str:
        """A line of JSON for people to read."""
        text = json.dumps({**self.where, "reason": self.reason, "said": self.said}, ensure_ascii=False)
        return text.encode(errors="backslashreplace").decode() + "\n"


def read_sighting(
    statement: bytes | Mapping[str, Any], where: Location, said: str, told_at: datetime, now: datetime
) -> Sighting | DeadLetter:
    """The sighting that JSON text, or an object that was JSON, states; ``told_at`` is its instant if it says none."""
    try:
        stated = _decoded(statement)
        first_at, last_at = _instants(stated, told_at)
        inference = validate_inference(
            stated.provider, stated.model, first_at, last_at, stated.name, stated.metadata, now
        )
    except UnicodeDecodeError as error:
        return DeadLetter(where, f"is not UTF-8 (byte {error.start})", said[:MAX_RAW_LENGTH])
    except UnicodeEncodeError:
        return DeadLetter(where, "holds half a character (a lone surrogate)", said[:MAX_RAW_LENGTH])
    except (msgspec.MsgspecError, RecursionError, UsageError) as error:
        return DeadLetter(where, str(error) or type(error).__name__, said[:MAX_RAW_LENGTH])
    is_clamped = (inference.first_at, inference.last_at) != (first_at, last_at)
    return Sighting(inference, stated.count, is_clamped, where, said)


def _decoded(statement: bytes | Mapping[str, Any]) -> _SightingPayload:
    if isinstance(statement, bytes):
        statement.decode()  # msgspec does not look into strings that nobody asked for
        return _decode(statement)
    return msgspec.convert(statement, _SightingPayload)


_decode = msgspec.json.Decoder(_SightingPayload).decode


def _instants(stated: _SightingPayload, told_at: datetime) -> tuple[datetime, datetime]:
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


MAX_SIGHTINGS = 1_000
"""In one report, so that its transaction stays short."""

_BATCH = "sightings"


def read_report(
    said: Mapping[str, Any], where: Location, told_at: datetime, now: datetime
) -> list[Sighting | DeadLetter]:
    """The sightings of a report; what is none of them comes back as DeadLetter, and stops none of the rest."""
    if _BATCH not in said:
        return [_read(said, where, told_at, now)]
    batch = said[_BATCH]
    problem = _problem(said, batch)
    if problem:
        return [DeadLetter(where, problem, _text(said))]
    return [_read(one, {**where, "sighting": number}, told_at, now) for number, one in enumerate(batch, 1)]


def _problem(said: Mapping[str, Any], batch: object) -> str | None:
    if len(said) > 1:
        return f"states {_BATCH!r} and something besides: put all of it into the list"
    if not isinstance(batch, list) or not batch:
        return f"{_BATCH!r} is no list of sightings"
    if len(batch) > MAX_SIGHTINGS:
        return f"has {len(batch):,} sightings: send at most {MAX_SIGHTINGS:,} at once"
    return None


def _read(one: Any, where: Location, told_at: datetime, now: datetime) -> Sighting | DeadLetter:
    return read_sighting(one, where, _text(one), told_at, now)


def _text(said: object) -> str:
    return json.dumps(said)


_UNUSUAL = re.compile(r"[^\w.-]")


def dead_letter_files(channel: str, rejected: Iterable[DeadLetter]) -> dict[str, str]:
    """Name of a file in the archive -> its lines: one for each file of the inbox, one for reports.

    The same again has the same name. Reports have numbers of their own, so there the first line names all of them, and
    a page that is read again, with more in it by now, is kept once. Lines of a file have not: two files may begin with
    the same bad line, one after the other under one name, so there every line counts.
    """
    files = {}
    for origin, group in groupby(rejected, key=_origin):
        ones = list(group)
        lines = [one.to_line() for one in ones]
        naming = lines[0] if "report" in ones[0].where else "".join(lines)
        digest = sha256(naming.encode()).hexdigest()
        files[f"{channel}/{origin}{_number(ones[0])}-{digest[:12]}.jsonl"] = "".join(lines)
    return files


def _origin(one: DeadLetter) -> str:
    if "report" in one.where:
        return "report"
    return _UNUSUAL.sub("_", str(one.where["file"]))[:100]


def _number(first: DeadLetter) -> str:
    return f"-{first.where['report']:09d}" if "report" in first.where else f"-line-{first.where['line']:09d}"
