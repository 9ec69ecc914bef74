"""Sightings that wait for delivery: what callers add to, how sightings merge, limits and counted drops."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ghost_pipeline.client.drops import Drops
from ghost_pipeline.client.pending_refusals import PendingRefusal, PendingRefusals, RefusalKey
from ghost_pipeline.lifecycle.refusals.classification import Classification
from ghost_pipeline.lifecycle.validation import MAX_METADATA_BYTES, encode_metadata_values, text_bytes, validate_name

Model = tuple[str, ...]
"""Provider and model, as the caller spells them or as the catalog does, and the label of the account if there is one.
"""

MAX_PENDING_METADATA_BYTES = 8 * 1024 * 1024


ObservedValue = tuple[float, str, int]
"""One value of metadata: its instant in seconds since the epoch, its JSON text, the bytes of key and text."""


@dataclass(frozen=True, slots=True)
class ObservedMetadata:
    """The name and the metadata of a model, each value with its instant in seconds since the epoch. Immutable."""

    name: str | None = None
    name_at: float = 0.0
    values: Mapping[str, ObservedValue] = field(default_factory=dict)
    size_bytes: int = 0
    """Size of the keys and JSON texts."""
    dropped_values: int = 0
    """How many values were dropped because one model had more than MAX_METADATA_BYTES of them."""

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The decoded values by key; None if there are none."""
        return {key: json.loads(text) for key, (_, text, _) in self.values.items()} or None


class Sighting(NamedTuple):
    """When a model answered first and last, in seconds since the epoch, and what was observed of it."""

    first_at: float
    last_at: float
    observed: ObservedMetadata | None = None


def observe(name: str | None, metadata: Mapping[str, Any] | None, at: float) -> ObservedMetadata | None:
    """Return the name and metadata of one call; None if it has neither. Raises InvalidName, InvalidMetadata."""
    name = validate_name(name)
    texts = {} if metadata is None else encode_metadata_values(metadata)
    if name is None and not texts:
        return None
    values = {key: (at, text, text_bytes(key, text)) for key, text in texts.items()}
    return ObservedMetadata(name, at, values, sum(size for _, _, size in values.values()))


def merge(one: Sighting, other: Sighting) -> Sighting:
    """Merge two sightings of a model: the outer instants, and each value's newest (of two equals ``other``'s)."""
    first, last, observed = one
    other_first, other_last, other_observed = other
    return Sighting(
        first if first < other_first else other_first,
        last if last > other_last else other_last,
        _merge_observed(observed, other_observed),
    )


def _merge_observed(one: ObservedMetadata | None, other: ObservedMetadata | None) -> ObservedMetadata | None:
    if one is None or other is None or one is other:
        return other if one is None else one
    named = one if other.name is None or (one.name is not None and one.name_at > other.name_at) else other
    values = dict(one.values)
    size = one.size_bytes
    for key, value in other.values.items():
        current = values.get(key)
        if current is None or value[0] >= current[0]:
            values[key] = value
            size += value[2] - (0 if current is None else current[2])
    dropped = one.dropped_values + other.dropped_values
    if size > MAX_METADATA_BYTES:
        count = len(values)
        values, size = _newest_half(values)
        dropped += count - len(values)
    return ObservedMetadata(named.name, named.name_at, values, size, dropped)


def _newest_half(values: Mapping[str, ObservedValue]) -> tuple[dict[str, ObservedValue], int]:
    """Return the newest values that fill half of the limit: cutting to the limit would cut again at every call."""
    kept: dict[str, ObservedValue] = {}
    size = 0
    for key, value in sorted(values.items(), key=lambda item: item[1][0], reverse=True):
        if kept and size + value[2] > MAX_METADATA_BYTES // 2:
            break
        kept[key] = value
        size += value[2]
    return kept, size


