"""The errors of a fetch, and the description of an HTTP error status. They end in a ``FetchOutcome``, never outside."""

from http import HTTPStatus

from ghost_pipeline.errors import format_message
from ghost_pipeline.fetching.urls import without_query
from ghost_pipeline.listings.decoding import Malformed, decode_json
from ghost_pipeline.listings.envelope import find_rows, raise_for_error_envelope
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.redaction import Secret


class FetchError(Exception):
    """The page can't be fetched; the message contains the reason and what to do."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        """Of the response, if there was one."""


class TransientFetchError(FetchError):
    """The same request may succeed on a later attempt."""

    def __init__(self, reason: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(reason, status)
        self.retry_after = retry_after
        """Seconds that the provider asks to wait; None if it does not."""


def describe_http_error(status: int, body: bytes, endpoint: Endpoint, secret: Secret | None) -> str:
    """Describe a response with another status than 200, with the provider's own message and what to do."""
    parts = [f"HTTP {status} {_phrase(status)}".rstrip() + f" from {without_query(endpoint.url)}"]
    message = _provider_message(body, secret)
    if message:
        parts.append(message)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        parts.append(_advise_on_key(endpoint, secret))
    elif status == HTTPStatus.NOT_FOUND:
        parts.append("check its base_url and path")
    return "; ".join(parts)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _provider_message(body: bytes, secret: Secret | None) -> str | None:
    """Return the provider's own error message, if the body is JSON and contains one."""
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
    except Malformed as error:
        return error.reason
    return None


def _advise_on_key(endpoint: Endpoint, secret: Secret | None) -> str:
    variables = " or ".join(endpoint.key_variables)
    if not variables:
        return "a key is required; set key_variable to its variable in the providers file"
    return (
        f"check the key in {variables}"
        if secret is not None
        else format_message("a key is required", f"set {variables}")
    )
