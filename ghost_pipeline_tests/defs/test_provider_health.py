"""The check that fails as time passes, its schedule, and the freshness of the catalog."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from ghost_pipeline.defs.provider_health import CHECK_NAMES, REASON_LENGTH, observation, read_health
from ghost_pipeline_tests.defs.builders import Workshop, listing


def checked(workshop: Workshop) -> tuple[dg.ExecuteInProcessResult, dg.AssetCheckEvaluation]:
    result = workshop.definitions.resolve_job_def("check_health").execute_in_process(instance=workshop.instance)
    evaluations = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert set(evaluations) == set(CHECK_NAMES)
    return result, evaluations["complete_listings_are_recent"]


def metadata(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {name: value.value for name, value in evaluation.metadata.items()}


@pytest.mark.parametrize(("hours", "limit", "is_red"), [(47, "", False), (49, "", True), (49, "50", False)])
def test_a_provider_without_a_complete_listing_for_too_long_turns_the_check_red_and_blocks_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, hours: int, limit: str, is_red: bool
) -> None:
    monkeypatch.setenv("GHOST_COMPLETE_WITHIN_HOURS", limit)
    now = datetime.now(UTC)
    workshop.ingest("openai_models.json", listing("a"), now - timedelta(hours=hours))
    workshop.ingest("mistral_models.json", listing("a"), now - timedelta(hours=1))
    with workshop.catalog() as catalog:
        catalog.record_failed_attempt("openai", "no connection", now - timedelta(hours=2))
        catalog.record_failed_attempt("openai", "no connection", now - timedelta(hours=1))
    result, evaluation = checked(workshop)
    assert result.success
    assert (evaluation.passed, evaluation.severity) == (not is_red, dg.AssetCheckSeverity.ERROR)
    shown = metadata(evaluation)
    assert ("openai" in shown, "mistral" in shown) == (is_red, False)
    if is_red:
        assert "2 attempts failed in a row; failed: no connection" in shown["openai"]
    health = evaluation.metadata["health"]
    assert isinstance(health, dg.TableMetadataValue)
    table = {record.data["provider"]: record.data for record in health.records}
    assert table["openai"]["verdict"] == "failed ×2"
    assert (table["mistral"]["verdict"], table["mistral"]["hold"]) == ("complete", "")


def test_the_table_of_providers_has_at_most_six_columns_that_fit_a_page(workshop: Workshop) -> None:
    workshop.ingest("openai_models.json", listing("a"), datetime.now(UTC))
    with workshop.catalog() as catalog:
        catalog.record_failed_attempt("openai", "the connection broke off " * 20, datetime.now(UTC))
        table = observation(read_health(catalog)).metadata["health"]
    assert isinstance(table, dg.TableMetadataValue)
    [row] = [record.data for record in table.records]
    assert [column.name for column in table.schema.columns] == list(row)
    *narrow, (last, hold) = row.items()
    assert len(row) <= 6
    assert "…" in str(hold)
    assert all(len(str(value)) <= 16 for _, value in narrow)
    assert (last, len(str(hold))) == ("hold", REASON_LENGTH)


def test_the_next_complete_listing_turns_the_check_green(workshop: Workshop) -> None:
    now = datetime.now(UTC)
    workshop.ingest("openai_models.json", listing("a"), now - timedelta(hours=60))
    assert not checked(workshop)[1].passed
    workshop.ingest("openai_models.json", listing("a"), now)
    assert checked(workshop)[1].passed
