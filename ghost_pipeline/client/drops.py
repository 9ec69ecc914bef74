"""What trackers drop: the reasons, and the counts."""

import threading
from collections import Counter
from typing import Literal

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
