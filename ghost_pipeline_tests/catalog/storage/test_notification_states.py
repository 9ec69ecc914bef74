"""States of destinations: stored once, and overwritten only by who read them last."""

from dataclasses import replace
from datetime import UTC, datetime

from ghost_pipeline.lifecycle.records import NotificationState
from ghost_pipeline_tests.catalog.backends import Place

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_state_is_read_as_it_was_stored_and_only_the_newest_can_be_replaced(place: Place) -> None:
    with place.opened() as catalog:
        states = catalog.notifications
        first = NotificationState("chat", catalog.history.find_end(), NOON, {"unclear": {}})
        states.create(first)
        states.create(replace(first, failures=7))  # it has one already
        assert states.read("chat") == first
        assert states.read("other") is None
        full = replace(
            first,
            last_success_at=NOON,
            failures=3,
            next_attempt_at=NOON,
            last_error="no connection",
            pending={"id": "msg_1", "entries": [{"name": "\u00e9\u202e"}]},
        )
        stored = states.save(full)
        assert stored == replace(full, version=1)
        assert states.save(replace(first, failures=9)) is None
        states.create(replace(first, name="a"))
        assert states.read_all() == [replace(first, name="a"), stored]
        assert states.save(replace(stored, pending=None)) == replace(stored, pending=None, version=2)
    assert not full.is_blocked(NOON)
    assert full.is_blocked(datetime(2026, 5, 1, 11, tzinfo=UTC))
