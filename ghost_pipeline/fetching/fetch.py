"""Fetch the listings of many providers at once."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from ghost_pipeline.errors import SettingsError
from ghost_pipeline.fetching import folder
from ghost_pipeline.fetching.errors import FetchError
from ghost_pipeline.fetching.http_client import create_tls_context, open_client
from ghost_pipeline.fetching.outcome import FetchOutcome, FetchResult
from ghost_pipeline.fetching.pages import ProviderFetch, merged
from ghost_pipeline.fetching.urls import without_query
from ghost_pipeline.listings import files
from ghost_pipeline.listings.files import ListingFile, ResponseInfo, find_listings, newest_listings, read_response_info
from ghost_pipeline.listings.parsing import Survey, survey_listing
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.redaction import Secret
from ghost_pipeline.settings import FetchLimits


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """What a 304 would confirm."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the request; empty if nothing can be confirmed."""
    path: Path | None = None
    facts: ResponseInfo | None = None


def conditional_headers(newest: ListingFile | None, url: str) -> CachedResponse:
    """What to ask ``url`` with, given the provider's newest file in the folder."""
    facts = read_response_info(newest.path) if newest else None
    if newest is None or facts is None or facts.is_partial or facts.pages != 1:
        return CachedResponse()
    if facts.request_sha256 != request_sha256(url):
        return CachedResponse()
    offered = {"If-None-Match": facts.etag, "If-Modified-Since": facts.last_modified}
    headers = {name: value for name, value in offered.items() if value}
    return CachedResponse(headers, newest.path, facts) if headers else CachedResponse()


def request_sha256(url: str) -> str:
    """What tells one request from another."""
    return hashlib.sha256(url.encode()).hexdigest()


OutcomeCallback = Callable[[FetchOutcome], None]


def fetch_listings(
    endpoints: Sequence[Endpoint],
    directory: Path,
    limits: FetchLimits,
    attempted_at: datetime,
    on_outcome: OutcomeCallback = lambda outcome: None,
) -> list[FetchOutcome]:
    """Ask every provider of ``endpoints`` for its models; the outcomes are in the same order.

    What goes wrong with a provider is its outcome and disturbs no other. ``on_outcome`` hears of each as it comes.
    Raises FolderError if a file can't be written (once all others are done), SettingsError for unusable certificates.
    """
    folder.prepare(directory)
    newest = newest_listings(find_listings(directory).files)
    fetching = _Fetching(directory, newest, limits, attempted_at, on_outcome, create_tls_context(), asyncio.Lock())
    return asyncio.run(fetching.all(endpoints))


