"""Parse one report or line into sightings, refusals and dead letters, and name the quarantine files of these."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from typing import Annotated, Any

import msgspec

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.refusals.evidence import Refusal, classify, read_status, refusal_of, validate_account
from ghost_pipeline.lifecycle.validation import is_implausible, parse_instant, validate_inference

Location = Mapping[str, str | int]
"""Where a sighting is found: {"file": "gateway.jsonl", "line": 7} or {"report": 3, "sighting": 2}."""

MAX_RAW_LENGTH = 256 * 1024
"""Characters that are kept of a rejected line or report; the sightings of one report share them."""

MAX_REASON_LENGTH = 1_000
"""Characters that are kept of a reason, which may quote a key of any length."""


class _RefusalPayload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: int | str | None = None
    code: int | str | None = None
    message: str | None = None


class _SightingPayload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: str
    model: str
    name: str | None = None
    metadata: dict[str, Any] | None = None
    first_at: str | int | float | None = None
    last_at: str | int | float | None = None
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    account: str | None = None
    refusal: _RefusalPayload | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """A sighting that can be recorded."""

    inference: Inference
    count: int
    """How many inferences it stands for."""
    is_clamped: bool
    """True if an instant was implausible and was replaced."""
    location: Location
    raw: str
    """Its JSON, up to the limit of what is kept."""

    def rejected(self, reason: str) -> "DeadLetter":
        """Return the dead letter for a sighting that the database refused."""
        return DeadLetter(self.location, reason, self.raw)


@dataclass(frozen=True, slots=True)
class RefusedSighting:
    """One or many refused requests for a model that were reported correctly. The provider's text is not in it."""

    refusal: Refusal | None
    """None if the answer is not evidence of anything about the model."""
    count: int
    """How many requests it stands for."""
    is_clamped: bool
    """True if an instant was implausible and was replaced."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A line or a report that is not a valid sighting."""

    location: Location
    reason: str
    raw: str
    """Its beginning, up to ``MAX_RAW_LENGTH`` characters."""

    def to_json_line(self) -> str:
        """Return a line of JSON for the quarantine."""
        document = {**self.location, "reason": self.reason[:MAX_REASON_LENGTH], "raw": self.raw[:MAX_RAW_LENGTH]}
        text = json.dumps(document, ensure_ascii=False)
        return text.encode(errors="backslashreplace").decode() + "\n"


def read_sighting(
    payload: bytes | Mapping[str, Any], location: Location, raw: str, default_at: datetime, now: datetime
) -> Sighting | RefusedSighting | DeadLetter:
    """Return the sighting or the refusal in JSON text, or in an object that was JSON.

    ``default_at`` is its instant if it states none; ``raw`` is what a dead letter keeps of it.
    """
    raw = raw[:MAX_RAW_LENGTH]
    try:
        stated = _decode_payload(payload)
        first_at, last_at = _parse_span(stated, default_at)
        inference = validate_inference(
            stated.provider, stated.model, first_at, last_at, stated.name, stated.metadata, now
        )
        is_clamped = is_implausible(first_at, now) or is_implausible(last_at, now)
        if stated.refusal is not None:
            return RefusedSighting(_read_refusal(stated, stated.refusal, inference, now), stated.count, is_clamped)
        inference = replace(inference, account=validate_account(stated.account))
    except UnicodeDecodeError as error:
        return DeadLetter(location, f"is not UTF-8 (byte {error.start})", raw)
    except UnicodeEncodeError:
        return DeadLetter(location, "contains a lone surrogate", raw)
    except (msgspec.MsgspecError, RecursionError, UsageError) as error:
        return DeadLetter(location, str(error) or type(error).__name__, raw)
    return Sighting(inference, stated.count, is_clamped, location, raw)


def _read_refusal(
    stated: _SightingPayload, refusal: _RefusalPayload, inference: Inference, now: datetime
) -> Refusal | None:
    """Return the refusal, None if the answer is not evidence. Raises UsageError for what no answer can contain."""
    if refusal.status is None and refusal.code is None and refusal.message is None:
        raise UsageError("the refusal is empty", "state the answer's status, code or message")
    if refusal.status is not None and read_status(refusal.status) is None:
        raise UsageError(
            f"the refusal's status {str(refusal.status)[:40]!r} is not an HTTP status", "give a number such as 404"
        )
    if stated.name is not None or stated.metadata is not None:
        raise UsageError("a refusal has neither name nor metadata", "report them with a successful inference")
    account = validate_account(stated.account)
    slug, model_id, found = classify(stated.provider, stated.model, refusal.status, refusal.code, refusal.message)
    if not found.is_evidence:
        return None
    # one request has one instant, even where a report states the interval in which it happened
    first_at = inference.first_at if stated.count > 1 else inference.last_at
    one = refusal_of(slug, model_id, found, inference.last_at, now, account)
    return replace(one, first_at=first_at, count=stated.count)


