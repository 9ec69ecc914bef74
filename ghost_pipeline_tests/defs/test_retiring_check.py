"""The check on models that are used shortly before their end, and after it."""

from datetime import timedelta

import dagster as dg
import pytest

from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline_tests.defs.builders import Workshop, failed_checks, health_check, listing

DAY = timedelta(days=1)
NAME = "used_models_are_not_retiring"


def prepare(workshop: Workshop, retires_in: timedelta, used_ago: timedelta | None = timedelta(0)) -> None:
    now = utc_now()
    with workshop.catalog() as catalog:
        if used_ago is not None:
            catalog.track_successful_inference("openai", "m", observed_at=now - used_ago)
        catalog.announce_retirement("openai", "m", now + retires_in, "n")


@pytest.mark.parametrize(
    ("retires_in", "used_ago", "is_fine"),
    [
        (14 * DAY, DAY, False),
        (14 * DAY + timedelta(minutes=5), DAY, True),
        (-100 * DAY, DAY, False),
        (DAY, 30 * DAY - timedelta(minutes=5), False),
        (DAY, 30 * DAY + timedelta(minutes=5), True),
        (DAY, None, True),
    ],
)
def test_it_warns_of_a_used_model_from_two_weeks_before_its_end_on(
    workshop: Workshop, retires_in: timedelta, used_ago: timedelta | None, is_fine: bool
) -> None:
    prepare(workshop, retires_in, used_ago)
    assert health_check(workshop, NAME).passed is is_fine


def test_the_warning_names_the_models_and_says_which_are_past_their_date(workshop: Workshop) -> None:
    prepare(workshop, DAY)
    check = health_check(workshop, NAME)
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description == (
        "1 used model will be withdrawn within 14 days. 'ghost-pipeline retiring' shows them all."
    )
    table = check.metadata["models"]
    assert isinstance(table, dg.TableMetadataValue)
    [record] = [dict(record.data) for record in table.records]
    assert (record["provider_id"], record["model_id"], record["replaced_by"]) == ("openai", "m", "n")
    with workshop.catalog() as catalog:
        catalog.announce_retirement("openai", "m", utc_now() - DAY)
    assert health_check(workshop, NAME).description == (
        "1 used model should have been withdrawn already. 'ghost-pipeline retiring' shows them all."
    )


def test_the_days_are_a_setting(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(workshop, 3 * DAY)
    assert not health_check(workshop, NAME).passed
    monkeypatch.setenv("GHOST_RETIRING_DAYS", "2")
    assert health_check(workshop, NAME).passed


def test_the_run_that_changes_the_catalog_evaluates_it(workshop: Workshop) -> None:
    prepare(workshop, DAY)
    run = workshop.ingest("openai_models.json", listing("m"), utc_now())
    assert run.success
    assert failed_checks(run, "provider_health")[NAME] == ("WARN", None)
