"""The errors of a fetch, and the description of an HTTP error status. They end in a ``FetchOutcome``, never outside."""

from http import HTTPStatus

from ghost_pipeline.errors import AdvisedError
from ghost_pipeline.listings.decoding import Malformed, decode_json
from ghost_pipeline.listings.envelope import find_rows, raise_for_error_envelope
from ghost_pipeline.providers.endpoint import Endpoint, describe_missing_key
from ghost_pipeline.redaction import Secret, redact_url


class FetchError(AdvisedError):
    """The page can't be fetched."""

    def __init__(self, reason: str, advice: str = "", status: int | None = None) -> None:
        super().__init__(reason, advice)
        self.status = status
        """Of the response, if there was one."""


class TransientFetchError(FetchError):
    """The same request may succeed on a later attempt."""

    def __init__(
        self, reason: str, advice: str = "", status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason, advice, status)
        self.retry_after = retry_after
        """Seconds that the provider asks to wait; None if it does not."""


def describe_http_error(status: int, body: bytes, endpoint: Endpoint, secret: Secret | None) -> tuple[str, str]:
    """Return reason (with the provider's own message) and advice for a response with another status than 200."""
    reason = f"HTTP {status} {_phrase(status)}".rstrip() + f" from {redact_url(endpoint.url)}"
    message = _provider_message(body, secret)
    if message:
        reason = f"{reason}; {message}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return reason, _advise_on_key(endpoint, secret)
    return reason, f"check its {' and '.join(endpoint.address_settings)}" if status == HTTPStatus.NOT_FOUND else ""


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
    if secret is None:
        return describe_missing_key(endpoint.key_variables)
    return f"check the key in {' or '.join(endpoint.key_variables)}"
