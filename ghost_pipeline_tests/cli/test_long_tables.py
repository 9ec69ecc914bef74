"""Tables of any length are printed as their rows come."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from ghost_pipeline.catalog import ModelCatalog, catalog_queries
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.cli import output
from ghost_pipeline.cli.output import FIRST_ROWS, print_json, print_json_list, print_json_object, print_table
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.command_line import Run


@pytest.fixture
def models(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Provide a catalog of two providers that takes several pages of a few rows."""
    monkeypatch.setattr(catalog_queries, "PAGE_SIZE", 3)
    monkeypatch.setattr(output, "FIRST_ROWS", 4)
    with ModelCatalog.open(Settings.from_environment()) as catalog:
        for number in range(10):
            catalog.add_manual_model("openai" if number % 2 else "mistral", f"m{number}")
        catalog.add_manual_model("openai", "é-" + "x" * 60, context_window=1_000_000)
    return [f"mistral m{number}" for number in (0, 2, 4, 6, 8)] + [f"openai m{number}" for number in (1, 3, 5, 7, 9)]


def test_every_model_is_printed_once_in_order_on_one_line_each(run: Run, models: list[str]) -> None:
    ran = run("models")
    lines = ran.out.splitlines()
    assert [" ".join(line.split()[:2]) for line in lines[1:-1]] == models
    assert len(lines) == 12
    assert lines[-1].split()[1] == "é-" + "x" * 60
    assert "11 models" in ran.err
    starts = {line.index("MANUAL") for line in lines[1:-1]}
    assert len(starts) == 1


def test_json_is_one_document_and_equals_what_python_returns(run: Run, models: list[str]) -> None:
    printed = run("models", "--json").document
    with ModelCatalog.open(Settings.from_environment()) as catalog:
        records = catalog.find_models(ModelFilter(is_active=None))
        assert list(catalog.iterate_models(ModelFilter(is_active=None))) == records
        assert len(records) == len(printed) == len(models) + 1
    assert [(one["provider_id"], one["model_id"]) for one in printed] == [
        (one.provider_id, one.model_id) for one in records
    ]


def test_filters_reach_every_page(run: Run, models: list[str]) -> None:
    assert len(models) == 10
    assert len(run("models", "--provider", "openai", "--json").document) == 6
    assert run("models", "--provider", "openai", "--inactive", "--json").document == []
    ran = run("models", "--provider", "nobody")
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize(
    "items", [[], [1], [{"a": [1, {"b": "x\ny\x7f"}], "at": datetime(2026, 5, 1, tzinfo=UTC)}, "é"]]
)
def test_a_streamed_list_has_the_form_of_a_whole_one(items: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    print_json(items)
    whole = capsys.readouterr().out
    assert print_json_list(iter(items)) == len(items)
    assert capsys.readouterr().out == whole
    json.loads(whole)


@pytest.mark.parametrize("members", [{}, {"a": None, "b": {"c": [1]}}])
@pytest.mark.parametrize("items", [[], [1, {"d": ["x\ny"]}]])
def test_an_object_with_a_streamed_list_has_the_form_of_a_whole_one(
    members: dict[str, object], items: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    print_json({**members, "items": items})
    whole = capsys.readouterr().out
    assert print_json_object(members, "items", iter(items)) == len(items)
    assert capsys.readouterr().out == whole


def test_show_has_every_event_of_a_model_with_more_than_a_page_of_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_queries, "PAGE_SIZE", 3)
    with ModelCatalog.open(Settings.from_environment()) as catalog:
        for number in range(10):
            catalog.add_manual_model("google", "models/gemini-x", context_window=1_000 + number)
            catalog.add_manual_model("google", "other")
        events = catalog.list_events("google", "gemini-x")
        first, second = events[6].recorded_at, events[7].recorded_at
    assert len(events) == 19  # one addition, nine with a change
    assert first is not None
    assert second is not None
    at = (first + (second - first) / 2).isoformat()
    for options, expected, tokens in (((), 19, 1_009), (("--at", at), 7, 1_003)):
        printed = run("show", "google", "models/gemini-x", "--json", *options).document
        assert printed["context_window"] == tokens
        written = msgspec.to_builtins([(event.kind, event.at) for event in events[:expected]])
        assert [(one["kind"], one["at"]) for one in printed["events"]] == written
        lines = run("show", "google", "gemini-x", *options).out.split("Events:")[1].splitlines()
        assert len([line for line in lines if line[:4].isdigit()]) == expected


def test_a_long_table_is_not_held_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    seen = 0

    def rows() -> Iterator[list[object]]:
        nonlocal seen
        for number in range(40 * FIRST_ROWS):
            seen = number
            yield [f"{number}" + "x" * 1000]
            if number % FIRST_ROWS == 0:
                capsys.readouterr()

    tracemalloc.start()
    print_table(("name",), rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen == 40 * FIRST_ROWS - 1
    assert peak < 10_000_000
