"""An error answer has the class of its provider's seen text, in every wrapping; no other text is evidence."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from ghost_pipeline.lifecycle.identity import LOCAL_PROVIDERS
from ghost_pipeline.lifecycle.refusals.classification import NOT_EVIDENCE, Classification, classify_refusal
from ghost_pipeline.lifecycle.refusals.rules import RULES
from ghost_pipeline.lifecycle.refusals.templates import PLACES
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import SEEN, Seen

EVIDENCE = [seen for seen in SEEN if seen.expected is not RefusalClass.NOT_EVIDENCE]

SAME_TEXT_ELSEWHERE = {
    ("openai", "groq"): "does not exist or you do not have access to it",
    ("groq", "openai"): "does not exist or you do not have access to it",
    ("xai", "cloudflare"): "Model not found: ",
    ("cloudflare", "xai"): "Model not found: ",
    ("azure", "github"): "Unknown model: ",
    ("huggingface", "huggingface"): "hf-inference",
    ("ollama", "ollama-cloud"): " was retired at ",
}
"""Provider and another one -> the part of the text that both are documented to give."""

TOKENS = {
    "openai": "OpenAI",
    "google": "Gemini",
    "vertex": "VertexAI",
    "together": "Together_ai",
    "fireworks": "Fireworks_ai",
    "nvidia": "Nvidia_nim",
    "cloudflare": "Cloudflare ",
    "huggingface": "Huggingface",
    "ollama-cloud": "Ollama_cloud",
    "oci": "OCI",
}
"""Provider -> its name in front of "Exception" in LiteLLM's messages, unless that is its slug with a capital letter."""


def ids_of(seen: Seen) -> str:
    return f"{seen.provider_id}-{seen.text[:50]}"


def classify(seen: Seen, text: str | None = None, provider_id: str | None = None) -> Classification:
    message = seen.text if text is None else text
    provider_id = provider_id or seen.provider_id
    return classify_refusal(provider_id, seen.model_id, status=seen.status, code=seen.code, message=message)


def body_of(seen: Seen) -> dict[str, object]:
    """Return the body of the answer in the provider's own shape."""
    if seen.provider_id == "anthropic":
        return {"type": "error", "error": {"type": seen.code, "message": seen.text}, "request_id": "req_1"}
    if seen.provider_id in ("mistral", "cerebras"):
        return {"object": "error", "message": seen.text, "type": seen.code, "code": seen.code, "raw_status_code": 400}
    if seen.provider_id == "cohere":
        return {"id": "0", "message": seen.text}
    if seen.provider_id == "nvidia":
        return {"type": "about:blank", "title": "Gone", "status": seen.status, "detail": seen.text}
    if seen.provider_id == "xai":
        return {"code": seen.code, "error": seen.text}
    if seen.provider_id == "cloudflare":
        return {"success": False, "errors": [{"code": int(seen.code or 0), "message": seen.text}], "result": {}}
    if seen.provider_id in ("ollama-cloud", "huggingface"):
        return {"error": seen.text}
    return {"error": {"message": seen.text, "type": "invalid_request_error", "param": None, "code": seen.code}}


def wrappings(seen: Seen) -> Iterator[str]:
    """Yield the answer as clients and gateways pass it on."""
    body = body_of(seen)
    as_json = json.dumps(body)
    token = TOKENS.get(seen.provider_id, seen.provider_id.capitalize())
    status = seen.status or 400
    yield as_json
    yield json.dumps([body], indent=2)
    yield f"Error code: {status} - {body!r}"
    yield f"openai.NotFoundError: Error code: {status} - {body!r}"
    yield f"{status} {as_json}"
    yield f"{status} NOT_FOUND. {body!r}"
    yield f"API error occurred: Status {status}\n{as_json}"
    yield f"API error occurred: Status {status}. Body: {as_json}"
    yield f"headers: {{'content-type': 'application/json'}}, status_code: {status}, body: {body!r}"
    yield f"status_code: {status}, model_name: some-model, body: {body!r}"
    by_litellm = [
        f"litellm.BadRequestError: {token}Exception - {as_json}",
        f"litellm.NotFoundError: NotFoundError: {token}Exception - Error code: {status} - {body!r}",
        f"litellm.APIError: APIError: {token}Exception - {seen.text}",
        f"litellm.NotFoundError: {token}Exception - {as_json.encode()!r}",
    ]
    router = ". Received Model Group=some-group\nAvailable Model Group Fallbacks=['other']"
    failed = "\nError doing the fallback: litellm.RateLimitError: No deployments available for selected model"
    for message in by_litellm:
        yield message
        yield f"{message} LiteLLM Retried: 2 times, LiteLLM Max Retries: 2"
        yield message + router + failed
        proxied = {"error": {"message": message + router, "type": None, "param": None, "code": str(status)}}
        yield json.dumps(proxied)
        yield f"Error code: {status} - {proxied!r}"
        yield f"litellm.BadRequestError: Litellm_proxyException - {message}".replace("Litellm_proxy", token)
        twice = f"litellm.NotFoundError: NotFoundError: {token}Exception - {json.dumps(proxied)}"
        yield json.dumps({"error": {"message": twice + router, "code": str(status)}})


