"""The asset of references: fetched or installed, with checks, and the schedule that requests it."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pytest

from ghost_pipeline_tests.defs.builders import NOON, Workshop, failed_checks, failure_of, materialized, observations_of
from ghost_pipeline_tests.fetching.builders import Serve
from ghost_pipeline_tests.fetching.server import Asked, Reply, json_reply

ASSET = "reference_facts"


@pytest.fixture
def providers_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GHOST_PROVIDERS_FILE", str(tmp_path / "providers.toml"))
    (tmp_path / "providers.toml").write_text("")
    return tmp_path / "providers.toml"


def import_reference(workshop: Workshop, name: str) -> dg.ExecuteInProcessResult:
    job = workshop.definitions.resolve_job_def("import_reference")
    return job.execute_in_process(instance=workshop.instance, partition_key=name, raise_on_error=False)


def ticked(workshop: Workshop) -> list[str | None] | str:
    repository = workshop.definitions.get_repository_def()
    with (
        TemporaryDirectory() as folder,
        dg.DagsterInstance.local_temp(folder) as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=NOON + timedelta(hours=1),
            repository_def=repository,
            resources={"ghost": workshop.ghost},
        ) as context,
    ):
        answer = repository.get_schedule_def("fetch_references_1d").evaluate_tick(context)
    return [one.partition_key for one in answer.run_requests or ()] or str(answer.skip_message)


def test_a_configured_reference_is_fetched_and_an_implausible_change_warns(
    workshop: Workshop, serve: Serve, providers_file: Path
) -> None:
    prices = iter((2, 0))

    def script(_: Asked) -> Reply:
        price = next(prices, None)
        return json_reply({} if price is None else {"openai": {"models": {"a": {"cost": {"input": price}}}}})

    assert ticked(workshop) == f"no reference has a url in {providers_file}"
    providers_file.write_text(f'[references.models-dev]\nurl = "{serve(script).url}/api.json"\n')
    assert ticked(workshop) == ["models-dev"]
    first = import_reference(workshop, "models-dev")
    assert (materialized(first), failed_checks(first, ASSET)) == ({ASSET}, {})
    second = import_reference(workshop, "models-dev")
    assert (materialized(second), list(failed_checks(second, ASSET))) == ({ASSET}, ["reference_changes_are_plausible"])
    empty = import_reference(workshop, "models-dev")
    assert (materialized(empty), set(failed_checks(empty, ASSET))) == (
        set(),
        {"references_are_complete", "reference_changes_are_plausible"},
    )
    assert failure_of(empty).startswith("models-dev: malformed:")
    with workshop.catalog() as catalog:
        assert catalog.find_models() == []
        assert catalog.references.resolve_model("openai", "a")["input_price"].value == 2.0


def test_without_a_url_the_installed_data_is_imported_or_nothing(workshop: Workshop, providers_file: Path) -> None:
    assert materialized(import_reference(workshop, "genai-prices")) == {ASSET}
    skipped = import_reference(workshop, "models-dev")
    assert (skipped.success, materialized(skipped)) == (True, set())
    [observation] = observations_of(skipped, ASSET)
    assert "no installed package has the data" in str(observation.metadata["skipped"].value)
