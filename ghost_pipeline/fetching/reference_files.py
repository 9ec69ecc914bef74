"""Fetch the file of a reference: one request without a key, with the limits of listings.

Where it is stands in a table ``[references.NAME]`` of the providers file; without one nothing is fetched.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from ghost_pipeline.fetching.errors import FetchError
from ghost_pipeline.fetching.http_client import create_tls_context, open_client
from ghost_pipeline.fetching.retries import with_retries
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.settings import FetchLimits


@dataclass(frozen=True, slots=True)
class FetchedReference:
    """The outcome of fetching a reference."""

    name: str
    file_name: str
    """The last part of its address."""
    content: bytes | None
    """None if it could not be fetched."""
    reason: str
    """Why it could not; empty otherwise."""
    duration_seconds: float


def fetch_reference(endpoint: Endpoint, limits: FetchLimits) -> FetchedReference:
    """Fetch the file of the reference of ``endpoint``. Raises SettingsError for unusable certificates.

    Whether the file is a usable reference is for its import to decide.
    """
    began = time.monotonic()
    content, reason = None, ""
    try:
        content = asyncio.run(_get(endpoint, limits))
    except FetchError as error:
        reason = str(error)
    except TimeoutError:
        reason = f"not complete within {limits.total_timeout:g} s"
    file_name = urlsplit(endpoint.url).path.rsplit("/", maxsplit=1)[-1] or endpoint.provider_id
    return FetchedReference(endpoint.provider_id, file_name, content, reason, round(time.monotonic() - began, 3))


async def _get(endpoint: Endpoint, limits: FetchLimits) -> bytes:
    async with (
        asyncio.timeout(limits.total_timeout),
        open_client(endpoint, None, limits, create_tls_context()) as client,
    ):
        request = partial(client.get, endpoint.url, {}, limits.max_bytes)
        return (await with_retries(request, limits, limits.total_timeout)).body
