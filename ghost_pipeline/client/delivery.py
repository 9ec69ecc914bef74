"""From notes to the catalog."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.holdable import record_holdable
from ghost_pipeline.catalog.results import SightingResult
from ghost_pipeline.client.drops import Drops
from ghost_pipeline.client.noted import Noted
from ghost_pipeline.client.notes import Model
from ghost_pipeline.lifecycle.inferences import Inference
from ghost_pipeline.lifecycle.instants import believable, require_set_clock
from ghost_pipeline.settings import Settings

MAX_A_TRANSACTION = 500
"""Sightings in one transaction, so that no other writer waits long."""


class Delivery:
    """Writes notes. Used by one thread at a time."""

    def __init__(self, settings: Settings | None, drops: Drops) -> None:
        self._settings = settings
        self._drops = drops
        self._catalog: ModelCatalog | None = None
        self.in_database = threading.Lock()
        """Held while the database's driver is at work. A process that forks meanwhile would give its child a driver
        whose own locks are taken for ever."""
        self.clamped = 0
        """Instants that no clock that is right can have said."""

    def write(self, notes: Mapping[Model, Noted]) -> None:
        """Write them all, except those that the database can't hold. Raises GhostPipelineError if it takes none now."""
        now = datetime.now(UTC)
        require_set_clock(now)
        if self._catalog is None:
            with self.in_database:
                self._catalog = ModelCatalog.open(self._settings)
        inferences = [self._inference(model, noted, now) for model, noted in notes.items()]
        for begin in range(0, len(inferences), MAX_A_TRANSACTION):
            _, refused = record_holdable(
                partial(self._record, self._catalog), inferences[begin : begin + MAX_A_TRANSACTION]
            )
            for inference, why in refused:
                self._drops.add("refused", f"{inference.model_id!r}: {why}")

    def close(self) -> None:
        """Close the connections."""
        if self._catalog is not None:
            with self.in_database:
                self._catalog.close()
            self._catalog = None

    def _inference(self, model: Model, noted: Noted, now: datetime) -> Inference:
        first_at, last_at, learned = noted
        said = [datetime.fromtimestamp(at, UTC) for at in (first_at, last_at)]
        believed = [believable(at, now) for at in said]
        self.clamped += said != believed
        if learned is not None and learned.cut:
            self._drops.add("metadata", f"{model[1]!r} has more metadata than is kept of one model", learned.cut)
        return Inference(
            *model,
            first_at=min(believed),
            last_at=max(believed),
            name=None if learned is None else learned.name,
            metadata=None if learned is None else learned.metadata,
        )

    def _record(self, catalog: ModelCatalog, inferences: Sequence[Inference]) -> list[SightingResult]:
        with self.in_database:
            return catalog.record_inferences(inferences)
