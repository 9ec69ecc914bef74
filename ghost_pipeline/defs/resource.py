"""The catalog as a Dagster resource."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.errors import CatalogError, CatalogUnavailable, UsageError
from ghost_pipeline.settings import Settings

RETRIES = 3
SECONDS_BETWEEN_RETRIES = 2


class GhostCatalog(dg.ConfigurableResource[ModelCatalog]):
    """Opens the catalog where it is used. The ``GHOST_*`` environment decides unless a field is set."""

    home: str | None = None
    models_dir: str | None = None
    database_url: str | None = None

    def settings(self) -> Settings:
        """The settings as they are now."""
        settings = Settings.from_environment()
        return replace(
            settings,
            home=Path(self.home) if self.home else settings.home,
            models_dir=Path(self.models_dir) if self.models_dir else settings.models_dir,
            database_url=self.database_url or settings.database_url,
        )

    @contextmanager
    def opened(self) -> Iterator[ModelCatalog]:
        """The catalog, for the length of the block."""
        with ModelCatalog.open(self.settings()) as catalog:
            yield catalog


@contextmanager
def failures_told() -> Iterator[None]:
    """Turn the project's errors into Dagster's: what may pass is retried, the rest fails with its one clear line."""
    try:
        yield
    except CatalogUnavailable as error:
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=SECONDS_BETWEEN_RETRIES) from error
    except (CatalogError, UsageError) as error:
        raise dg.Failure(str(error), metadata={"error": type(error).__name__}, allow_retries=False) from error
