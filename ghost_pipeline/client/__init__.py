"""What a gateway imports: ``DiscoveryTracker`` for hot paths, functions for single calls."""

import os
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import RefusalResult, SightingResult
from ghost_pipeline.client.tracker import DiscoveryTracker
from ghost_pipeline.settings import Settings

__all__ = ["DiscoveryTracker", "track_refused_inference", "track_successful_inference"]


def track_successful_inference(
    provider_id: str,
    model_id: str,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    observed_at: datetime | None = None,
) -> SightingResult:
    """Record a successful inference in the catalog that the environment configures, at once.

    Raises GhostPipelineError.
    """
    catalog = _shared_catalog(Settings.from_environment(), os.getpid())
    return catalog.track_successful_inference(provider_id, model_id, name, metadata, observed_at)


def track_refused_inference(
    provider_id: str,
    model_id: str,
    *,
    status: int | None = None,
    code: str | None = None,
    message: str | None = None,
    account: str | None = None,
    observed_at: datetime | None = None,
) -> RefusalResult:
    """Record a refused request in the catalog that the environment configures, at once.

    The arguments are those of ``ModelCatalog.track_refused_inference``. Raises GhostPipelineError.
    """
    catalog = _shared_catalog(Settings.from_environment(), os.getpid())
    return catalog.track_refused_inference(
        provider_id, model_id, status=status, code=code, message=message, account=account, observed_at=observed_at
    )


@lru_cache(maxsize=4)
def _shared_catalog(settings: Settings, _process: int) -> ModelCatalog:
    return ModelCatalog.open(settings)
