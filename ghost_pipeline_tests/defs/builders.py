"""A real models folder, catalog and Dagster instance for one test."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.definitions import build_definitions
from ghost_pipeline.defs.directory_sensor import models_directory_sensor
from ghost_pipeline.defs.ingestion import listing_run_config
from ghost_pipeline.defs.provider_health import evaluate_checks, read_health
from ghost_pipeline.defs.resource import GhostCatalog, providers
from ghost_pipeline.lifecycle.absence import ProviderHealth

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def listing(*model_ids: str, **extra: Any) -> bytes:
    """Return a listing in OpenAI's shape."""
    return json.dumps({"data": [{"id": model_id} for model_id in model_ids], **extra}).encode()


@dataclass
class Workshop:
    """The pipeline on ``tmp_path``."""

    folder: Path
    instance: dg.DagsterInstance
    ghost: GhostCatalog = field(init=False)
    definitions: dg.Definitions = field(init=False)
    cursor: str | None = None

    def __post_init__(self) -> None:
        (self.folder / "models").mkdir(exist_ok=True)
        self.ghost = GhostCatalog(home=str(self.folder / "home"), models_dir=str(self.folder / "models"))
        self.definitions = build_definitions(self.ghost)

    @contextmanager
    def catalog(self) -> Iterator[ModelCatalog]:
        """Open the catalog."""
        with self.ghost.opened() as catalog:
            yield catalog

    def drop(self, name: str, content: bytes, at: datetime = NOON) -> Path:
        """Put a file into the models folder, with ``at`` for its mtime."""
        path = self.folder / "models" / name
        path.write_bytes(content)
        os.utime(path, (at.timestamp(), at.timestamp()))
        return path

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        """One tick of the directory sensor, with the partitions that it asks for made and its cursor kept."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, definitions=self.definitions, resources={"ghost": self.ghost}
        ) as context:
            answer = models_directory_sensor(context)
        assert isinstance(answer, dg.SensorResult | dg.SkipReason)
        if isinstance(answer, dg.SensorResult):
            self.cursor = answer.cursor
            for request in answer.dynamic_partitions_requests or ():
                self.instance.add_dynamic_partitions(str(providers.name), list(request.partition_keys))
        return answer

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Execute the run that the sensor requested."""
        job = self.definitions.resolve_job_def("ingest_listing")
        return job.execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            run_config=dict(request.run_config),
            raise_on_error=False,
        )

    def run_all(self) -> dict[str, dg.ExecuteInProcessResult]:
        """Tick, and run everything that was asked for."""
        answer = self.tick()
        assert isinstance(answer, dg.SensorResult), answer
        return {str(request.partition_key): self.run(request) for request in answer.run_requests or ()}

    def fetch(self, provider_id: str) -> dg.ExecuteInProcessResult:
        """Execute the run that the schedule requests, for one provider."""
        self.instance.add_dynamic_partitions(str(providers.name), [provider_id])
        job = self.definitions.resolve_job_def("fetch_listings")
        return job.execute_in_process(instance=self.instance, partition_key=provider_id, raise_on_error=False)

    def ingest(self, name: str, content: bytes, at: datetime) -> dg.ExecuteInProcessResult:
        """Drop a file and run it as of ``at``."""
        path = self.drop(name, content, at)
        provider_id = name.split("_", maxsplit=1)[0]
        self.instance.add_dynamic_partitions(str(providers.name), [provider_id])
        return self.run(dg.RunRequest(partition_key=provider_id, run_config=listing_run_config(path, at)))

    def materialize_all(self, partition: str) -> dg.ExecuteInProcessResult:
        """Every asset that is partitioned by provider, in one run, as "Materialize all" does from the UI."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        keys = [
            dg.AssetKey(name)
            for name in ("provider_responses", "listing_files", "raw_provider_models", "model_catalog")
        ]
        return job.execute_in_process(
            instance=self.instance, partition_key=partition, asset_selection=keys, raise_on_error=False
        )

    def materialize(self, asset: str, partition: str) -> dg.ExecuteInProcessResult:
        """One asset alone, as from the UI."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance, partition_key=partition, asset_selection=[dg.AssetKey(asset)], raise_on_error=False
        )

    def provider(self, provider_id: str) -> ProviderHealth:
        """Return the health of one provider of the catalog."""
        with self.catalog() as catalog:
            [health] = [one for one in catalog.list_provider_health() if one.provider.id == provider_id]
        return health

    def active(self, provider_id: str) -> list[str]:
        """Return the active models of a provider."""
        with self.catalog() as catalog:
            return [model.model_id for model in catalog.find_models(ModelFilter((provider_id,)))]


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """Return the error message of a run's only failed step."""
    [event] = result.get_step_failure_events()
    cause = event.step_failure_data.user_failure_data
    assert cause is not None
    assert cause.description is not None
    return cause.description


def failed_checks(
    result: dg.ExecuteInProcessResult, asset: str = "raw_provider_models"
) -> dict[str, tuple[str, str | None]]:
    """Check -> (severity, partition) of the asset's checks that failed in a run."""
    return {
        check.check_name: (check.severity.value, check.partition)
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.asset_key == dg.AssetKey(asset)
    }


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    """Return the assets that a run materialized or reported."""
    keys = [event.asset_key for event in result.get_asset_materialization_events()]
    return {key.to_user_string() for key in keys if key is not None}


def observations_of(result: dg.ExecuteInProcessResult, asset: str) -> list[dg.AssetObservation]:
    """Return a run's observations of one asset."""
    observed = [event.asset_observation_data.asset_observation for event in result.get_asset_observation_events()]
    return [one for one in observed if one.asset_key == dg.AssetKey(asset)]


def health_check(workshop: Workshop, name: str) -> dg.AssetCheckResult:
    """One check of provider_health, decided on the catalog as it is now."""
    with workshop.catalog() as catalog:
        return evaluate_checks(read_health(catalog))[name]
