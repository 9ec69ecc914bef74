"""Reading rows in all formats: ids, duplicates, unreadable fields, the row kept verbatim."""

import gc
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline_tests.providers.samples import (
    FIXTURE_NAMES,
    fixture,
    only_model,
    parsed,
    provider_of,
    recorded,
    rows_of,
)


def openrouter_price(price: Any) -> float | None:
    return only_model("openrouter", {"id": "m", "pricing": {"prompt": price}}).input_price


def context_window(value: Any) -> int | None:
    return only_model("openrouter", {"id": "m", "context_length": value}).context_window


def expires_at(value: Any) -> datetime | None:
    return only_model("openrouter", {"id": "m", "expiration_date": value}).expires_at


def test_a_repeated_id_counts_once_and_the_first_row_wins() -> None:
    rows = [{"id": "m", "name": "first"}, {"id": " m ", "name": "second"}, {"id": "m", "active": False}]
    listing = parsed("openai", {"data": rows})
    assert [model.facts.name for model in listing.models] == ["first"]
    assert listing.inactive_ids == ()


def test_an_inactive_row_wins_over_a_later_active_one() -> None:
    listing = parsed("groq", {"data": [{"id": "m", "active": False}, {"id": "m", "active": True}]})
    assert (listing.models, listing.inactive_ids) == ((), ("m",))


def test_both_spellings_of_a_google_id_are_one_model() -> None:
    listing = parsed("google", {"models": [{"name": "models/gemini-x"}, {"name": "gemini-x"}]})
    assert [model.model_id for model in listing.models] == ["gemini-x"]


@pytest.mark.parametrize("fixture_name", FIXTURE_NAMES)
def test_a_row_is_kept_verbatim(fixture_name: str) -> None:
    document = fixture(fixture_name)
    listing = parsed(provider_of(fixture_name), document)
    kept = [json.loads(model.provider_data) for model in listing.models]
    assert len(kept) == len(rows_of(document)) - len(listing.inactive_ids)
    assert [row for row in rows_of(document) if row in kept] == kept


def test_kept_rows_are_compact_with_sorted_keys_and_exact_numbers() -> None:
    row = b'{"z": 123456789012345678901234567890, "id": "m", "n": {"b": 0.1, "a": -1e-7}, "t": "\\u00e9\\u0001"}'
    [model] = parse_listing("openai", b'{"data": [' + row + b"]}").models
    expected = '{"id":"m","n":{"a":-1e-7,"b":0.1},"t":"é\\u0001","z":123456789012345678901234567890}'
    assert model.provider_data == expected


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (rb"a\u0000b", "a\ufffdb"),
        (rb"\\\u0000", "\\\ufffd"),
        (rb"\\u0000", "\\u0000"),
        (rb"\u0000\u0000", "\ufffd\ufffd"),
        (rb"\\\\u0000\u0000", "\\\\u0000\ufffd"),
    ],
)
def test_nul_characters_are_replaced_with_a_warning_because_not_every_database_stores_them(
    raw: bytes, kept: str
) -> None:
    listing = parse_listing("openai", b'{"data": [{"id": "m", "t' + raw + b'": "' + raw + b'"}]}')
    assert json.loads(listing.models[0].provider_data or "") == {"id": "m", "t" + kept: kept}
    assert bool(listing.warnings) is ("\ufffd" in kept)


@pytest.mark.parametrize("fixture_name", FIXTURE_NAMES)
def test_the_order_of_keys_does_not_matter(fixture_name: str) -> None:
    def backwards(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: backwards(value[key]) for key in reversed(value)}
        return [backwards(item) for item in value] if isinstance(value, list) else value

    document, provider_id = fixture(fixture_name), provider_of(fixture_name)
    assert parsed(provider_id, backwards(document)) == parsed(provider_id, document)


@pytest.mark.parametrize(
    ("price", "usd_per_million"),
    [
        ("0.00000015", 0.15),
        ("0.0000004", 0.4),
        ("0.00001875", 18.75),
        ("0", 0.0),
        ("-0", 0.0),
        (0, 0.0),
        (1.5e-07, 0.15),
        ("1.5e-7", 0.15),
        (" 0.000003 ", 3.0),
    ],
)
def test_prices_per_token_are_exact_per_million(price: Any, usd_per_million: float) -> None:
    assert repr(openrouter_price(price)) == repr(usd_per_million)  # 0.0 and -0.0 are equal


@pytest.mark.parametrize("value", ["-1", -1, "-0.000001", None])
def test_documented_spellings_of_unknown_cause_no_warning(value: Any) -> None:
    listing = parsed("openrouter", {"data": [{"id": "m", "pricing": {"prompt": value}, "context_length": 0}]})
    assert (listing.models[0].facts.input_price, listing.models[0].facts.context_window) == (None, None)
    assert listing.warnings == ()


