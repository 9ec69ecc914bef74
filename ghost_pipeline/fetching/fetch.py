"""Fetch the listings of many providers at once, and write those that are usable into the folder."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from ghost_pipeline.errors import SettingsError
from ghost_pipeline.fetching import folder
from ghost_pipeline.fetching.configuration import read_api_key
from ghost_pipeline.fetching.http_client import create_tls_context, open_client
from ghost_pipeline.fetching.outcome import FetchOutcome, FetchResult
from ghost_pipeline.fetching.pages import ProviderFetch, merge_pages
from ghost_pipeline.lifecycle.records import ResponseSummary
from ghost_pipeline.listings.decoding import Malformed
from ghost_pipeline.listings.files import ListingFile, ResponseInfo, find_listings, newest_listings, read_response_info
from ghost_pipeline.listings.parsing import Survey, survey_listing
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.redaction import Secret, redact_url
from ghost_pipeline.settings import FetchLimits

OutcomeCallback = Callable[[FetchOutcome], None]


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """The stored response that a 304 would confirm."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers that make the request conditional; empty if there is nothing to confirm."""
    path: Path | None = None
    info: ResponseInfo | None = None


def conditional_headers(newest: ListingFile | None, url: str) -> CachedResponse:
    """Return what makes a request to ``url`` conditional, given the provider's newest file in the folder."""
    info = read_response_info(newest.path) if newest else None
    if newest is None or info is None or info.is_partial or info.pages != 1:
        return CachedResponse()
    if info.request_sha256 != request_sha256(url):
        return CachedResponse()
    validators = {"If-None-Match": info.etag, "If-Modified-Since": info.last_modified}
    headers = {name: value for name, value in validators.items() if value}
    return CachedResponse(headers, newest.path, info) if headers else CachedResponse()


def request_sha256(url: str) -> str:
    """Return a digest that distinguishes requests without storing their parameters."""
    return hashlib.sha256(url.encode()).hexdigest()


def fetch_listings(
    endpoints: Sequence[Endpoint],
    directory: Path,
    limits: FetchLimits,
    attempted_at: datetime,
    on_outcome: OutcomeCallback = lambda outcome: None,
) -> list[FetchOutcome]:
    """Fetch the models of every provider in ``endpoints``; return the outcomes in the same order.

    A provider that fails has an outcome of its own and affects no other. ``on_outcome`` is called with each outcome as
    it arrives. Raises FolderError if a file can't be written (after all others are done), SettingsError for unusable
    certificates.
    """
    folder.prepare(directory)
    newest = newest_listings(find_listings(directory).files)
    fetching = _Fetching(directory, newest, limits, attempted_at, on_outcome, create_tls_context(), asyncio.Lock())
    return asyncio.run(fetching.fetch_all(endpoints))