@dataclass(frozen=True, slots=True)
class _Fetching:
    directory: Path
    newest: Mapping[str, ListingFile]
    limits: FetchLimits
    attempted_at: datetime
    on_outcome: OutcomeCallback
    certificates: ssl.SSLContext
    judging: asyncio.Lock

    async def all(self, endpoints: Sequence[Endpoint]) -> list[FetchOutcome]:
        # Names are looked up in these threads too: a look-up that hangs must not keep the others waiting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self.limits.concurrency + 1))
        slots = asyncio.Semaphore(self.limits.concurrency)
        ended = await asyncio.gather(*(self._in_turn(one, slots) for one in endpoints), return_exceptions=True)
        outcomes = []
        for one in ended:
            if isinstance(one, BaseException):
                raise one
            outcomes.append(one)
        return outcomes

    async def _in_turn(self, endpoint: Endpoint, slots: asyncio.Semaphore) -> FetchOutcome:
        async with slots:
            outcome = await self._one(endpoint)
        self.on_outcome(outcome)
        return outcome

    async def _one(self, endpoint: Endpoint) -> FetchOutcome:
        began = time.monotonic()
        try:
            secret = endpoint.read_api_key()
        except SettingsError as error:
            return FetchOutcome(endpoint.provider_id, FetchResult.FAILED, self.attempted_at, 0.0, str(error))
        known = await asyncio.to_thread(conditional_headers, self.newest.get(endpoint.provider_id), endpoint.url)
        attempt = ProviderFetch(endpoint, secret, self.limits)
        async with open_client(endpoint, secret, self.limits, self.certificates) as channel:
            await attempt.read(channel, known.headers, self.judging)
        about = _About(endpoint, attempt, self.attempted_at, time.monotonic() - began, _reason(attempt, secret))
        if attempt.is_confirmed and known.path is not None and known.facts is not None:
            await asyncio.to_thread(folder.record_not_modified, known.path, about.confirmed(known.facts))
            return about.outcome(FetchResult.NOT_MODIFIED, known.facts.models, known.path, known.facts.sha256)
        if not attempt.pages:
            return about.outcome(FetchResult.FAILED)
        async with self.judging:
            content, survey = await asyncio.to_thread(_surveyed, endpoint.provider_id, attempt)
        return await asyncio.to_thread(self._kept, about, content, survey)

    def _kept(self, about: "_About", content: bytes, survey: Survey) -> FetchOutcome:
        """The outcome, its file written."""
        if survey.malformed_reason is not None:
            about.reason = survey.malformed_reason
            return about.outcome(FetchResult.FAILED)
        about.reason = about.reason or "; ".join(survey.incomplete_reasons) or None
        result = FetchResult.PARTIAL if about.reason else FetchResult.FETCHED
        if not survey.model_count:
            result = FetchResult.EMPTY
            about.reason = about.reason or "the provider answered without a single active model"
        facts = about.facts(content, survey.model_count, is_partial=result is not FetchResult.FETCHED)
        path = folder.write(self.directory, content, facts)
        folder.prune(self.directory, about.endpoint.provider_id, self.limits.keep_files)
        return about.outcome(result, facts.models, path, facts.sha256)


@dataclass(slots=True)
class _About:
    """What an outcome and a sidecar say alike."""

    endpoint: Endpoint
    attempt: ProviderFetch
    attempted_at: datetime
    duration: float
    reason: str | None

    def outcome(
        self, result: FetchResult, models: int | None = None, path: Path | None = None, sha256: str | None = None
    ) -> FetchOutcome:
        return FetchOutcome(
            self.endpoint.provider_id,
            result,
            self.attempted_at,
            self.duration,
            self.reason,
            self.attempt.status,
            len(self.attempt.pages),
            models,
            path,
            sha256,
            self.attempt.request_id,
        )

    def confirmed(self, before: files.ResponseInfo) -> files.ResponseInfo:
        """The sidecar after a 304; what a further request is conditional on stays."""
        return msgspec.structs.replace(
            before,
            attempted_at=self.attempted_at,
            duration_seconds=round(self.duration, 3),
            status=self.attempt.status or 0,
            request_id=self.attempt.request_id,
        )

    def facts(self, content: bytes, models: int, is_partial: bool) -> files.ResponseInfo:
        is_single = len(self.attempt.pages) == 1
        return files.ResponseInfo(
            provider=self.endpoint.provider_id,
            file=folder.file_name(self.endpoint.provider_id, self.attempted_at),
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            models=models,
            pages=len(self.attempt.pages),
            is_partial=is_partial,
            reason=self.reason,
            attempted_at=self.attempted_at,
            duration_seconds=round(self.duration, 3),
            url=without_query(self.endpoint.url),
            request_sha256=request_sha256(self.endpoint.url),
            status=self.attempt.status or 0,
            etag=self.attempt.header("etag") if is_single else None,
            last_modified=self.attempt.header("last-modified") if is_single else None,
            request_id=self.attempt.request_id,
        )


def _surveyed(provider_id: str, attempt: ProviderFetch) -> tuple[bytes, Survey]:
    first = attempt.pages[0]
    content = merged(attempt.pages, is_partial=attempt.fault is not None)
    return content, first.survey if content is first.content else survey_listing(provider_id, content)


def _reason(attempt: ProviderFetch, secret: Secret | None) -> str | None:
    fault: FetchError | None = attempt.fault
    if fault is None:
        return None
    missing = f"page {len(attempt.pages) + 1} is missing: " if attempt.pages else ""
    told = " ".join(f"{missing}{fault}".split())
    return secret.redact_text(told) if secret is not None else told
