"""Bytes that are not a listing: each has a reason that an operator can act on."""

import bz2
import gzip
import json
import lzma
from typing import Any

import pytest

from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline_tests.providers.samples import (
    FIXTURE_NAMES,
    REAL_LISTINGS,
    fixture,
    fixture_bytes,
    parsed,
    provider_of,
    rows_of,
)

LISTING = b'{"object": "list", "data": [{"id": "gpt-x", "object": "model"}]}'


def defect(content: bytes, provider_id: str = "openai") -> str:
    listing = parse_listing(provider_id, content)
    assert listing.malformed_reason is not None
    assert (listing.models, listing.inactive_ids) == ((), ())
    return listing.malformed_reason


def defect_of(document: Any, provider_id: str = "openai") -> str:
    return defect(json.dumps(document).encode(), provider_id)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty (0 bytes"),
        (b"\xef\xbb\xbf", "empty (0 bytes"),
        (b" \n\t ", "only white space"),
        (gzip.compress(LISTING, mtime=0), "gzip-compressed; decompress"),
        (bz2.compress(LISTING), "bzip2-compressed; decompress"),
        (lzma.compress(LISTING), "xz-compressed; decompress"),
        (b"\x28\xb5\x2f\xfd" + LISTING, "zstd-compressed; decompress"),
        (b"PK\x03\x04" + LISTING, "zip-compressed; decompress"),
        (b"\n <!DOCTYPE html><html><head><title>502 Bad\nGateway</title>", 'titled "502 Bad Gateway"'),
        (b"<?xml version='1.0'?><Error/>", "HTML or XML page"),
        (LISTING.decode().encode("utf-16"), "UTF-16"),
        (LISTING.decode().encode("utf-16-le"), "not UTF-8"),
        (LISTING.decode().encode("utf-32"), "UTF-32"),
        (LISTING.replace(b"gpt-x", b"gpt-\xff"), "not UTF-8 (byte 40)"),
        (b"\xff\xff" + LISTING, "not UTF-8 (byte 0)"),
        (LISTING[:-1], "cut off"),
        (LISTING + b"}", "unexpected data after the end of the JSON (byte 6"),
        (LISTING + LISTING, "unexpected data after the end of the JSON"),
        (LISTING + b"\x00\x00", "unexpected data after the end of the JSON"),
        (LISTING.replace(b'"data":', b'"data"'), "not valid JSON: expected ':' (byte 26)"),
        (b"[NaN]", "not valid JSON"),
        (b'[{"id": "m", "context_length": 1e999}]', "number that can't be read"),
        (b'[{"id": "m", "context_length": ' + b"9" * 5000 + b"}]", "number that can't be read"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b'[{"id": "m", "x": "\\ud800\\ud801"}]', "not valid JSON"),
    ],
)
def test_invalid_json_is_reported(content: bytes, says: str) -> None:
    assert says in defect(content)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (
            {"error": {"message": "You exceeded your quota", "type": "insufficient_quota", "code": "quota"}},
            'type "insufficient_quota", code "quota", "You exceeded your quota"',
        ),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded_error"),
        ({"type": "error", "message": "Overloaded"}, "Overloaded"),
        ([{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}}], 'code "400"'),
        ({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, 'status "PERMISSION_DENIED"'),
        ({"error": "model runner has stopped"}, '"model runner has stopped"'),
        ({"error": True}, "an error"),
        ({"error": "late", "data": [{"id": "m"}]}, '"late"'),
        ({"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}, "Authentication error"),
        ({"success": False, "errors": [], "result": []}, "success: false"),
        ({"errors": ["first", "second"], "result": None}, '"first"'),
        ({"code": 401, "data": None, "message": "unauthorized"}, 'data: null): code "401", "unauthorized"'),
        ({"data": None}, "data: null"),
        ([{"data": None}], "data: null"),
        ([{"success": False}], "success: false"),
        ({"object": "error", "message": "no such route", "code": 404}, "no such route"),
        ({"object": "error", "data": [{"id": "m"}]}, "an error"),
        ({"code": 401, "message": "unauthorized"}, '"unauthorized"'),
        ({"detail": "Not Found"}, '"Not Found"'),
        ({"models": {}}, 'its keys: "models"'),
        ({}, "its keys: none"),
        ({"models": None}, "no list of models"),
        ("gpt-4", "single JSON value"),
        (None, "single JSON value"),
        (4, "single JSON value"),
        (["gpt-4", "gpt-5"], "none of the 2 rows has a usable"),
        ({"data": [{"name": "a"}, 1, None, []]}, "none of the 4 rows has a usable 'id'"),
        ({"data": [{"id": ""}, {"id": 7}, {"id": None}, {"id": "a\x00b"}]}, "none of the 4 rows"),
    ],
)
def test_errors_and_unknown_shapes_are_named(document: Any, says: str) -> None:
    assert says in defect_of(document)


@pytest.mark.parametrize("harmless", [{"error": None}, {"errors": []}, {"success": True}, {"error": ""}])
def test_fields_that_report_no_error_are_fine(harmless: dict[str, Any]) -> None:
    assert parsed("openai", {**harmless, "data": [{"id": "m"}]}).malformed_reason is None


@pytest.mark.parametrize("document", [[], {"data": []}, {"models": []}, {"result": [], "success": True}])
def test_a_listing_without_models_is_not_malformed(document: Any) -> None:
    listing = parsed("openai", document)
    assert (listing.models, listing.malformed_reason, listing.incomplete_reasons) == ((), None, ())


def test_rows_that_are_all_inactive_are_not_malformed() -> None:
    listing = parsed("groq", {"data": [{"id": "m", "active": False}]})
    assert (listing.models, listing.inactive_ids, listing.malformed_reason) == ((), ("m",), None)


def test_a_byte_order_mark_of_utf8_is_fine() -> None:
    assert parse_listing("openai", b"\xef\xbb\xbf" + LISTING) == parse_listing("openai", LISTING)


def test_nesting_that_decodes_but_is_deep_never_raises() -> None:
    for depth in (*range(100, 700, 50), *range(700, 1000)):  # somewhere only encoding is too deep
        parse_listing("openai", b'[{"id": "m", "x": ' + b"[" * depth + b"]" * depth + b"}]")


@pytest.mark.parametrize("fixture_name", FIXTURE_NAMES)
def test_no_beginning_of_a_fixture_is_a_listing(fixture_name: str) -> None:
    first_rows = fixture(fixture_name)
    del rows_of(first_rows)[2:]
    content = json.dumps(first_rows).encode()
    provider_id = provider_of(fixture_name)
    assert parse_listing(provider_id, content).malformed_reason is None
    assert all(parse_listing(provider_id, content[:end]).malformed_reason for end in range(len(content)))


@pytest.mark.parametrize("provider_id", ["anthropic", "xai"])
def test_no_beginning_of_a_real_listing_is_a_listing(provider_id: str) -> None:
    if not REAL_LISTINGS.is_dir():
        pytest.skip("no real listings beside the repository")
    [path] = REAL_LISTINGS.glob(f"{provider_id}_*.json")
    content = path.read_bytes().strip()
    assert parse_listing(provider_id, content).malformed_reason is None
    assert all(parse_listing(provider_id, content[:end]).malformed_reason for end in range(len(content)))


def test_the_reason_for_truncated_json_contains_the_position() -> None:
    content = fixture_bytes("openai")[:100]
    assert "cut off after 100 bytes" in defect(content)


def test_every_reason_is_one_line_of_bounded_length() -> None:
    deep_number = b'{"' + b"a" * 3000 + b'":' + b'{"b":' * 500 + b"1e999" + b"}" * 501
    many_keys = {"k" * 500 + str(number): "x" * 500 for number in range(100)}
    for reason in (defect(deep_number), defect_of(many_keys), defect_of({"error": {"message": "long " * 1000}})):
        assert len(reason) < 600
        assert "\n" not in reason
