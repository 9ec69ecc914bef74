"""Delivery to a real HTTP server: at least once, in order, and no destination waits for another."""

import logging
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ghost_pipeline.notifications import delivery
from ghost_pipeline.notifications.delivery import (
    CLAIM,
    FAILING_AFTER,
    Outcome,
    Result,
    deliver,
    deliver_all,
    find_due,
    find_failing,
    preview,
    send_test,
    skip_waiting,
)
from ghost_pipeline.notifications.destinations import Destination
from ghost_pipeline.notifications.kinds import send_message
from ghost_pipeline.notifications.message import Message
from ghost_pipeline_tests.notifications.world import HOUR, SECRET, START, Receiver, World, answer, webhook

MINUTE = timedelta(minutes=1)


def send(world: World, destination: Destination) -> Outcome:
    return deliver(world.catalog, destination, world.clock)


def test_the_first_use_is_quiet_and_what_follows_is_sent_once(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    world.list_models("openai", *(f"old-{number}" for number in range(700)))
    assert send(world, hook).result is Result.STARTED
    assert send(world, hook).result is Result.NOTHING
    world.pass_time(MINUTE)
    world.catalog.add_manual_model("openai", "gpt-new")
    assert send(world, hook) == Outcome("hook", Result.SENT, 1)
    assert send(world, hook).result is Result.NOTHING
    assert receiver.all_entries() == [("new", "openai", "gpt-new")]


def test_a_receiver_that_is_down_for_an_hour_gets_everything_in_order(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    receiver.default = answer(503)
    results = []
    for minute in range(60):
        if minute % 20 == 0:
            world.catalog.add_manual_model("openai", f"gpt-{minute}")
        results.append(send(world, hook).result)
        world.pass_time(MINUTE)
    # After 0, 1, 3, 7, 15 and 31 minutes.
    assert [minute for minute, result in enumerate(results) if result is Result.FAILED] == [0, 1, 3, 7, 15, 31]
    assert {result for result in results if result is not Result.FAILED} == {Result.WAITING}
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    assert len({one.content for one in receiver.received}) == 1
    receiver.default, tries = answer(204), len(receiver.received)
    world.pass_time(4 * MINUTE)
    assert send(world, hook) == Outcome("hook", Result.SENT, 2)
    delivered = receiver.received[tries:]
    assert [one.entries for one in delivered] == [
        [("new", "openai", "gpt-0")],
        [("new", "openai", "gpt-20"), ("new", "openai", "gpt-40")],
    ]
    state = world.catalog.notifications.read("hook")
    assert state is not None
    assert (state.failures, state.last_error, state.pending, state.last_success_at) == (0, None, None, world.now)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer(500, b"<html>hunter2</html>", content_type="text/html"), "HTTP 500 Internal Server Error"),
        (answer(200, b"\n <!DOCTYPE html><title>Log in</title>", content_type="text/html"), "web page"),
        (answer(302, location="http://127.0.0.1:1/elsewhere"), "redirects are not followed"),
        (answer(307, location="http://127.0.0.1:1/elsewhere"), "redirects are not followed"),
        (answer(410), "HTTP 410 Gone"),
        (answer(999), "HTTP 999 from"),
        (lambda request: request.wfile.write(b"\x00garbage\r\n\r\n"), "failed (RemoteProtocolError)"),
    ],
    ids=["500", "login page", "302", "307", "410", "999", "garbage"],
)
def test_any_other_answer_is_a_failure_that_quotes_nothing(
    world: World, receiver: Receiver, reply: object, reason: str
) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")
    receiver.answers = [reply]  # type: ignore[list-item]
    failed = send(world, hook)
    assert failed.result is Result.FAILED
    assert reason in (failed.error or "")
    assert "hunter2" not in (failed.error or "")
    assert SECRET not in (failed.error or "")
    assert len(receiver.received) == 1
    world.pass_time(MINUTE)
    assert send(world, hook).result is Result.SENT


