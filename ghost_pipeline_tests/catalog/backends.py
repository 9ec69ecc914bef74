"""The databases that every test of the catalog runs on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.listings.parsing import BUILTIN_READER, ListingReader
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.postgres import server

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
BACKENDS = (SQLITE, POSTGRESQL)


@dataclass(frozen=True)
class Place:
    """Where one catalog is: a folder, and a database that is dropped with it. What it opened is closed then."""

    home: Path
    url: str
    _opened: list[ModelCatalog | Database] = field(default_factory=list, compare=False, repr=False)

    def __reduce__(self) -> tuple[type["Place"], tuple[Path, str]]:
        """Pass another process the place without the connections of this one."""
        return Place, (self.home, self.url)

    @property
    def settings(self) -> Settings:
        """The settings of a program that uses it."""
        return Settings(home=self.home, database_url=self.url)

    def opened(self, clock: Callable[[], datetime] = utc_now, reader: ListingReader = BUILTIN_READER) -> ModelCatalog:
        """Open the catalog."""
        catalog = ModelCatalog.open(self.settings, clock=clock, reader=reader)
        self._opened.append(catalog)
        return catalog

    def database(self) -> Database:
        """Return its database, to read past the catalog."""
        database = Database(self.url)
        self._opened.append(database)
        return database

    def remove(self) -> None:
        """Close what is still open and drop the database; a file goes with its folder."""
        for one in self._opened:
            one.close()
        if self.url.startswith(POSTGRESQL):
            server().drop(self.url)


def new_place(backend: str, home: Path, *, is_migrated: bool = True) -> Place:
    """Yield an empty catalog, or a database without tables."""
    if backend == POSTGRESQL:
        return Place(home, server().new_url(is_migrated=is_migrated))
    return Place(home, f"sqlite:///{home / 'catalog.db'}")
