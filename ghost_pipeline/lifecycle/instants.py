"""Which instants that clients give are believed."""

from datetime import UTC, datetime, timedelta

from ghost_pipeline.errors import CatalogUnavailable

MAX_SKEW = timedelta(seconds=5)
"""How far a client's clock may be ahead of this one."""

EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
"""Before any provider served a language model: a clock that says so is not set."""


def believable(at: datetime, now: datetime) -> datetime:
    """``at``, unless no clock that is right can say so.

    What is later than ``now`` plus MAX_SKEW becomes that. What is before EARLIEST becomes ``now``: a client whose clock
    is not set says so now, and its sighting is as good as any.
    """
    return now if at < EARLIEST else min(at, now + MAX_SKEW)


def require_set_clock(now: datetime) -> None:
    """Raises CatalogUnavailable while this machine's own clock is not set: no instant can be believed then."""
    if now < EARLIEST:
        raise CatalogUnavailable(f"this machine's clock says {now:%Y-%m-%d}: sightings wait until it is set")
