"""OpenTelemetry: every GenAI span that ends well is a sighting.

``provider.add_span_processor(GhostSpanProcessor())`` is all. Source of the attributes and their values: OpenTelemetry's
semantic conventions for generative AI, "Inference" and "Embeddings" spans, and the attribute registry with the names
that came before (``gen_ai.system``).
"""

from collections.abc import Mapping
from typing import Any

try:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.trace import StatusCode
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("OpenTelemetry is not installed: pip install 'ghost-pipeline[opentelemetry]'") from error

from ghost_pipeline.client import DiscoveryTracker

INFERENCES = frozenset({"chat", "generate_content", "text_completion", "embeddings", None})
"""Operations in which a model answers; agents, tools and workflows only contain such. Older spans name none."""

OPENAI_COMPATIBLE_HOSTS = {
    "openrouter.ai": "openrouter",
    "openai.azure.com": "azure",
    "generativelanguage.googleapis.com": "google",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.mistral.ai": "mistral",
    "api.x.ai": "xai",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "api.perplexity.ai": "perplexity",
    "integrate.api.nvidia.com": "nvidia",
}
"""The instrumentation of OpenAI's client says ``openai`` wherever the client calls; its ``server.address`` tells."""


class GhostSpanProcessor(SpanProcessor):
    """Notes the model of each such span with ``tracker``, by default one for the catalog that the environment names.

    Spans that a sampler left out are not recorded, so no processor sees them.
    """

    def __init__(self, tracker: DiscoveryTracker | None = None) -> None:
        self.tracker = tracker or DiscoveryTracker()

    def on_end(self, span: ReadableSpan) -> None:
        """Note the span's model. Never raises and never waits, as the tracker."""
        attributes = span.attributes or {}
        provider = attributes.get("gen_ai.provider.name") or attributes.get("gen_ai.system")
        if not isinstance(provider, str) or _has_failed(span, attributes):
            return
        operation = attributes.get("gen_ai.operation.name")
        model: Any = attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model")
        if model and operation in INFERENCES:
            self.tracker.track_successful_inference(_provider_name(provider, attributes), model)

    def shutdown(self) -> None:
        """Write what is noted and end."""
        self.tracker.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Write what is noted. Gives whether the catalog has it all."""
        return self.tracker.flush(timeout_millis / 1000)


def _has_failed(span: ReadableSpan, attributes: Mapping[str, Any]) -> bool:
    return span.status.status_code is StatusCode.ERROR or bool(attributes.get("error.type"))


def _provider_name(provider: str, attributes: Mapping[str, Any]) -> str:
    """The provider in the spelling of the alias table, which knows ``aws.bedrock`` as ``aws-bedrock``."""
    if provider == "openai":
        host = attributes.get("server.address")
        for known, slug in OPENAI_COMPATIBLE_HOSTS.items():
            if isinstance(host, str) and (host == known or host.endswith(f".{known}")):
                return slug
    return provider.replace(".", "-")
