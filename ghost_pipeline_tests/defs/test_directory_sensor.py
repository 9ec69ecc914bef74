"""The sensor on the models folder."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from ghost_pipeline.defs.ingestion import listing_run_config
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.defs.builders import NOON, Workshop, listing


def requested(answer: dg.SensorResult | dg.SkipReason) -> list[dg.RunRequest]:
    return list(answer.run_requests or ()) if isinstance(answer, dg.SensorResult) else []


def test_one_run_is_requested_for_each_provider_and_partitions_are_created(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"))
    workshop.drop("gemini-models.json", b'{"models": [{"name": "models/g"}]}')
    workshop.drop("notes.txt", b"no listing")
    assert [request.partition_key for request in requested(workshop.tick())] == ["google", "openai"]
    assert set(workshop.instance.get_dynamic_partitions("provider")) == {"google", "openai"}


def test_a_file_that_did_not_change_is_not_requested_again(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"))
    assert requested(workshop.tick())
    answer = workshop.tick()
    assert isinstance(answer, dg.SkipReason)
    assert "no newer file" in str(answer.skip_message)


def test_the_same_bytes_fetched_anew_are_new_evidence(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"))
    (first,) = requested(workshop.tick())
    workshop.drop("openai_models.json", listing("a"), NOON + timedelta(hours=1))
    (second,) = requested(workshop.tick())
    assert first.run_key != second.run_key


def test_a_file_that_goes_back_to_what_it_was_runs_again(workshop: Workshop) -> None:
    keys = []
    for hours, content in enumerate((listing("a"), listing("b"), listing("a"))):
        workshop.drop("openai_models.json", content, NOON + timedelta(hours=hours))
        keys += [request.run_key for request in requested(workshop.tick())]
    assert len(set(keys)) == 3


def test_an_older_file_than_the_last_is_never_requested(workshop: Workshop) -> None:
    workshop.drop("openai_models_2026-05-01T00-00-00.json", listing("old"))
    newest = workshop.drop("openai_models_2026-05-02T00-00-00.json", listing("new"))
    (request,) = requested(workshop.tick())
    assert newest.name in str(request.run_config)
    newest.unlink()
    assert not requested(workshop.tick())


def test_a_run_is_requested_as_of_the_files_mtime(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"), NOON)
    (request,) = requested(workshop.tick())
    assert request.run_config["ops"]["raw_provider_models"]["config"]["observed_at"] == NOON.isoformat()


def test_an_mtime_in_the_future_is_capped_at_the_tick(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"), datetime.now(UTC) + timedelta(days=400))
    (request,) = requested(workshop.tick())
    observed_at = request.run_config["ops"]["raw_provider_models"]["config"]["observed_at"]
    assert datetime.fromisoformat(observed_at) <= datetime.now(UTC)


def test_a_file_that_is_still_being_written_is_left_for_the_next_tick(workshop: Workshop) -> None:
    path = workshop.drop("openai_models.json", listing("a"))
    is_done = threading.Event()

    def write_on() -> None:
        while not is_done.is_set():
            with path.open("ab") as file:
                file.write(b" ")
            time.sleep(0.01)

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        answer = workshop.tick()
    finally:
        is_done.set()
        writer.join()
    assert isinstance(answer, dg.SkipReason)
    assert "still being written" in str(answer.skip_message)
    assert len(requested(workshop.tick())) == 1


def test_a_folder_that_is_not_there_is_a_reason_not_an_error(workshop: Workshop) -> None:
    (workshop.folder / "models").rmdir()
    assert isinstance(workshop.tick(), dg.SkipReason)


def test_a_file_from_the_future_does_not_make_later_files_look_old(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"), datetime.now(UTC) + timedelta(days=400))
    assert requested(workshop.tick())
    workshop.drop("openai_models.json", listing("b"), datetime.now(UTC) + timedelta(seconds=1))
    assert requested(workshop.tick())


def test_an_unparseable_cursor_starts_over(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"))
    (first,) = requested(workshop.tick())
    workshop.cursor = "reset"
    (again,) = requested(workshop.tick())
    assert again.run_key == first.run_key


UNPRIVILEGED_USER = 65534


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """Permissions mean nothing to root, so this block runs as an unprivileged user."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(UNPRIVILEGED_USER)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder(workshop: Workshop) -> Iterator[Path]:
    """Provide a models folder that every user can enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    workshop.ghost = GhostCatalog(home=workshop.ghost.home, models_dir=str(folder))
    yield folder
    shutil.rmtree(folder)


def test_a_file_that_cannot_be_read_is_reported_as_such_and_runs_once_it_can(
    workshop: Workshop, open_folder: Path
) -> None:
    path = open_folder / "openai_models.json"
    path.write_bytes(listing("a"))
    path.chmod(0)
    with without_roots_rights():
        answer = workshop.tick()
    assert isinstance(answer, dg.SkipReason)
    assert str(answer.skip_message) == "openai_models.json can't be read: Permission denied; check its permissions"
    path.chmod(0o644)
    with without_roots_rights():
        assert len(requested(workshop.tick())) == 1


def test_a_file_that_cannot_be_read_delays_no_other(workshop: Workshop, open_folder: Path) -> None:
    for provider_id in ("openai", "xai"):
        (open_folder / f"{provider_id}_models.json").write_bytes(listing("a"))
    (open_folder / "openai_models.json").chmod(0)
    with without_roots_rights():
        assert [request.partition_key for request in requested(workshop.tick())] == ["xai"]


def test_the_run_key_names_provider_file_mtime_and_size(workshop: Workshop) -> None:
    path = workshop.drop("openai_models.json", listing("a"))
    (request,) = requested(workshop.tick())
    status = path.stat()
    assert request.run_key == f"openai:openai_models.json:{status.st_mtime_ns}:{status.st_size}"


def test_a_tick_reads_no_byte_of_a_listing(workshop: Workshop) -> None:
    path = workshop.drop("openai_models.json", b"")
    os.truncate(path, 100 * 2**30)  # sparse: to read it would take a minute and 100 GiB of memory
    assert len(requested(workshop.tick())) == 1


def test_a_file_that_ingest_has_ingested_is_not_requested_again(workshop: Workshop) -> None:
    path = workshop.drop("openai_models.json", listing("a"))
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    by_command = dg.RunRequest(partition_key="openai", run_config=listing_run_config(path, NOON + timedelta(days=1)))
    assert workshop.run(by_command).success
    answer = workshop.tick()
    assert isinstance(answer, dg.SensorResult)
    assert not answer.run_requests
    assert answer.skip_reason is not None
    assert answer.skip_reason.skip_message == "already in the catalog: openai"
    assert isinstance(workshop.tick(), dg.SkipReason)


def test_a_touched_file_and_one_that_was_only_admitted_are_requested(workshop: Workshop) -> None:
    path = workshop.drop("openai_models.json", listing("a"))
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    assert workshop.materialize("raw_provider_models", "openai").success
    assert list(workshop.run_all()) == ["openai"]
    workshop.drop("openai_models.json", path.read_bytes(), NOON + timedelta(days=1000))
    assert list(workshop.run_all()) == ["openai"]


def test_another_file_with_the_name_and_an_older_mtime_than_the_ingested_one_is_requested(workshop: Workshop) -> None:
    path = workshop.drop("openai_models.json", listing("a"))
    workshop.instance.add_dynamic_partitions("provider", ["openai"])
    by_command = dg.RunRequest(partition_key="openai", run_config=listing_run_config(path, NOON + timedelta(days=1)))
    assert workshop.run(by_command).success
    workshop.drop("openai_models.json", listing("b"), NOON - timedelta(hours=1))
    assert len(requested(workshop.tick())) == 1


def test_with_threads_for_sensors_a_tick_waits_for_a_file(tmp_path: Path) -> None:
    settings = Settings.from_environment({"GHOST_HOME": str(tmp_path / "home")})
    with open_instance(settings) as instance:
        workshop = Workshop(tmp_path, instance)
        workshop.drop("openai_models.json", listing("a"))
        assert [request.partition_key for request in requested(workshop.tick())] == ["openai"]
        later = threading.Timer(0.5, lambda: workshop.drop("mistral_models.json", listing("m")))
        later.start()
        assert [request.partition_key for request in requested(workshop.tick())] == ["mistral"]
        later.join()
