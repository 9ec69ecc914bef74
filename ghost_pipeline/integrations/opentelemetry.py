"""OpenTelemetry span processor: record every successful GenAI span as a sighting, and every refusal of a model.

Install it with ``provider.add_span_processor(GhostSpanProcessor())``. Source of the attributes and their values:
OpenTelemetry's semantic conventions for generative AI, "Inference" and "Embeddings" spans and "Exceptions", and the
attribute registry with the deprecated names (``gen_ai.system``).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

try:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.trace import StatusCode
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "OpenTelemetry is not installed; run pip install '.[opentelemetry]' in the clone of Ghost Pipeline"
    ) from error

from ghost_pipeline.client import DiscoveryTracker
from ghost_pipeline.errors import InvalidProvider
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.lifecycle.refusals.substitution import answers_for
from ghost_pipeline.lifecycle.refusals.unwrapping import MAX_EXAMINED
from ghost_pipeline.providers import is_own_answer, provider_of_host

log = logging.getLogger("ghost_pipeline.integrations")

INFERENCES = frozenset({"chat", "generate_content", "text_completion", "embeddings", None})
"""Operations in which a model answers; agents, tools and workflows only contain them. Older spans have no operation."""


class GhostSpanProcessor(SpanProcessor):
    """Track each such span's model with ``tracker``, by default one for the catalog that the environment configures.

    Spans that a sampler dropped are not recorded and reach no processor.
    """

    def __init__(self, tracker: DiscoveryTracker | None = None) -> None:
        self.tracker = tracker or DiscoveryTracker()

    def on_end(self, span: ReadableSpan) -> None:
        """Track the span's model. Like the tracker, never raises and never waits."""
        attributes = span.attributes or {}
        provider = attributes.get("gen_ai.provider.name") or attributes.get("gen_ai.system")
        if not isinstance(provider, str) or attributes.get("gen_ai.operation.name") not in INFERENCES:
            return
        if _has_failed(span, attributes):
            self._track_refusal(span, attributes, _provider_name(provider, attributes))
            return
        requested: Any = attributes.get("gen_ai.request.model")
        model: Any = attributes.get("gen_ai.response.model") or requested
        if model:
            slug = _provider_name(provider, attributes)
            is_other = bool(requested) and not answers_for(requested, model) and _is_own(slug, attributes)
            self.tracker.track_successful_inference(slug, model, requested_model_id=requested if is_other else None)

    def _track_refusal(self, span: ReadableSpan, attributes: Mapping[str, Any], provider: str) -> None:
        try:
            error = _read_error(span, attributes) if _is_own(provider, attributes) else None
        except Exception:  # instrumentations of any library and version, in the caller's hot path
            log.debug("the error of a span can't be read", exc_info=True)
            return
        if error is not None:
            self.tracker.track_refused_inference(
                provider, error.model, status=error.status, code=error.code, message=error.message
            )

    def shutdown(self) -> None:
        """Write what is pending and close the tracker."""
        self.tracker.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write what is pending. Return True if the catalog has it all."""
        return self.tracker.flush(timeout_millis / 1000)


def _has_failed(span: ReadableSpan, attributes: Mapping[str, Any]) -> bool:
    return span.status.status_code is StatusCode.ERROR or bool(attributes.get("error.type"))


def _provider_name(provider: str, attributes: Mapping[str, Any]) -> str:
    """Return the provider as the alias table spells it, which contains ``aws.bedrock`` as ``aws-bedrock``."""
    if provider == "openai":
        # What OpenAI's client is instrumented with reports "openai" wherever the client calls.
        host = attributes.get("server.address")
        slug = provider_of_host(host) if isinstance(host, str) else None
        if slug is not None:
            return slug
    return provider.replace(".", "-")


def _is_own(provider: str, attributes: Mapping[str, Any]) -> bool:
    """Return False if another server than one of the provider's was asked, or it is not known whose it is."""
    host = attributes.get("server.address")
    try:
        return is_own_answer(provider_slug(provider), host if isinstance(host, str) else None)
    except InvalidProvider:
        return False


@dataclass(frozen=True, slots=True)
class _SpanError:
    """The error of a span, as the tracker takes it."""

    model: str
    status: int | None
    code: str | None
    message: str


_EXCEPTION_EVENTS = frozenset({"exception", "gen_ai.client.operation.exception"})
"""Not those of model servers, whose models are their own."""


def _read_error(span: ReadableSpan, attributes: Mapping[str, Any]) -> _SpanError | None:
    """Return the error of a failed span, None if it has no text or no model. Stack traces are not read."""
    model = attributes.get("gen_ai.request.model")
    messages = [
        (event.attributes or {}).get("exception.message") for event in span.events if event.name in _EXCEPTION_EVENTS
    ]
    message = messages[-1] if messages else None
    if not isinstance(model, str) or not isinstance(message, str):
        return None
    status, error_type = attributes.get("http.response.status_code"), attributes.get("error.type")
    code = error_type if isinstance(error_type, str) else None
    if code is not None and code.isascii() and code.isdigit():
        status, code = status or int(code[:4]), None
    return _SpanError(model, status if isinstance(status, int) else None, code, message[:MAX_EXAMINED])
