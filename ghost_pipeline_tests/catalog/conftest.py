"""A catalog on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline_tests.catalog.backends import BACKENDS, Place, new_place


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place with an empty catalog, on each of the databases in turn."""
    place = new_place(request.param, tmp_path)
    yield place
    place.remove()


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with nothing in it, of each kind in turn."""
    place = new_place(request.param, tmp_path, is_migrated=False)
    database = place.database()
    yield database
    database.close()
    place.remove()