@pytest.mark.parametrize("seen", SEEN, ids=ids_of)
def test_every_seen_text_has_its_class(seen: Seen) -> None:
    found = classify(seen)
    assert (found.refusal_class, found.replaced_by) == (seen.expected, seen.replaced_by)
    assert found.retired_on == (date.fromisoformat(seen.retired_on) if seen.retired_on else None)
    assert found.is_evidence == bool(found.rule_id) == bool(found.words)


@pytest.mark.parametrize("seen", EVIDENCE, ids=ids_of)
def test_a_seen_text_has_its_class_in_every_wrapping(seen: Seen) -> None:
    bare = classify(seen)
    if seen.provider_id == "cloudflare" and not (seen.code or "0").isdigit():
        seen = seen._replace(code="0")
    for wrapped in wrappings(seen):
        assert classify(seen, wrapped) == bare, wrapped
        other = wrapped.replace(seen.model_id.removesuffix(":free"), "another-model")
        assert not (names_id(bare) and classify(seen, other).is_evidence)


def names_id(found: Classification) -> bool:
    """Return True if every text of the rule contains the requested id."""
    provider_id, _, name = (found.rule_id or "").partition(".")
    rule = next(rule for rule in RULES[provider_id] if rule.name == name)
    return all("{model}" in text or "{base}" in text for text in rule.texts)


@pytest.mark.parametrize("seen", SEEN, ids=ids_of)
def test_a_text_never_matches_the_rule_of_another_provider(seen: Seen) -> None:
    for provider_id in {*RULES, "acme", "ollama", "vllm", "lmstudio", "azure"} - {seen.provider_id}:
        shared = SAME_TEXT_ELSEWHERE.get((seen.provider_id, provider_id))
        if shared is None or shared not in seen.text:
            assert classify(seen, provider_id=provider_id) == NOT_EVIDENCE, provider_id


@pytest.mark.parametrize("seen", EVIDENCE, ids=ids_of)
def test_no_text_is_evidence_under_a_status_that_is_about_something_else(seen: Seen) -> None:
    for status in (200, 301, 401, 402, 403, 408, 413, 422, 429, 451, 500, 502, 503, 529):
        assert classify(seen._replace(status=status)) == NOT_EVIDENCE
        assert classify(seen._replace(code=str(status))) == NOT_EVIDENCE
        assert classify(seen, f"Error code: {status} - {body_of(seen._replace(code=None))!r}") == NOT_EVIDENCE
    for status in (-1, 0, 4040, 10**30):
        assert classify(seen._replace(status=status)) == NOT_EVIDENCE


@pytest.mark.parametrize("status", [None, 400, 404, 410])
def test_a_bare_status_is_not_evidence(status: int | None) -> None:
    for provider_id, rules in RULES.items():
        codes = [rule.needs_code for rule in rules] + [rule.name for rule in rules] + ["model_not_found", "404"]
        for message in (None, "", " ", "Not Found", '{"error": {}}', '{"error": ""}', "{}", "[]", "[{}]", '""'):
            for code in codes:
                found = classify_refusal(provider_id, "gpt-4", status=status, code=code, message=message)
                assert found == NOT_EVIDENCE


def test_local_servers_and_deployments_have_no_rules() -> None:
    assert RULES.keys().isdisjoint({*LOCAL_PROVIDERS, "azure"})


@pytest.mark.parametrize("seen", EVIDENCE, ids=ids_of)
def test_a_code_about_something_else_overrules_the_text(seen: Seen) -> None:
    for code in ("permission_error", "openai.PermissionDeniedError", "model_not_supported", "insufficient_quota"):
        assert classify(seen._replace(code=code)) == NOT_EVIDENCE
        assert classify(seen, json.dumps({"error": {"message": seen.text, "type": code}})) == NOT_EVIDENCE
        assert classify(seen, json.dumps({"error": seen.text, "code": code})) == NOT_EVIDENCE
    for status in ("403", 403, 429, 500):
        assert classify(seen, json.dumps({"error": {"message": seen.text, "code": status}})) == NOT_EVIDENCE
        assert classify(seen, json.dumps({"status": status, "detail": seen.text})) == NOT_EVIDENCE


