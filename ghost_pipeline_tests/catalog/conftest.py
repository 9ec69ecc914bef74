"""A catalog on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline_tests.catalog.backends import BACKENDS, Place, new_place


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Provide an empty catalog on each database backend."""
    place = new_place(request.param, tmp_path)
    yield place
    place.remove()


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Provide an empty database of each kind."""
    place = new_place(request.param, tmp_path, is_migrated=False)
    database = place.database()
    yield database
    database.close()
    place.remove()
