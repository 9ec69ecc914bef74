"""The sensor on the models folder."""

import threading
import time
from datetime import UTC, datetime, timedelta

import dagster as dg

from ghost_pipeline_tests.defs.builders import NOON, Workshop, listing


def asked(answer: dg.SensorResult | dg.SkipReason) -> list[dg.RunRequest]:
    return list(answer.run_requests or ()) if isinstance(answer, dg.SensorResult) else []


def test_one_run_is_asked_for_each_provider_and_partitions_are_made(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"))
    workshop.drop("gemini-models.json", b'{"models": [{"name": "models/g"}]}')
    workshop.drop("notes.txt", b"no listing")
    assert [request.partition_key for request in asked(workshop.tick())] == ["google", "openai"]
    assert set(workshop.instance.get_dynamic_partitions("provider")) == {"google", "openai"}


def test_a_file_that_did_not_change_is_not_asked_for_again(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"))
    assert asked(workshop.tick())
    answer = workshop.tick()
    assert isinstance(answer, dg.SkipReason)
    assert "no newer file" in str(answer.skip_message)


def test_the_same_bytes_fetched_anew_are_new_evidence(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"))
    (first,) = asked(workshop.tick())
    workshop.drop("openai_models.json", listing("a"), NOON + timedelta(hours=1))
    (second,) = asked(workshop.tick())
    assert first.run_key != second.run_key


def test_a_file_that_goes_back_to_what_it_was_runs_again(workshop: Workshop) -> None:
    keys = []
    for hours, content in enumerate((listing("a"), listing("b"), listing("a"))):
        workshop.drop("openai_models.json", content, NOON + timedelta(hours=hours))
        keys += [request.run_key for request in asked(workshop.tick())]
    assert len(set(keys)) == 3


def test_an_older_file_than_the_last_is_never_asked_for(workshop: Workshop) -> None:
    workshop.drop("openai_models_2026-05-01T00-00-00.json", listing("old"))
    newest = workshop.drop("openai_models_2026-05-02T00-00-00.json", listing("new"))
    (request,) = asked(workshop.tick())
    assert newest.name in str(request.run_config)
    newest.unlink()
    assert not asked(workshop.tick())


def test_a_run_is_asked_as_of_the_files_mtime(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"), NOON)
    (request,) = asked(workshop.tick())
    assert request.run_config["ops"]["raw_provider_models"]["config"]["observed_at"] == NOON.isoformat()


def test_an_mtime_in_the_future_is_capped_at_the_tick(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"), datetime.now(UTC) + timedelta(days=400))
    (request,) = asked(workshop.tick())
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
    assert len(asked(workshop.tick())) == 1


def test_a_folder_that_is_not_there_is_a_reason_not_an_error(workshop: Workshop) -> None:
    (workshop.folder / "models").rmdir()
    assert isinstance(workshop.tick(), dg.SkipReason)


def test_a_file_from_the_future_does_not_make_later_files_look_old(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"), datetime.now(UTC) + timedelta(days=400))
    assert asked(workshop.tick())
    workshop.drop("openai_models.json", listing("b"), datetime.now(UTC) + timedelta(seconds=1))
    assert asked(workshop.tick())


def test_a_cursor_that_a_person_broke_starts_over(workshop: Workshop) -> None:
    workshop.drop("openai_models.json", listing("a"))
    (first,) = asked(workshop.tick())
    workshop.cursor = "reset"
    (again,) = asked(workshop.tick())
    assert again.run_key == first.run_key
