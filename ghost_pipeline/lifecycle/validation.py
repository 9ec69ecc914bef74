"""Validation of input: instants, names, metadata, prices, token counts, capabilities."""

import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ghost_pipeline.errors import CatalogUnavailable, InvalidMetadata, InvalidName, UsageError
from ghost_pipeline.lifecycle.facts import Fact, FactKind
from ghost_pipeline.lifecycle.identity import MAX_MODEL_ID_LENGTH, canonical_model_id, is_usable_text, provider_slug
from ghost_pipeline.lifecycle.prices import validate_prices
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES, Source

MAX_SKEW = timedelta(seconds=5)
"""How far a client's clock may be ahead of this one without being wrong."""

EARLIEST_PLAUSIBLE = datetime(2020, 1, 1, tzinfo=UTC)
"""Before any provider served a language model: a clock that shows an earlier time is not set."""


def clamp_instant(at: datetime, now: datetime) -> datetime:
    """Return ``at``, or the nearest plausible instant if the clock that it comes from is wrong.

    An instant after ``now`` becomes ``now``, and so does one before EARLIEST_PLAUSIBLE: the client's clock is not set,
    but its sighting has just arrived.
    """
    return now if at < EARLIEST_PLAUSIBLE else min(at, now)


def is_implausible(at: datetime, now: datetime) -> bool:
    """Return True if the clock that ``at`` comes from is wrong, and not only MAX_SKEW ahead."""
    return not EARLIEST_PLAUSIBLE <= at <= now + MAX_SKEW


def require_valid_clock(now: datetime) -> None:
    """Raise CatalogUnavailable while this machine's own clock is not set, because no instant is plausible then."""
    if now < EARLIEST_PLAUSIBLE:
        raise CatalogUnavailable(f"this machine's clock shows {now:%Y-%m-%d}", "sightings wait until it is set")


MAX_METADATA_BYTES = 64 * 1024
MAX_METADATA_DEPTH = 32

_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL in JSON text, and not an escaped backslash before ``u0000``."""


def contains_nul(json_text: str) -> bool:
    """Return True if JSON text has a NUL character in it, which PostgreSQL can't store."""
    # The pattern alone is slow on text without one, which is nearly all of it.
    return "\\u0000" in json_text and _ESCAPED_NUL.search(json_text) is not None


def replace_nul(json_text: str) -> str:
    """Return JSON text with each NUL character replaced by U+FFFD."""
    return _ESCAPED_NUL.sub(r"\1\\ufffd", json_text)


_encoded = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def validate_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return ``metadata`` as plain JSON values, detached from the caller's objects; None for None.

    Raises InvalidMetadata for anything but a JSON object of at most 64 KiB: NaN, bytes, cycles, lone surrogates, NUL.
    """
    return (
        None if metadata is None else {key: json.loads(text) for key, text in encode_metadata_values(metadata).items()}
    )


def encode_metadata_values(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return each value of ``metadata`` as JSON text, detached from the caller's objects.

    Reads no more than MAX_METADATA_BYTES of it, however large it is. Raises InvalidMetadata as
    :func:`validate_metadata` does.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidMetadata(f"metadata must be a JSON object, not {type(metadata).__name__}")
    try:
        plain = _PlainCopy().of_mapping(metadata, MAX_METADATA_DEPTH)
        texts = {key: _encoded(value) for key, value in plain.items()}
        size = sum(map(text_bytes, texts, texts.values()))
    except InvalidMetadata:
        raise
    except Exception as error:  # the objects are the caller's: reading them may raise anything
        raise InvalidMetadata(
            f"metadata can't be stored as JSON: {type(error).__name__}: {str(error)[:200]}"
        ) from error
    if size > MAX_METADATA_BYTES:
        raise _too_large()
    return texts


def text_bytes(key: str, text: str) -> int:
    """Return how much one value counts against MAX_METADATA_BYTES. Raises UnicodeEncodeError for a lone surrogate."""
    return len(key.encode()) + len(text.encode())


def _too_large() -> InvalidMetadata:
    return InvalidMetadata(f"metadata has more than {MAX_METADATA_BYTES:,} bytes of JSON", "send less of it")


def merge_metadata(older: Mapping[str, Any] | None, newer: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return both by key; the newer value wins. Keys of ``older`` are dropped where the total would exceed the limit.

    The limit is MAX_METADATA_BYTES, which ``newer`` alone does not exceed.
    """
    if older is None or newer is None:
        return newer if older is None else older
    left = MAX_METADATA_BYTES
    kept: list[tuple[str, Any]] = []
    oldest_first = [*((key, value) for key, value in older.items() if key not in newer), *newer.items()]
    for key, value in reversed(oldest_first):
        left -= text_bytes(key, _encoded(value))
        if left < 0:
            break
        kept.append((key, value))
    return dict(reversed(kept))


