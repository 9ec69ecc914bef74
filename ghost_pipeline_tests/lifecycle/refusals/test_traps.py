"""Ten ways in which an answer looks like a refusal of a model and is none, or hides one; each has its test."""

import json

import pytest

from ghost_pipeline.lifecycle.refusals.classification import NOT_EVIDENCE, Classification, classify_refusal
from ghost_pipeline.lifecycle.vocabulary import RefusalClass


def classify(
    provider_id: str, model_id: str, message: str, status: int | None = 404, code: str | None = None
) -> Classification:
    return classify_refusal(provider_id, model_id, status=status, code=code, message=message)


def envelope(message: str, code: str | int | None = None, **more: object) -> str:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code, **more}})


def test_trap_1_one_text_and_one_code_of_many_providers() -> None:
    no_access = envelope("The model `m` does not exist or you do not have access to it.", "model_not_found")
    for provider_id in ("openai", "groq"):
        assert classify(provider_id, "m", no_access).rule_id == f"{provider_id}.no_access"
    for provider_id in ("cerebras", "together", "lmstudio", "grok2api", "vllm", "anthropic"):
        assert classify(provider_id, "m", no_access) == NOT_EVIDENCE
    of_vllm = envelope("The model `m` does not exist.", "model_not_found")  # a prefix of OpenAI's text
    assert classify("openai", "m", of_vllm) == classify("groq", "m", of_vllm) == NOT_EVIDENCE
    for provider_id in ("openai", "groq", "cerebras", "together", "mistral", "perplexity", "zenmux", "github"):
        for code in ("model_not_found", "invalid_model", "model_not_supported", "unknown_model"):
            for message in ("No models loaded.", "", "m", code):
                assert classify(provider_id, "m", envelope(message, code), code=code) == NOT_EVIDENCE


def test_trap_2_the_prefix_of_a_harmless_text() -> None:
    gone = "This model models/m is no longer available"
    assert classify("google", "m", f"{gone}. Please update your code to use models/n").replaced_by == "n"
    for rest in (
        " to new users. Please update your code to use models/n",
        ". Please update your code to use models/n, or ask for access: it is not available to new users.",
        " in your region. Please update your code to use models/n",
        "",
        ".",
    ):
        assert classify("google", "m", gone + rest) == NOT_EVIDENCE
    assert classify("openrouter", "a/m", "No endpoints found for a/m.").refusal_class is RefusalClass.AMBIGUOUS
    for rest in ("that support tool use.", "matching your data policy", "for a/m:free.", "for a/m.5.", "for a/m"):
        assert classify("openrouter", "a/m", f"No endpoints found {rest}") == NOT_EVIDENCE
    shared = "Some requested entity was not found"
    route = json.dumps({"code": shared, "error": "No handler found on route. Please double check your URL"})
    assert classify("xai", "m", route, code=shared) == NOT_EVIDENCE


def test_trap_3_a_410_that_is_about_something_else() -> None:
    host = "https://api-inference.huggingface.co is no longer supported. Please use https://router.huggingface.co."
    for model_id in ("org/m", "org/m:hf-inference"):
        assert classify("huggingface", model_id, json.dumps({"error": host}), 410) == NOT_EVIDENCE
    for message in ("The endpoint /v1/messages is gone.", "search_parameters is no longer supported", "Gone", "{}"):
        assert classify("xai", "m", message, 410) == NOT_EVIDENCE
        assert classify("azure", "m", message, 410) == NOT_EVIDENCE
    gone = "The model 'm' has reached its end of life on 2026-05-14T00:00:00Z and is no longer available."
    for status in (410, 400, None):  # as LiteLLM passes it on
        assert classify("nvidia", "m", gone, status).refusal_class is RefusalClass.RETIRED


@pytest.mark.parametrize("provider_id", ["openai", "anthropic", "google", "groq", "nvidia", "bedrock", "openrouter"])
def test_trap_4_html_and_plain_texts(provider_id: str) -> None:
    for message in (
        "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>",
        "<html><body>The model `m` has been decommissioned and is no longer supported.</body></html>",
        "<p>model: m</p>",
        "Sorry, you have been blocked",
        "404 page not found",
        '{"detail":"Not Found"}',
        '{"error":{"code":404,"message":"","status":"Not Found"}}',
        "Not Found",
        "",
    ):
        assert classify(provider_id, "m", message) == NOT_EVIDENCE


def test_trap_5_errors_under_status_200() -> None:
    refusal = '{"type":"error","error":{"type":"not_found_error","message":"model: m"}}'
    assert classify("anthropic", "m", refusal, 200) == NOT_EVIDENCE  # it may be what a model wrote
    assert classify("anthropic", "m", refusal, None).refusal_class is RefusalClass.NOT_FOUND
    for quoted in (f"The error was: {refusal}", f"```json\n{refusal}\n```", "You get `model: m` then.", "model: m?"):
        assert classify("anthropic", "m", quoted, None) == NOT_EVIDENCE


