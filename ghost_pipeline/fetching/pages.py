"""All pages of one provider, merged into one listing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ghost_pipeline.fetching.errors import FetchError
from ghost_pipeline.fetching.http_client import Client, Response
from ghost_pipeline.fetching.retries import with_retries
from ghost_pipeline.listings.decoding import FETCH_AGAIN
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
    """UTF-8 JSON, as it came."""
    survey: Survey
    """What it holds."""


def read_page(provider_id: str, content: bytes, content_type: str | None) -> Page:
    """The page in an answer with status 200.

    Raises Fault if it is no page of models: HTML, an error, something cut off, whatever it is called.
    """
    survey = survey_listing(provider_id, content)
    if survey.malformed_reason is not None:
        raise FetchError(f"the answer is no model list: {survey.malformed_reason.removesuffix(f'; {FETCH_AGAIN}')}")
    if not _is_json(content_type):
        raise FetchError("the answer does not call itself JSON (Content-Type), so it is not believed")
    return Page(content.removeprefix(_BOM), survey)


def merged(pages: Sequence[Page], is_partial: bool) -> bytes:
    """All rows in the envelope of the last page, whose marker says whether more would follow.

    One page stays exactly as it came. If ``is_partial``, the document says so by itself: where the provider's own
    envelope has no marker, one is put in.
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
    """Whether the header names JSON (RFC 8259, RFC 6839), or says nothing."""
    media_type = _media_type(content_type)
    return not media_type or media_type in ("application/json", "text/json") or media_type.endswith("+json")


_REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "cf-ray")
_MAX_HEADER = 200


class ProviderFetch:
    """The state of a fetch while it goes on; what was read stays, whatever happens next."""

    def __init__(self, endpoint: Endpoint, secret: Secret | None, limits: FetchLimits) -> None:
        self.pages: list[Page] = []
        self.fault: FetchError | None = None
        self.is_confirmed = False
        """Whether a 304 came back."""
        self._endpoint = endpoint
        self._secret = secret
        self._limits = limits
        self._last: Response | None = None

    @property
    def status(self) -> int | None:
        """HTTP status of the last answer."""
        if self.fault is not None and self.fault.status is not None:
            return self.fault.status
        return self._last.status if self._last else None

    @property
    def request_id(self) -> str | None:
        """What the provider calls the last request that it answered."""
        return next((said for name in _REQUEST_IDS if (said := self.header(name))), None)

    def header(self, name: str) -> str | None:
        """A header of the last answer, unless it is long or repeats the key."""
        value = self._last.headers.get(name) if self._last else None
        if value is None or len(value) > _MAX_HEADER or not value.isprintable():
            return None
        return None if self._secret is not None and self._secret.redact_text(value) != value else value

    async def read(self, channel: Client, conditions: Mapping[str, str], judging: asyncio.Lock) -> None:
        """Read all pages; ``fault`` says why not all of them came, if so.

        ``judging`` is held while a page is parsed: pages of several providers at once would need the memory of all.
        """
        try:
            async with asyncio.timeout(self._limits.total_timeout) as whole:
                await self._read_pages(channel, conditions, judging, whole)
        except TimeoutError:
            self.fault = FetchError(f"not finished within {self._limits.total_timeout:g} s")
        except FetchError as fault:
            self.fault = fault

    async def _read_pages(
        self, channel: Client, conditions: Mapping[str, str], judging: asyncio.Lock, whole: asyncio.Timeout
    ) -> None:
        loop = asyncio.get_running_loop()

        def time_left() -> float:
            return (whole.when() or 0.0) - loop.time()

        url: str | None = self._endpoint.url
        asked: set[str] = set()
        while url is not None:
            self._check_progress(url, asked)
            asked.add(url)
            room = self._limits.max_bytes - sum(len(page.content) for page in self.pages)
            allowed = {} if self.pages else conditions
            here = url
            answer = await with_retries(lambda: channel.ask(here, allowed, room), self._limits, time_left)  # noqa: B023
            self._last = answer
            if answer.status != 200:
                self.is_confirmed = True
                return
            async with judging:
                page = await asyncio.to_thread(self._page, answer)
            self.pages.append(page)
            url = self._endpoint.paging.next_url(url, page.survey.envelope, page.survey.row_count)

    def _check_progress(self, url: str, asked: set[str]) -> None:
        if url in asked:
            raise FetchError("the pages go in circles: a page names one as the next that was read already")
        if len(asked) >= self._limits.max_pages:
            raise FetchError(f"more than {len(asked)} pages; if that is right, raise GHOST_FETCH_MAX_PAGES")

    def _page(self, answer: Response) -> Page:
        hidden = answer.body if self._secret is None else self._secret.redact_bytes(answer.body)
        page = read_page(self._endpoint.provider_id, hidden, answer.headers.get("content-type"))
        if hidden != answer.body:
            raise FetchError("the answer repeats the key, so it is not kept")
        if self.pages and page.survey.rows_key != self.pages[0].survey.rows_key:
            raise FetchError("the page has another shape than the first one")
        return page
