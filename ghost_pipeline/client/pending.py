"""Sightings that wait for delivery: merging, limits, drops."""

import json
import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.validation import MAX_METADATA_BYTES, encode_metadata_values, text_bytes, validate_name

log = logging.getLogger("ghost_pipeline.client")

Reason = Literal[
    "invalid",  # what was said is no sighting
    "full",  # too many models wait already
    "metadata",  # the sighting was kept, of its metadata there was too much
    "refused",  # the database can't hold it
    "undelivered",  # the catalog could not be reached before the end
    "closed",  # said after close()
]

LOG_AGAIN_AFTER = 60.0
"""Seconds in which one line of a kind is logged at most."""


class Drops:
    """Counts. Each is written by one thread alone."""

    def __init__(self) -> None:
        self.counts: Counter[Reason] = Counter()
        self.example = ""
        """Why the latest was dropped."""

    def add(self, reason: Reason, why: str, count: int = 1) -> None:
        """Count what can't be kept."""
        self.counts[reason] += count
        self.example = why

    def absorb(self, other: "Drops") -> None:
        """Count in what another thread dropped."""
        self.counts.update(dict(other.counts))  # a copy in one step: its thread may be adding a reason
        self.example = other.example or self.example


class DropLog:
    """Tells from time to time how much was dropped, so that a broken caller does not fill the log as well."""

    def __init__(self) -> None:
        self._told: Counter[Reason] = Counter()
        self._told_at = -LOG_AGAIN_AFTER

    def tell(self, dropped: Drops, *, is_last: bool = False) -> None:
        """Log what was dropped since the last line, unless that was just now."""
        now = time.monotonic()
        news = dropped.counts - self._told
        if not news or (now - self._told_at < LOG_AGAIN_AFTER and not is_last):
            return
        counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(news.items()))
        log.warning("sightings dropped: %s; the latest: %s", counts, dropped.example)
        self._told, self._told_at = dropped.counts.copy(), now


@dataclass(frozen=True, slots=True)
class Learned:
    """A name and metadata, each value with the instant it is of. Never changed: threads share it."""

    name: str | None = None
    name_at: float = 0.0
    texts: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """Key -> (instant, JSON text)."""
    size: int = 0
    """Bytes of the keys and texts."""
    cut: int = 0
    """How many values had to go because all of them were too much for one model."""

    @property
    def metadata(self) -> dict[str, Any] | None:
        """The values by key; None if there are none."""
        return {key: json.loads(text) for key, (_, text) in self.texts.items()} or None


Noted = tuple[float, float, Learned | None]
"""The first and the last instant, in seconds since the epoch, and what was learned. A tuple, because it is what a
tracked call makes, and nothing is cheaper to make."""


def learned(name: str | None, metadata: Mapping[str, Any] | None, at: float) -> Learned | None:
    """What a call tells besides that the model answered. Raises InvalidName, InvalidMetadata."""
    name = validate_name(name)
    texts = {} if metadata is None else encode_metadata_values(metadata)
    if name is None and not texts:
        return None
    return Learned(
        name=name,
        name_at=at,
        texts={key: (at, text) for key, text in texts.items()},
        size=sum(map(text_bytes, texts, texts.values())),
    )


def merged(one: Noted, other: Noted) -> Noted:
    """Both notes as one: the earliest and latest instants, and of each value the newest (of two equals ``other``'s)."""
    return min(one[0], other[0]), max(one[1], other[1]), _merged_learned(one[2], other[2])


def learned_bytes(noted: Noted | None) -> int:
    """How much memory the metadata of a note takes, about."""
    return 0 if noted is None or noted[2] is None else noted[2].size


def _merged_learned(one: Learned | None, other: Learned | None) -> Learned | None:
    if one is None or other is None or one is other:
        return other if one is None else one
    named = one if other.name is None or (one.name is not None and one.name_at > other.name_at) else other
    texts = dict(one.texts)
    for key, (at, text) in other.texts.items():
        if key not in texts or at >= texts[key][0]:
            texts[key] = at, text
    size = sum(text_bytes(key, text) for key, (_, text) in texts.items())
    cut = one.cut + other.cut
    if size > MAX_METADATA_BYTES:
        before = len(texts)
        texts, size = _newest_half(texts)
        cut += before - len(texts)
    return Learned(named.name, named.name_at, texts, size, cut)


