"""``GhostCallback``, with the real LiteLLM and its mock responses: calls in, models in the catalog."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # before the import, which would fetch it

import litellm
from litellm.exceptions import RateLimitError
from litellm.router import Router

from ghost_pipeline import DiscoveryTracker, ModelCatalog
from ghost_pipeline.integrations.litellm import GhostCallback
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.integrations.conftest import Found, wait_until

pytestmark = pytest.mark.filterwarnings("ignore:Item .* is using the `ReadOnly` qualifier:UserWarning")
# pydantic says so of LiteLLM's own types

MESSAGES = [{"role": "user", "content": "hi"}]


class Counting(GhostCallback):
    """Counts the events, because LiteLLM calls the hooks after it has returned."""

    events = 0

    def log_success_event(self, *arguments: Any, **named: Any) -> None:
        super().log_success_event(*arguments, **named)
        self.events += 1


@pytest.fixture
def callback(tracker: DiscoveryTracker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    counting = Counting(tracker)
    monkeypatch.setattr(litellm, "callbacks", [counting])
    yield counting
    litellm.logging_callback_manager._reset_all_callbacks()  # type: ignore[no-untyped-call]


def complete(model: str, **more: Any) -> Any:
    return litellm.completion(model=model, messages=MESSAGES, mock_response="hello world", api_key="none", **more)


@pytest.mark.parametrize(
    ("requested", "provider", "model"),
    [
        ("gpt-4o", "openai", "gpt-4o"),
        ("openai/ft:gpt-4o:acme", "openai", "ft:gpt-4o:acme"),
        ("text-completion-openai/gpt-3.5-turbo-instruct", "openai", "gpt-3.5-turbo-instruct"),
        ("gemini/gemini-x", "google", "gemini-x"),
        ("vertex_ai/gemini-x", "vertex", "publishers/google/models/gemini-x"),
        ("openrouter/lab/x", "openrouter", "lab/x"),
        ("together_ai/lab/x", "together", "lab/x"),
        ("ollama_chat/llama3", "ollama", "llama3"),
        ("hosted_vllm/mine", "vllm", "mine"),
        ("codestral/codestral-latest", "mistral", "codestral-latest"),
        ("azure/my-deployment", "azure", "my-deployment"),
        ("bedrock/anthropic.claude-v2:1", "bedrock", "anthropic.claude-v2:1"),
        ("bedrock/converse/us.anthropic.claude-x", "bedrock", "us.anthropic.claude-x"),
        ("bedrock/us-east-1/anthropic.claude-x", "bedrock", "anthropic.claude-x"),
        (
            "bedrock/converse/arn:aws:bedrock:us-east-1:1:inference-profile/x",
            "bedrock",
            "arn:aws:bedrock:us-east-1:1:inference-profile/x",
        ),
    ],
)
def test_provider_and_model_are_named_as_the_catalog_names_them(
    callback: Counting, found: Found, requested: str, provider: str, model: str
) -> None:
    complete(requested)
    wait_until(lambda: callback.events == 1)
    assert found() == {(provider, model)}


def test_a_stream_counts_when_it_has_come_to_its_end(callback: Counting, found: Found) -> None:
    stream = complete("gemini/gemini-s", stream=True)
    next(stream)
    assert callback.events == 0
    for _ in stream:
        pass
    wait_until(lambda: callback.events > 0)
    assert found() == {("google", "gemini-s")}


def test_async_calls_and_streams_count(callback: Counting, found: Found) -> None:
    async def call() -> None:
        await litellm.acompletion(model="gemini/a", messages=MESSAGES, mock_response="x")
        stream = await litellm.acompletion(model="gemini/b", messages=MESSAGES, mock_response="x y", stream=True)
        async for _ in stream:
            pass
        await litellm.aembedding(model="openai/embed", input=["a"], mock_response=[0.5], api_key="none")
        while callback.events < 3:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(call(), 20))
    assert found() == {("google", "a"), ("google", "b"), ("openai", "embed")}


def test_behind_a_router_the_real_model_of_the_deployment_counts_and_not_the_alias(
    callback: Counting, found: Found
) -> None:
    router = Router(
        model_list=[
            {
                "model_name": "fast",
                "litellm_params": {"model": "gemini/real", "api_key": "none", "mock_response": "x"},
            },
            {
                "model_name": "good",
                "litellm_params": {
                    "model": "azure/deployment-7",
                    "api_key": "none",
                    "api_base": "http://127.0.0.1:1",
                    "mock_response": "x",
                },
                "model_info": {"base_model": "azure/gpt-4o"},
            },
        ]
    )
    router.completion(model="fast", messages=MESSAGES)
    router.completion(model="good", messages=MESSAGES)
    wait_until(lambda: callback.events == 2)
    assert found() == {("google", "real"), ("azure", "gpt-4o")}


def test_failures_and_cached_responses_and_other_calls_are_not_sightings(callback: Counting, found: Found) -> None:
    with pytest.raises(RateLimitError):
        litellm.completion(model="gemini/bad", messages=MESSAGES, mock_response="litellm.RateLimitError")
    params = {"custom_llm_provider": "openai"}
    now: Any = None
    callback.log_success_event(
        {"call_type": "completion", "cache_hit": True, "model": "cached", "litellm_params": params}, None, now, now
    )
    callback.log_success_event({"call_type": "acreate_batch", "model": "b", "litellm_params": params}, None, now, now)
    callback.log_success_event({}, None, now, now)
    complete("gemini/good")
    wait_until(lambda: callback.events == 4)
    assert found() == {("google", "good")}


PROXY = """
import sys
import litellm
from litellm.proxy.types_utils.utils import get_instance_fn
litellm.callbacks = [get_instance_fn("ghost_pipeline.integrations.litellm.ghost_callback")]
litellm.completion(model="gemini/gemini-x", messages=[{"role": "user", "content": "hi"}], mock_response="hello")
assert "dagster" not in sys.modules
"""


def test_one_line_of_a_proxys_configuration_is_enough(tmp_path: Path) -> None:
    home = tmp_path / "home"
    environ = {**os.environ, "GHOST_HOME": str(home), "GHOST_DATABASE_URL": ""}
    done = subprocess.run([sys.executable, "-c", PROXY], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with ModelCatalog.open(Settings(home=home)) as catalog:
        assert [(model.provider_id, model.model_id) for model in catalog.find_models()] == [("google", "gemini-x")]
