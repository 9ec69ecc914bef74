"""Retry with back-off, no longer than the time that is left."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_any,
    wait_random_exponential,
)
from tenacity.stop import stop_base

from ghost_pipeline.fetching.errors import FetchError, TransientFetchError
from ghost_pipeline.settings import FetchLimits

T = TypeVar("T")

_LONGEST_WAIT = 30.0
"""Seconds between two attempts, where the provider does not ask for more."""


async def with_retries(ask: Callable[[], Awaitable[T]], limits: FetchLimits, time_left: Callable[[], float]) -> T:
    """What ``ask`` gives, after as many attempts as it may take.

    Waits with jitter, and never less than the provider asks for. Raises Fault once attempts or time are used up.
    """
    backoff = wait_random_exponential(multiplier=limits.initial_backoff, max=_LONGEST_WAIT)

    def wait(state: RetryCallState) -> float:
        return backoff(state) + (_retry_after(state) or 0.0)

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientFetchError),
        wait=wait,
        stop=stop_any(stop_after_attempt(limits.attempts), _StopBeforeTheEnd(time_left)),
        reraise=True,
    )

    async def attempt() -> T:  # tenacity awaits only what is declared async
        return await ask()

    try:
        return await retrying(attempt)
    except TransientFetchError as fault:
        raise FetchError(_describe_retries(fault, int(retrying.statistics["attempt_number"])), fault.status) from None


class _StopBeforeTheEnd(stop_base):
    """No wait that would outlast the time that is left."""

    def __init__(self, time_left: Callable[[], float]) -> None:
        self._time_left = time_left

    def __call__(self, retry_state: RetryCallState) -> bool:
        return retry_state.upcoming_sleep >= self._time_left()


def _retry_after(state: RetryCallState) -> float | None:
    fault = state.outcome.exception() if state.outcome else None
    return fault.retry_after if isinstance(fault, TransientFetchError) else None


def _describe_retries(fault: TransientFetchError, attempts: int) -> str:
    times = f" ({attempts} attempts)" if attempts > 1 else ""
    asked = f"; it asks to wait {fault.retry_after:,.0f} s" if fault.retry_after else ""
    return f"{fault}{times}{asked}"


def parse_retry_after(retry_after: str | None, now: datetime | None = None) -> float | None:
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
