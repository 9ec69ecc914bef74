"""All pages of one provider: following them, and merging them into one listing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from ghost_pipeline.fetching.errors import FetchError
from ghost_pipeline.fetching.http_client import Client, Response
from ghost_pipeline.fetching.retries import with_retries
from ghost_pipeline.listings.decoding import Malformed
from ghost_pipeline.listings.envelope import paging_gaps
from ghost_pipeline.listings.parsing import Survey, survey_listing
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.redaction import Secret
from ghost_pipeline.settings import FetchLimits

_BOM = b"\xef\xbb\xbf"
_read_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing."""

    content: bytes
    """UTF-8 JSON, unchanged."""
    survey: Survey


def read_page(provider_id: str, content: bytes, content_type: str | None) -> Page:
    """Read the page in a response with status 200.

    Raises FetchError if it is not a page of models (HTML, an error, truncated JSON), whatever its Content-Type.
    """
    try:
        survey = survey_listing(provider_id, content)
    except Malformed as error:
        raise FetchError(f"the response is not a model list: {error.reason}") from None
    if not _is_json(content_type):
        raise FetchError("the Content-Type of the response is not JSON, so it is rejected")
    return Page(content.removeprefix(_BOM), survey)


def merge_pages(pages: Sequence[Page], is_partial: bool) -> bytes:
    """Return all rows in the envelope of the last page, whose marker states whether more would follow.

    A single page stays as it is, byte for byte. If ``is_partial`` and the provider's envelope has no such marker, one
    is added, so that the document itself states that it is incomplete.
    """
    last = pages[-1]
    is_marked = not is_partial or bool(paging_gaps(last.survey.envelope))
    if len(pages) == 1 and is_marked:
        return last.content
    envelope = dict(_read_envelope(last.content))
    rows = [row for page in pages for row in _read_rows(_read_envelope(page.content)[page.survey.rows_key])]
    envelope[last.survey.rows_key] = msgspec.Raw(_encode(rows))
    if not is_marked:
        envelope["has_more"] = msgspec.Raw(b"true")
    return _encode(envelope)


def _media_type(content_type: str | None) -> str:
    return (content_type or "").split(";", maxsplit=1)[0].strip().lower()


def _is_json(content_type: str | None) -> bool:
    """Return True if the header names JSON (RFC 8259, RFC 6839) or is absent."""
    media_type = _media_type(content_type)
    return not media_type or media_type in ("application/json", "text/json") or media_type.endswith("+json")


_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "cf-ray")
_MAX_HEADER_LENGTH = 200


class ProviderFetch:
    """The state of one provider's fetch; pages that were read are kept if a later one fails."""

    def __init__(self, endpoint: Endpoint, secret: Secret | None, limits: FetchLimits) -> None:
        self.pages: list[Page] = []
        self.error: FetchError | None = None
        self.is_confirmed = False
        """True after a 304."""
        self._endpoint = endpoint
        self._secret = secret
        self._limits = limits
        self._last: Response | None = None

    @property
    def status(self) -> int | None:
        """HTTP status of the last response; None without one."""
        if self.error is not None and self.error.status is not None:
            return self.error.status
        return self._last.status if self._last else None

    @property
    def request_id(self) -> str | None:
        """The provider's own identifier of the last request with a response."""
        return next((value for name in _REQUEST_ID_HEADERS if (value := self.header(name))), None)

    def header(self, name: str) -> str | None:
        """Return a header of the last response; None if it is absent, long, unprintable or repeats the key."""
        value = self._last.headers.get(name) if self._last else None
        if value is None or len(value) > _MAX_HEADER_LENGTH or not value.isprintable():
            return None
        return None if self._secret is not None and self._secret.redact_text(value) != value else value

    async def read(self, client: Client, conditions: Mapping[str, str], parse_lock: asyncio.Lock) -> None:
        """Read all pages; set ``error`` if not all of them could be read.

        ``parse_lock`` is held while a page is parsed: parsing pages of several providers at once would need the memory
        of all.
        """
        try:
            async with asyncio.timeout(self._limits.total_timeout) as timeout:
                await self._read_pages(client, conditions, parse_lock, timeout)
        except TimeoutError:
            self.error = FetchError(f"not finished within {self._limits.total_timeout:g} s")
        except FetchError as error:
            self.error = error

    async def _read_pages(
        self, client: Client, conditions: Mapping[str, str], parse_lock: asyncio.Lock, timeout: asyncio.Timeout
    ) -> None:
        loop = asyncio.get_running_loop()
        url: str | None = self._endpoint.url
        requested: set[str] = set()
        while url is not None:
            self._check_progress(url, requested)
            requested.add(url)
            bytes_left = self._limits.max_bytes - sum(len(page.content) for page in self.pages)
            request = partial(client.get, url, {} if self.pages else conditions, bytes_left)
            response = await with_retries(request, self._limits, (timeout.when() or 0.0) - loop.time())
            self._last = response
            if response.status != 200:
                self.is_confirmed = True
                return
            async with parse_lock:
                page = await asyncio.to_thread(self._read_page, response)
            self.pages.append(page)
            url = self._endpoint.paging.next_url(url, page.survey.envelope, page.survey.row_count)

    def _check_progress(self, url: str, requested: set[str]) -> None:
        if url in requested:
            raise FetchError("repeated page: the next page of a page is one that was read before")
        if len(requested) >= self._limits.max_pages:
            raise FetchError(
                f"there are more than {len(requested)} pages", "if that is correct, raise GHOST_FETCH_MAX_PAGES"
            )

    def _read_page(self, response: Response) -> Page:
        redacted = response.body if self._secret is None else self._secret.redact_bytes(response.body)
        page = read_page(self._endpoint.provider_id, redacted, response.headers.get("content-type"))
        if redacted != response.body:
            raise FetchError("the response repeats the key, so it is not stored")
        if self.pages and page.survey.rows_key != self.pages[0].survey.rows_key:
            raise FetchError("the page has another structure than the first one")
        return page
