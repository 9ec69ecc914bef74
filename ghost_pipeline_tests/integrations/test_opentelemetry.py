"""``GhostSpanProcessor``, with the real SDK: spans in, models in the catalog."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import Status, StatusCode, Tracer

from ghost_pipeline import DiscoveryTracker
from ghost_pipeline.integrations.opentelemetry import GhostSpanProcessor
from ghost_pipeline_tests.integrations.conftest import Found

SLUGS = {
    "openai": "openai",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "vertex",
    "gcp.gemini": "google",
    "vertex_ai": "vertex",
    "gemini": "google",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "ibm.watsonx.ai": "watsonx",
    "aws.bedrock": "bedrock",
    "perplexity": "perplexity",
    "x_ai": "xai",
    "xai": "xai",
    "deepseek": "deepseek",
    "groq": "groq",
    "mistral_ai": "mistral",
}


@pytest.fixture
def tracer(tracker: DiscoveryTracker) -> Iterator[Tracer]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(GhostSpanProcessor(tracker))
    yield provider.get_tracer("test")
    provider.shutdown()


def span(tracer: Tracer, **attributes: str) -> None:
    names = {"provider": "gen_ai.provider.name", "system": "gen_ai.system", "operation": "gen_ai.operation.name"}
    names |= {"request": "gen_ai.request.model", "response": "gen_ai.response.model"}
    names |= {"error": "error.type", "host": "server.address"}
    with tracer.start_as_current_span("chat", attributes={names[name]: value for name, value in attributes.items()}):
        pass


def test_every_well_known_provider_is_named_as_the_catalog_names_it(tracer: Tracer, found: Found) -> None:
    enumerated = {*gen_ai_attributes.GenAiProviderNameValues, *gen_ai_attributes.GenAiSystemValues}
    assert {one.value for one in enumerated} == set(SLUGS)
    for name in SLUGS:
        span(tracer, provider=name, operation="chat", request=f"model-of-{name}")
    assert found() == {(slug, f"model-of-{name}") for name, slug in SLUGS.items()}


def test_the_model_of_the_response_counts_rather_than_the_requested_one(tracer: Tracer, found: Found) -> None:
    span(tracer, provider="openai", operation="chat", request="best", response="gpt-4o-2024-08-06")
    span(tracer, provider="openai", operation="embeddings", request="embed-1")
    assert found() == {("openai", "gpt-4o-2024-08-06"), ("openai", "embed-1")}


def test_older_spans_count_too(tracer: Tracer, found: Found) -> None:
    span(tracer, system="mistral_ai", request="mistral-old")
    assert found() == {("mistral", "mistral-old")}


def test_failures_and_other_spans_are_not_sightings(tracer: Tracer, found: Found) -> None:
    span(tracer, provider="openai", operation="chat", request="failed", error="timeout")
    with tracer.start_as_current_span(
        "chat", attributes={"gen_ai.provider.name": "openai", "gen_ai.request.model": "bad"}
    ) as failing:
        failing.set_status(Status(StatusCode.ERROR))
    for operation in ("invoke_agent", "execute_tool", "create_agent", "invoke_workflow", "retrieval"):
        span(tracer, provider="openai", operation=operation, request="not-called")
    span(tracer, provider="openai", operation="chat")
    span(tracer, operation="chat", request="nobody's")
    span(tracer)
    span(tracer, provider="openai", operation="chat", request="good")
    assert found() == {("openai", "good")}


def test_the_client_of_openai_at_another_address_is_another_provider(tracer: Tracer, found: Found) -> None:
    span(tracer, provider="openai", request="lab/x", host="openrouter.ai")
    span(tracer, provider="openai", request="gpt-4o", host="mine.openai.azure.com")
    span(tracer, provider="openai", request="gpt-4o", host="api.openai.com")
    span(tracer, provider="openai", request="gpt-5", host="notopenrouter.ai")
    assert found() == {("openrouter", "lab/x"), ("azure", "gpt-4o"), ("openai", "gpt-4o"), ("openai", "gpt-5")}


def test_what_cannot_be_kept_does_not_reach_the_application(tracer: Tracer, tracker: DiscoveryTracker) -> None:
    span(tracer, provider="_OTHER", request="x")
    with tracer.start_as_current_span(
        "chat", attributes={"gen_ai.provider.name": "openai", "gen_ai.request.model": ["a", "b"]}
    ):
        pass
    assert tracker.flush()
    assert tracker.dropped_by_reason == {"invalid": 2}
