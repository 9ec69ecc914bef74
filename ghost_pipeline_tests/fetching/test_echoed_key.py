"""A provider that repeats the key in its responses, in any encoding: nothing that is stored or printed contains it."""

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ghost_pipeline.definitions import build_definitions
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.fetching.builders import Configure, ids_bytes
from ghost_pipeline_tests.fetching.server import Script, always, body_reply, gzip_reply, json_reply

KEY = "sk/Zq9v+Example?4711Kk"
ESCAPED = "".join(f"\\u{ord(character):04x}" for character in KEY)
ENCODINGS = {
    "plain": KEY,
    "lower case": KEY.lower(),
    "upper case": KEY.upper(),
    "solidus": KEY.replace("/", "\\/"),
    "escapes": ESCAPED,
    "some escapes": "".join(part if number % 2 else f"\\u{ord(part):04X}" for number, part in enumerate(KEY)),
    "percent": quote(KEY, safe=""),
    "percent of all": "".join(f"%{ord(character):02x}" for character in KEY),
    "percent twice": quote(quote(KEY, safe=""), safe=""),
    "entities": "".join(f"&#x{ord(character):x};" for character in KEY),
    "hexadecimal": KEY.encode().hex(),
    **{f"base64 after {size}": base64.b64encode(b"user:"[:size] + KEY.encode()).decode() for size in range(4)},
    "base64url": base64.urlsafe_b64encode(KEY.encode()).decode(),
}


def _fragments() -> list[str]:
    """Return what shows that a text contains the key, in lower case and without backslashes."""
    # The first and the last characters of base64 mix with what stands beside the key.
    texts = [text[4:-4] if name.startswith("base64") else text for name, text in ENCODINGS.items()]
    return [text.lower().replace("\\", "") for text in texts]


def _rows_bytes() -> bytes:
    rows = [
        f'{{"id": "m{number}", "name": "{text}", "{text}": ["{text}"], "description": "it is {text}."}}'
        for number, text in enumerate(ENCODINGS.values())
    ]
    return f'{{"object": "list", "data": [{", ".join(rows)}]}}'.encode()


def _assert_absent(text: str, where: object) -> None:
    plain = text.lower().replace("\\", "")
    found = [fragment for fragment in _fragments() if fragment in plain]
    assert not found, f"{where} contains {found}"


def _text_of(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(path)) as connection:
            return "\n".join(connection.iterdump())
    return content.decode("latin-1")


ECHOED_HEADERS: dict[str, Any] = {
    "etag": f'"{KEY}"',
    "last_modified": KEY,
    "x_request_id": KEY,
    "request_id": quote(KEY, safe=""),
}


SCRIPTS: list[Script] = [
    always(body_reply(_rows_bytes())),
    always(body_reply(ids_bytes("a"), **ECHOED_HEADERS)),
    always(gzip_reply(_rows_bytes(), **ECHOED_HEADERS)),
    *(always(body_reply(f'{{"error": {{"message": "no: {text}"}}}}'.encode(), 401)) for text in ENCODINGS.values()),
    always(body_reply(f'{{"error": {{"message": "no: {ESCAPED}"}}}}'.encode())),
    always(body_reply(f"<html><title>{KEY}</title>".encode(), content_type=f"text/html; k={KEY}")),
    always(json_reply({"data": [], KEY: KEY})),
    always(json_reply({KEY: KEY})),
    always(json_reply({"data": [{"id": "a"}], "next": f"/v1/{quote(KEY, safe='')}?page={KEY}"})),
    always(json_reply({}, 302, location=f"https://{quote(KEY, safe='')}.example/{KEY}")),
    always(json_reply({}, 302, location=f"/{quote(KEY, safe='')}")),
    always(json_reply({}, 429, retry_after=KEY)),
    always(body_reply(b"", content_encoding=KEY)),
]


def test_nothing_that_is_stored_or_printed_contains_an_echoed_key(
    run: Run, configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"echo{number}" for number in range(len(SCRIPTS))]
    configure(**dict(zip(names, SCRIPTS, strict=True)))
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setenv("GHOST_FETCH_ATTEMPTS", "1")
    for command in (["fetch"], ["fetch", "--json"], ["ingest"], ["providers", "--json"], ["models", "--json"]):
        ran = run(*command)
        _assert_absent(ran.out + ran.err, command)
    with open_instance(Settings.from_environment()) as instance:
        instance.add_dynamic_partitions("provider", names)
        job = build_definitions().resolve_job_def("fetch_listings")
        for name in (*names[:4], *names[-9:]):
            job.execute_in_process(instance=instance, partition_key=name, raise_on_error=False)
    paths = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "providers.toml"]
    assert len([path for path in paths if path.suffix == ".db"]) > 3  # Dagster's too
    assert any(path.name.startswith("echo1_") for path in paths)
    for path in paths:
        _assert_absent(_text_of(path), path)
        _assert_absent(path.name, "a file's name")


def test_a_response_that_repeats_the_key_is_a_failed_attempt(
    run: Run, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(echo=always(body_reply(_rows_bytes())))
    monkeypatch.setenv("MY_KEY", KEY)
    ran = run("fetch")
    assert ran.code == 1
    assert "the response repeats the key, so it is not stored" in ran.out