class _PlainCopy:
    """Copies values as plain JSON values, and stops as soon as they exceed the limit."""

    def __init__(self) -> None:
        self._left = MAX_METADATA_BYTES

    def of_mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copied = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InvalidMetadata(f"a key in metadata must be a string, not {type(key).__name__}")
            copied[self._text(key)] = self._of(inner, depth - 1)
        return copied

    def _of(self, value: object, depth: int) -> object:
        if depth < 0:
            raise InvalidMetadata(f"metadata is nested more than {MAX_METADATA_DEPTH} deep, or contains itself")
        self._spend(1)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self.of_mapping(value, depth)
        if isinstance(value, (list, tuple)):
            return [self._of(inner, depth - 1) for inner in value]
        raise InvalidMetadata(f"metadata contains a value of type {type(value).__name__}, which JSON does not have")

    def _text(self, value: str) -> str:
        text = str.__str__(value)
        self._spend(len(text))
        if "\x00" in text:
            raise InvalidMetadata("metadata contains a NUL character, which the catalog can't store")
        return text

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise _too_large()


MAX_NUMBER = 10**15
"""The largest plausible number of tokens, and the largest plausible price."""

MAX_SPANS = {"hours": 1_000_000, "days": 100_000}
"""The longest span in each unit."""

EARLIEST_INSTANT = datetime(1000, 1, 1, tzinfo=UTC)
"""The earliest instant that a calculation starts from: every span can be subtracted from it."""


def require_aware(instant: datetime) -> datetime:
    """Return ``instant``. Raises UsageError if it has no time zone."""
    if not isinstance(instant, datetime):
        raise UsageError(f"an instant must be a datetime with a time zone, not {type(instant).__name__}")
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise UsageError(f"{instant.isoformat()} has no time zone", f"add one, such as {instant.isoformat()}+00:00")
    return instant


def to_utc(instant: datetime) -> datetime:
    """Return ``instant`` in UTC. Raises UsageError if it has no time zone or if its year in UTC is not 1 to 9999."""
    try:
        return require_aware(instant).astimezone(UTC)
    except OverflowError:
        raise _out_of_range_error(instant) from None


def require_in_range(instant: datetime) -> datetime:
    """Return ``instant`` in UTC. Raises UsageError if it has no time zone or is before EARLIEST_INSTANT."""
    if require_aware(instant) < EARLIEST_INSTANT:
        raise _out_of_range_error(instant)
    return to_utc(instant)


def _out_of_range_error(instant: datetime) -> UsageError:
    return UsageError(f"{instant.isoformat()} is out of range", "give an instant from the year 1000 to 9999, in UTC")


def require_past(instant: datetime, now: datetime) -> datetime:
    """Return ``instant`` in UTC, capped at ``now``.

    Raises UsageError if it has no time zone, is out of range or is after ``now``. A clock that is up to MAX_SKEW ahead
    is accepted.
    """
    if require_aware(instant) > now + MAX_SKEW:
        raise UsageError(f"{instant.isoformat()} is in the future", "give an instant up to the current time")
    return cap_instant(require_in_range(instant), now)


def cap_instant(at: datetime, now: datetime) -> datetime:
    """Return ``at``, or ``now`` if that is earlier: nothing is observed in the future."""
    return min(at, now)


def parse_instant(text: str, what: str = "") -> datetime:
    """Return the instant of an ISO 8601 text in UTC, which is also its time zone unless it names one.

    Raises UsageError for any other text; ``what`` is the name of the value in its message.
    """
    try:
        instant = datetime.fromisoformat(text.strip())  # noqa: TID251 - the one place
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _not_an_instant_error(what, text) from None


END_OF_DAY = (23, 59, 59)
_DAY_LENGTH = len("2026-06-09")


def parse_end(text: str, what: str = "") -> datetime:
    """Return the instant at which something ends, as parse_instant; for a day without a time its last second.

    What ends on a day still works on that day.
    """
    moment = parse_instant(text, what)
    is_day = len(text.strip()) <= _DAY_LENGTH and "T" not in text
    return moment.replace(hour=END_OF_DAY[0], minute=END_OF_DAY[1], second=END_OF_DAY[2]) if is_day else moment


_AGE_UNITS = {"d": "days", "": "days", "h": "hours"}


def parse_age(text: str) -> timedelta:
    """Return a length of time in days or hours: ``30d``, ``12h``; a bare number is days.

    Raises UsageError unless it is above zero and at most 100,000 days.
    """
    match = re.fullmatch(r"(\d{1,8}(?:\.\d+)?)\s*([dh]?)", text.strip().lower())
    age = timedelta() if match is None else float(match[1]) * timedelta(**{_AGE_UNITS[match[2]]: 1})
    if not timedelta() < age <= timedelta(days=100_000):
        raise UsageError(f"{text[:80]!r} is not an age, such as 30d or 12h")
    return age


