"""From the schedule's tick to the catalog: fetched, written, noticed, admitted, reconciled, without mocks."""

from datetime import timedelta
from tempfile import TemporaryDirectory

import dagster as dg
import pytest

from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline_tests.defs.builders import (
    NOON,
    Workshop,
    failed_checks,
    failure_of,
    listing,
    materialized,
    observations_of,
)
from ghost_pipeline_tests.fetching.builders import KEY, Configure
from ghost_pipeline_tests.fetching.faults import FAULTS
from ghost_pipeline_tests.fetching.server import Asked, Reply, always, bare_reply, body_reply, json_reply

GOOD = body_reply(listing("a", "b"))


def ticked(workshop: Workshop, hours: int = 0) -> list[dg.RunRequest] | str:
    """Evaluate the schedule as the daemon does: return run requests with partitions, or why it skips."""
    repository = workshop.definitions.get_repository_def()
    with (
        TemporaryDirectory() as folder,
        dg.DagsterInstance.local_temp(folder) as instance,  # a schedule reaches no instance that is in memory only
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=NOON + timedelta(hours=hours),
            repository_def=repository,
            resources={"ghost": workshop.ghost},
        ) as context,
    ):
        answer = repository.get_schedule_def("fetch_every_6h").evaluate_tick(context)
        workshop.instance.add_dynamic_partitions("provider", list(instance.get_dynamic_partitions("provider")))
    return list(answer.run_requests or ()) or str(answer.skip_message)


def fetch_all(workshop: Workshop, hours: int) -> dict[str, dg.ExecuteInProcessResult]:
    requests = ticked(workshop, hours)
    assert isinstance(requests, list)
    asked = [str(one.partition_key) for one in requests]
    assert workshop.instance.get_dynamic_partitions("provider") == asked
    return {provider_id: workshop.fetch(provider_id) for provider_id in asked}


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def changing_once(asked: Asked) -> Reply:
    if asked.headers.get("if-none-match") == '"1"':
        return bare_reply(304, etag='"1"')
    return body_reply(listing("kept"), etag='"1"')


def test_from_the_tick_of_the_schedule_to_the_catalog(workshop: Workshop, configure: Configure) -> None:
    servers = configure(
        good=always(GOOD),
        nothing=always(json_reply({"data": []})),
        down=always(FAULTS["401"].reply),
        same=changing_once,
    )
    fetched = fetch_all(workshop, 0)
    assert {name: run.success for name, run in fetched.items()} == {
        "down": False,
        "good": True,
        "nothing": True,
        "same": True,
    }
    assert "HTTP 401" in failure_of(fetched["down"])
    ingested = workshop.run_all()
    assert {name: run.success for name, run in ingested.items()} == {"good": True, "nothing": False, "same": True}
    assert list(failed_checks(ingested["nothing"])) == ["listing_has_models", "listing_is_complete"]
    verdicts = {name: workshop.provider(name).last_verdict for name in servers}
    assert verdicts == {
        "good": Verdict.COMPLETE,
        "nothing": Verdict.EMPTY,
        "down": Verdict.FAILED,
        "same": Verdict.COMPLETE,
    }
    held = {name for name in servers if workshop.provider(name).provider.held_since is not None}
    assert held == {"nothing", "down"}
    seen = workshop.provider("same").provider.last_complete_at
    assert (workshop.active("good"), workshop.active("same")) == (["a", "b"], ["kept"])

    servers["down"].script = servers["nothing"].script = always(GOOD)
    fetched = fetch_all(workshop, 6)
    assert all(run.success for run in fetched.values())
    assert metadata_of(fetched["same"])["result"] == "not_modified"
    ingested = workshop.run_all()
    assert {name: run.success for name, run in ingested.items()} == dict.fromkeys(servers, True)
    confirmed = workshop.provider("same").provider.last_complete_at
    assert seen is not None
    assert confirmed is not None
    assert confirmed > seen, "what the provider did not modify is seen anew"
    with workshop.catalog() as catalog:
        assert [model.last_seen_at for model in catalog.find_models(ModelFilter(("same",)))] == [confirmed]
        assert {one.held_since for one in catalog.list_providers()} == {None}
    assert workshop.provider("same").last_duration_seconds is not None


def test_the_sensor_does_not_take_an_old_file_for_the_answer_of_a_provider_that_failed(
    workshop: Workshop, configure: Configure
) -> None:
    servers = configure(good=always(GOOD))
    fetch_all(workshop, 0)
    workshop.run_all()
    servers["good"].script = always(FAULTS["401"].reply)
    fetch_all(workshop, 6)
    assert isinstance(workshop.tick(), dg.SkipReason), "no file is news"
    assert workshop.active("good") == ["a", "b"]
    assert workshop.provider("good").provider.held_since is not None


def test_a_catalog_run_alone_after_a_failed_fetch_lifts_nothing(workshop: Workshop, configure: Configure) -> None:
    servers = configure(good=always(GOOD))
    fetch_all(workshop, 0)
    workshop.run_all()
    servers["good"].script = always(FAULTS["401"].reply)
    fetch_all(workshop, 6)
    assert workshop.materialize("model_catalog", "good").success
    assert workshop.provider("good").provider.held_since is not None