@dataclass(frozen=True, slots=True)
class _Fetching:
    directory: Path
    newest: Mapping[str, ListingFile]
    limits: FetchLimits
    attempted_at: datetime
    on_outcome: OutcomeCallback
    certificates: ssl.SSLContext
    parse_lock: asyncio.Lock

    async def fetch_all(self, endpoints: Sequence[Endpoint]) -> list[FetchOutcome]:
        # Host names are resolved in these threads too: one that hangs must not keep the others waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self.limits.concurrency + 1))
        slots = asyncio.Semaphore(self.limits.concurrency)
        results = await asyncio.gather(
            *(self._fetch_with_slot(one, slots) for one in endpoints), return_exceptions=True
        )
        outcomes = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            outcomes.append(result)
        return outcomes

    async def _fetch_with_slot(self, endpoint: Endpoint, slots: asyncio.Semaphore) -> FetchOutcome:
        async with slots:
            outcome = await self._fetch_provider(endpoint)
        self.on_outcome(outcome)
        return outcome

    async def _fetch_provider(self, endpoint: Endpoint) -> FetchOutcome:
        began = time.monotonic()
        failed = FetchOutcome(endpoint.provider_id, FetchResult.FAILED, self.attempted_at, ResponseSummary(0.0, 0))
        try:
            secret = read_api_key(endpoint)
        except SettingsError as error:
            return replace(failed, reason=str(error))
        cached = await asyncio.to_thread(conditional_headers, self.newest.get(endpoint.provider_id), endpoint.url)
        attempt = ProviderFetch(endpoint, secret, self.limits)
        async with open_client(endpoint, secret, self.limits, self.certificates) as client:
            await attempt.read(client, cached.headers, self.parse_lock)
        failed = replace(
            failed,
            response=ResponseSummary(round(time.monotonic() - began, 3), len(attempt.pages), attempt.status),
            reason=_failure_reason(attempt, secret),
            request_id=attempt.request_id,
        )
        if attempt.is_confirmed and cached.path is not None and cached.info is not None:
            info = _confirmed_info(cached.info, failed)
            await asyncio.to_thread(folder.record_not_modified, cached.path, info)
            return replace(failed, result=FetchResult.NOT_MODIFIED, path=cached.path, info=info)
        if not attempt.pages:
            return failed
        async with self.parse_lock:
            try:
                content, survey = await asyncio.to_thread(_merge_and_survey, endpoint.provider_id, attempt)
            except Malformed as error:
                return replace(failed, reason=str(error))
        return await asyncio.to_thread(self._store, endpoint, attempt, failed, content, survey)

    def _store(
        self, endpoint: Endpoint, attempt: ProviderFetch, failed: FetchOutcome, content: bytes, survey: Survey
    ) -> FetchOutcome:
        """Write the file of an attempt that read at least one page, and return the outcome."""
        reason = failed.reason or "; ".join(survey.incomplete_reasons) or None
        result = FetchResult.PARTIAL if reason else FetchResult.FETCHED
        if not survey.model_count:
            result, reason = FetchResult.EMPTY, reason or "the response contains no active model"
        outcome = replace(failed, result=result, reason=reason)
        info = _response_info(endpoint, attempt, outcome, content, survey.model_count)
        path = folder.write(self.directory, content, info)
        folder.prune(self.directory, endpoint.provider_id, self.limits.keep_files, written=path.name)
        return replace(outcome, path=path, info=info)


def _response_info(
    endpoint: Endpoint, attempt: ProviderFetch, outcome: FetchOutcome, content: bytes, models: int
) -> ResponseInfo:
    is_single = len(attempt.pages) == 1
    return ResponseInfo(
        provider=outcome.provider_id,
        file=folder.file_name(outcome.provider_id, outcome.attempted_at),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        models=models,
        pages=len(attempt.pages),
        is_partial=outcome.result is not FetchResult.FETCHED,
        reason=outcome.reason,
        attempted_at=outcome.attempted_at,
        duration_seconds=outcome.duration_seconds,
        url=redact_url(endpoint.url),
        request_sha256=request_sha256(endpoint.url),
        status=attempt.status or 0,
        etag=attempt.header("etag") if is_single else None,
        last_modified=attempt.header("last-modified") if is_single else None,
        request_id=outcome.request_id,
    )


def _confirmed_info(before: ResponseInfo, outcome: FetchOutcome) -> ResponseInfo:
    """Return the sidecar after a 304; the validators of the next conditional request stay."""
    return msgspec.structs.replace(
        before,
        attempted_at=outcome.attempted_at,
        duration_seconds=outcome.duration_seconds,
        status=outcome.response.status or 0,
        request_id=outcome.request_id,
    )


def _merge_and_survey(provider_id: str, attempt: ProviderFetch) -> tuple[bytes, Survey]:
    first = attempt.pages[0]
    content = merge_pages(attempt.pages, is_partial=attempt.error is not None)
    return content, first.survey if content is first.content else survey_listing(provider_id, content)


def _failure_reason(attempt: ProviderFetch, secret: Secret | None) -> str | None:
    if attempt.error is None:
        return None
    missing = f"page {len(attempt.pages) + 1} is missing: " if attempt.pages else ""
    reason = " ".join(f"{missing}{attempt.error}".split())
    return secret.redact_text(reason) if secret is not None else reason
