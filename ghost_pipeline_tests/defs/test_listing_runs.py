"""From a dropped file to the catalog, through Dagster."""

from datetime import timedelta

import dagster as dg
import pytest

from ghost_pipeline_tests.defs.builders import NOON, Workshop, failed_checks, failure_of, listing, materialized

MANY = [f"model-{number:02}" for number in range(20)]


def test_a_dropped_file_becomes_a_successful_run_and_models(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("gpt-a", "gpt-b"))
    runs = workshop.run_all()
    assert runs["openai"].success
    assert workshop.active("openai") == ["gpt-a", "gpt-b"]


def test_an_empty_listing_is_red_for_its_provider_alone_and_changes_no_model(workshop: Workshop) -> None:
    for name in ("openai", "mistral", "xai"):
        assert workshop.ingest(f"{name}_models.json", listing("one", "two"), NOON).success
    later = NOON + timedelta(hours=2)
    workshop.drop("openai_models.json", listing("one", "two", "three"), later)
    workshop.drop("mistral_models.json", listing(), later)
    workshop.drop("xai_models.json", listing("one", "two"), later)
    runs = workshop.run_all()
    assert {name: run.success for name, run in runs.items()} == {"openai": True, "mistral": False, "xai": True}
    assert failed_checks(runs["mistral"]) == {
        "listing_has_models": ("ERROR", "mistral"),
        "listing_is_complete": ("WARN", "mistral"),
    }
    assert failed_checks(runs["openai"]) == {}
    assert materialized(runs["mistral"]) == {"listing_files"}
    assert {event.step_key for event in runs["mistral"].all_events if event.is_step_start} == {"raw_provider_models"}
    assert workshop.active("mistral") == ["one", "two"]
    assert workshop.active("openai") == ["one", "three", "two"]


def test_a_malformed_listing_fails_its_own_check(workshop: Workshop) -> None:
    run = workshop.ingest("openai_models.json", b'{"error": {"message": "no"}}', NOON)
    assert not run.success
    assert failed_checks(run) == {"listing_has_models": ("ERROR", "openai"), "listing_is_complete": ("WARN", "openai")}


def test_a_partial_listing_warns_and_its_models_come_in(workshop: Workshop) -> None:
    run = workshop.ingest("openai_models.json", listing("gpt-a", has_more=True), NOON)
    assert run.success
    assert failed_checks(run) == {"listing_is_complete": ("WARN", "openai")}
    assert workshop.active("openai") == ["gpt-a"]


def test_a_shrunken_listing_warns_and_no_model_goes(workshop: Workshop) -> None:
    assert workshop.ingest("openai_models.json", listing(*MANY), NOON).success
    run = workshop.ingest("openai_models.json", listing(*MANY[:5]), NOON + timedelta(hours=1))
    assert run.success
    assert failed_checks(run) == {"listing_is_complete": ("WARN", "openai")}
    with workshop.catalog() as catalog:
        assert not catalog.mark_stale_models_inactive(now=NOON + timedelta(days=2)).changed


def test_an_empty_listing_of_a_local_server_is_accepted(workshop: Workshop) -> None:
    run = workshop.ingest("ollama_local.json", b'{"models": []}', NOON)
    assert run.success
    assert failed_checks(run) == {"listing_has_models": ("WARN", "ollama")}


def test_a_provider_whose_fetch_failed_keeps_its_models_while_another_succeeds(workshop: Workshop) -> None:
    for name in ("openai", "mistral"):
        assert workshop.ingest(f"{name}_models.json", listing("one", "two"), NOON).success
    later = NOON + timedelta(hours=30)
    assert not workshop.ingest("openai_models.json", listing(), later).success
    assert workshop.ingest("mistral_models.json", listing("one", "two"), later).success
    with workshop.catalog() as catalog:
        swept = catalog.mark_stale_models_inactive(now=later + timedelta(hours=1))
    assert swept.changed == 0
    assert list(swept.held) == ["openai"]
    assert workshop.active("openai") == ["one", "two"]


