"""``DiscoveryTracker.track_refused_inference``: the promises for successes, and nothing of an answer's text is kept."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghost_pipeline import DiscoveryTracker, ModelCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.client.tracker_fixtures import NO_INTERVAL, block_catalog_path, found

GONE = "The model `llama-x` has been decommissioned and is no longer supported."
KEY = "gsk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH"
EARLIER = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def tracker(settings: Settings) -> Iterator[DiscoveryTracker]:
    with DiscoveryTracker(settings, interval=NO_INTERVAL) as tracker:
        tracker.track_successful_inference("groq", "llama-x", observed_at=EARLIER)
        assert tracker.flush()
        yield tracker


def test_many_refusals_become_one_row_with_their_number(settings: Settings, tracker: DiscoveryTracker) -> None:
    for _ in range(50):
        tracker.track_refused_inference("groq", "llama-x", status=400, message=GONE, account="team")
    assert tracker.flush()
    assert found(settings)["llama-x"].refusal_reason == "retired: decommissioned (groq.model_decommissioned)"
    with ModelCatalog.open(settings) as catalog:
        kept = catalog.explain_model("groq", "llama-x").refusals
    assert sum(one.count for one in kept) == 50
    assert {one.account for one in kept} == {"team"}
    assert tracker.dropped == 0


def test_what_is_not_evidence_or_of_an_unknown_model_changes_nothing(
    settings: Settings, tracker: DiscoveryTracker
) -> None:
    for status, message in ((429, "Rate limit reached"), (503, GONE[:10]), (404, ""), (None, None)):
        tracker.track_refused_inference("groq", "llama-x", status=status, message=message)
    tracker.track_refused_inference("groq", "never-seen", status=400, message=GONE.replace("llama-x", "never-seen"))
    tracker.track_refused_inference("nobody", "llama-x", status=400, message=GONE)
    assert tracker.flush()
    assert set(found(settings)) == {"llama-x"}
    assert found(settings)["llama-x"].refused_since is None
    assert tracker.dropped == 0


MEGABYTES = "<html>" + "<p>502 Bad Gateway</p>" * 200_000
ODD_CALLS: list[dict[str, Any]] = [
    {"message": MEGABYTES},
    {"message": MEGABYTES.encode()},
    {"message": GONE.encode()},
    {"message": f"{GONE} Your key: {KEY}", "account": KEY},
    {"message": f"\x1b[2J\u202e{GONE}\x00\ud800", "account": "team\u202e"},
    {"message": GONE, "status": "4OO", "code": ["x"]},
    {"message": GONE, "status": float("nan"), "code": object()},
    {"message": object(), "status": 10**400},
    {"message": GONE, "account": 7},
    {"message": GONE, "account": "x" * 1_000_000},
    {"message": GONE, "observed_at": datetime(2026, 5, 2)},  # noqa: DTZ001 - it has no time zone
    {"message": GONE, "observed_at": datetime(9999, 12, 31, tzinfo=UTC)},
    {"message": GONE, "observed_at": datetime(1, 1, 1, tzinfo=UTC)},
]


def test_no_answer_raises_and_nothing_of_its_text_is_stored(settings: Settings, tracker: DiscoveryTracker) -> None:
    for call in ODD_CALLS:
        tracker.track_refused_inference("groq", "llama-x", **{"status": 400, **call})
    for provider_id, model_id in ((7, "x"), ("groq", None), ("", ""), ("groq", b"x")):
        tracker.track_refused_inference(provider_id, model_id, status=400, message=GONE)  # type: ignore[arg-type]
    assert tracker.flush()
    assert set(tracker.dropped_by_reason) == {"invalid"}
    before = found(settings)["llama-x"]
    assert before.last_refused_at is not None
    assert before.last_refused_at <= datetime.now(UTC) + timedelta(seconds=5)  # noqa: TID251 - the tracker has no clock
    content = b"".join(path.read_bytes() for path in settings.home.iterdir() if path.is_file())
    for part in (KEY[4:30], "Bad Gateway", "no longer supported", "\u202e"):
        assert part.encode() not in content
    tracker.track_successful_inference("groq", "llama-x")
    assert tracker.flush()
    assert found(settings)["llama-x"].refused_since is None, "no instant is in the future"


def test_refusals_wait_while_the_catalog_is_unavailable(settings: Settings, tracker: DiscoveryTracker) -> None:
    tracker.track_refused_inference("groq", "llama-x", status=400, message=GONE)
    other = DiscoveryTracker(Settings(home=settings.home / "blocked"), interval=NO_INTERVAL)
    block_catalog_path(Settings(home=settings.home / "blocked"))
    other.track_refused_inference("groq", "llama-x", status=400, message=GONE)
    assert not other.flush()
    assert other.dropped == 0
    other.close(timeout=0.1)
    assert other.dropped_by_reason == {"undelivered": 1}
    other.track_refused_inference("groq", "llama-x", status=400, message=GONE)
    assert other.dropped_by_reason == {"undelivered": 1, "closed": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_without_the_refusals_of_its_parent(
    settings: Settings, tracker: DiscoveryTracker
) -> None:
    tracker.track_refused_inference("groq", "llama-x", status=400, message=GONE)
    child = os.fork()
    if child == 0:
        os._exit(0 if tracker._buffer.is_empty else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert tracker.flush()
    assert found(settings)["llama-x"].refused_since is not None


def test_an_answer_by_another_model_is_a_sighting_of_that_and_an_event_of_the_requested_one(
    settings: Settings, tracker: DiscoveryTracker
) -> None:
    for _ in range(3):
        tracker.track_successful_inference("groq", "gpt-oss-x", requested_model_id="llama-x")
        tracker.track_successful_inference("groq", "llama-x-2026-05-01", requested_model_id="llama-x")
        assert tracker.flush()
    models = found(settings)
    assert set(models) == {"llama-x", "gpt-oss-x", "llama-x-2026-05-01"}
    assert models["llama-x"].last_used_at == EARLIER
    with ModelCatalog.open(settings) as catalog:
        kinds = [event.kind.value for event in catalog.list_events("groq", "llama-x")]
        claims = catalog.references.resolve_model("groq", "llama-x")
    assert kinds == ["discovered", "answered_by_another"]
    assert (claims["aliases"].value, claims["aliases"].source) == ("llama-x-2026-05-01", "inference")
