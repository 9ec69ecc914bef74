"""A sensor for reported sightings, evaluated as Dagster's daemon does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline_tests.defs.builders import Workshop


@dataclass
class Channel:
    """One of the two sensors, on a workshop."""

    workshop: Workshop
    sensor: dg.SensorDefinition
    cursor: str | None = None

    def evaluate(self) -> dg.SensorResult | dg.SkipReason:
        """Evaluate a tick that dies before Dagster stores any of its result."""
        workshop = self.workshop
        with dg.build_sensor_context(
            instance=workshop.instance,
            cursor=self.cursor,
            definitions=workshop.definitions,
            resources={"ghost": workshop.ghost},
        ) as context:
            answer = self.sensor(context)
        assert isinstance(answer, dg.SensorResult | dg.SkipReason)
        return answer

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        """Evaluate a tick whose result is stored."""
        answer = self.evaluate()
        if isinstance(answer, dg.SensorResult):
            for event in answer.asset_events:
                self.workshop.instance.report_runless_asset_event(event)
            for request in answer.dynamic_partitions_requests or ():
                self.workshop.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
            self.cursor = answer.cursor
        return answer

    def taken(self) -> dict[str, Any]:
        """Return the metadata of the tick's observation of the channel; empty if the tick recorded nothing."""
        answer = self.tick()
        if isinstance(answer, dg.SkipReason) or not answer.asset_events:
            return {}
        return {key: value.value for key, value in answer.asset_events[0].metadata.items()}

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """What the archive keeps of what was rejected."""
        kept = sorted((self.workshop.folder / "home" / "archive" / "rejected").rglob("*.jsonl"))
        return [json.loads(line) for file in kept for line in file.read_text().splitlines()]

    def report(self, **metadata: Any) -> None:
        """Store a report on ``inference_reports`` as Dagster's web server does."""
        self.workshop.instance.report_runless_asset_event(
            dg.AssetMaterialization("inference_reports", metadata=metadata)
        )

    def append(self, name: str, *lines: str | Mapping[str, Any]) -> Path:
        """Append whole lines to a file of the inbox."""
        path = self.workshop.folder / "home" / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.writelines(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
        return path


def snapshot(workshop: Workshop) -> tuple[Any, ...]:
    """Everything that the catalog holds."""
    with workshop.catalog() as catalog:
        return catalog.find_models(ModelFilter(is_active=None)), catalog.list_providers(), catalog.list_events()
