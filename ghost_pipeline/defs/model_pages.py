"""A page in Dagster's UI for each model: an asset with one partition a model, and the sensor that writes it.

Dagster's partition filter finds a model by its name, so that somebody who has only the name sees where it came from.
An event costs a few kilobytes of Dagster's event log and a write: only what happens to a model is written, not its
confirmations, and nothing for a catalog with more models than GHOST_MODEL_PARTITIONS.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dagster as dg
import msgspec

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelHistory
from ghost_pipeline.defs.listing_checks import format_instant
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline.lifecycle.identity import format_command, model_key
from ghost_pipeline.lifecycle.records import ModelEvent
from ghost_pipeline.lifecycle.vocabulary import EventKind

model_partitions = dg.DynamicPartitionsDefinition(name="model")

models = dg.AssetSpec(
    "models",
    deps=["model_catalog"],
    partitions_def=model_partitions,
    group_name="catalog",
    kinds={"sql"},
    description=(
        "Where each model came from. A partition is one model, such as openai/gpt-4o: open Partitions and filter by "
        "its name. models_sensor materializes it when the model is discovered, added, deactivated, reactivated, "
        "restored, removed or purged, not when a listing confirms it. Off for catalogs with more models than "
        "GHOST_MODEL_PARTITIONS (2,000 unless set)."
    ),
)

EVENTS_PER_TICK = 200
HISTORY_LENGTH = 20
"""How many events of a model its page shows, the newest ones."""


class ModelsCursor(msgspec.Struct, frozen=True):
    """How far the audit trail was written to the asset."""

    changes: str = ""
    """The cursor of the catalog's changes after the last event that was written."""
    after: int = 0
    """In a cursor of a version that counted ids: the last event that was written."""

    def to_json(self) -> str:
        """Return the cursor as the text that Dagster stores."""
        return msgspec.json.encode(self).decode()


def read_models_cursor(text: str | None) -> ModelsCursor:
    """Return the cursor that Dagster stored; the start for an unparseable text: then everything is written again."""
    try:
        return msgspec.json.decode(text or "{}", type=ModelsCursor)
    except msgspec.DecodeError:
        return ModelsCursor()


@dg.sensor(
    minimum_interval_seconds=4,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=f"Materializes the partitions of models to which something happened, {EVENTS_PER_TICK} events a tick.",
)
def models_sensor(context: dg.SensorEvaluationContext, ghost: GhostCatalog) -> dg.SensorResult | dg.SkipReason:
    limit = ghost.settings().model_partitions
    if not limit:
        return dg.SkipReason("off: GHOST_MODEL_PARTITIONS is 0")
    cursor = read_models_cursor(context.cursor)
    with ghost.opened() as catalog:
        page, changes = catalog.list_recent_events(cursor.changes, cursor.after, EVENTS_PER_TICK, (EventKind.CHANGED,))
        following = ModelsCursor(changes).to_json()
        if not page:
            return dg.SensorResult(skip_reason=dg.SkipReason("nothing new"), cursor=following)
        known = set(context.instance.get_dynamic_partitions(str(model_partitions.name)))
        latest = {(event.provider_id, event.model_id): event for event in page}
        new = [key for key in (model_key(*model) for model in latest) if key not in known]
        count = max(catalog.get_discovery_stats()["total"], len(known) + len(new))
        if count > limit:
            return dg.SkipReason(f"off: {count:,} models are more than GHOST_MODEL_PARTITIONS={limit:,}")
        events = [_materialization(catalog, event) for event in latest.values()]
    return dg.SensorResult(
        skip_reason=dg.SkipReason(f"{len(events):,} models written"),
        cursor=following,
        dynamic_partitions_requests=[model_partitions.build_add_request(new)] if new else None,
        asset_events=events,
    )


def _materialization(catalog: ModelCatalog, event: ModelEvent) -> dg.AssetMaterialization:
    history = catalog.get_model_history(event.provider_id, event.model_id)
    return dg.AssetMaterialization(
        models.key,
        partition=model_key(event.provider_id, event.model_id),
        metadata={
            "event": event.kind.value,
            "at": dg.MetadataValue.timestamp(event.at),
            **({"source": event.source.value} if event.source else {}),
            **_run(event.run_id),
            **_state(history),
            **_listing(history.listing),
            "history": _history_table(history.events),
            "command": format_command("show", event.provider_id, event.model_id),
        },
    )


def _state(history: ModelHistory) -> dict[str, Any]:
    model = history.model
    if model is None:
        return {"state": "not in the catalog any more"}
    instants = {
        "first_seen_at": model.first_seen_at,
        "last_seen_at": model.last_seen_at,
        "last_listed_at": model.last_listed_at,
        "last_used_at": model.last_used_at,
    }
    return {
        "state": "active" if model.is_active else "inactive",
        "first_source": model.source.value,
        **{name: dg.MetadataValue.timestamp(at) for name, at in instants.items() if at is not None},
    }


def _listing(listing: dict[str, Any] | None) -> dict[str, Any]:
    if listing is None:
        return {"listing": "no listing"}
    observed_at: datetime = listing["observed_at"]
    return {
        "listing": f"{listing['id']} ({listing['verdict']})",
        "file": listing["file_name"],
        "file_observed_at": dg.MetadataValue.timestamp(observed_at),
        "sha256": listing["sha256"],
    }


def _run(run_id: str | None) -> dict[str, Any]:
    return {"run": dg.MetadataValue.dagster_run(run_id)} if run_id else {}


def _history_table(events: Sequence[ModelEvent]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "at": format_instant(event.at),
                "event": event.kind.value,
                "source": event.source.value if event.source else "sweep",
                "listing": str(event.listing_id or ""),
                "run": event.run_id or "",
            }
        )
        for event in reversed(events[-HISTORY_LENGTH:])
    ]
    columns = [dg.TableColumn(name) for name in ("at", "event", "source", "listing", "run")]
    return dg.MetadataValue.table(records, dg.TableSchema(columns=columns))
