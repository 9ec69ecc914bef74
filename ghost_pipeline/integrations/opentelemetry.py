"""OpenTelemetry span processor: record every successful GenAI span as a sighting.

Install it with ``provider.add_span_processor(GhostSpanProcessor())``. Source of the attributes and their values:
OpenTelemetry's semantic conventions for generative AI, "Inference" and "Embeddings" spans, and the attribute registry
with the deprecated names (``gen_ai.system``).
"""

from collections.abc import Mapping
from typing import Any

try:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.trace import StatusCode
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "OpenTelemetry is not installed; run pip install '.[opentelemetry]' in the clone of Ghost Pipeline"
    ) from error

from ghost_pipeline.client import DiscoveryTracker
from ghost_pipeline.providers import provider_of_host

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
        if not isinstance(provider, str) or _has_failed(span, attributes):
            return
        operation = attributes.get("gen_ai.operation.name")
        model: Any = attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model")
        if model and operation in INFERENCES:
            self.tracker.track_successful_inference(_provider_name(provider, attributes), model)

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
