"""``GhostSpanProcessor``, with the real SDK: spans in, models in the catalog."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import Status, StatusCode, Tracer

from ghost_pipeline import DiscoveryTracker
from ghost_pipeline.integrations.opentelemetry import GhostSpanProcessor
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.integrations.conftest import Found
from ghost_pipeline_tests.integrations.evidence_of_refusals import kept, know, refused

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


DECOMMISSIONED = (
    "Error code: 400 - {'error': {'message': 'The model `gone` has been decommissioned and is no longer supported. "
    "Please refer to https://console.groq.com/docs/deprecations for a recommendation on which model to use instead.', "
    "'type': 'invalid_request_error', 'code': 'model_decommissioned'}}"
)


def failed_span(tracer: Tracer, message: str | None, event: str = "exception", **attributes: str | int) -> None:
    """End a span as instrumentations do when a client raises."""
    given: dict[str, str | int] = {
        "gen_ai.provider.name": "groq",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gone",
        "server.address": "api.groq.com",
        "error.type": "openai.BadRequestError",
    }
    given |= {name.replace("__", "."): value for name, value in attributes.items()}
    with tracer.start_as_current_span("chat", attributes=given) as span:
        span.set_status(Status(StatusCode.ERROR))
        if message is not None:
            about = {"exception.type": "BadRequestError", "exception.message": message}
            span.add_event(event, {**about, "exception.stacktrace": "File /home/someone/secret.py"})


FAILED: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"event": "gen_ai.client.operation.exception"}, True),
    ({"http__response__status_code": 400}, True),
    ({"error__type": "400"}, True),
    ({"error__type": "model_decommissioned"}, True),
    ({"server__address": "eu.api.groq.com"}, True),
    ({"server__address": ""}, True),
    ({"gen_ai__provider__name": "openai"}, True),  # OpenAI's client, at Groq's address
    ({"http__response__status_code": 403}, False),
    ({"http__response__status_code": 503}, False),
    ({"error__type": "429"}, False),
    ({"error__type": "9" * 5_000}, True),
    ({"event": "gen_ai.server.operation.exception"}, False),
    ({"event": "log"}, False),
    ({"server__address": "127.0.0.1"}, False),
    ({"server__address": "api.groq.com.example.org"}, False),
    ({"gen_ai__provider__name": "openai", "server__address": "llm.example.org"}, False),
    ({"gen_ai__provider__name": "openai", "server__address": ""}, False),
    ({"gen_ai__provider__name": "mistral_ai", "server__address": "api.mistral.ai"}, False),
    ({"gen_ai__provider__name": "no provider", "server__address": ""}, False),
    ({"gen_ai__operation__name": "execute_tool"}, False),
    ({"gen_ai__request__model": ""}, False),
    ({"gen_ai__request__model": "another"}, False),
    ({"message": None}, False),
    ({"message": ""}, False),
    ({"message": f"Invalid prompt: {DECOMMISSIONED}"}, False),
    ({"message": "<html>" * 1_000_000}, False),
]
"""What differs from a refused call of a Groq model -> whether it is evidence."""


def test_a_failed_span_is_evidence_if_its_exception_is_the_providers_answer_about_the_requested_model(
    tracer: Tracer, tracker: DiscoveryTracker, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    names = [f"gone-{number}" for number in range(len(FAILED))]
    know(settings, [(provider, name) for name in names for provider in ("groq", "openai", "mistral")])
    for name, (attributes, _) in zip(names, FAILED, strict=True):
        given = {"message": DECOMMISSIONED, "gen_ai__request__model": "gone", **attributes}
        failed_span(tracer, **{key: _replace_name(value, name) for key, value in given.items()})
    assert tracker.flush()
    assert refused(settings) == {
        ("groq", name) for name, (_, is_evidence) in zip(names, FAILED, strict=True) if is_evidence
    }


def _replace_name(value: Any, name: str) -> Any:
    return re.sub(r"\bgone\b", name, value) if isinstance(value, str) else value


def test_an_answer_by_another_model_is_seen_where_the_provider_itself_was_asked(
    tracer: Tracer, tracker: DiscoveryTracker, found: Found, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    know(settings, [("xai", "grok-3"), ("openai", "gpt-4o")])
    span(tracer, provider="xai", request="grok-3", response="grok-4.3", host="api.x.ai")
    span(tracer, provider="xai", request="grok-4", response="grok-4-0709", host="api.x.ai")
    span(tracer, provider="openai", request="gpt-4o", response="fast", host="gateway.example.org")
    assert found() >= {("xai", "grok-4.3"), ("xai", "grok-4-0709"), ("openai", "fast")}
    assert kept(settings) == {("xai", "grok-3", "another"): 1}
