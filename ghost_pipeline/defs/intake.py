"""What one tick takes in of what other programs report, and how Dagster is told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.defs import discovery_stats
from ghost_pipeline.defs.partitions import providers
from ghost_pipeline.reports import Rejected, Sighting, files_of_rejected

SECONDS_A_TICK = 20
"""After so long a tick begins no further page: Dagster gives up on a tick after 60."""

SECONDS_BETWEEN_TICKS = 14
"""A tick that took something in writes a few events. More often, they would fill the event log; a model that worked
can wait so long. The daemon looks every 5 seconds, so this is 15."""

SIGHTINGS_A_PAGE = 500
"""In one transaction, so that no other writer waits long."""

_NEWS = ("created", "restored", "reactivated")
_SHOWN_REASONS = 5


@dataclass(slots=True)
class Intake:
    """Takes pages in, and counts."""

    asset: str
    sightings: int = 0
    inferences: int = 0
    clamped: int = 0
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)
    """Of what was rejected, the first."""
    effects: dict[str, Counter[str]] = field(default_factory=dict)
    """Provider -> effect -> sightings."""

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing."""
        return not self.sightings and not self.rejected

    def take(self, catalog: ModelCatalog, sightings: Sequence[Sighting], rejected: Sequence[Rejected]) -> None:
        """Set aside what was rejected and record the rest, in one transaction. Again the same: nothing changes."""
        self._set_aside(catalog, rejected)
        results, unholdable = catalog.record_reported([sighting.inference for sighting in sightings])
        why = {id(inference): reason for inference, reason in unholdable}
        self._set_aside(
            catalog, [one.rejected(why[id(one.inference)]) for one in sightings if id(one.inference) in why]
        )
        for result in results:
            self.effects.setdefault(result.provider_id, Counter())[result.effect] += 1
        recorded = [one for one in sightings if id(one.inference) not in why]
        self.sightings += len(recorded)
        self.inferences += sum(one.count for one in recorded)
        self.clamped += sum(one.is_clamped for one in recorded)

    def told(self, context: dg.SensorEvaluationContext, cursor: str, stats: Mapping[str, Any]) -> dg.SensorResult:
        """What Dagster shall know of it: who was seen, what that changed, the statistics, providers not met before."""
        if self.rejected:
            context.log.warning(f"{self.rejected:,} rejected, kept in the archive: {'; '.join(self.reasons)}")
        known = set(context.instance.get_dynamic_partitions(str(providers.name)))
        new = [one for one, effects in self.effects.items() if one not in known and set(effects) != {"ignored"}]
        return dg.SensorResult(
            skip_reason=dg.SkipReason(
                f"{self.sightings:,} sightings taken in, {self.rejected:,} rejected; no run needed"
            ),
            cursor=cursor,
            dynamic_partitions_requests=[providers.build_add_request(sorted(new))] if new else None,
            asset_events=[
                dg.AssetObservation(self.asset, metadata=self._counts()),
                *self._news(),
                dg.AssetMaterialization(
                    discovery_stats.NAME,
                    metadata={**discovery_stats.stats_metadata(stats), "sightings": self.sightings},
                ),
            ],
        )

    def _set_aside(self, catalog: ModelCatalog, rejected: Sequence[Rejected]) -> None:
        catalog.set_aside(files_of_rejected(self.asset, rejected))
        self.rejected += len(rejected)
        for one in rejected[: _SHOWN_REASONS - len(self.reasons)]:
            self.reasons.append(f"{' '.join(f'{what} {value}' for what, value in one.where.items())} {one.reason}")

    def _counts(self) -> dict[str, Any]:
        total: Counter[str] = sum(self.effects.values(), Counter())
        return {
            "sightings": self.sightings,
            "inferences": self.inferences,
            "providers": ", ".join(sorted(self.effects)),
            **{effect: total[effect] for effect in (*_NEWS, "ignored")},
            "clamped": self.clamped,
            "rejected": self.rejected,
            "reasons": "\n".join(self.reasons),
        }

    def _news(self) -> list[dg.AssetObservation]:
        """Told of the catalog is what changed in it: a model that works as before writes no event there either."""
        return [
            dg.AssetObservation(
                "model_catalog",
                partition=provider_id,
                metadata={"from": dg.MetadataValue.asset(dg.AssetKey(self.asset)), **news},
            )
            for provider_id, effects in sorted(self.effects.items())
            if (news := {effect: effects[effect] for effect in _NEWS if effects[effect]})
        ]
