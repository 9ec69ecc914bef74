"""The sensor that reads what other programs append to the inbox."""

import stat
from pathlib import Path

import dagster as dg
import pytest

from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.defs.evidence import reported_sightings
from ghost_pipeline.defs.evidence.reported_sightings import inbox_sensor
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline.errors import SettingsError
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.defs.builders import NOON, Workshop, listing
from ghost_pipeline_tests.defs.channels import Channel, snapshot


@pytest.fixture
def channel(workshop: Workshop) -> Channel:
    return Channel(workshop, inbox_sensor)


def sighting(model_id: str, **more: object) -> dict[str, object]:
    return {"provider": "openai", "model": model_id, **more}


def test_appended_lines_become_models_and_are_shown(channel: Channel) -> None:
    channel.append("gateway.jsonl", sighting("a"), sighting("b", count=5))
    answer = channel.tick()
    assert isinstance(answer, dg.SensorResult)
    assert channel.workshop.active("openai") == ["a", "b"]
    observation, _, news = answer.asset_events
    assert (observation.asset_key, observation.metadata["inferences"].value) == (dg.AssetKey("inbox"), 6)
    assert (news.partition, news.metadata["created"].value) == ("openai", "2")
    assert channel.taken() == {}
    channel.append("gateway.jsonl", sighting("c"))
    assert channel.taken()["sightings"] == 1


def test_an_inbox_without_new_lines_shows_when_it_was_read_once_an_hour(channel: Channel) -> None:
    channel.append("gateway.jsonl")
    assert set(channel.taken()) == {"read_at", "read"}
    assert channel.taken() == {}


def test_bad_lines_are_quarantined_with_number_and_reason_once(channel: Channel) -> None:
    channel.append("gate way.jsonl", sighting("a"), "no json", sighting("", name="x"))
    channel.evaluate()
    assert channel.taken()["rejected"] == 2
    assert [(one["file"], one["line"], one["raw"]) for one in channel.rejected] == [
        ("gate way.jsonl", 2, "no json"),
        ("gate way.jsonl", 3, '{"provider": "openai", "model": "", "name": "x"}'),
    ]
    assert "is empty" in channel.rejected[1]["reason"]
    channel.append("gate way.jsonl", "no json")
    assert channel.taken()["rejected"] == 1
    assert [one["line"] for one in channel.rejected if one["raw"] == "no json"] == [2, 4]


def test_bad_lines_of_a_file_outlive_the_file_that_takes_its_place(channel: Channel) -> None:
    for bad in ("worse", "worst"):
        channel.append("a.jsonl", "# a heading", bad)
        assert channel.taken()["rejected"] == 2
        (channel.workshop.folder / "home" / "inbox" / "a.jsonl").unlink()
    assert {one["raw"] for one in channel.rejected} == {"# a heading", "worse", "worst"}


def test_a_tick_that_dies_after_its_commit_is_done_again_and_changes_nothing(channel: Channel) -> None:
    channel.append(
        "a.jsonl", sighting("a", metadata={"x": 1}), sighting("a", metadata={"x": 2}), sighting("b", name="B")
    )
    channel.evaluate()
    before = snapshot(channel.workshop)
    channel.evaluate()
    assert snapshot(channel.workshop) == before


def test_a_big_backlog_is_taken_in_over_several_ticks(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reported_sightings, "SIGHTINGS_PER_PAGE", 3)
    channel.append("a.jsonl", *(sighting(f"m{number}") for number in range(8)))
    with monkeypatch.context() as patch:
        patch.setattr(reported_sightings, "TICK_BUDGET_SECONDS", -1)
        assert channel.taken()["sightings"] == 3
    assert channel.taken()["sightings"] == 5
    assert len(channel.workshop.active("openai")) == 8


@pytest.mark.parametrize("junk", [b"\0" * 200_000_000, b"\n" * 20_000_000], ids=["NUL bytes", "blank lines"])
def test_a_file_of_junk_is_over_in_one_tick_and_delays_no_other(channel: Channel, junk: bytes) -> None:
    channel.append("z.jsonl", sighting("z"))
    channel.append("a.jsonl").write_bytes(junk)
    assert channel.taken()["sightings"] == 1
    with channel.append("a.jsonl").open("ab") as file:
        file.write(b'\n{"provider": "openai", "model": "a"}\n')
    assert channel.taken()["sightings"] == 1
    assert channel.workshop.active("openai") == ["a", "z"]


def test_bytes_that_were_deleted_unread_are_reported(channel: Channel) -> None:
    path = channel.append("a.jsonl", sighting("a"))
    torn = b'{"provider": "openai", "mod'
    with path.open("ab") as file:
        file.write(torn)
    assert "vanished_bytes" not in channel.taken()
    path.unlink()
    assert channel.taken()["vanished_bytes"] == len(torn)
    assert channel.taken() == {}