class PendingSightings:
    """One sighting per model, of at most ``max_models`` models, with at most MAX_PENDING_METADATA_BYTES of metadata.

    Counts in ``drops`` what is over the limits. Not safe with threads.
    """

    def __init__(self, max_models: int, drops: Drops) -> None:
        self.by_model: dict[Model, Sighting] = {}
        self._metadata_bytes = 0
        self._max_models = max_models
        self._drops = drops

    def add(self, model: Model, sighting: Sighting) -> int:
        """Merge ``sighting`` with the model's pending one. Return how many models are pending, 0 without room."""
        current = self.by_model.get(model)
        if current is None and len(self.by_model) >= self._max_models:
            self._drops.add("full", f"more than {self._max_models:,} models wait to be written")
            return 0
        merged = sighting if current is None else merge(current, sighting)
        growth = _metadata_bytes(merged) - _metadata_bytes(current)
        if growth > 0 and self._metadata_bytes + growth > MAX_PENDING_METADATA_BYTES:
            self._drops.add("metadata", f"more than {MAX_PENDING_METADATA_BYTES:,} bytes of metadata wait")
            merged, growth = merged._replace(observed=None if current is None else current.observed), 0
        self.by_model[model] = merged
        self._metadata_bytes += growth
        return len(self.by_model)

    def remove(self, models: Iterable[Model]) -> None:
        """Remove the sightings of these models."""
        self._metadata_bytes -= sum(_metadata_bytes(self.by_model.pop(model)) for model in models)


def _metadata_bytes(sighting: Sighting | None) -> int:
    return 0 if sighting is None or sighting.observed is None else sighting.observed.size_bytes


class SightingBuffer:
    """What the program's threads add to and the writer takes from.

    ``last_used`` is the fast path: storing the current instant for a model that is in it is atomic and needs no lock.
    A store that races with ``take`` puts the model back, and the next ``take`` returns it. Everything else happens
    under ``lock``, which is reentrant because a signal handler may interrupt its holder, and is held for microseconds.
    """

    def __init__(self, max_models: int, drops: Drops) -> None:
        self.last_used: dict[Model, float] = {}
        self.drops = drops
        self.lock = threading.RLock()
        self.is_closed = False
        self._max_models = max_models
        self._pending = PendingSightings(max_models, drops)
        self._refusals = PendingRefusals(max_models, drops)

    @property
    def is_empty(self) -> bool:
        """True if nothing was added since the last ``take`` and ``take_refusals``."""
        return not (self._pending.by_model or self._refusals.by_key)

    def add(self, model: Model, sighting: Sighting, *, is_current: bool) -> int:
        """Add a sighting; drop it if the buffer is closed. Return how many models are pending; 0 if it was dropped.

        ``is_current``: it happened just now, and later calls of this model may take the fast path.
        """
        with self.lock:
            if self.is_closed:
                self.drops.add("closed", "the tracker is closed")
                return 0
            count = self._pending.add(model, sighting)
            if count and is_current:
                self.last_used[model] = sighting.last_at
            return count

    def add_refusal(self, key: RefusalKey, at: float, found: Classification | None) -> int:
        """Add a refusal, or an answer by another model; drop it if the buffer is closed.

        Return how many keys are pending; 0 if it was dropped.
        """
        with self.lock:
            if self.is_closed:
                self.drops.add("closed", "the tracker is closed")
                return 0
            return self._refusals.add(key, PendingRefusal(at, at, 1, found))

    def take_refusals(self) -> dict[RefusalKey, PendingRefusal]:
        """Remove and return all refusals and answers by other models."""
        with self.lock:
            pending, self._refusals = self._refusals, PendingRefusals(self._max_models, self.drops)
        return pending.by_key

    @property
    def is_crowded_with_refusals(self) -> bool:
        """True if no more than as many again fit in."""
        return len(self._refusals.by_key) >= self._max_models // 2

    def put_back(self, taken: Mapping[RefusalKey, PendingRefusal]) -> None:
        """Add again what was taken and could not be delivered, even to a closed buffer."""
        with self.lock:
            for key, refusal in taken.items():
                self._refusals.add(key, refusal)

    def take(self) -> dict[Model, Sighting]:
        """Remove and return everything."""
        with self.lock:
            pending, self._pending = self._pending, PendingSightings(self._max_models, self.drops)
        sightings = pending.by_model
        for model in list(self.last_used):
            at = self.last_used.pop(model, None)
            if at is not None:
                used = Sighting(at, at)
                sightings[model] = merge(sightings[model], used) if model in sightings else used
        return sightings
