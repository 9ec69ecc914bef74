"""A new fact or provider takes the documented edits and no other: they are made here in a copy of the package."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ghost_pipeline"


class Copy:
    """A copy of the package, to edit and to run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = folder / "ghost_pipeline"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))

    def edit(self, path: str, before: str, after: str) -> None:
        """Replace the only ``before`` in a file."""
        file = self.package / path
        text = file.read_text()
        assert text.count(before) == 1, (path, before)
        file.write_text(text.replace(before, after))

    def run(self, *arguments: str) -> str:
        """Return what a Python process with the copy prints."""
        catalog = f"sqlite:///{self.folder}/catalog.db"
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "GHOST_DATABASE_URL": catalog},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


STATE_SEATS = """
import csv, io
from datetime import UTC, datetime
from pathlib import Path
from msgspec.structs import replace
import sqlalchemy as sa
from ghost_pipeline.additions import read_additions
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.storage.tables import metadata
from ghost_pipeline.catalog.ingestion.bulk import stage, staged
from ghost_pipeline.exports import export_models
from ghost_pipeline.lifecycle.transitions import apply_listing
from ghost_pipeline.listings import parse_listing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
with ModelCatalog.open() as catalog:
    catalog._database.write(lambda connection: connection.execute(sa.text("ALTER TABLE models ADD seats BIGINT")))
    Path("more.csv").write_text("provider_id,model_id,seats\\nopenai,by-hand,12\\n")
    catalog.add_manual_models(read_additions(Path("more.csv")))
    listing = parse_listing("groq", b'{"data": [{"id": "listed", "seats": 7}]}')
    with catalog._database.writing() as connection:
        stage(connection, listing.models)
        print(connection.execute(sa.select(staged.c.seats)).scalar_one())
    catalog.import_models([{"provider_id": "xai", "model_id": "imported", "source": "INDEX", "is_active": True,
        "first_seen_at": "2026-01-01", "last_seen_at": "2026-01-01", "seats": 3}])
    models = catalog.find_models()
    print({model.model_id: model.seats for model in models})
    print([line["seats"] for line in csv.DictReader(io.StringIO(export_models(models, "csv").decode()))])
    print(apply_listing(models[-1], replace(models[-1], seats=8), NOW, is_late=False).seats)
"""


def test_a_new_fact_takes_its_field_its_column_and_the_format_that_states_it(copy: Copy) -> None:
    field = "    expires_at: Annotated["
    seats = '    seats: Annotated[int | None, Stated(FactKind.TOKENS, "People at once.")] = None\n'
    copy.edit("lifecycle/facts.py", field, seats + field)
    column = '    sa.Column("context_window", sa.BigInteger, comment="Tokens."),\n'
    copy.edit("catalog/storage/tables.py", column, column + '    sa.Column("seats", sa.BigInteger),\n')
    stated = '        context_window=fields.tokens("context_window"),\n'
    copy.edit("providers/builtin/groq.py", stated, stated + '        seats=fields.tokens("seats"),\n')
    printed = copy.run("-c", STATE_SEATS).splitlines()
    assert printed == ["7", "{'by-hand': 12, 'imported': 3}", "['12', '3']", "8"]
    added = json.loads(copy.run("-m", "ghost_pipeline", "add", "openai", "other", "--seats", "5", "--json"))
    assert added["effect"] == "created"
    assert json.loads(copy.run("-m", "ghost_pipeline", "show", "openai", "other", "--json"))["seats"] == 5


ACME = '''"""Acme: a list under ``models``."""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.wire_format import Fields, Format


def _read(fields: Fields) -> Facts:
    return Facts(context_window=fields.tokens("window"))


PROVIDERS = (
    Provider(
        "acme",
        Format("acme", 1, _read, row_keys=("models",)),
        Endpoint("https://api.acme.example/v1", key_variables=("ACME_API_KEY",)),
        route=api_key_route("acme_ai", "ACME_API_KEY"),
        hosts=("api.acme.example",),
    ),
)
'''

USE_ACME = """
from ghost_pipeline.fetching.configuration import ENDPOINTS
from ghost_pipeline.lifecycle.identity import provider_label, provider_slug
from ghost_pipeline.listings import format_version, parse_listing
from ghost_pipeline.providers import provider_of_host, route_of
print(provider_slug("acme_ai"), provider_label("acme"), provider_of_host("eu.api.acme.example"))
[model] = parse_listing("acme", b'{"models": [{"id": "m", "window": 9}]}').models
print(format_version("acme"), model.facts.context_window)
print(ENDPOINTS["acme"].url, route_of("acme").prefix)
"""


def test_a_new_provider_takes_its_file_and_its_names(copy: Copy) -> None:
    (copy.package / "providers/builtin/acme.py").write_text(ACME)
    alias = '    "gemini": "google",\n'
    copy.edit("lifecycle/identity.py", alias, alias + '    "acme-ai": "acme",\n')
    printed = copy.run("-c", USE_ACME).splitlines()
    assert printed == ["acme Acme acme", "acme/2.1 9", "https://api.acme.example/v1/models acme_ai"]
