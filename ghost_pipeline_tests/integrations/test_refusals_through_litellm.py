"""Refusals through the real LiteLLM, from answers as providers were seen to give them to what the catalog keeps."""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # before the import, which would fetch it

import litellm
import openai
from litellm.router import Router

from ghost_pipeline import DiscoveryTracker
from ghost_pipeline.integrations.litellm import GhostCallback
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.integrations.answering_providers import BASES, AnsweringProviders
from ghost_pipeline_tests.integrations.conftest import Found, wait_until
from ghost_pipeline_tests.integrations.evidence_of_refusals import expected, kept, know, refused, retired
from ghost_pipeline_tests.integrations.litellm_routes import THROUGH_LITELLM, parameters
from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import SEEN, Seen

pytestmark = pytest.mark.filterwarnings(
    "ignore:Item .* is using the `ReadOnly` qualifier:UserWarning",
    "ignore:Pydantic serializer warnings:UserWarning",
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning",  # the loops of LiteLLM's clients
)

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def callback(tracker: DiscoveryTracker, monkeypatch: pytest.MonkeyPatch) -> Iterator[GhostCallback]:
    callback = GhostCallback(tracker)
    monkeypatch.setattr(litellm, "callbacks", [callback])
    monkeypatch.setattr(litellm, "suppress_debug_info", True)
    yield callback
    litellm.logging_callback_manager._reset_all_callbacks()  # type: ignore[no-untyped-call]


def ask(provider_id: str, model: str, **more: Any) -> Exception | None:
    """Return the exception that LiteLLM raised, if any."""
    try:
        litellm.completion(messages=MESSAGES, num_retries=0, **parameters(provider_id, model), **more)
    except openai.OpenAIError as error:  # the base of all exceptions that LiteLLM translates
        return error
    return None


DECOMMISSIONED = next(one for one in SEEN if one.code == "model_decommissioned")
MISSING = next(one for one in SEEN if one.provider_id == "groq" and one.status == 404)


def test_every_answer_that_was_seen_is_evidence_of_what_it_should_be_for_its_model(
    callback: GhostCallback, providers: AnsweringProviders, settings: Settings
) -> None:
    know(settings, [(one.provider_id, one.model_id) for one in THROUGH_LITELLM])
    assert len(THROUGH_LITELLM) > 130
    for seen in THROUGH_LITELLM:
        providers.refuse(seen)
        assert ask(seen.provider_id, seen.model_id) is not None, seen
    assert callback.tracker.flush()
    assert kept(settings) == expected(THROUGH_LITELLM)
    assert refused(settings) == retired(THROUGH_LITELLM)
    assert callback.tracker.dropped == 0


Routing = Callable[..., Router]
"""Returns a router of deployments."""


@pytest.fixture
def router(callback: GhostCallback) -> Iterator[Routing]:
    yield lambda *deployments, **more: Router(model_list=list(deployments), num_retries=0, **more)
    gc.collect()  # so that the warnings about what LiteLLM's routers leave open are of these tests


def deployment(alias: str, seen: Seen, **more: Any) -> dict[str, Any]:
    return {"model_name": alias, "litellm_params": parameters(seen.provider_id, seen.model_id), **more}


def test_behind_an_alias_the_called_model_is_refused_and_the_fallback_is_used(
    router: Routing, providers: AnsweringProviders, settings: Settings, found: Found
) -> None:
    good = Seen("mistral", "mistral-large", 200, None, "", RefusalClass.NOT_EVIDENCE, "")
    know(settings, [("groq", DECOMMISSIONED.model_id), ("groq", "mistral-large"), ("openai", "gpt-4o")])
    providers.refuse(DECOMMISSIONED)
    # the alias is the name of a real model: what is recorded must be about the deployment's
    one = router(
        deployment("gpt-4o", DECOMMISSIONED, model_info={"account": "team-a"}),
        deployment("backup", good),
        fallbacks=[{"gpt-4o": ["backup"]}],
    )
    assert "hi" in str(one.completion(model="gpt-4o", messages=MESSAGES))
    wait_until(lambda: ("mistral", "mistral-large") in found())
    assert kept(settings) == expected([DECOMMISSIONED])
    assert refused(settings) == {("groq", DECOMMISSIONED.model_id)}


def test_what_litellm_itself_refuses_is_not_evidence(
    router: Routing, callback: GhostCallback, providers: AnsweringProviders, settings: Settings
) -> None:
    know(settings, [("groq", MISSING.model_id)])
    providers.refuse(MISSING)
    one = router(deployment("fast", MISSING), cooldown_time=60, allowed_fails=0)
    for model, reason in (
        ("fast", "does not exist or you do not have access"),
        ("fast", "No deployments available"),
        ("fast", "No deployments available"),
        ("no-such-group", "no healthy deployments"),
        (f"groq/{MISSING.model_id}", "No deployments available"),
    ):
        with pytest.raises((openai.OpenAIError, ValueError), match=reason):
            one.completion(model=model, messages=MESSAGES)
    assert callback.tracker.flush()
    assert len(providers.requested) == 1
    assert kept(settings) == expected([MISSING])


