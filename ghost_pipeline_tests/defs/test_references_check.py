"""The check on models that are used and of which references contradict what is stated."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg

from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline_tests.defs.builders import Workshop, health_check

NAME = "references_agree_on_used_models"


def test_it_warns_of_a_used_model_whose_price_a_reference_contradicts(workshop: Workshop) -> None:
    api = {"openai": {"models": {one: {"cost": {"input": 4}} for one in ("used", "old", "agreed", "unpriced")}}}
    with workshop.catalog() as catalog:
        for model_id, price, days in (("used", 1.0, 1), ("old", 1.0, 31), ("agreed", 4.0, 1), ("unpriced", None, 1)):
            at = utc_now() - timedelta(days=days)
            catalog.add_manual_model("openai", model_id, input_price=price, observed_at=at)
            catalog.track_successful_inference("openai", model_id, observed_at=at)
    assert health_check(workshop, NAME).passed
    with workshop.catalog() as catalog:
        catalog.references.import_content("models-dev", "api.json", json.dumps(api).encode())
    check = health_check(workshop, NAME)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.description == (
        "References contradict what is stated of 1 used model. 'ghost-pipeline conflicts' shows all."
    )
    table = check.metadata["conflicts"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [dict(record.data) for record in table.records] == [
        {
            "provider_id": "openai",
            "model_id": "used",
            "fact": "input_price",
            "stated": "1",
            "references": "4 (reference:models-dev)",
        }
    ]
    with workshop.catalog() as catalog:
        catalog.references.remove("models-dev")
        catalog.announce_retirement("openai", "used", datetime(2030, 7, 1, tzinfo=UTC))
        entry = {"litellm_provider": "openai", "deprecation_date": "2030-06-01"}
        catalog.references.import_content("litellm", "map.json", json.dumps({"used": entry}).encode())
    table = health_check(workshop, NAME).metadata["conflicts"]
    assert isinstance(table, dg.TableMetadataValue)
    [record] = table.records
    assert (record.data["fact"], record.data["stated"]) == ("expires_at", "2030-07-01 00:00")
