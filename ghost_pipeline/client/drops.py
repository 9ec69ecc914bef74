"""What a tracker had to drop: counted by reason, and told in the log now and then."""

import logging
import time
from collections import Counter
from typing import Literal

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
