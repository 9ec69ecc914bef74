"""Notifications from Dagster: a sensor that requests the job, and a check."""

import os
from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest

from ghost_pipeline.defs.notifications import notifications_sensor, send_notifications
from ghost_pipeline.notifications.delivery import FAILING_AFTER
from ghost_pipeline_tests.defs.builders import Workshop, health_check
from ghost_pipeline_tests.notifications.world import SECRET, Receiver, answer

CHECK = "notifications_are_delivered"


@pytest.fixture
def receiver(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()
    file = workshop.folder / "notifications.toml"
    file.write_text(f'[destinations.hook]\nkind = "webhook"\nurl = "{receiver.url}"\nsecret_variable = "HOOK_SECRET"\n')
    monkeypatch.setenv("GHOST_NOTIFICATIONS_FILE", str(file))
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    yield receiver
    receiver.close()


def tick(workshop: Workshop) -> dg.RunRequest | dg.SkipReason:
    with dg.build_sensor_context(workshop.instance, resources={"ghost": workshop.ghost}) as context:
        found = notifications_sensor(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found


def send(workshop: Workshop) -> dg.ExecuteInProcessResult:
    return send_notifications.execute_in_process(instance=workshop.instance, resources={"ghost": workshop.ghost})


def add(workshop: Workshop, model_id: str) -> None:
    with workshop.catalog() as catalog:
        catalog.add_manual_model("openai", model_id)


def test_the_sensor_requests_a_run_when_a_message_is_due_and_the_run_sends_it(
    workshop: Workshop, receiver: Receiver
) -> None:
    add(workshop, "old")
    assert isinstance(tick(workshop), dg.SkipReason)  # the first use
    add(workshop, "gpt-new")
    assert isinstance(tick(workshop), dg.RunRequest)
    assert receiver.received == []
    assert send(workshop).success
    assert receiver.all_entries() == [("new", "openai", "gpt-new")]
    assert isinstance(tick(workshop), dg.SkipReason)


def test_a_failed_delivery_leaves_the_run_green_and_is_not_requested_again_before_its_time(
    workshop: Workshop, receiver: Receiver
) -> None:
    tick(workshop)
    add(workshop, "gpt-new")
    tick(workshop)
    receiver.default = answer(500)
    assert send(workshop).success
    assert isinstance(tick(workshop), dg.SkipReason)
    assert health_check(workshop, CHECK).passed
    with workshop.catalog() as catalog:
        state = catalog.notifications.read("hook")
        assert state is not None
        catalog.notifications.save(replace(state, failures=FAILING_AFTER))
    check = health_check(workshop, CHECK)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "HTTP 500" in str(check.metadata["hook"].value)


def test_a_sensor_waits_while_a_run_is_under_way(workshop: Workshop, receiver: Receiver) -> None:
    tick(workshop)
    add(workshop, "gpt-new")
    run = workshop.instance.create_run_for_job(send_notifications, status=dg.DagsterRunStatus.STARTED)
    found = tick(workshop)
    assert isinstance(found, dg.SkipReason)
    assert "is running" in str(found.skip_message)
    workshop.instance.delete_run(run.run_id)
    assert isinstance(tick(workshop), dg.RunRequest)


def test_without_destinations_nothing_happens_and_an_invalid_file_fails_the_check(
    workshop: Workshop, receiver: Receiver
) -> None:
    file = workshop.folder / "notifications.toml"
    file.write_text("")
    assert isinstance(tick(workshop), dg.SkipReason)
    assert health_check(workshop, CHECK).passed
    file.write_text("[destinations.a]\n")
    check = health_check(workshop, CHECK)
    assert not check.passed
    assert "line 1" in str(check.metadata["notifications.toml"].value)
    os.unlink(file)
    assert not health_check(workshop, CHECK).passed
