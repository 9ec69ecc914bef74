"""What is noted of one model between two writes, and how two notes become one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ghost_pipeline.lifecycle.identity import checked_name
from ghost_pipeline.lifecycle.metadata import MAX_METADATA_BYTES, metadata_texts, text_bytes


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
    name = checked_name(name)
    texts = {} if metadata is None else metadata_texts(metadata)
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