@pytest.mark.parametrize(
    "price", ["n/a", "", "$3", "1_0", "٣", "NaN", "Infinity", "1e400", "1e-999", True, {}, [], 2, "1.1", 10**30]
)
def test_a_price_that_cannot_be_read_is_unknown_and_named(price: Any) -> None:
    listing = parsed("openrouter", {"data": [{"id": "m", "pricing": {"prompt": price, "completion": "0"}}]})
    model = recorded("openrouter", listing.models[0])
    assert (model.input_price, model.is_free is True) == (None, False)
    assert listing.warnings == ("pricing.prompt could not be read in 1 row and counts as unknown there (first: m)",)
    assert listing.incomplete_reasons == ()


def test_a_tiny_price_is_not_taken_for_free() -> None:
    assert only_model("openrouter", {"id": "m", "pricing": {"prompt": "1e-400", "completion": "0"}}).is_free is False


@pytest.mark.parametrize(
    ("value", "tokens"), [(4096, 4096), (4096.0, 4096), ("4096", 4096), (10**15, 10**15), (0, None), (-1, None)]
)
def test_whole_numbers_and_digits_are_tokens(value: Any, tokens: int | None) -> None:
    assert context_window(value) == tokens


@pytest.mark.parametrize("value", [True, False, 4096.5, "4k", "4,096", "", "٤٠٩٦", 10**15 + 1, 10**300, [], {}])
def test_an_invalid_number_of_tokens_is_unknown_and_reported(value: Any) -> None:
    listing = parsed("openrouter", {"data": [{"id": "m", "context_length": value}]})
    assert listing.models[0].facts.context_window is None
    assert listing.warnings[0].startswith("context_length could not be read in 1 row")


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-06-19", datetime(2026, 6, 19, 13, tzinfo=UTC)),
        ("2026-06-19T12:30:00Z", datetime(2026, 6, 19, 12, 30, tzinfo=UTC)),
        ("2026-06-19T14:30:00+02:00", datetime(2026, 6, 19, 12, 30, tzinfo=UTC)),
        ("2026-06-19T12:30:00", datetime(2026, 6, 19, 12, 30, tzinfo=UTC)),
        (1781827200, datetime(2026, 6, 19, tzinfo=UTC)),
        ("1781827200", datetime(2026, 6, 19, tzinfo=UTC)),
        ({"year": 2026, "month": 6, "day": 19}, datetime(2026, 6, 19, 23, 59, 59, tzinfo=UTC)),
        ({"year": 2026, "month": 6, "day": 0}, None),
        ("", None),
        (0, None),
    ],
)
def test_announced_ends_are_read_in_every_documented_spelling(value: Any, instant: datetime | None) -> None:
    assert expires_at(value) == instant


@pytest.mark.parametrize(
    "value",
    ["soon", "2026-13-01", 10**13, True, [], {"year": 2026, "month": 13, "day": 1}, "0001-01-01T00:00:00+14:00"],
)
def test_an_end_that_cannot_be_read_is_unknown_and_named(value: Any) -> None:
    listing = parsed("openrouter", {"data": [{"id": "m", "expiration_date": value}]})
    assert listing.models[0].facts.expires_at is None
    assert len(listing.warnings) == 1


@pytest.mark.parametrize("row", [{"architecture": 7}, {"architecture": {"input_modalities": ["text", 7]}}])
def test_capabilities_that_cannot_be_read_are_named(row: dict[str, Any]) -> None:
    listing = parsed("openrouter", {"data": [{"id": "m", **row}]})
    assert listing.models[0].facts.capabilities is None
    assert "architecture.input_modalities could not be read" in listing.warnings[0]


@pytest.mark.parametrize("name", ["", "  ", None])
def test_an_empty_name_is_unknown_without_a_warning(name: Any) -> None:
    listing = parsed("openrouter", {"data": [{"id": "m", "name": name}]})
    assert (listing.models[0].facts.name, listing.warnings) == (None, ())


@pytest.mark.parametrize("name", ["a\x00b", 7, "x" * 600])
def test_a_name_that_cannot_be_kept_is_named(name: Any) -> None:
    listing = parsed("openrouter", {"data": [{"id": "m", "name": name}]})
    assert listing.models[0].facts.name is None
    assert listing.warnings[0].startswith("name could not be read")


def test_warnings_are_one_per_field_with_a_count_and_one_example() -> None:
    rows = [{"id": f"m{number}", "pricing": {"prompt": "n/a"}} for number in range(1000)]
    assert parsed("openrouter", {"data": rows}).warnings == (
        "pricing.prompt could not be read in 1000 rows and counts as unknown there (first: m0)",
    )


@pytest.mark.parametrize("content", [b'{"data": [{"id": "m"}]}', b"no JSON"])
def test_the_garbage_collector_is_left_as_it_was(content: bytes) -> None:
    parse_listing("openai", content)
    assert gc.isenabled()
    gc.disable()
    try:
        parse_listing("openai", content)
        assert not gc.isenabled()
    finally:
        gc.enable()
