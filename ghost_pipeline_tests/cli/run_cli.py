"""Run the command line as a user does: arguments, output, exit code."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from click.testing import CliRunner, Result

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.cli import main

DAY_1 = datetime(2025, 12, 6, 7, 0, tzinfo=UTC)


class Shell:
    """Runs commands in this process, as ``ghost-pipeline`` does in its own."""

    def run(self, *arguments: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == exit_code, result.output
        return result

    def json(self, *arguments: str, exit_code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", exit_code=exit_code).stdout)

    def error(self, *arguments: str, exit_code: int) -> str:
        """Return the last line on stderr of a command that fails and prints nothing on stdout."""
        result = self.run(*arguments, exit_code=exit_code)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr.splitlines()[-1]


def listing_bytes(model_ids: Iterable[str]) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": one, "object": "model"} for one in model_ids]}).encode()


def list_models(provider_id: str, content: bytes, observed_at: datetime = DAY_1) -> None:
    """Ingest a listing into the catalog that the environment names, without Dagster."""
    submission = SubmittedListing(provider_id, f"{provider_id}_models.json", content, observed_at, "run-1")
    with ModelCatalog.open() as catalog:
        admitted = catalog.admit(submission)
        catalog.reconcile(admitted.listing_id)