def test_the_metadata_summarize_the_listing(workshop: Workshop, configure: Configure) -> None:
    configure(good=always(body_reply(listing("a", "b"), etag='"7"', x_request_id="req-1")))
    known = metadata_of(fetch_all(workshop, 0)["good"])
    assert (known["result"], known["status"], known["pages"], known["models"]) == ("fetched", "200", "1", "2")
    assert (known["etag"], known["request_id"], known["bytes"]) == ('"7"', "req-1", str(len(listing("a", "b"))))
    assert str(known["file"]).startswith("good_models_")
    assert KEY not in str(known)
    assert "http" not in str(known)


def test_each_provider_gets_its_own_run(workshop: Workshop, configure: Configure) -> None:
    configure(one=always(GOOD), two=always(GOOD))
    first, again, later = (ticked(workshop, hours) for hours in (0, 0, 6))
    assert isinstance(first, list)
    assert isinstance(again, list)
    assert isinstance(later, list)
    assert [one.partition_key for one in first] == ["one", "two"]
    assert [one.run_key for one in first] == [one.run_key for one in again]
    assert not {one.run_key for one in first} & {one.run_key for one in later}


def test_without_a_key_and_a_server_the_schedule_skips_with_its_reason(
    workshop: Workshop, configure: Configure
) -> None:
    configure()
    skip_reason = ticked(workshop)
    assert isinstance(skip_reason, str)
    assert "no provider has a key; set one, such as OPENAI_API_KEY" in skip_reason


def test_a_provider_that_lacks_something_is_the_reason_to_skip(
    workshop: Workshop, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", KEY)
    skip_reason = ticked(workshop)
    assert isinstance(skip_reason, str)
    assert "cloudflare: account_id is required" in skip_reason
    assert KEY not in skip_reason


def test_an_unwritable_folder_is_an_error_of_one_line(workshop: Workshop, configure: Configure) -> None:
    configure(good=always(GOOD))
    (workshop.folder / "models").rmdir()
    (workshop.folder / "models").write_text("")
    assert "can't be created" in failure_of(workshop.fetch("good"))


def test_a_provider_that_can_not_be_fetched_is_skipped_with_its_reason_and_not_held(
    workshop: Workshop, configure: Configure
) -> None:
    configure()
    for provider_id, reason in (("nowhere", "base_url"), ("zenmux", "set ZENMUX_API_KEY")):
        run = workshop.fetch(provider_id)
        assert run.success
        assert materialized(run) == set()
        [skipped] = observations_of(run, "provider_responses")
        assert skipped.partition == provider_id
        assert reason in str(skipped.metadata["skipped"].value)
    with workshop.catalog() as catalog:
        assert catalog.list_providers() == []


def test_a_run_of_the_whole_graph_without_a_key_admits_the_newest_file(
    workshop: Workshop, configure: Configure
) -> None:
    configure()
    workshop.drop("zenmux_models.json", listing("a"))
    workshop.instance.add_dynamic_partitions("provider", ["zenmux"])
    run = workshop.materialize_all("zenmux")
    assert run.success
    assert materialized(run) == {"listing_files", "raw_provider_models", "model_catalog"}
    assert workshop.active("zenmux") == ["a"]


def test_a_good_file_is_admitted_in_the_run_whose_fetch_fails_and_lifts_no_hold(
    workshop: Workshop, configure: Configure
) -> None:
    configure(good=always(FAULTS["401"].reply))
    workshop.drop("good_models.json", listing("a"))
    workshop.instance.add_dynamic_partitions("provider", ["good"])
    run = workshop.materialize_all("good")
    assert run.success
    [failed] = observations_of(run, "provider_responses")
    assert "HTTP 401" in str(failed.metadata["reason"].value)
    assert materialized(run) == {"listing_files", "raw_provider_models", "model_catalog"}
    assert workshop.active("good") == ["a"]
    assert workshop.provider("good").provider.held_since is not None
    with workshop.catalog() as catalog:
        [model] = catalog.find_models(ModelFilter(("good",)))
    assert model.last_seen_at == NOON, "a file from before the failed fetch is not evidence of now"


def test_a_file_that_a_run_fetches_is_admitted_in_that_run(workshop: Workshop, configure: Configure) -> None:
    configure(good=always(GOOD))
    workshop.instance.add_dynamic_partitions("provider", ["good"])
    assert workshop.materialize_all("good").success
    assert workshop.active("good") == ["a", "b"]


def test_a_fetch_that_failed_shows_its_reason_and_evaluates_the_health(
    workshop: Workshop, configure: Configure
) -> None:
    configure(down=always(FAULTS["401"].reply))
    run = workshop.fetch("down")
    [failed] = observations_of(run, "provider_responses")
    assert "HTTP 401" in str(failed.metadata["reason"].value)
    [latest] = [one for one in run.get_asset_check_evaluations() if one.check_name == "latest_listings_are_complete"]
    assert latest.description == "1 of 1 provider: down (failed)"
