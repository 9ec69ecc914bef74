"""Refusals, and answers by other models, that wait for delivery: what tells them apart and how they merge."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ghost_pipeline.client.drops import Drops
from ghost_pipeline.lifecycle.refusals.classification import Classification
from ghost_pipeline.lifecycle.refusals.evidence import (
    Refusal,
    Substitution,
    classify,
    refusal_of,
    validate_account,
)
from ghost_pipeline.lifecycle.refusals.unwrapping import MAX_EXAMINED
from ghost_pipeline.lifecycle.validation import clamp_instant

RefusalKey = tuple[str, ...]
"""Provider, model, account, class, rule and hour of refusals, which are those of a row of the catalog; or provider, the
requested model and the one that answered. All names are the catalog's."""


class PendingRefusal(NamedTuple):
    """What was reported with one key: the first and the last instant in seconds since the epoch, and how often."""

    first_at: float
    last_at: float
    number: int
    classification: Classification | None
    """None for answers by another model."""


class PendingRefusals:
    """One value for each key, of at most ``max_keys``; counts in ``drops`` what is over that. Not safe with threads."""

    def __init__(self, max_keys: int, drops: Drops) -> None:
        self.by_key: dict[RefusalKey, PendingRefusal] = {}
        self._max_keys = max_keys
        self._drops = drops

    def add(self, key: RefusalKey, added: PendingRefusal) -> int:
        """Merge with what is pending. Return how many keys are pending, 0 without room."""
        current = self.by_key.get(key)
        if current is None:
            if len(self.by_key) >= self._max_keys:
                self._drops.add("full", f"more than {self._max_keys:,} refusals wait to be written")
                return 0
            self.by_key[key] = added
        else:
            first, last, number, found = current
            self.by_key[key] = PendingRefusal(
                min(first, added.first_at), max(last, added.last_at), number + added.number, found
            )
        return len(self.by_key)


SECONDS_PER_HOUR = 3600

MAX_CACHED_MESSAGE = 2_000
"""Characters of a message that is worth keeping: longer ones are rare, and rarely repeated."""


def classify_cached(
    provider_id: str, model_id: str, status: object, code: object, message: object
) -> tuple[str, str, Classification]:
    """Return what ``classify`` returns. A gateway gets the same answer many times."""
    if _is_cacheable(message) and _is_cacheable(code) and (type(status) is int or _is_cacheable(status)):
        return _classify(provider_id, model_id, status, code, message)
    if isinstance(message, str | bytes | bytearray):
        message = message[: MAX_EXAMINED * 4]
    return classify(provider_id, model_id, status, code, message)


def _is_cacheable(value: object) -> bool:
    return value is None or (type(value) is str and len(value) <= MAX_CACHED_MESSAGE)


_classify = lru_cache(maxsize=1_024)(classify)
_label = lru_cache(maxsize=1_024)(validate_account)


def refusal_key(slug: str, canonical: str, found: Classification, account: str | None, at: float) -> RefusalKey:
    """Return the key of a refusal that is evidence. Raises UsageError for an account that can't be stored."""
    label = "" if account is None else _label(account)
    hour = str(int(at // SECONDS_PER_HOUR))
    return slug, canonical, label, found.refusal_class.value, found.rule_id or "", hour


EARLIEST, LATEST = (datetime(year, 1, 2, tzinfo=UTC).timestamp() for year in (1, 9999))
"""What ``datetime`` can represent in UTC, in seconds since the epoch."""


def to_instant(at: float) -> datetime:
    """Return the instant of a number of seconds since the epoch, or the nearest that can be represented."""
    return datetime.fromtimestamp(min(max(at, EARLIEST), LATEST), UTC)


def to_evidence(taken: Mapping[RefusalKey, PendingRefusal], now: datetime) -> tuple[list[Refusal], list[Substitution]]:
    """Return refusals, and answers by other models, as the catalog records them, with instants up to ``now``."""
    refusals, substitutions = [], []
    for key, pending in taken.items():
        clamped = [clamp_instant(to_instant(at), now) for at in (pending.first_at, pending.last_at)]
        span: dict[str, Any] = {"first_at": min(clamped), "last_at": max(clamped), "count": pending.number}
        if pending.classification is None:
            substitutions.append(Substitution(key[0], key[1], key[2], **span))
        else:
            refusal = refusal_of(key[0], key[1], pending.classification, clamped[0], now, None)
            refusals.append(replace(refusal, account=key[2], **span))
    return refusals, substitutions