def _decode_payload(payload: bytes | Mapping[str, Any]) -> _SightingPayload:
    if isinstance(payload, bytes):
        payload.decode()  # msgspec does not check strings that it skips
        return _decode(payload)
    return msgspec.convert(payload, _SightingPayload)


_decode = msgspec.json.Decoder(_SightingPayload).decode


def _parse_span(stated: _SightingPayload, default_at: datetime) -> tuple[datetime, datetime]:
    first_at = None if stated.first_at is None else _parse_instant("first_at", stated.first_at)
    if stated.last_at is None:
        return (default_at, default_at) if first_at is None else (first_at, max(first_at, default_at))
    last_at = _parse_instant("last_at", stated.last_at)
    if first_at is not None and first_at > last_at:
        raise UsageError("first_at is later than last_at")
    return (last_at if first_at is None else first_at), last_at


def _parse_instant(key: str, stated: str | float) -> datetime:
    if isinstance(stated, str):
        return parse_instant(stated, key)
    try:
        return datetime.fromtimestamp(stated, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{key} {stated!r} is out of range", "give seconds since 1970") from error


MAX_SIGHTINGS = 1_000
"""In one report, so that its transaction stays short."""

_BATCH = "sightings"


def read_report(
    report: Mapping[str, Any], location: Location, default_at: datetime, now: datetime
) -> list[Sighting | RefusedSighting | DeadLetter]:
    """Return the sightings and refusals in a report. An invalid one becomes a DeadLetter and stops no other."""
    if _BATCH not in report:
        return [read_sighting(report, location, _to_raw(report), default_at, now)]
    batch = report[_BATCH]
    problem = _find_problem(report, batch)
    if problem:
        return [DeadLetter(location, problem, _to_raw(report))]
    limit = MAX_RAW_LENGTH // len(batch)
    return [
        read_sighting(payload, {**location, "sighting": number}, _to_raw(payload, limit), default_at, now)
        for number, payload in enumerate(batch, 1)
    ]


def _find_problem(report: Mapping[str, Any], batch: object) -> str | None:
    if len(report) > 1:
        return f"has other keys besides {_BATCH!r}: put them into the sightings of the list"
    if not isinstance(batch, list) or not batch:
        return f"{_BATCH!r} is not a list of sightings"
    if len(batch) > MAX_SIGHTINGS:
        return f"has {len(batch):,} sightings: send at most {MAX_SIGHTINGS:,} at once"
    return None


def _to_raw(value: object, limit: int = MAX_RAW_LENGTH) -> str:
    return json.dumps(value)[:limit]


_UNUSUAL = re.compile(r"[^\w.-]")


def dead_letter_files(channel: str, rejected: Iterable[DeadLetter]) -> dict[str, str]:
    """Return name of a file in the quarantine -> its lines: one for each file of the inbox, one for reports.

    The same dead letters have the same name. Reports have unique numbers, so their name depends on the first line only,
    and a page that is read again, with more in it by now, is kept once. Lines of a file have not: two files may begin
    with the same bad line, one after the other under one name, so there the name depends on every line.
    """
    files = {}
    for origin, group in groupby(rejected, key=_origin):
        letters = list(group)
        lines = [letter.to_json_line() for letter in letters]
        identity = lines[0] if "report" in letters[0].location else "".join(lines)
        digest = sha256(identity.encode()).hexdigest()
        files[f"{channel}/{origin}{_number(letters[0])}-{digest[:12]}.jsonl"] = "".join(lines)
    return files


def _origin(letter: DeadLetter) -> str:
    if "report" in letter.location:
        return "report"
    return _UNUSUAL.sub("_", str(letter.location["file"]))[:100]


def _number(first: DeadLetter) -> str:
    return f"-{first.location['report']:09d}" if "report" in first.location else f"-line-{first.location['line']:09d}"