def test_what_is_quarantined_only_its_owner_can_read(channel: Channel) -> None:
    for number in range(2):
        channel.append("a.jsonl", f"bad {number}")
        channel.tick()
    kept = [path for path in (channel.workshop.folder / "home" / "archive" / "rejected").rglob("*") if path.is_file()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600, 0o600]


def test_lines_that_wait_and_folders_that_are_not_there_are_a_reason(channel: Channel) -> None:
    answer = channel.tick()
    assert isinstance(answer, dg.SkipReason)
    assert "create it" in str(answer.skip_message)
    path = channel.append("a.jsonl", sighting("a"))
    path.write_text(path.read_text().rstrip())
    waiting = channel.tick()
    assert isinstance(waiting, dg.SensorResult)
    assert waiting.skip_reason is not None
    assert "a.jsonl" in str(waiting.skip_reason.skip_message)


def test_where_the_home_is_a_url_the_inbox_needs_a_folder_of_its_own(workshop: Workshop) -> None:
    database_url = f"sqlite:///{workshop.folder / 'catalog.db'}"
    workshop.ghost = GhostCatalog(home="memory://ghost", database_url=database_url)
    answer = Channel(workshop, inbox_sensor).tick()
    assert isinstance(answer, dg.SkipReason)
    assert "set GHOST_INBOX_DIR" in str(answer.skip_message)
    (workshop.folder / "inbox").mkdir()
    (workshop.folder / "inbox" / "a.jsonl").write_text('{"provider": "openai", "model": "a"}\nbad\n')
    workshop.ghost = GhostCatalog(
        home="memory://ghost", database_url=database_url, inbox_dir=str(workshop.folder / "inbox")
    )
    assert Channel(workshop, inbox_sensor).taken()["rejected"] == 1
    assert workshop.active("openai") == ["a"]


def test_a_model_that_came_from_there_is_listed_later_as_any_other(channel: Channel) -> None:
    channel.append("a.jsonl", sighting("a"))
    channel.tick()
    run = channel.workshop.ingest("openai_models.json", listing("a", "b"), NOON)
    assert run.success
    with channel.workshop.catalog() as catalog:
        assert {model.model_id: model.source for model in catalog.find_models(ModelFilter(("openai",)))} == {
            "a": "INFERENCE",
            "b": "INDEX",
        }


def test_the_lineage_shows_where_models_come_from(workshop: Workshop) -> None:
    graph = workshop.definitions.resolve_asset_graph()
    upstream = {key.to_user_string() for key in graph.get(dg.AssetKey("model_catalog")).parent_keys}
    assert upstream == {
        "raw_provider_models",
        "tracked_inferences",
        "inference_reports",
        "inbox",
        "manual_additions",
    }
    assert not graph.get(dg.AssetKey("inbox")).is_materializable


def test_the_inbox_is_in_the_home_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    at_home = Settings.from_environment({"GHOST_HOME": str(tmp_path)})
    assert at_home.inbox_dir == tmp_path / "inbox"
    shared = {"GHOST_HOME": "s3://bucket/ghost"}
    with pytest.raises(SettingsError, match="set GHOST_INBOX_DIR to a folder"):
        assert Settings.from_environment(shared).inbox_dir
    assert Settings.from_environment({**shared, "GHOST_INBOX_DIR": str(tmp_path)}).inbox_dir == tmp_path


GONE = "The model 'z-ai/glm4.7' has reached its end of life on 2026-05-14T00:00:00Z and is no longer available."


def test_refusals_mark_models_and_are_counted_by_what_they_did(channel: Channel) -> None:
    channel.append("gateway.jsonl", {"provider": "nvidia", "model": "z-ai/glm4.7", "last_at": "2026-04-20T12:00:00Z"})
    channel.tick()

    def refusal(**answer: object) -> dict[str, object]:
        return {"provider": "nvidia", "model": "z-ai/glm4.7", "refusal": answer}

    channel.append(
        "gateway.jsonl",
        refusal(status=410, message=GONE),
        refusal(status=503, message=GONE),
        refusal(status="gone"),
        {**refusal(status=410, message=GONE.replace("z-ai/glm4.7", "x")), "model": "x"},
    )
    before = channel.cursor
    taken = channel.taken()
    assert {name: count for name, count in taken.items() if name.startswith("refusals") or name == "rejected"} == {
        "refusals": 3,
        "refusals_refused": 1,
        "refusals_not_evidence": 1,
        "refusals_unknown": 1,
        "rejected": 1,
    }
    assert "is not an HTTP status" in channel.rejected[0]["reason"]
    with channel.workshop.catalog() as catalog:
        [model] = catalog.find_models()
    assert model.refused_since is not None
    assert model.is_active
    channel.cursor = before  # Dagster lost the result, so the lines are read again
    assert channel.taken()["refusals_still_refused"] == 1
    with channel.workshop.catalog() as catalog:
        assert catalog.find_models() == [model]
