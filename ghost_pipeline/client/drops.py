"""What trackers drop: the reasons, the counts and the log."""

import logging
import threading
import time
from collections import Counter
from typing import Literal

log = logging.getLogger("ghost_pipeline.client")

LOG_AGAIN_AFTER = 60.0
"""Seconds in which one line of a kind is logged at most."""

Reason = Literal[
    "invalid",  # the arguments of the call are not a valid sighting
    "full",  # too many models wait already
    "metadata",  # the sighting was kept, but not all of its metadata
    "refused",  # the database can't store it
    "undelivered",  # the catalog could not be reached before the end
    "closed",  # tracked after close()
]


class Drops:
    """Count what was dropped. Safe with threads and, being reentrant, with signal handlers."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._counts: Counter[Reason] = Counter()
        self.example = ""
        """Why the latest was dropped."""

    @property
    def counts(self) -> Counter[Reason]:
        """A copy of the count for each reason."""
        with self._lock:
            return self._counts.copy()

    def add(self, reason: Reason, example: str, count: int = 1) -> None:
        """Count ``count`` dropped sightings or values."""
        with self._lock:
            self._counts[reason] += count
            self.example = example


class DropLog:
    """Log at intervals how much was dropped, so that a broken caller does not fill the log."""

    def __init__(self) -> None:
        self._logged: Counter[Reason] = Counter()
        self._logged_at = -LOG_AGAIN_AFTER

    def log_if_due(self, drops: Drops, *, is_last: bool = False) -> None:
        """Log what was dropped since the last line, unless that line is recent."""
        now, counts = time.monotonic(), drops.counts
        new = counts - self._logged
        if not new or (now - self._logged_at < LOG_AGAIN_AFTER and not is_last):
            return
        summary = ", ".join(f"{count:,} {reason}" for reason, count in sorted(new.items()))
        log.warning("sightings dropped: %s; the latest: %s", summary, drops.example)
        self._logged, self._logged_at = counts, now
