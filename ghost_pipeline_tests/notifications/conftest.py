"""A world with a receiver of webhooks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ghost_pipeline_tests.notifications.world import SECRET, Receiver, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Provide an empty catalog at noon; the secret of webhooks is set."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    world = World(tmp_path / "home")
    yield world
    world.catalog.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Provide a server that accepts every message unless a test decides otherwise."""
    receiver = Receiver()
    yield receiver
    receiver.close()