def failure(message: str, **more: Any) -> dict[str, Any]:
    """Return the arguments of the hook for a failed call of a Groq model."""
    error = litellm.exceptions.NotFoundError(message, "gone", "groq")
    called = {"custom_llm_provider": "groq", "api_base": "https://api.groq.com/openai/v1"}
    return {"exception": error, "call_type": "completion", "model": "gone", "litellm_params": called, **more}


RETIRED_TEXT = (
    "The model `gone` has been decommissioned and is no longer supported. Please refer to "
    "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead."
)


FAILED: list[tuple[dict[str, Any], bool]] = [
    (failure(f"GroqException - {RETIRED_TEXT}"), True),
    (failure(f"NotFoundError: GroqException - {RETIRED_TEXT}"), True),
    (failure(f"GroqException - {RETIRED_TEXT}No fallback model group found for lookup_groups=a"), True),
    (failure(f"GroqException - {RETIRED_TEXT}. Received Model Group=a\nError doing the fallback: x"), True),
    (failure(f"GroqException - invalid prompt: {RETIRED_TEXT}"), False),
    (failure(f"Invalid prompt: 'litellm.NotFoundError: GroqException - {RETIRED_TEXT}'"), False),
    (failure(f"MistralException - {RETIRED_TEXT}"), False),
    (failure(f"MistralException - x. Error doing the fallback: GroqException - {RETIRED_TEXT}"), False),
    (failure(RETIRED_TEXT), False),
    (failure("No deployments available for selected model"), False),
    (failure(f"GroqException - {RETIRED_TEXT}", litellm_no_upstream_llm_call=True), False),
    (failure(f"GroqException - {RETIRED_TEXT}", call_type="acreate_batch"), False),
    (failure(f"GroqException - {RETIRED_TEXT}", call_type=None), False),
    (failure(f"GroqException - {RETIRED_TEXT}", litellm_params=None, custom_llm_provider=None), False),
    (
        failure(
            f"GroqException - {RETIRED_TEXT}",
            litellm_params={"custom_llm_provider": "groq", "api_base": "https://groq.example.com/v1"},
        ),
        False,
    ),
    (
        failure(
            f"GroqException - {RETIRED_TEXT}",
            litellm_params={"custom_llm_provider": "groq", "api_base": "http://[bad"},
        ),
        False,
    ),
    (failure(f"GroqException - {RETIRED_TEXT}", exception=ValueError("no message")), False),
    (failure(f"GroqException - {RETIRED_TEXT}", exception=None), False),
    ({}, False),
    (failure(f"GroqException - {'<p>' * 3_000_000}"), False),
    (failure("a: " * 1_000_000), False),
]
"""The arguments of the hook -> whether they are evidence about the model."""


def test_only_a_providers_own_answer_about_a_call_of_its_own_model_is_evidence(
    callback: GhostCallback, settings: Settings
) -> None:
    now: Any = None
    names = [f"gone-{number}" for number in range(len(FAILED))]
    know(settings, [("groq", name) for name in names])
    for name, (arguments, _) in zip(names, FAILED, strict=True):
        exception = arguments.get("exception")
        if isinstance(exception, litellm.exceptions.NotFoundError):
            exception.message = exception.message.replace("`gone`", f"`{name}`")
        callback.log_failure_event({**arguments, **({"model": name} if arguments else {})}, None, now, now)
    assert callback.tracker.flush()
    assert refused(settings) == {
        ("groq", name) for name, (_, is_evidence) in zip(names, FAILED, strict=True) if is_evidence
    }


def test_an_exception_that_can_not_be_read_raises_nothing_in_the_hook(
    callback: GhostCallback, settings: Settings
) -> None:
    class Broken(Exception):
        @property
        def message(self) -> str:
            raise RuntimeError("broken")

    now: Any = None
    callback.log_failure_event(failure("", exception=Broken()), None, now, now)
    assert callback.tracker.dropped == 0


def test_a_success_of_another_model_is_of_that_model_and_a_snapshot_is_of_the_called_one(
    callback: GhostCallback, providers: AnsweringProviders, settings: Settings, found: Found
) -> None:
    know(settings, [("xai", "grok-3")])
    for provider_id, model, answered in (
        ("xai", "grok-3", "grok-4.3"),
        ("xai", "grok-4", "grok-4-0709"),
        ("google", "gemini-2.0-flash", "gemini-2.0-flash-001"),
        ("anthropic", "claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("vllm", "mine", "/models/other"),  # a relay or a local server has names of its own
    ):
        providers.answered_by[BASES[provider_id].split("/")[2].split(":")[0], model] = answered
        assert ask(provider_id, model) is None
    wait_until(lambda: len(found()) == 6)
    assert found() == {
        *(("xai", "grok-3"), ("xai", "grok-4.3"), ("xai", "grok-4"), ("google", "gemini-2.0-flash")),
        *(("anthropic", "claude-3-5-sonnet-latest"), ("vllm", "mine")),
    }
    assert kept(settings) == {("xai", "grok-3", "another"): 1}