def test_trap_6_gateways_rewrite_class_and_status() -> None:
    denied = envelope("Project `proj_1` does not have access to model `m`", "model_not_found")
    assert classify("openai", "m", f"litellm.NotFoundError: OpenAIException - {denied}") == NOT_EVIDENCE
    assert classify("openai", "m", f"Error code: 403 - {json.loads(denied)!r}") == NOT_EVIDENCE
    gone = envelope("The model `m` has been decommissioned and is no longer supported.", "model_decommissioned")
    by_groq = f"litellm.BadRequestError: GroqException - {gone}"
    assert classify("groq", "m", by_groq, 400).rule_id == "groq.model_decommissioned"
    of_oracle = "litellm.APIConnectionError: OCIException - Model m 1.0.0 is retired"
    assert classify("oci", "m", of_oracle, 500) == NOT_EVIDENCE  # whatever it hides: no 5xx is evidence
    not_by_groq = f"litellm.BadRequestError: {gone}"  # no exception of a provider: the gateway's own text
    assert classify("groq", "m", not_by_groq, 400) == NOT_EVIDENCE
    other_first = f"litellm.NotFoundError: AnthropicException - overloaded\nError doing the fallback: {by_groq}"
    assert classify("groq", "m", other_first, 400) == NOT_EVIDENCE
    assert classify("groq", "m", by_groq.replace("Groq", "Cerebras"), 400) == NOT_EVIDENCE
    fallback = f"{by_groq}\nError doing the fallback: litellm.NotFoundError: AnthropicException - model: n"
    assert classify("groq", "m", fallback, 400).rule_id == "groq.model_decommissioned"
    assert classify("anthropic", "n", fallback, 400) == NOT_EVIDENCE


@pytest.mark.parametrize("raw", ["model: a/m", "a/m is not a valid model ID", "No endpoints found for a/m."])
def test_trap_7_what_one_upstream_of_openrouter_answers(raw: str) -> None:
    upstreams = {"error": {"type": "not_found_error", "message": raw}}
    for text in (raw, json.dumps(upstreams)):
        metadata = {"raw": text, "provider_name": "Anthropic"}
        for code in (400, 404, 410):
            answer = envelope("Provider returned error", code, metadata=metadata)
            for message in (answer, f"litellm.NotFoundError: OpenrouterException - {answer}"):
                assert classify("openrouter", "a/m", message, code) == NOT_EVIDENCE
                assert classify("anthropic", "a/m", message, code) == NOT_EVIDENCE


@pytest.mark.parametrize(
    ("provider_id", "model_id", "text"),
    [
        ("mistral", "mistral-vibe-cli-latest", "Invalid model: mistral-medium-3.5"),
        ("mistral", "mistral-large", "Invalid model: mistral-large-2407"),
        ("openrouter", "openrouter/free", "free is not a valid model ID"),
        ("openrouter", "a/m", "a/m:free is not a valid model ID"),
        ("openrouter", "a/m:free", "a/m is not a valid model ID"),
        ("github", "openai/gpt-4.1", "Unknown model: /gpt-4.1"),
        (
            "perplexity",
            "sonar",
            "Invalid model 'perplexity/sonar'. Permitted models can be found in the documentation at x",
        ),
        ("perplexity", "sonar", "Invalid model 'sonar '. Permitted models can be found in the documentation at x"),
        ("anthropic", "claude-3", "model: claude-3 "),
        ("anthropic", "claude-3", "model: claude-3-5"),
        (
            "vertex",
            "gemini-x",
            "Publisher Model `projects/p/locations/l/publishers/google/models/gemini-x` was not found",
        ),
        (
            "cohere",
            "embed-v3",
            "model 'packed-embed-v3-bulkjob' not found, make sure the correct model ID was used and that you have "
            "access to the model.",
        ),
        (
            "deepseek",
            "deepseek-v4-pro",
            "The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed deepseek-v4.",
        ),
    ],
)
def test_trap_8_the_named_model_is_another_one(provider_id: str, model_id: str, text: str) -> None:
    assert classify(provider_id, model_id, text) == classify(provider_id, model_id, envelope(text)) == NOT_EVIDENCE


@pytest.mark.parametrize(
    ("provider_id", "text"),
    [
        ("openai", "This model is only supported in v1/responses and not in v1/chat/completions."),
        ("openai", "The requested model 'm' is not supported with the Responses API."),
        ("bedrock", "Invocation of model ID m with on-demand throughput isn't supported."),
        ("bedrock", "The provided model identifier is invalid."),
        ("google", "models/m is not found for API version v1, or is not supported for generateContent."),
        ("google", "User location is not supported for the API use."),
        ("together", "Unable to access non-serverless model m. Please visit https://api.together.ai/models/m"),
        ("azure", "The API deployment for this resource does not exist."),
        ("ollama-cloud", "this model requires a subscription, upgrade for access: https://ollama.com/upgrade"),
        ("zenmux", "Model not included in current subscription plan"),
        ("openai", "The 'm' model requires a newer version of Codex. Please upgrade to the latest app or CLI."),
        ("azure", "Unknown model: m"),
        ("nvidia", "Function '23d4f03a': Not found for account 'a'"),
    ],
)
def test_trap_9_alive_but_refused(provider_id: str, text: str) -> None:
    for status in (400, 404, None):
        assert classify(provider_id, "m", envelope(text, "model_not_found"), status) == NOT_EVIDENCE


def test_trap_10_gone_but_answered() -> None:
    """No error text exists then: a notice inside a successful answer is not a refusal."""
    notice = "The model m was deprecated on 2025-09-15 and is no longer accessible via the API. Please use n instead."
    assert classify("xai", "m", notice, None).replaced_by == "n"
    assert classify("xai", "m", notice, 200) == NOT_EVIDENCE
    completion = json.dumps({"model": "n", "choices": [{"message": {"role": "assistant", "content": notice}}]})
    for status in (None, 200, 400):
        assert classify("xai", "m", completion, status) == NOT_EVIDENCE
