"""After every fault, through Dagster: no model changed, the provider held, a readable reason, no key anywhere.

And the next good answer lifts the hold.
"""

import os
from pathlib import Path

import pytest

from ghost_pipeline import settings
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline_tests.defs.builders import NOON, Workshop, failure_of
from ghost_pipeline_tests.fetching.builders import KEY, QUICK, Configure
from ghost_pipeline_tests.fetching.faults import FAULTS, LISTING, FaultyPage
from ghost_pipeline_tests.fetching.server import always, body_reply


@pytest.fixture
def limits(fault: FaultyPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make these short limits the ones of every run; most of them have no environment variable."""
    short = settings.FetchLimits(
        read_timeout=fault.read_timeout,
        total_timeout=fault.total_timeout,
        attempts=QUICK.attempts,
        initial_backoff=QUICK.initial_backoff,
        max_bytes=1_000_000,
    )
    read = settings.read_settings
    monkeypatch.setattr(
        settings, "read_settings", lambda group, env: short if group is settings.FetchLimits else read(group, env)
    )


def submit(workshop: Workshop, content: bytes) -> None:
    """Ingest a listing without a run."""
    with workshop.catalog() as catalog:
        at = max((one.provider.last_listing_at or NOON for one in catalog.list_provider_health()), default=NOON)
        submission = SubmittedListing("openai", "openai.json", content, at)
        catalog.reconcile(catalog.admit(submission).listing_id)


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_changes_no_model_and_holds_until_the_next_good_answer(
    workshop: Workshop, configure: Configure, fault: FaultyPage, capfd: pytest.CaptureFixture[str]
) -> None:
    servers = configure(openai=always(fault.reply))
    submit(workshop, LISTING)
    with workshop.catalog() as catalog:
        before = catalog.find_models(ModelFilter(is_active=None)), catalog.list_events()
    failed = workshop.fetch("openai")
    assert not failed.success
    message = fault.message.replace("OPENAI_API_KEY", "MY_KEY")
    assert failure_of(failed).startswith("openai: ")
    assert message in failure_of(failed)
    assert len(failed.get_step_failure_events()) == 1
    assert len(servers["openai"].requests) == fault.attempts, "asked again by the engine only"
    with workshop.catalog() as catalog:
        assert (catalog.find_models(ModelFilter(is_active=None)), catalog.list_events()) == before
    held = workshop.provider("openai")
    assert (held.last_verdict, held.consecutive_failures) == (Verdict.FAILED, 1)
    assert held.provider.held_since is not None
    assert message in (held.provider.held_reason or "")
    assert list((workshop.folder / "models").iterdir()) == []

    servers["openai"].script = always(body_reply(LISTING))
    assert workshop.fetch("openai").success
    [file] = (workshop.folder / "models").glob("*.json")
    submit(workshop, file.read_bytes())
    after = workshop.provider("openai")
    assert (after.provider.held_since, after.consecutive_failures) == (None, 0)
    assert_no_key_is_left(workshop, "".join(capfd.readouterr()))


def assert_no_key_is_left(workshop: Workshop, printed: str) -> None:
    """Assert that the key is in no output, log, event, metadata or file."""
    logged = [str(entry) for run in workshop.instance.get_runs() for entry in workshop.instance.all_logs(run.run_id)]
    assert len(logged) > 10
    assert KEY.lower() not in (printed + "".join(logged)).lower()
    for parent, _, names in os.walk(workshop.folder):
        for name in names:
            assert KEY.encode().lower() not in (Path(parent) / name).read_bytes().lower(), name