def test_short_answers_of_any_type_are_acceptances(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    for number, reply in enumerate([answer(200, b"ok", content_type="text/html"), answer(202, b"{}"), answer(204)]):
        world.catalog.add_manual_model("openai", f"gpt-{number}")
        receiver.answers = [reply]
        assert send(world, hook).result is Result.SENT


def test_a_server_that_asks_for_more_time_gets_it_up_to_a_day(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")
    receiver.answers = [answer(429, retry_after="7200"), answer(429, retry_after="99999999999")]
    assert send(world, hook).next_attempt_at == START + 2 * HOUR
    world.pass_time(2 * HOUR)
    assert send(world, hook).next_attempt_at == START + 26 * HOUR


def test_a_slow_server_is_given_up_and_delays_no_other_destination(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SEND_TIMEOUT", 0.5)
    slow = Receiver()
    slow.default = slow.drip
    destinations = [webhook(slow.url, "slow"), webhook(receiver.url, "fast"), webhook("http://127.0.0.1:9/", "dead")]
    try:
        deliver_all(world.catalog, destinations, world.clock)
        world.catalog.add_manual_model("openai", "gpt-new")
        begin = time.monotonic()
        outcomes = deliver_all(world.catalog, destinations, world.clock)
        assert time.monotonic() - begin < 5
    finally:
        slow.close()
    assert [one.result for one in outcomes] == [Result.FAILED, Result.SENT, Result.FAILED]
    assert outcomes[0].error == "no answer within 0.5 s"
    assert "no connection to 127.0.0.1:9" in (outcomes[2].error or "")
    assert receiver.all_entries() == [("new", "openai", "gpt-new")]


KILLED = """
import os, sys
from datetime import datetime
from pathlib import Path
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.notifications.delivery import deliver
from ghost_pipeline.notifications.kinds import send_message
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.notifications.world import webhook

def send_and_die(destination, message, now):
    send_message(destination, message, now)
    os._exit(9)

home, url, now = sys.argv[1:]
clock = lambda: datetime.fromisoformat(now)
with ModelCatalog.open(Settings(home=Path(home)), clock=clock) as catalog:
    deliver(catalog, webhook(url), clock, send_and_die)
"""


def test_a_sender_that_is_killed_after_the_post_sends_twice_and_never_loses(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")
    ran = subprocess.run([sys.executable, "-c", KILLED, str(world.home), receiver.url, world.now.isoformat()])
    assert ran.returncode == 9
    assert len(receiver.received) == 1
    assert send(world, hook).result is Result.WAITING  # it may still be at work
    world.catalog.add_manual_model("openai", "gpt-later")
    world.pass_time(CLAIM)
    assert send(world, hook) == Outcome("hook", Result.SENT, 2)
    first, again, later = receiver.received
    assert (first.headers["webhook-id"], first.content) == (again.headers["webhook-id"], again.content)
    assert [one.entries for one in (first, later)] == [[("new", "openai", "gpt-new")], [("new", "openai", "gpt-later")]]


def test_many_senders_at_once_send_each_message_once(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    for number in range(5):
        world.catalog.add_manual_model("openai", f"gpt-{number}")
        with ThreadPoolExecutor(6) as pool:
            outcomes = list(pool.map(lambda _: send(world, hook), range(6)))
        assert sum(one.sent for one in outcomes) == 1
    assert receiver.all_entries() == [("new", "openai", f"gpt-{number}") for number in range(5)]


def test_a_sender_that_is_overtaken_stores_nothing(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")

    def overtaken(destination: Destination, message: Message, now: datetime) -> None:
        world.pass_time(CLAIM)
        assert send(world, hook).result is Result.SENT  # another program, after the claim
        world.catalog.add_manual_model("openai", "gpt-later")
        receiver.answers = [answer(500)]
        assert send(world, hook).result is Result.FAILED  # a third one

    deliver(world.catalog, hook, world.clock, overtaken)
    state = world.catalog.notifications.read("hook")
    assert state is not None
    assert state.pending is not None
    assert state.failures == 1


def test_more_changes_than_fit_one_message_come_in_order_in_several(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url, more='cadence = "6h"')
    send(world, hook)
    names = [f"m-{number:04}" for number in range(2_500)]
    world.list_models("openrouter", *names)
    world.pass_time(6 * HOUR)
    assert send(world, hook) == Outcome("hook", Result.SENT, 3)
    assert [len(one.entries) for one in receiver.received] == [1_000, 1_000, 500]
    assert [model_id for _, _, model_id in receiver.all_entries()] == names


def test_a_digest_waits_for_its_time_and_leaves_out_what_was_undone(world: World, receiver: Receiver) -> None:
    every, daily = webhook(receiver.url, "every", 'cadence = "6h"'), webhook(receiver.url, "daily", 'cadence = "daily"')
    destinations = [every, daily]
    deliver_all(world.catalog, destinations, world.clock)
    world.catalog.add_manual_model("openai", "stays")
    world.catalog.add_manual_model("openai", "leaves")
    world.catalog.remove_model("openai", "leaves")
    for _ in range(5):
        world.pass_time(HOUR)
        assert {one.result for one in deliver_all(world.catalog, destinations, world.clock)} == {Result.NOTHING}
    message, note = preview(world.catalog, every, world.now)
    assert message is not None
    assert "next digest" in note
    world.pass_time(HOUR)
    assert [one.result for one in deliver_all(world.catalog, destinations, world.clock)] == [
        Result.SENT,
        Result.NOTHING,
    ]
    world.pass_time(6 * HOUR)  # midnight
    assert [one.result for one in deliver_all(world.catalog, destinations, world.clock)] == [
        Result.NOTHING,
        Result.SENT,
    ]
    assert receiver.all_entries() == [("new", "openai", "stays")] * 2


def test_a_held_provider_is_reported_when_it_begins_before_its_protection_ends_and_when_it_is_over(
    world: World, receiver: Receiver
) -> None:
    hook = webhook(receiver.url)
    names = [f"gpt-{number}" for number in range(20)]
    world.list_models("openai", *names)
    send(world, hook)
    texts = []
    for hour in range(4, 24 * 8, 4):
        world.pass_time(4 * HOUR)
        if hour < 24 * 7 - 4:
            fault = b"<html>down</html>" if hour % 8 else b'{"data": [{"id": "gpt-1"}], "has_more": true}'
            world.ingest("openai", fault, is_complete=False)
        else:
            world.list_models("openai", *names)
        world.catalog.mark_stale_models_inactive()
        send(world, hook)
        entries = [entry for one in receiver.received for entry in one.document["data"]["entries"]]
        texts += [(hour, entry["section"], entry["text"].partition(",")[0]) for entry in entries]
        receiver.received.clear()
    assert texts == [
        (4, "unclear", "its absences don't count since 2026-05-01 16:00Z"),
        (24 * 6 + 4, "unclear", "still unclear"),
        (24 * 7 - 4, "unclear", "clear again: its absences count"),
    ]


def test_a_provider_without_any_complete_listing_is_reported_once(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url, more='kinds = ["unclear"]')
    world.list_models("openai", "gpt-1")
    send(world, hook)
    for _ in range(25):
        world.pass_time(4 * HOUR)
        send(world, hook)
    assert receiver.all_entries() == [("unclear", "openai", None)]
    assert "no complete listing since 2026-05-01 12:00Z" in receiver.received[0].document["data"]["text"]


def test_a_model_that_is_used_and_left_its_list_is_reported_once(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    names = [f"gpt-{number}" for number in range(30)]
    world.list_models("openai", *names)
    world.catalog.track_successful_inference("openai", "gpt-0")
    send(world, hook)
    for _ in range(3):
        world.pass_time(2 * HOUR)
        world.list_models("openai", *names[1:])
        world.catalog.track_successful_inference("openai", "gpt-0")
        send(world, hook)
    assert receiver.all_entries() == [("unlisted", "openai", "gpt-0")]


def test_a_dry_run_and_what_the_sensor_reads_send_nothing(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    assert preview(world.catalog, hook, world.now)[0] is None
    assert world.catalog.notifications.read("hook") is None
    assert find_due(world.catalog, [hook], world.now) == []
    world.catalog.add_manual_model("openai", "gpt-new")
    before = world.catalog.notifications.read("hook")
    message, _ = preview(world.catalog, hook, world.now)
    assert message is not None
    assert [one.model_id for one in message.entries] == ["gpt-new"]
    assert world.catalog.notifications.read("hook") == before
    assert find_due(world.catalog, [hook], world.now) == ["hook"]
    assert receiver.received == []
    assert send(world, hook).result is Result.SENT
    assert find_due(world.catalog, [hook], world.now) == []


def test_changes_that_a_destination_does_not_get_only_move_its_cursor(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url, more='providers = ["Gemini"]')
    send(world, hook)
    world.list_models("openai", *(f"m-{number}" for number in range(1_500)))
    assert find_due(world.catalog, [hook], world.now) == []
    state = world.catalog.notifications.read("hook")
    assert state is not None
    assert state.cursor == world.catalog.history.find_end()
    world.catalog.add_manual_model("google", "gemini-x")
    send(world, hook)
    assert receiver.all_entries() == [("new", "google", "gemini-x")]


def test_a_destination_that_keeps_failing_is_visible_until_it_works(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")
    receiver.default = answer(500)
    for attempt in range(FAILING_AFTER):
        assert bool(find_failing(world.catalog, [hook])) is False, attempt
        assert send(world, hook).result is Result.FAILED
        world.pass_time(HOUR)
    assert "HTTP 500" in find_failing(world.catalog, [hook])["hook"]
    assert find_failing(world.catalog, []) == {}
    receiver.default = answer(204)
    send(world, hook)
    assert find_failing(world.catalog, [hook]) == {}


def test_a_test_message_is_marked_and_ends_the_wait(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")
    receiver.answers = [answer(500)]
    send(world, hook)
    assert send_test(world.catalog, hook, world.clock) is None
    assert receiver.received[-1].document["type"] == "ghost_pipeline.test"
    assert "test message" in receiver.received[-1].document["data"]["text"]
    assert send(world, hook).result is Result.SENT


def test_what_waits_can_be_skipped(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    assert skip_waiting(world.catalog, hook, world.now) is False
    world.catalog.add_manual_model("openai", "poison")
    receiver.answers = [answer(413)]
    send(world, hook)
    world.catalog.add_manual_model("openai", "meanwhile")
    assert skip_waiting(world.catalog, hook, world.now) is True
    world.catalog.add_manual_model("openai", "later")
    send(world, hook)
    assert receiver.received[-1].entries == [("new", "openai", "later")]


@pytest.mark.parametrize("value", ["", "  ", "whsec_", "whsec_not base64 \u00e9", "hunter2hunter2!!"])
def test_a_secret_that_is_missing_or_invalid_fails_without_a_request_and_without_its_value(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")
    monkeypatch.setenv("HOOK_SECRET", value)
    failed = send(world, hook)
    assert "HOOK_SECRET" in (failed.error or "")
    assert "hunter2" not in (failed.error or "")
    assert receiver.received == []


def test_a_host_that_does_not_exist_is_a_failure(world: World) -> None:
    hook = replace(webhook("https://localhost/"), url="https://no-such-host.invalid/hook")
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")
    assert "no connection to no-such-host.invalid:443" in (send(world, hook).error or "")


def test_a_server_that_closes_the_connection_is_a_failure(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hook = webhook(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        send(world, hook)
        world.catalog.add_manual_model("openai", "gpt-new")

        def hang_up() -> None:
            listening.accept()[0].close()

        accepted = threading.Thread(target=hang_up)
        accepted.start()
        assert send(world, hook).result is Result.FAILED
        accepted.join()
    assert SECRET not in caplog.text


def test_an_error_of_the_program_itself_is_a_failure_of_one_destination(world: World, receiver: Receiver) -> None:
    hook = webhook(receiver.url)
    send(world, hook)
    world.catalog.add_manual_model("openai", "gpt-new")

    def broken(destination: Destination, message: Message, now: datetime) -> None:
        raise ZeroDivisionError("hunter2")

    failed = deliver(world.catalog, hook, world.clock, broken)
    assert failed.error == "the attempt failed (ZeroDivisionError)"
    assert send_message is not broken
