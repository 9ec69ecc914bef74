"""Each test gets a pipeline of its own."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ghost_pipeline_tests.defs.builders import Workshop
from ghost_pipeline_tests.fetching.fixtures import configure, serve

__all__ = ["configure", "serve"]


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    """Provide a pipeline on an ephemeral Dagster instance."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Workshop(tmp_path, instance)
