"""One HTTP request: redirects within the origin, timeouts, and a body of bounded size."""

import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from ghost_pipeline.errors import SettingsError
from ghost_pipeline.fetching.errors import FetchError, TransientFetchError, describe_http_error
from ghost_pipeline.fetching.retries import parse_retry_after
from ghost_pipeline.fetching.urls import address_defect, format_host, is_loopback, origin
from ghost_pipeline.providers.endpoint import Endpoint, join_url
from ghost_pipeline.redaction import Secret, redact_url
from ghost_pipeline.settings import FetchLimits

ACCEPTED_ENCODING = "gzip"
_GZIP = 16 + zlib.MAX_WBITS
_PLAIN_NAMES = frozenset({"", "identity"})
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the uncompressed body.

    Raises FetchError for one of more than ``max_bytes``, TransientFetchError for one that ends early.
    """
    stated = response.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    async for part in _decompressed(response, max_bytes):
        body += part
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


async def read_beginning(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the first ``max_bytes`` of a body that is only quoted; empty if it can't be read."""
    body = bytearray()
    try:
        async for part in _decompressed(response, max_bytes):
            body += part
            if len(body) >= max_bytes:
                break
    except (FetchError, httpx.TransportError):
        return b""
    return bytes(body[:max_bytes])


def _too_large(max_bytes: int) -> FetchError:
    return FetchError(
        f"the response is larger than {max_bytes:,} bytes", "if that is correct, raise GHOST_FETCH_MAX_BYTES"
    )


async def _decompressed(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN_NAMES:
        async for part in response.aiter_raw():
            yield part
    elif encoding in _GZIP_NAMES:
        async for part in _from_gzip(response, max_bytes):
            yield part
    else:
        raise FetchError("the response has a content encoding that was not requested (only gzip was)")


async def _from_gzip(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    decompressor = zlib.decompressobj(_GZIP)
    try:
        async for compressed in response.aiter_raw():
            rest = compressed
            while rest:
                part = decompressor.decompress(rest, max_bytes + 1)
                rest = decompressor.unconsumed_tail
                if part:
                    yield part
                if decompressor.unused_data:
                    raise FetchError("data follows after the end of the gzip-compressed response")
    except zlib.error:
        raise FetchError("the Content-Encoding of the response is gzip, but its body is not") from None
    if not decompressor.eof:
        raise TransientFetchError("the gzip-compressed response ends early")


# Its DEBUG records contain response headers, in which servers may repeat keys.
logging.getLogger("httpcore").setLevel(logging.INFO)

_MAX_REDIRECTS = 5
_QUOTED_BYTES = 64_000
_TRANSIENT_STATUSES = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
)


@dataclass(frozen=True, slots=True)
class Response:
    """A usable response: status 200 with its body, or 304."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Requests to one endpoint, with its key."""

    def __init__(
        self, client: httpx.AsyncClient, endpoint: Endpoint, secret: Secret | None, limits: FetchLimits
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._secret = secret
        self._limits = limits

    async def get(self, url: str, conditions: Mapping[str, str], max_bytes: int) -> Response:
        """Request ``url``; ``conditions`` are headers that allow a 304.

        Raises FetchError, or TransientFetchError where another attempt may succeed.
        """
        try:
            return await self._follow(url, conditions, max_bytes)
        except httpx.HTTPError as error:
            raise self._translate_transport_error(error, url) from None
        except httpx.InvalidURL:
            raise FetchError(f"{redact_url(self._endpoint.url)} refers to an invalid URL") from None

    async def _follow(self, url: str, conditions: Mapping[str, str], max_bytes: int) -> Response:
        for _ in range(_MAX_REDIRECTS + 1):
            self._require_same_origin(url)
            async with self._client.stream("GET", url, headers=self._headers(conditions)) as response:
                if not response.has_redirect_location:
                    return await self._read(url, response, conditions, max_bytes)
                url = join_url(url, response.headers["location"])
        raise FetchError(f"{redact_url(self._endpoint.url)} has a redirect loop")

    def _require_same_origin(self, url: str) -> None:
        """Raise FetchError for a URL of another server: it must not get the key, and a server chooses what follows."""
        if origin(url) != origin(self._endpoint.url):
            raise FetchError(
                f"{redact_url(self._endpoint.url)} refers to another server "
                f"({origin(url)[0]}://{format_host(url)}), and is followed on its own server only",
                f"if that is correct, set it as {self._endpoint.address_settings[0]}",
            )
        defect = address_defect(url, self._endpoint.is_plain_http_allowed)
        if defect:
            raise FetchError(f"the URL {defect}")

    def _headers(self, conditions: Mapping[str, str]) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED_ENCODING,
            "User-Agent": "ghost-pipeline",
            **self._endpoint.headers,
            **conditions,
        }
        if self._secret is not None:
            header = self._endpoint.key_header
            headers[header.name] = header.prefix + self._secret.reveal()
        return headers

    async def _read(
        self, url: str, response: httpx.Response, conditions: Mapping[str, str], max_bytes: int
    ) -> Response:
        status = response.status_code
        if status == HTTPStatus.OK:
            return Response(url, status, response.headers, await read_body(response, max_bytes))
        if status == HTTPStatus.NOT_MODIFIED and conditions:
            return Response(url, status, response.headers, b"")
        quotable = await read_beginning(response, _QUOTED_BYTES)
        reason, advice = describe_http_error(status, quotable, self._endpoint, self._secret)
        if status in _TRANSIENT_STATUSES:
            raise TransientFetchError(reason, advice, status, parse_retry_after(response.headers.get("retry-after")))
        raise FetchError(reason, advice, status)

    def _translate_transport_error(self, error: httpx.HTTPError, url: str) -> FetchError:
        """Return the FetchError for an exception of httpx, whose own text may repeat what the server sent."""
        host = format_host(url)
        if isinstance(error, httpx.ConnectTimeout):
            return TransientFetchError(f"no connection to {host} within {self._limits.connect_timeout:g} s")
        if isinstance(error, httpx.TimeoutException):
            return TransientFetchError(f"{host} sent nothing for {self._limits.read_timeout:g} s")
        if _is_certificate_refused(error):
            return FetchError(
                f"the TLS certificate of {host} is not trusted", "if it is your own, set SSL_CERT_FILE to its CA"
            )
        if isinstance(error, httpx.ConnectError):
            return TransientFetchError(f"no connection to {host} ({error})")
        if isinstance(error, httpx.TransportError):
            return TransientFetchError(f"{host} closed the connection or does not speak HTTP")
        return FetchError(f"the request to {host} failed ({type(error).__name__})")


def _is_certificate_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def create_tls_context() -> ssl.SSLContext:
    """Load the certificates for TLS connections, once for all clients because it is slow.

    Raises SettingsError if SSL_CERT_FILE or SSL_CERT_DIR can't be used.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise SettingsError(
            f"the certificates of SSL_CERT_FILE can't be read ({error.strerror})", "correct it"
        ) from None


@asynccontextmanager
async def open_client(
    endpoint: Endpoint, secret: Secret | None, limits: FetchLimits, certificates: ssl.SSLContext
) -> AsyncIterator[Client]:
    """Open the client of one provider; it shares no cookie and no connection with others."""
    timeout = httpx.Timeout(limits.read_timeout, connect=limits.connect_timeout)
    # A proxy from the environment must not receive requests to this machine.
    is_local = is_loopback(endpoint.url)
    async with httpx.AsyncClient(
        verify=certificates, timeout=timeout, follow_redirects=False, trust_env=not is_local
    ) as client:
        yield Client(client, endpoint, secret, limits)
