"""Ghost Pipeline: a catalog of LLM models that keeps working models when a provider's list is wrong.

>>> from ghost_pipeline import ModelCatalog
>>> with ModelCatalog.open() as catalog:                                       # doctest: +SKIP
...     catalog.track_successful_inference("openai", "gpt-x")

Importing this package never imports Dagster, so a gateway can afford it.
"""

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.client import DiscoveryTracker, track_refused_inference, track_successful_inference
from ghost_pipeline.errors import CatalogError, GhostPipelineError, UsageError

__all__ = [
    "CatalogError",
    "DiscoveryTracker",
    "GhostPipelineError",
    "ModelCatalog",
    "ModelFilter",
    "UsageError",
    "track_refused_inference",
    "track_successful_inference",
]
