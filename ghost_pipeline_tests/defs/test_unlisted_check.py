"""The check on models that leave their provider's list while they are still used."""

from datetime import timedelta

import dagster as dg

from ghost_pipeline_tests.defs.builders import NOON, Workshop, failed_checks, health_check, listing

LATER = NOON + timedelta(hours=2)


def use(workshop: Workshop, model_id: str, hours_after_noon: float = 0) -> None:
    with workshop.catalog() as catalog:
        catalog.track_successful_inference("openai", model_id, observed_at=NOON + timedelta(hours=hours_after_noon))


def the_check(workshop: Workshop) -> dg.AssetCheckResult:
    return health_check(workshop, "used_models_are_listed")


def test_a_model_that_is_used_and_no_longer_listed_is_a_warning_with_its_name(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("kept", "dropped", "idle"), NOON)
    assert the_check(workshop).passed
    use(workshop, "dropped", 1)
    use(workshop, "kept", 1)
    workshop.ingest("openai_models.json", listing("kept"), LATER)
    check = the_check(workshop)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.metadata["count"].value == 1
    table = check.metadata["models"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [dict(record.data) for record in table.records] == [
        {
            "provider_id": "openai",
            "model_id": "dropped",
            "last_used_at": "2026-05-01 13:00",
            "last_listed_at": "2026-05-01 12:00",
        }
    ]


def test_the_run_that_changes_the_catalog_evaluates_it(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("kept", "dropped"), NOON)
    use(workshop, "dropped")
    run = workshop.ingest("openai_models.json", listing("kept"), LATER)
    assert run.success
    assert failed_checks(run, "provider_health")["used_models_are_listed"] == ("WARN", None)


def test_it_warns_as_long_as_the_model_is_used_and_no_longer(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("kept", "dropped"), NOON)
    use(workshop, "dropped")
    for hours, is_fine in ((2, False), (24, False), (25, True)):
        workshop.ingest("openai_models.json", listing("kept"), NOON + timedelta(hours=hours))
        assert the_check(workshop).passed is is_fine, hours


def test_a_model_that_is_listed_again_causes_no_warning(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("kept", "dropped"), NOON)
    use(workshop, "dropped")
    workshop.ingest("openai_models.json", listing("kept"), LATER)
    assert not the_check(workshop).passed
    workshop.ingest("openai_models.json", listing("kept", "dropped"), LATER + timedelta(hours=1))
    assert the_check(workshop).passed


def test_a_listing_whose_absences_do_not_count_reports_no_delisted_models(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("kept", "dropped"), NOON)
    use(workshop, "dropped")
    workshop.ingest("openai_models.json", listing("kept", has_more=True), LATER)
    assert the_check(workshop).passed


def test_a_model_that_was_never_listed_has_left_nothing(workshop: Workshop) -> None:
    use(workshop, "secret")
    workshop.ingest("openai_models.json", listing("kept"), NOON)
    assert the_check(workshop).passed
