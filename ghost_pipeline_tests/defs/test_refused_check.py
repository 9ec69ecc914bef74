"""The check on models that are used and that their providers refuse."""

from datetime import timedelta

import dagster as dg
import pytest

from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.defs.provider_health import NAMED_MODELS
from ghost_pipeline.lifecycle.refusals.evidence import Refusal
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline_tests.defs.builders import Workshop, failed_checks, health_check, listing

DAY = timedelta(days=1)
NAME = "used_models_are_not_refused"


def prepare(
    workshop: Workshop,
    *model_ids: str,
    used_ago: timedelta | None = DAY,
    refused_ago: timedelta = timedelta(hours=1),
    refusal_class: RefusalClass = RefusalClass.RETIRED,
) -> None:
    """Refuse models of OpenAI once, which were used before or only added."""
    now = utc_now()
    with workshop.catalog() as catalog:
        for model_id in model_ids:
            if used_ago is None:
                catalog.add_manual_model("openai", model_id)
            else:
                catalog.track_successful_inference("openai", model_id, observed_at=now - used_ago)
        at = now - refused_ago
        catalog.record_refusals(
            [Refusal("openai", one, refusal_class, "openai.rule", at, at, words="end of life") for one in model_ids]
        )


@pytest.mark.parametrize(
    ("used_ago", "refused_ago", "refusal_class", "is_fine"),
    [
        (DAY, timedelta(hours=1), RefusalClass.RETIRED, False),
        (30 * DAY - timedelta(minutes=5), timedelta(hours=1), RefusalClass.RETIRED, False),
        (30 * DAY + timedelta(minutes=5), timedelta(hours=1), RefusalClass.RETIRED, True),
        (None, timedelta(hours=1), RefusalClass.RETIRED, True),
        (DAY, 2 * DAY, RefusalClass.RETIRED, True),
        (DAY, timedelta(hours=1), RefusalClass.AMBIGUOUS, True),
    ],
    ids=["used", "used 30 days ago", "used earlier", "never used", "used since", "not refused by one answer"],
)
def test_it_warns_of_a_model_that_was_used_in_the_last_month_and_is_refused(
    workshop: Workshop,
    used_ago: timedelta | None,
    refused_ago: timedelta,
    refusal_class: RefusalClass,
    is_fine: bool,
) -> None:
    prepare(workshop, "m", used_ago=used_ago, refused_ago=refused_ago, refusal_class=refusal_class)
    assert health_check(workshop, NAME).passed is is_fine


def test_the_warning_names_the_models_and_its_table_has_the_reasons(workshop: Workshop) -> None:
    prepare(workshop, "m", "n")
    check = health_check(workshop, NAME)
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description == (
        "refused by the provider: openai/m, openai/n. 'ghost-pipeline models --refused' shows why."
    )
    table = check.metadata["models"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [(record.data["model_id"], record.data["refusal_reason"]) for record in table.records] == [
        ("m", "retired: end of life (openai.rule)"),
        ("n", "retired: end of life (openai.rule)"),
    ]


def test_the_warning_names_some_of_many_models_and_counts_the_rest(workshop: Workshop) -> None:
    prepare(workshop, *(f"m{number}" for number in range(NAMED_MODELS + 2)))
    check = health_check(workshop, NAME)
    assert check.description is not None
    assert f"openai/m{NAMED_MODELS - 1} and 2 more. " in check.description
    assert f"openai/m{NAMED_MODELS}" not in check.description
    assert check.metadata["count"].value == NAMED_MODELS + 2


def test_a_success_ends_the_warning(workshop: Workshop) -> None:
    prepare(workshop, "m")
    with workshop.catalog() as catalog:
        catalog.track_successful_inference("openai", "m")
    assert health_check(workshop, NAME).passed


def test_a_listing_that_has_the_model_leaves_the_warning(workshop: Workshop) -> None:
    prepare(workshop, "m")
    run = workshop.ingest("openai_models.json", listing("m"), utc_now())
    assert run.success
    assert failed_checks(run, "provider_health")[NAME][0] == "WARN"
