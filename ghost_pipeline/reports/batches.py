"""One report: a sighting, or ``{"sightings": [...]}`` with many."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ghost_pipeline.reports.sightings import Rejected, Sighting, Where, read_sighting

MAX_SIGHTINGS = 1_000
"""In one report, so that its transaction stays short."""

_BATCH = "sightings"


def read_report(said: Mapping[str, Any], where: Where, told_at: datetime, now: datetime) -> list[Sighting | Rejected]:
    """The sightings of a report; what is none of them comes back as Rejected, and stops none of the rest."""
    if _BATCH not in said:
        return [_read(said, where, told_at, now)]
    batch = said[_BATCH]
    problem = _problem(said, batch)
    if problem:
        return [Rejected(where, problem, _text(said))]
    return [_read(one, {**where, "sighting": number}, told_at, now) for number, one in enumerate(batch, 1)]


def _problem(said: Mapping[str, Any], batch: object) -> str | None:
    if len(said) > 1:
        return f"states {_BATCH!r} and something besides: put all of it into the list"
    if not isinstance(batch, list) or not batch:
        return f"{_BATCH!r} is no list of sightings"
    if len(batch) > MAX_SIGHTINGS:
        return f"has {len(batch):,} sightings: send at most {MAX_SIGHTINGS:,} at once"
    return None


def _read(one: Any, where: Where, told_at: datetime, now: datetime) -> Sighting | Rejected:
    return read_sighting(one, where, _text(one), told_at, now)


def _text(said: object) -> str:
    return json.dumps(said)
