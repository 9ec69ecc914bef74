"""Retries with exponential back-off, within the time that is left for a provider."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_any,
    stop_before_delay,
    wait_exception,
    wait_random_exponential,
)

from ghost_pipeline.fetching.errors import FetchError, TransientFetchError
from ghost_pipeline.settings import FetchLimits

T = TypeVar("T")

_MAX_BACKOFF = 30.0
"""Seconds between two attempts, unless the provider asks for more."""


async def with_retries(request: Callable[[], Awaitable[T]], limits: FetchLimits, seconds_left: float) -> T:
    """Await ``request`` until it succeeds, at most ``limits.attempts`` times.

    The wait between attempts has jitter and is never shorter than the provider asks for. An attempt that would begin
    after ``seconds_left`` is not made. Raises FetchError once the attempts or the time are used up.
    """
    backoff = wait_random_exponential(multiplier=limits.initial_backoff, max=_MAX_BACKOFF)
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientFetchError),
        wait=backoff + wait_exception(_retry_after),
        stop=stop_any(stop_after_attempt(limits.attempts), stop_before_delay(seconds_left)),
        reraise=True,
    )

    async def attempt() -> T:  # tenacity awaits only what is declared async
        return await request()

    try:
        return await retrying(attempt)
    except TransientFetchError as error:
        attempts = int(retrying.statistics["attempt_number"])
        raise FetchError(_describe_retries(error, attempts), error.advice, error.status) from None


def _retry_after(error: BaseException) -> float:
    return (error.retry_after or 0.0) if isinstance(error, TransientFetchError) else 0.0


def _describe_retries(error: TransientFetchError, attempts: int) -> str:
    count = f" ({attempts} attempts)" if attempts > 1 else ""
    requested = f"; it asks to wait {error.retry_after:,.0f} s" if error.retry_after else ""
    return f"{error.reason}{count}{requested}"


def parse_retry_after(retry_after: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110, 10.2.3): a number or a date. None if unreadable."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