def test_the_catalog_alone_refuses_what_admission_refused(workshop: Workshop) -> None:
    assert not workshop.ingest("openai_models.json", listing(), NOON).success
    run = workshop.materialize("model_catalog", "openai")
    assert not run.success
    assert "refused as empty" in failure_of(run)
    assert not [event for event in run.all_events if event.is_step_up_for_retry]


def test_a_catalog_run_is_repeated_from_what_was_seen_then(workshop: Workshop) -> None:
    assert workshop.ingest("openai_models.json", listing("then"), NOON).success
    (workshop.folder / "models" / "openai_models.json").write_bytes(listing("now"))
    assert workshop.materialize("model_catalog", "openai").success
    assert workshop.active("openai") == ["then"]


def test_a_materialization_from_the_ui_takes_the_newest_file(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("gpt-a"))
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    assert workshop.materialize("raw_provider_models", "openai").success
    assert workshop.materialize("model_catalog", "openai").success
    assert workshop.active("openai") == ["gpt-a"]


def test_a_provider_without_a_file_fails_with_advice(workshop: Workshop) -> None:
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    run = workshop.materialize("raw_provider_models", "openai")
    assert "put openai_models.json there" in failure_of(run)


def test_a_materialization_shows_where_the_models_came_from(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("gpt-a", "gpt-b"), NOON)
    run = workshop.ingest("openai_models.json", listing("gpt-b", "gpt-c"), NOON + timedelta(hours=1))
    metadata = {
        str(materialization.asset_key.to_user_string()): materialization.metadata
        for materialization in (
            event.step_materialization_data.materialization for event in run.get_asset_materialization_events()
        )
    }
    assert set(metadata) == {"listing_files", "raw_provider_models", "model_catalog"}
    catalog = {name: value.value for name, value in metadata["model_catalog"].items()}
    assert catalog["file"] == "openai_models.json"
    assert catalog["verdict"] == "complete"
    assert (catalog["models"], catalog["created"], catalog["confirmed"], catalog["missing"]) == ("2", "1", "1", "1")
    assert catalog["observed_at"] == (NOON + timedelta(hours=1)).timestamp()
    assert len(str(catalog["sha256"])) == 64
    preview = metadata["model_catalog"]["changes"]
    assert isinstance(preview, dg.TableMetadataValue)
    shown = {(record.data["change"], record.data["model"]) for record in preview.records}
    assert shown == {("created", "gpt-c"), ("missing", "gpt-a")}


def test_a_run_links_to_the_pages_of_its_provider_and_listing_where_they_are_known(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def links(run: dg.ExecuteInProcessResult) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for event in run.get_asset_materialization_events():
            for name, value in event.step_materialization_data.materialization.metadata.items():
                if isinstance(value, dg.UrlMetadataValue):
                    found.setdefault(name, set()).add(str(value.value))
        return found

    assert links(workshop.ingest("openai_models.json", listing("gpt-a"), NOON)) == {}
    monkeypatch.setenv("GHOST_WEB_URL", "https://models.example/ghost/")
    assert links(workshop.ingest("openai_models.json", listing("gpt-b"), NOON + timedelta(hours=1))) == {
        "provider_page": {"https://models.example/ghost/providers/openai"},
        "listing_page": {"https://models.example/ghost/listings/2"},
    }
    monkeypatch.setenv("GHOST_WEB_URL", "javascript:alert(1)")
    assert links(workshop.ingest("openai_models.json", listing("gpt-c"), NOON + timedelta(hours=2))) == {}


def test_a_catalog_row_leads_to_its_listing_and_its_run(workshop: Workshop) -> None:
    run = workshop.ingest("openai_models.json", listing("gpt-a"), NOON)
    with workshop.catalog() as catalog:
        history = catalog.get_model_history("openai", "gpt-a")
    assert history.listing is not None
    assert history.listing["run_id"] == run.run_id
    assert [event.run_id for event in history.events] == [run.run_id]
