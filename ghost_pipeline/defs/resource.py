"""The catalog as a Dagster resource, and the partitions by provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.errors import CatalogError, CatalogUnavailable, FolderError, UsageError
from ghost_pipeline.settings import Settings

providers = dg.DynamicPartitionsDefinition(name="provider")

RETRIES = 7
FIRST_WAIT_SECONDS = 2
"""Then twice as long each time: four minutes in all, which a database that fails over to another takes at most. Once
the run is given up nothing asks for the file again until it changes."""


class GhostCatalog(dg.ConfigurableResource[ModelCatalog]):
    """Opens the catalog, once for all steps that a process executes of a run.

    The ``GHOST_*`` environment decides where it is unless a field is set.
    """

    home: str | None = None
    models_dir: str | None = None
    inbox_dir: str | None = None
    database_url: str | None = None

    _is_executing: bool = PrivateAttr(default=False)
    _catalog: ModelCatalog | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Keep the catalog, once it is opened, until ``teardown_after_execution``."""
        self._is_executing = True

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the catalog if a step opened it."""
        self._is_executing = False
        catalog, self._catalog = self._catalog, None
        if catalog is not None:
            catalog.close()

    def settings(self) -> Settings:
        """Return the settings of the current environment."""
        settings = Settings.from_environment()
        if self.home:
            settings = settings.at_home(self.home)
        return replace(
            settings,
            models_dir=Path(self.models_dir) if self.models_dir else settings.models_dir,
            inbox=Path(self.inbox_dir) if self.inbox_dir else settings.inbox,
            database_url=self.database_url or settings.database_url,
        )

    @contextmanager
    def opened(self) -> Iterator[ModelCatalog]:
        """Open the catalog for the duration of the block.

        In a run it is opened at the first use, so that a step can retry a database that can't be reached, and stays
        open until the run ends. Elsewhere, as in a sensor, each block opens its own.
        """
        if self._is_executing:
            self._catalog = self._catalog or ModelCatalog.open(self.settings())
            yield self._catalog
            return
        with ModelCatalog.open(self.settings()) as catalog:
            yield catalog


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn the project's errors into Dagster's: what may pass is retried, the rest fails with its one clear line."""
    try:
        yield
    except CatalogUnavailable as error:
        wait = FIRST_WAIT_SECONDS * 2 ** dg.OpExecutionContext.get().retry_number
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=wait) from error
    except (CatalogError, FolderError, UsageError) as error:
        raise dg.Failure(str(error), metadata={"error": type(error).__name__}, allow_retries=False) from error