def _newest_half(texts: Mapping[str, tuple[float, str]]) -> tuple[dict[str, tuple[float, str]], int]:
    """The newest values that fill half of what is kept: cutting to the brim would cut again at every call."""
    kept: dict[str, tuple[float, str]] = {}
    size = 0
    for key, (at, text) in sorted(texts.items(), key=lambda item: item[1][0], reverse=True):
        size += text_bytes(key, text)
        if kept and size > MAX_METADATA_BYTES // 2:
            return kept, size - text_bytes(key, text)
        kept[key] = at, text
    return kept, size


Model = tuple[str, str]
"""Provider and model: as the caller spells them, or as the catalog does."""

MAX_LEARNED_BYTES = 8 * 1024 * 1024


class Notes:
    """At most one note a model, of at most ``max_models`` models, with at most MAX_LEARNED_BYTES of metadata.

    What is over the limits is counted in ``drops``.
    """

    def __init__(self, max_models: int, drops: Drops) -> None:
        self.by_model: dict[Model, Noted] = {}
        self.drops = drops
        self.learned_bytes = 0
        self._max_models = max_models

    def fold(self, model: Model, noted: Noted) -> None:
        """Note ``noted`` besides what is noted of the model already."""
        known = self.by_model.get(model)
        if known is None and len(self.by_model) >= self._max_models:
            self.drops.add("full", f"more than {self._max_models:,} models wait to be written")
            return
        both = noted if known is None else merged(known, noted)
        grown = learned_bytes(both) - learned_bytes(known)
        if grown > 0 and self.learned_bytes + grown > MAX_LEARNED_BYTES:
            self.drops.add("metadata", f"more than {MAX_LEARNED_BYTES:,} bytes of metadata wait to be written")
            both, grown = (both[0], both[1], None if known is None else known[2]), 0
        self.by_model[model] = both
        self.learned_bytes += grown

    def remove(self, models: Iterable[Model]) -> None:
        """Take out the notes of these models."""
        self.learned_bytes -= sum(learned_bytes(self.by_model.pop(model)) for model in models)


class Buffer:
    """What one thread noted and dropped."""

    def __init__(self, max_models: int) -> None:
        self.drops = Drops()
        self.notes = Notes(max_models, self.drops)
        self.generation = 0


class _Life:
    """Ends with the thread in whose locals it is."""


class Mine(threading.local):
    """In each thread, the buffer of that thread; it joins ``buffers`` at its first use."""

    def __init__(self, buffers: "Buffers") -> None:
        self._life = _Life()
        self.buffer = buffers.join(self._life)
        self.by_model = self.buffer.notes.by_model


class Buffers:
    """The buffers of all threads. Collecting is for one thread at a time."""

    def __init__(self, max_models: int) -> None:
        self._max_models = max_models
        self._all: list[tuple[weakref.ref[_Life], Buffer]] = []
        self.drops = Drops()
        """What was dropped while collecting and writing, and by threads that are over."""
        self.generation = 0
        """How often was collected."""

    def __len__(self) -> int:
        return len(self._all)

    def join(self, life: _Life) -> Buffer:
        """A buffer that is collected until ``life`` ends."""
        buffer = Buffer(self._max_models)
        self._all.append((weakref.ref(life), buffer))
        return buffer

    def collect(self, waiting: Notes) -> None:
        """Move everything that is noted into ``waiting``, under the catalog's names."""
        for entry in list(self._all):
            life, buffer = entry
            is_over = life() is None  # asked first: after that its thread notes nothing more
            for provider_id, model_id in list(buffer.notes.by_model):
                noted = buffer.notes.by_model.pop((provider_id, model_id))
                try:
                    slug = provider_slug(provider_id)
                    waiting.fold((slug, canonical_model_id(slug, model_id)), noted)
                except UsageError as error:
                    self.drops.add("invalid", str(error))
            if is_over:
                self._all.remove(entry)
                self.drops.absorb(buffer.drops)
        self.generation += 1

    def uncollected(self) -> int:
        """How many notes are in the buffers."""
        return sum(len(buffer.notes.by_model) for _, buffer in list(self._all))

    def all_drops(self) -> Drops:
        """What was dropped so far, in all threads."""
        total = Drops()
        total.absorb(self.drops)
        for _, buffer in list(self._all):
            total.absorb(buffer.drops)
        return total