def _not_an_instant_error(what: str, value: object) -> UsageError:
    named = f"{what} " if what else ""
    return UsageError(f"{named}{str(value)[:80]!r} is not an ISO 8601 timestamp, such as 2027-01-01T00:00:00Z")


def validate_tokens(what: str, number: object) -> int | None:
    """Return a number of tokens, or None. Raises UsageError."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int):
        raise UsageError(f"{what} {str(number)[:40]!r} is not a whole number", "correct it or leave it out")
    if not 1 <= number <= MAX_NUMBER:
        raise UsageError(f"{what} is out of range", "give a number from 1 up, or leave it out")
    return number


def validate_price(what: str, number: object) -> float | None:
    """Return a price in USD per million tokens, or None. Raises UsageError."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise UsageError(f"{what} {str(number)[:40]!r} is not a number", "give USD per million tokens or leave it out")
    if not 0 <= number <= MAX_NUMBER:
        raise UsageError(f"{what} is out of range", "give 0 or more, or leave it out")
    return number


def validate_span(unit: str, span: float) -> timedelta:
    """Return ``span`` hours or days, as ``unit`` is "hours" or "days". Raises UsageError."""
    if not 0 <= span <= MAX_SPANS[unit]:
        raise UsageError(f"{span} {unit} is out of range", f"give 0 to {MAX_SPANS[unit]:,}")
    return timedelta(**{unit: span})


def validate_capabilities(capabilities: Collection[str] | None) -> tuple[str, ...] | None:
    """Return the words, which must be of the vocabulary, sorted and each once; None for none. Raises UsageError."""
    if isinstance(capabilities, str) or not isinstance(capabilities, Collection | None):
        raise UsageError(f"capabilities must be a list of words, not {str(capabilities)[:40]!r}")
    for word in capabilities or ():
        if word not in CAPABILITIES:
            raise UsageError(
                f"{str(word)[:40]!r} is not a capability", f"the capabilities are: {', '.join(CAPABILITIES)}"
            )
    return tuple(sorted(set(capabilities))) if capabilities else None


def validate_source(source: Source | str) -> Source:
    """Return the source of that name. Raises UsageError."""
    try:
        return Source(source)
    except ValueError:
        raise UsageError(f"{source!r} is not a source", "use INDEX, INFERENCE or MANUAL") from None


def validate_reason(reason: str) -> str:
    """Return the reason on one line. Raises UsageError if it is empty."""
    line = " ".join(reason.split())
    if not line:
        raise UsageError("a failed attempt needs a reason", "describe in one line what went wrong")
    return line


def validate_name(name: str | None) -> str | None:
    """Return the name of a model, or None. Raises InvalidName for one that can't be displayed or stored."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise InvalidName(f"a model's name must be a string, not {type(name).__name__}")
    if len(name) > MAX_MODEL_ID_LENGTH or not is_usable_text(name):
        raise InvalidName(
            f"name {name[:40]!r} can't be stored",
            f"use at most {MAX_MODEL_ID_LENGTH} characters, no control characters",
        )
    return name


def validate_instant(what: str, instant: object) -> datetime | None:
    """Return an instant in UTC, or None. Raises UsageError."""
    if instant is None:
        return None
    if not isinstance(instant, datetime):
        raise _not_an_instant_error(what, instant)
    return to_utc(instant)


def validate_fact(fact: Fact, value: Any) -> Any:
    """Return the value of a fact as the catalog stores it; None for unknown. Raises UsageError."""
    match fact.kind:
        case FactKind.TEXT:
            return validate_name(value)
        case FactKind.TOKENS:
            return validate_tokens(fact.name, value)
        case FactKind.PRICE:
            return validate_price(fact.name, value)
        case FactKind.PRICES:
            return validate_prices(value)
        case FactKind.CAPABILITIES:
            return validate_capabilities(value)
        case FactKind.INSTANT:
            return validate_instant(fact.name, value)


def validate_inference(
    provider_id: str,
    model_id: str,
    first_at: datetime,
    last_at: datetime,
    name: str | None,
    metadata: Mapping[str, Any] | None,
    now: datetime,
) -> Inference:
    """Return the sighting with canonical names and with its aware instants clamped to plausible ones.

    Raises InvalidProvider, InvalidModelId, InvalidName, InvalidMetadata.
    """
    slug = provider_slug(provider_id)
    canonical = canonical_model_id(slug, model_id)
    clamped = [clamp_instant(at, now) for at in (first_at, last_at)]
    return Inference(slug, canonical, min(clamped), max(clamped), validate_name(name), validate_metadata(metadata))
