"""How the steps of a fetch fail, and how an HTTP error is described."""

from http import HTTPStatus

from ghost_pipeline.fetching.urls import without_query
from ghost_pipeline.listings.decoding import FETCH_AGAIN, Malformed, decode_json
from ghost_pipeline.listings.envelope import find_rows, raise_for_error_envelope
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.redaction import Secret


class FetchError(Exception):
    """The page can't be had; the message says why, for a person to act on."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        """Of the answer, if there was one."""


class TransientFetchError(FetchError):
    """The same request may succeed a little later."""

    def __init__(self, reason: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(reason, status)
        self.retry_after = retry_after
        """Seconds that the provider asks to wait."""


def describe_http_error(status: int, body: bytes, endpoint: Endpoint, secret: Secret | None) -> str:
    """The sentence for an answer with another status than 200."""
    parts = [f"HTTP {status} {_phrase(status)}".rstrip() + f" from {without_query(endpoint.url)}"]
    said = _said(body, secret)
    if said:
        parts.append(said)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        parts.append(_about_the_key(endpoint, secret))
    elif status == HTTPStatus.NOT_FOUND:
        parts.append("look at its base_url and path")
    return "; ".join(parts)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _said(body: bytes, secret: Secret | None) -> str | None:
    """The provider's own complaint, if its body is JSON and holds one."""
    text = body.decode("utf-8", "replace")
    if secret is not None:
        text = secret.redact_text(text)  # before it is cut for quoting, which could leave half of it
    try:
        document = decode_json(text.encode())
    except (Malformed, RecursionError):
        return None
    try:
        raise_for_error_envelope(document)
        find_rows(document, ())
    except Malformed as complaint:
        return str(complaint).removesuffix(f"; {FETCH_AGAIN}")
    return None


def _about_the_key(endpoint: Endpoint, secret: Secret | None) -> str:
    variables = " or ".join(endpoint.key_variables)
    if not variables:
        return "it needs a key: name its variable as key_variable in the providers file"
    return f"check the key in {variables}" if secret is not None else f"it needs a key: set {variables}"