def test_the_exceptions_of_aws_are_read() -> None:
    text = "This model version has reached the end of its life. Please refer to the AWS documentation."

    def is_evidence(code: str, operation: str) -> bool:
        message = f"An error occurred ({code}) when calling the {operation} operation: {text}"
        return classify_refusal("bedrock", "m", status=None, code=None, message=message).is_evidence

    assert is_evidence("ResourceNotFoundException", "Converse")
    assert is_evidence("ResourceNotFoundException", "InvokeModelWithResponseStream")
    assert not is_evidence("AccessDeniedException", "Converse")
    assert not is_evidence("ResourceNotFoundException", "GetFoundationModel")


def test_a_text_that_is_too_common_needs_its_code() -> None:
    for code, message in ((None, "Model does not exist"), ("404", "Model does not exist"), ("3042", "Model not exist")):
        assert classify_refusal("zenmux", "m", status=404, code=code, message=message) == NOT_EVIDENCE
    inside = '{"error": {"type": "invalid_model", "code": "404", "message": "Model does not exist"}}'
    assert classify_refusal("zenmux", "m", status=404, code=None, message=inside).is_evidence


def test_a_phrase_is_some_words_on_one_line() -> None:
    for phrase, is_evidence in (("a or b", True), ("", False), ("a\nb", False), ("a, " * 900, False)):
        message = f"The supported API model names are {phrase}, but you passed m."
        found = classify_refusal("deepseek", "m", status=400, code=None, message=message)
        assert found.is_evidence == is_evidence


def test_an_id_that_no_catalog_has_is_not_evidence() -> None:
    for model_id, text in (("", "Invalid model: "), ("m ", "Invalid model: m "), (" ", "Invalid model:  ")):
        assert classify_refusal("mistral", model_id, status=400, code=None, message=text) == NOT_EVIDENCE


def test_rules_are_named_once_and_their_words_are_short() -> None:
    for rules in RULES.values():
        assert len({rule.name for rule in rules}) == len(rules)
        for rule in rules:
            assert rule.refusal_class is not RefusalClass.NOT_EVIDENCE
            assert rule.words.isprintable()
            assert len(rule.words) < 50


def test_every_rule_was_seen() -> None:
    matched = {classify(seen).rule_id for seen in EVIDENCE}
    assert matched == {f"{provider_id}.{rule.name}" for provider_id, rules in RULES.items() for rule in rules}


def test_what_is_not_found_names_the_model_and_no_id_runs_into_the_rest() -> None:
    for rule in (rule for rules in RULES.values() for rule in rules):
        for text in rule.texts:
            assert rule.refusal_class is not RefusalClass.NOT_FOUND or "{model}" in text
            assert "{model}…" not in text
            assert "{model}.…" not in text
            assert not text.startswith("{replacement}")
            assert all(place in PLACES for place in places_of(text)), text


def places_of(text: str) -> list[str]:
    return ["{" + part.split("}")[0] + "}" for part in text.split("{")[1:]]


def test_a_replacement_is_a_usable_id_of_another_model() -> None:
    def replacement(text: str) -> str | None:
        message = f"This model models/gemini-a is no longer available. Please update your code to use {text}"
        found = classify_refusal("google", "gemini-a", status=404, code=None, message=message)
        assert found == replace(found, refusal_class=RefusalClass.RETIRED, words="end of life")
        return found.replaced_by

    assert replacement("models/gemini-b.") == "gemini-b"
    assert replacement("models/gemini-3.8-flash instead") == "gemini-3.8-flash"
    assert replacement("models/gemini-a") is None
    assert replacement("a newer model for the latest features") is None
    assert replacement("models/" + "b" * 600) is None
    assert replacement("models/\u202egemini") is None
    assert replacement("models/ gemini") is None


def test_a_day_that_no_calendar_has_is_left_out() -> None:
    for day in ("February 30, 2025", "Smarch 1, 2025", "2025-13-01"):
        message = f"model 'm' was removed on {day}. See the documentation."
        found = classify_refusal("cohere", "m", status=404, code=None, message=message)
        assert (found.refusal_class, found.retired_on) == (RefusalClass.RETIRED, None)
