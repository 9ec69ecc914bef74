"""parse_listing never raises, whatever it is given."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghost_pipeline.lifecycle.records import Listing
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline.providers import BUILTIN
from ghost_pipeline_tests.providers.samples import FIXTURE_NAMES, fixture_bytes, provider_of

PROVIDERS = st.sampled_from([*BUILTIN, "some-new-provider"])
WORDS = sorted(
    {
        key
        for name in FIXTURE_NAMES
        for key in fixture_bytes(name).decode().split('"')[1::2]
        if key.isascii() and key.isidentifier()
    }
)
KEYS = st.sampled_from(WORDS) | st.text(max_size=5)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["-1", "n/a", "0.5", "2026-01-01", "live", "USD", "perMTokens", 10**400, 1e300, "\ud800"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


def is_sound(listing: Listing) -> bool:
    ids = [model.model_id for model in listing.models]
    is_unique = len({*ids, *listing.inactive_ids}) == len(ids) + len(listing.inactive_ids)
    return is_unique and (
        listing.malformed_reason is None or not (ids or listing.inactive_ids or listing.incomplete_reasons)
    )


@given(PROVIDERS, st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(provider_id: str, content: bytes) -> None:
    assert is_sound(parse_listing(provider_id, content))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(PROVIDERS, VALUES)
def test_arbitrary_json_never_raises(provider_id: str, document: Any) -> None:
    assert is_sound(parse_listing(provider_id, json.dumps(document).encode()))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(PROVIDERS, st.sampled_from(["id", "name", "modelId", "key"]), st.dictionaries(KEYS, VALUES, max_size=8))
def test_a_row_of_arbitrary_fields_never_raises(provider_id: str, id_field: str, row: dict[str, Any]) -> None:
    document = [{**row, id_field: "m"}, {id_field: "other"}]
    listing = parse_listing(provider_id, json.dumps(document).encode())
    assert is_sound(listing)
    for model in listing.models:
        assert isinstance(json.loads(model.provider_data), dict)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FIXTURE_NAMES), st.data())
def test_a_damaged_fixture_never_raises(fixture_name: str, data: st.DataObject) -> None:
    content = bytearray(fixture_bytes(fixture_name))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert is_sound(parse_listing(provider_of(fixture_name), bytes(content)))
