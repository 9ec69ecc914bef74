"""No secret is shown, whatever a provider repeats in its error message."""

import base64
import json
from urllib.parse import quote

import pytest

from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline.redaction import Secret, quote_redacted, redact_url, redact_user_info
from ghost_pipeline_tests.providers.samples import parsed

SECRETS = [
    ("Incorrect API key provided: {}. You can find your key in the settings.", "sk-proj-ab12cd34ef56"),
    ("Incorrect API key provided: {}", "plainword"),
    ("Incorrect API key provided: {}", "sk-ab***********************wxyz"),
    ("invalid key {}", "gsk_1234abcdEFGH"),
    ("Authorization: Bearer {} was refused", "abcdefg"),
    ("header 'bearer {}' is not valid", "abcdefg"),
    ("GET https://example.test/v1beta/models?key={} failed", "AIzaSyA-12345678901234567890123456"),
    ("GET https://example.test/v1/models?api_key={}&page=2 failed", "short1"),
    ("x-api-key={}", "abc"),
    ('{{"access_token": "{}"}}', "abc"),
    ("the token {} has expired", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
    ("password={}", "hunter2"),
    ("connection to https://{}@example.test refused", "user:hunter2"),
    ("unknown credential {}", "0123456789abcdef0123456789abcdef"),
    ("unknown signature {}", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="),
]


@pytest.mark.parametrize(("message", "secret"), SECRETS)
def test_no_secret_of_an_error_is_shown(message: str, secret: str) -> None:
    text = message.format(secret)
    for document in (
        {"error": {"message": text}},
        {"error": text},
        {"error": {"type": text, "code": text, "status": text}},
        {"errors": [{"message": text}]},
        {"message": text, "data": None},
        {"detail": text},
    ):
        defect = parsed("openai", document).malformed_reason
        assert defect is not None
        assert secret not in defect
        assert "[redacted]" in defect


def test_text_without_secrets_is_quoted_unchanged() -> None:
    assert quote_redacted("You exceeded your current quota") == '"You exceeded your current quota"'


def test_a_quote_is_one_printable_line_of_at_most_200_characters() -> None:
    quote = quote_redacted("one\ntwo\x00\x1b[31m three " + "many words " * 100)
    assert quote.startswith('"one two??[31m three many words')
    assert len(quote.strip('"')) == 200


def test_a_secret_at_the_cut_is_hidden_whole() -> None:
    assert "sk-" not in quote_redacted("x " * 95 + "sk-abcdefghijklmnop")
    assert "hunter" not in quote_redacted("x " * 95 + "password=hunter2hunter2")


def test_a_page_s_title_hides_secrets_too() -> None:
    defect = parse_listing("openai", b"<html><title>Denied for sk-abcdefghijkl</title>").malformed_reason
    assert defect is not None
    assert 'titled "Denied for [redacted]"' in defect


KEY = "my/Secret+Key-0123456789"


@pytest.mark.parametrize(
    "echoed",
    [
        KEY,
        KEY.lower(),
        KEY.replace("/", "\\/"),
        "".join(f"\\u{ord(character):04x}" for character in KEY),
        json.dumps(json.dumps(KEY.replace("/", "\\/"))),
        quote(KEY, safe=""),
        quote(quote(KEY, safe=""), safe=""),
        "".join(f"%{ord(character):02X}" for character in KEY),
        KEY.encode().hex(),
        *(base64.b64encode(b"user:"[:length] + KEY.encode() + b":x").decode() for length in range(5)),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
    ],
)
def test_a_key_is_found_in_any_encoding_of_it(echoed: str) -> None:
    secret = Secret(KEY)
    text = secret.redact_text(f"before {echoed} after")
    assert "[redacted]" in text
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert len(text) < len("before [redacted] after") + 16  # at most the ends of base64, which mix with what is beside
    assert secret.redact_bytes(f"größe {echoed}".encode()).startswith("größe ".encode())
    assert b"[redacted]" in secret.redact_bytes(echoed.encode())


@pytest.mark.parametrize("key", ["with\\backslash-0123456789", "\\u0041-of-a-key-0123456789", "x41u0041-0123456789"])
def test_a_key_that_looks_like_an_escape_is_found(key: str) -> None:
    for text in (key, json.dumps(key), "".join(f"\\u{ord(character):04x}" for character in key)):
        assert "0123456789" not in Secret(key).redact_text(f"before {text} after")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ghost:hunter2@db.test/catalog?password=hunter2", "postgresql://***@db.test/catalog"),
        ("s3://AKIA:hunter2@bucket/archive", "s3://***@bucket/archive"),
        ("https://api.test/v1/models?account=hunter2", "https://api.test/v1/models"),
        ("sqlite:////home/me@home/catalog.db", "sqlite:////home/me@home/catalog.db"),
        ("/home/me/archive", "/home/me/archive"),
    ],
)
def test_a_url_is_shown_without_user_password_and_parameters(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_the_message_of_a_file_system_is_shown_without_the_password_of_its_url() -> None:
    url = "s3://user:hunter2@bucket/archive"
    assert redact_user_info("no access to user:hunter2@bucket?", url) == "no access to ***@bucket?"
