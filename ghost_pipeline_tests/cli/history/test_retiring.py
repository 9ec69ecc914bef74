"""``retiring`` and ``announce``, as a user types them."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline_tests.cli.run_cli import Shell, list_models, listing_bytes

DAY = timedelta(days=1)
RETIRING_KEYS = {
    *("provider_id", "model_id", "name", "expires_at", "replaced_by", "is_past", "is_active", "is_listed"),
    *("last_used_at", "was_used_within_24h", "was_used_within_30d", "moved_from", "announced_at", "announced_by"),
    *("recorded_by", "source_url", "listing_id", "announcement"),
}


def day(days: float) -> str:
    return (utc_now() + days * DAY).date().isoformat()


def end_of(date: str) -> str:
    return f"{date}T23:59:59Z"


def dated_listing(**dates: str | None) -> bytes:
    """Return a listing in OpenAI's shape: model id -> its date, or None."""
    return json.dumps({"data": [{"id": one, "shutdown_date": date} for one, date in dates.items()]}).encode()


def announce(shell: Shell, model_id: str, date: str, *options: str) -> dict[str, Any]:
    result: dict[str, Any] = shell.json("announce", "openai", model_id, "--retires", date, *options)
    return result


def test_the_next_model_is_first_with_its_date_use_successor_and_who_stated_it(shell: Shell) -> None:
    list_models("openai", dated_listing(a=day(60), b=None, c=None), utc_now() - DAY)
    shell.run("track", "openai", "b")
    announce(shell, "b", day(30), "--replaced-by", "c", "--source", "https://example.org/", "--by", "Ann")
    announce(shell, "later", day(400), "--by", "Bob")
    first, second, third = shell.json("retiring")
    assert set(first) == RETIRING_KEYS
    assert (first["model_id"], first["expires_at"], first["replaced_by"]) == ("b", end_of(day(30)), "c")
    assert (first["was_used_within_24h"], first["was_used_within_30d"], first["is_listed"]) == (True, True, True)
    assert (first["announced_by"], first["recorded_by"]) == ("operator", "Ann")
    assert first["source_url"] == "https://example.org/"
    assert (second["model_id"], second["announced_by"], second["listing_id"]) == ("a", "listing", 1)
    assert second["announcement"] is None
    assert (third["model_id"], third["is_active"], third["recorded_by"]) == ("later", None, "Bob")
    assert [one["model_id"] for one in shell.json("retiring", "--within", "90d")] == ["b", "a"]
    assert [one["model_id"] for one in shell.json("retiring", "--within", "720h")] == []
    assert shell.json("retiring", "--provider", "openai") == [first, second, third]
    table = shell.run("retiring")
    assert "not in the catalog" in table.stdout
    assert "listing 1" in table.stdout
    assert table.stderr == "3 models\n"


def test_a_moved_date_is_shown_with_the_one_before_and_what_was_announced(shell: Shell) -> None:
    list_models("openai", dated_listing(a=None), utc_now() - 2 * DAY)
    announce(shell, "a", day(30), "--by", "Ann")
    moved = announce(shell, "a", day(60), "--by", "Ann")
    assert (moved["effect"], moved["previous_expires_at"]) == ("moved", end_of(day(30)))
    [one] = shell.json("retiring")
    assert (one["moved_from"], one["announced_by"]) == (end_of(day(30)), "operator")
    list_models("openai", dated_listing(a=day(90)), utc_now())
    [one] = shell.json("retiring")
    assert (one["expires_at"], one["moved_from"], one["announced_by"]) == (
        end_of(day(90)),
        end_of(day(60)),
        "listing",
    )
    assert one["announcement"]["retires_at"] == end_of(day(60))
    assert one["announcement"]["recorded_by"] == "Ann"
    assert f"Ann announced {day(60)}" in shell.run("retiring").stdout
    changes = shell.json("changes", "--kind", "changed")["changes"]
    assert [one["reason"] for one in changes if "expires_at" in one["new"]] == [
        *("changed by an operator (Ann)",) * 2,
        "listed with other values",
    ]
    assert [(one["old"]["expires_at"], one["new"]["expires_at"]) for one in changes if "expires_at" in one["new"]] == [
        (None, end_of(day(30))),
        (end_of(day(30)), end_of(day(60))),
        (end_of(day(60)), end_of(day(90))),
    ]
    assert "recorded by Ann" in shell.run("show", "openai", "a").stdout


def test_a_model_past_its_date_is_shown_as_long_as_it_is_listed_or_used(shell: Shell) -> None:
    list_models("openai", listing_bytes(["listed", "x"]), utc_now())
    for model_id in ("listed", "used", "gone", "unknown"):
        announce(shell, model_id, day(-40))
    with ModelCatalog.open() as catalog:
        catalog.track_successful_inference("openai", "used", observed_at=utc_now() - 29 * DAY)
        catalog.track_successful_inference("openai", "gone", observed_at=utc_now() - 31 * DAY)
        catalog.mark_stale_models_inactive()
    table = shell.run("retiring")
    assert "! past its date, still listed" in table.stdout
    assert "! past its date, still used" in table.stdout
    assert table.stderr == "2 models, 2 past the date\n"
    assert {one["model_id"] for one in shell.json("retiring", "--all")} == {"listed", "used", "gone", "unknown"}


