"""A run reads its file once, parses it once and opens the catalog once."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.listings import parsing
from ghost_pipeline_tests.defs.builders import NOON, Workshop, listing


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls of the functions that read, parse, and open or close the catalog."""
    calls: Counter[str] = Counter()

    def count(owner: Any, name: str, key: str) -> None:
        original = getattr(owner, name)

        def counting(*arguments: Any, **named: Any) -> Any:
            calls[key.format(name=getattr(arguments[0], "name", "")) if arguments else key] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, counting)

    count(Path, "read_bytes", "read {name}")
    count(parsing, "decode_json", "parsed")
    count(Archive, "load", "archive read")
    count(ModelCatalog, "_prepare", "opened")
    count(ModelCatalog, "close", "closed")
    return calls


def test_a_run_reads_and_parses_its_file_once_and_opens_the_catalog_once(
    workshop: Workshop, calls: Counter[str]
) -> None:
    assert workshop.ingest("openai_models.json", listing("one", "two"), NOON).success
    counted = {key: calls[key] for key in ("read openai_models.json", "parsed", "archive read", "opened", "closed")}
    assert counted == {"read openai_models.json": 1, "parsed": 1, "archive read": 0, "opened": 1, "closed": 1}
    assert workshop.active("openai") == ["one", "two"]


ADMIT = """
import sys
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.defs.builders import NOON, listing
with ModelCatalog.open(Settings.from_environment({}).at_home(sys.argv[1])) as catalog:
    catalog.admit(SubmittedListing("openai", "openai_models.json", listing("one"), NOON))
"""


def test_a_listing_that_another_process_admitted_is_read_from_the_archive(
    workshop: Workshop, calls: Counter[str]
) -> None:
    subprocess.run([sys.executable, "-c", ADMIT, str(workshop.ghost.home)], check=True)
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    assert workshop.materialize("model_catalog", "openai").success
    assert (calls["archive read"], calls["parsed"], calls["opened"], calls["closed"]) == (1, 1, 1, 1)
    assert workshop.active("openai") == ["one"]


def test_a_refused_listing_leaves_no_catalog_open(workshop: Workshop, calls: Counter[str]) -> None:
    assert not workshop.ingest("openai_models.json", listing(), NOON).success
    assert (calls["parsed"], calls["opened"], calls["closed"]) == (1, 1, 1)
