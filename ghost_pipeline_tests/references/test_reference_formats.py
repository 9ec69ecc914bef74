"""What the formats of references read: small examples, whole real data, and hostile input."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ghost_pipeline.errors import NotConfigured
from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.references import REFERENCE_FORMATS, parse_reference, reading
from ghost_pipeline.references.installed import read_installed_reference
from ghost_pipeline_tests.providers.samples import REPOSITORY

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
REAL = REPOSITORY.parent / "shared" / "reference_data"


def facts_of(name: str, document: Any, at: datetime = AT) -> Mapping[tuple[str, str], Facts]:
    parsed = parse_reference(name, json.dumps(document).encode(), at)
    assert parsed.malformed_reason is None
    return parsed.facts


def test_models_dev_states_usd_per_million_tokens_limits_and_capabilities() -> None:
    entry = {
        "name": "M",
        "cost": {"input": 0.25, "output": 2, "cache_read": 0.025, "context_over_200k": {"input": 9}},
        "limit": {"context": 400_000, "input": 272_000, "output": 128_000},
        "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]},
        "tool_call": True,
        "reasoning": False,
    }
    stated = facts_of("models-dev", {"togetherai": {"models": {"org/m": entry}}, "google": {"models": {"m": {}}}})
    assert stated == {
        ("together", "org/m"): Facts(
            name="M",
            context_window=400_000,
            max_output_tokens=128_000,
            input_price=0.25,
            output_price=2.0,
            prices={
                "input": "0.25",
                "output": "2",
                "cache_read": "0.025",
                "tiers": [{"above_input_tokens": 200_000, "input": "9"}],
            },
            capabilities=("text", "tools", "vision"),
        )
    }


def litellm_entry(provider: str, **stated: Any) -> dict[str, Any]:
    return {"litellm_provider": provider, "mode": "chat", **stated}


def test_litellm_states_usd_per_token_and_the_longest_input() -> None:
    entry = litellm_entry(
        "openai",
        input_cost_per_token=1.25e-06,
        output_cost_per_token=1e-05,
        max_input_tokens=272_000,
        max_output_tokens=128_000,
        max_tokens=7,
        supports_function_calling=True,
        supports_vision=False,
        cache_read_input_token_cost=1.25e-07,
        cache_creation_input_token_cost_above_1hr_above_200k_tokens=4e-06,
        input_cost_per_token_above_200k_tokens=2.5e-06,
        input_cost_per_token_above_200k_tokens_priority=1,
        input_cost_per_token_batches=1,
        deprecation_date="2026-09-30",
    )
    stated = facts_of("litellm", {"sample_spec": entry, "gpt-x": entry})
    assert stated == {
        ("openai", "gpt-x"): Facts(
            context_window=272_000,
            max_output_tokens=128_000,
            input_price=1.25,
            output_price=10.0,
            capabilities=("text", "tools"),
            prices={
                "input": "1.25",
                "output": "10",
                "cache_read": "0.125",
                "tiers": [{"above_input_tokens": 200_000, "input": "2.5", "cache_write_1h": "4"}],
            },
            expires_at=datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC),
        )
    }


@pytest.mark.parametrize(
    ("name", "provider", "key"),
    [
        ("gpt-x", "openai", ("openai", "gpt-x")),
        ("gpt-x-2026-01-01", "openai", ("openai", "gpt-x-2026-01-01")),
        ("gemini/gemini-x", "gemini", ("google", "gemini-x")),
        ("azure_ai/grok-x", "azure_ai", ("azure", "grok-x")),
        ("azure/eu/gpt-x", "azure", ("azure", "eu/gpt-x")),
        ("gemini-x", "vertex_ai-language-models", ("vertex", "publishers/google/models/gemini-x")),
        ("vertex_ai/claude-x@1", "vertex_ai-anthropic_models", ("vertex", "publishers/anthropic/models/claude-x@1")),
        ("fireworks_ai/nomic/embed", "fireworks_ai-embedding-models", ("fireworks", "nomic/embed")),
        ("bedrock/anthropic.claude-x", "bedrock_converse", ("bedrock", "anthropic.claude-x")),
        ("together_ai/org/m", "together_ai", ("together", "org/m")),
        ("xai/grok-x", "xai", ("xai", "grok-x")),
        ("groq/openai/gpt-x", "groq", ("groq", "openai/gpt-x")),
        ("cohere/embed-x", "cohere_chat", ("cohere", "cohere/embed-x")),
    ],
)
def test_a_name_of_litellm_belongs_to_one_id_of_one_provider(name: str, provider: str, key: tuple[str, str]) -> None:
    assert list(facts_of("litellm", {name: litellm_entry(provider)})) == [key]


def genai_document(prices: Any, match: Any = None, **stated: Any) -> list[Any]:
    return [{"id": "x-ai", "models": [{"id": "m", "match": match or {"equals": "m"}, "prices": prices, **stated}]}]


def test_genai_prices_states_usd_per_million_tokens_of_the_first_tier() -> None:
    prices = {"input_mtok": {"base": 1.25, "tiers": [{"start": 200_000, "price": 9}]}, "output_mtok": "2.5"}
    stated = facts_of("genai-prices", genai_document(prices, context_window=256_000, name="M"))
    assert stated == {
        ("xai", "m"): Facts(
            name="M",
            context_window=256_000,
            input_price=1.25,
            output_price=2.5,
            prices={
                "input": "1.25",
                "output": "2.5",
                "tiers": [{"above_input_tokens": 200_000, "input": "9"}],
            },
        ),
    }


def test_genai_prices_names_exact_ids_and_patterns_match_nothing() -> None:
    match = {"or": [{"equals": "m-1"}, {"starts_with": "m-2"}, {"contains": "m"}, {"regex": ".*"}]}
    assert list(facts_of("genai-prices", genai_document({"input_mtok": 1}, match))) == [("xai", "m"), ("xai", "m-1")]
    assert list(facts_of("genai-prices", genai_document({"input_mtok": 1}, {"contains": "m-3"}))) == [("xai", "m")]


@pytest.mark.parametrize(
    ("day", "price"),
    [((2026, 1, 1), 1.0), ((2026, 3, 1), 2.0), ((2026, 11, 28), 2.0), ((2026, 12, 1), 4.0)],
)
def test_of_prices_with_dates_those_of_the_day_count(day: tuple[int, int, int], price: float) -> None:
    prices = [
        {"prices": {"input_mtok": 1}},
        {"constraint": {"start_date": "2026-03-01"}, "prices": {"input_mtok": 2}},
        {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 4}},
    ]
    stated = facts_of("genai-prices", genai_document(prices), datetime(*day, tzinfo=UTC))
    assert stated["xai", "m"].input_price == price


def test_of_prices_for_parts_of_the_day_the_highest_counts() -> None:
    night = {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}
    prices = [{"prices": {"input_mtok": 2}}, {"constraint": night, "prices": {"input_mtok": 1}}]
    assert facts_of("genai-prices", genai_document(prices))["xai", "m"].input_price == 2.0


def test_entries_that_differ_state_nothing_of_what_they_differ_in_and_are_reported() -> None:
    document = {
        "gemini/m": litellm_entry("gemini", max_input_tokens=5, input_cost_per_token=1e-06, supports_vision=True),
        "m": litellm_entry("gemini", max_input_tokens=5, input_cost_per_token=2e-06),
    }
    parsed = parse_reference("litellm", json.dumps(document).encode(), AT)
    assert parsed.facts == {("google", "m"): Facts(context_window=5, capabilities=("text", "vision"))}
    assert parsed.warnings == ("input_price differs between entries and counts as unknown: 1 (m)",)


def test_what_is_not_understood_is_reported_and_the_rest_is_read() -> None:
    good = litellm_entry("xai", max_input_tokens=5)
    document = {
        "xai/a": good,
        "none": {"mode": "chat"},
        "text": "chat",
        "provider": litellm_entry("no provider!"),
        "": litellm_entry("xai"),
        "xai/b": litellm_entry("xai", max_input_tokens="many", input_cost_per_token=1),
    }
    parsed = parse_reference("litellm", json.dumps(document).encode(), AT)
    assert parsed.facts.keys() == {("xai", "a"), ("xai", "b")}
    assert parsed.warnings == (
        "entries without a usable id: 1 (xai)",
        "entries without a usable provider: 1 (provider)",
        "entries without litellm_provider: 2 (none, text)",
        "input_cost_per_token could not be read in 1 row and counts as unknown there (first: xai/b)",
        "max_input_tokens could not be read in 1 row and counts as unknown there (first: xai/b)",
    )


@pytest.mark.parametrize("name", REFERENCE_FORMATS)
@pytest.mark.parametrize(
    "content",
    [b"", b" ", b"{", b"null", b"1", b"[]", b"{}", b'{"error": "x"}', b"<html>", b"\xff\xfe{", b"[" * 100_000],
)
def test_a_file_of_another_shape_is_malformed(name: str, content: bytes) -> None:
    parsed = parse_reference(name, content, AT)
    assert parsed.malformed_reason
    assert not parsed.facts


def test_a_file_with_too_many_bytes_or_entries_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.dumps({f"m{number}": litellm_entry("xai") for number in range(4)}).encode()
    monkeypatch.setattr(reading, "MAX_ENTRIES", 3)
    assert parse_reference("litellm", document, AT).malformed_reason == (
        "the file has more than 3 entries; check that it is the right file"
    )
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    assert parse_reference("litellm", document, AT).malformed_reason == (
        "the file has more than 10 bytes; check that it is the right file"
    )


words = st.sampled_from(
    (
        *("models", "id", "match", "or", "equals", "prices", "input_mtok", "base", "constraint", "start_date", "cost"),
        *("input", "limit", "context", "modalities", "litellm_provider", "mode", "input_cost_per_token", "name", "xai"),
    )
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=3), inner, max_size=5),
    max_leaves=15,
)


@given(documents, st.sampled_from(sorted(REFERENCE_FORMATS)))
@settings(max_examples=60)
def test_no_document_makes_a_reader_raise(document: Any, name: str) -> None:
    parse_reference(name, json.dumps(document).encode(), AT)
    parse_reference(name, json.dumps({"xai": {"models": document, "litellm_provider": document}}).encode(), AT)
    parse_reference(name, json.dumps([{"id": "xai", "models": [document, {"prices": document}]}]).encode(), AT)


@pytest.mark.parametrize(("name", "models"), [("litellm", 3_000), ("genai-prices", 2_000)])
def test_the_data_of_the_installed_packages_is_understood(name: str, models: int) -> None:
    file_name, content = read_installed_reference(name)
    parsed = parse_reference(name, content, AT)
    assert name in file_name
    assert parsed.malformed_reason is None
    assert len(parsed.facts) > models
    assert parsed.facts["openai", "gpt-4o"].input_price == 2.5
    assert parsed.facts["openai", "gpt-4o"].context_window == 128_000


def test_only_two_packages_carry_a_reference() -> None:
    with pytest.raises(NotConfigured, match="no installed package has the data of models-dev"):
        read_installed_reference("models-dev")


def test_models_dev_of_two_days_is_understood() -> None:
    files = sorted(REAL.glob("models_dev_*.json"))
    if not files:
        pytest.skip("no real reference data")
    for file in files:
        parsed = parse_reference("models-dev", file.read_bytes(), AT)
        assert parsed.warnings == ()
        assert len(parsed.facts) == parsed.entry_count > 200
        assert parsed.facts["anthropic", "claude-3-haiku-20240307"].output_price == 1.25