def test_a_date_in_the_past_is_recorded_and_warned_of(shell: Shell) -> None:
    shell.run("add", "openai", "a")
    announced = shell.run("announce", "openai", "a", "--retires", "2024-01-31")
    assert announced.stdout == "openai a: announced; retires 2024-01-31 23:59\n"
    past, before = announced.stderr.splitlines()
    assert past == "Warning: openai a: the date is in the past: 2024-01-31T23:59:59Z"
    assert before.startswith("Warning: openai a: the model was first seen after that date, at ")


def test_what_is_taken_back_is_no_longer_shown(shell: Shell) -> None:
    shell.run("add", "openai", "a")
    announce(shell, "a", "2099-01-31")
    withdrawn = shell.run("announce", "openai", "a", "--withdraw")
    assert withdrawn.stdout == "openai a: withdrawn; no date (before: 2099-01-31 23:59)\n"
    assert shell.json("retiring", "--all") == []
    assert "no announcement of openai a stands" in shell.error("announce", "openai", "a", "--withdraw", exit_code=2)


CSV = "provider,model,retires,source\nopenai,a,2099-01-31,https://example.org/\ngemini,models/b,2099-02-28T12:00Z,\n"
YAML = """\
- {provider: openai, model: a, retires: 2099-01-31}
- {provider: google, model: b, retires_at: 2099-02-28T12:00:00Z}
"""
JSON = """[
  {"provider": "openai", "model": "a", "retires": "2099-01-31"},
  {"provider": "google", "model": "b", "retires": "2099-02-28 12:00"}
]"""


@pytest.mark.parametrize(("name", "content"), [("a.csv", CSV), ("a.yaml", YAML), ("a.json", JSON)])
def test_every_announcement_of_a_file_is_recorded(shell: Shell, home: Path, name: str, content: str) -> None:
    file = home.parent / name
    file.write_text(content)
    recorded = shell.json("announce", "--from", str(file))
    assert recorded["recorded"] == 2
    assert [(one["provider_id"], one["model_id"], one["expires_at"]) for one in recorded["announcements"]] == [
        ("openai", "a", "2099-01-31T23:59:59Z"),
        ("google", "b", "2099-02-28T12:00:00Z"),
    ]
    again = shell.run("announce", "--from", str(file))
    assert again.stdout.splitlines()[0] == "openai a: unchanged; retires 2099-01-31 23:59"


def test_all_errors_of_a_file_are_one_line_with_their_lines_and_nothing_is_recorded(shell: Shell, home: Path) -> None:
    file = home.parent / "mine.csv"
    file.write_text(
        "provider,model,retires,source\n"
        "openai,fine,2099-01-31,\n"
        "openai,soon,next week,\n"
        "openai,none,,\n"
        "not a provider,x,2099-01-31,\n"
        "openai,odd,2099-02-30,javascript:alert(1)\n"
        "openai,fine,2099-01-31,\n"
        "openai,short\n"
    )
    output = shell.error("announce", "--from", str(file), exit_code=2)
    assert output.startswith(f"Error: {file}: nothing was recorded: line 3: retires_at 'next week' is not an ISO 8601")
    for line in (4, 5, 6, 8):
        assert f"; line {line}: " in output
    assert "line 7: openai fine is a duplicate of line 2" in output
    assert shell.json("retiring", "--all") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("provider,model\nopenai,a\n", "line 1: column 'retires_at' is missing; every announcement needs it"),
        (
            "provider,model,retires,colour\n",
            "line 1: unknown column 'colour'; the columns are: provider_id, model_id, ",
        ),
        ("provider,model,retires\n", "states no announcement; give at least one"),
    ],
)
def test_a_file_without_what_it_needs_is_wrong_usage(shell: Shell, home: Path, content: str, message: str) -> None:
    file = home.parent / "mine.csv"
    file.write_text(content)
    assert message in shell.error("announce", "--from", str(file), exit_code=2)


def test_the_calendar_is_the_same_on_stdout_and_in_a_file(shell: Shell, home: Path) -> None:
    shell.run("add", "openai", "a;b,c\\n")
    announce(shell, "a;b,c\\n", "2099-01-31")
    printed = shell.run("retiring", "--format", "ics").stdout_bytes
    file = home.parent / "retirements.ics"
    assert shell.run("retiring", "--format", "ics", "--output", str(file)).stderr == f"{file}: 1 model\n"
    assert file.read_bytes() == printed
    event: Any = Calendar.from_ical(printed).walk("VEVENT")[0]
    assert event["summary"] == "openai/a;b,c\\n retires"
    assert event["dtstart"].dt == datetime(2099, 1, 31).date()  # noqa: DTZ001 - a day


def test_hostile_names_send_nothing_to_the_terminal(shell: Shell) -> None:
    list_models("openai", json.dumps({"data": [{"id": "a", "name": "\x1b]0;x\x07"}]}).encode(), utc_now())
    announce(shell, "a", "2099-01-31", "--by", "A\u202enn", "--replaced-by", "[bold]b[/bold]")
    for arguments in (("retiring",), ("retiring", "--json"), ("retiring", "--format", "ics"), ("show", "openai", "a")):
        shown = shell.run(*arguments)
        assert not {"\x1b", "\x07", "\x9b"} & set(shown.output)
    assert "[bold]b[/bold]" in shell.run("retiring").stdout
    assert "can't be stored" in shell.error(
        "announce", "openai", "a", "--retires", "2099-01-31", "--by", "\x1b[2J", exit_code=2
    )
