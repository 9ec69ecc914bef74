"""Refusals through the real clients of OpenAI and Anthropic: what they raise is what the tracker takes."""

from pathlib import Path

import pytest

from ghost_pipeline import DiscoveryTracker
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.integrations.answering_providers import BASES, AnsweringProviders
from ghost_pipeline_tests.integrations.evidence_of_refusals import expected, kept, know, refused, retired
from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import SEEN, Seen

OTHER_PROTOCOLS = {"anthropic", "azure", "bedrock", "cloudflare", "cohere", "google"}
"""Providers that OpenAI's client does not reach as it reaches OpenAI."""

WITH_OPENAI = [one for one in SEEN if one.provider_id in BASES.keys() - OTHER_PROTOCOLS]
WITH_ANTHROPIC = [one for one in SEEN if one.provider_id == "anthropic"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def check(tracker: DiscoveryTracker, settings: Settings, seen: list[Seen]) -> None:
    assert tracker.flush()
    assert kept(settings) == expected(seen)
    assert refused(settings) == retired(seen)
    assert tracker.dropped == 0


def test_what_openais_client_raises_is_evidence_of_what_was_answered(
    tracker: DiscoveryTracker, providers: AnsweringProviders, settings: Settings
) -> None:
    import openai  # noqa: PLC0415 - takes a second, which a worker that gets other tests spares

    know(settings, [(one.provider_id, one.model_id) for one in WITH_OPENAI])
    with openai.OpenAI(api_key="k", max_retries=0) as client:
        for seen in WITH_OPENAI:
            providers.refuse(seen)
            with pytest.raises(openai.APIStatusError) as raised:
                client.with_options(base_url=BASES[seen.provider_id]).chat.completions.create(
                    model=seen.model_id, messages=[{"role": "user", "content": "hi"}]
                )
            error = raised.value
            tracker.track_refused_inference(
                seen.provider_id, seen.model_id, status=error.status_code, code=error.code, message=error.message
            )
    check(tracker, settings, WITH_OPENAI)


def test_what_anthropics_client_raises_is_evidence_of_what_was_answered(
    tracker: DiscoveryTracker, providers: AnsweringProviders, settings: Settings
) -> None:
    import anthropic  # noqa: PLC0415 - as above

    know(settings, [(one.provider_id, one.model_id) for one in WITH_ANTHROPIC])
    with anthropic.Anthropic(api_key="k", base_url=BASES["anthropic"], max_retries=0) as client:
        for seen in WITH_ANTHROPIC:
            providers.refuse(seen)
            with pytest.raises(anthropic.APIStatusError) as raised:
                client.messages.create(model=seen.model_id, max_tokens=5, messages=[{"role": "user", "content": "hi"}])
            error = raised.value
            tracker.track_refused_inference(
                seen.provider_id, seen.model_id, status=error.status_code, message=error.message
            )
    check(tracker, settings, WITH_ANTHROPIC)
