"""How long a provider asks to wait before the next request."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def stated_wait(retry_after: str | None, now: datetime | None = None) -> float | None:
    """The seconds of a ``Retry-After`` header (RFC 9110, 10.2.3): a number of them, or a date; None if unreadable."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
