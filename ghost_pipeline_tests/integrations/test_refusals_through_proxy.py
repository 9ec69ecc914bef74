"""Refusals through a real LiteLLM proxy, one process with aliases, fallbacks and keys, and the callback by its name."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from ghost_pipeline import ModelCatalog
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.integrations.answering_providers import AnsweringProviders, host_of, serving_providers
from ghost_pipeline_tests.integrations.conftest import wait_until
from ghost_pipeline_tests.integrations.evidence_of_refusals import expected, kept, know, refused, retired
from ghost_pipeline_tests.integrations.litellm_routes import THROUGH_LITELLM, parameters
from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import Seen

NEEDED = ("apscheduler", "email_validator", "expression", "fastapi_sso", "multipart", "orjson", "redis", "soundfile")
"""What LiteLLM's proxy imports beside LiteLLM."""

MISSING = [name for name in NEEDED if find_spec(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"LiteLLM's proxy lacks {', '.join(MISSING)}")

MASTER_KEY = "sk-master"

START = """
import sys
from litellm.proxy.proxy_cli import run_server
sys.argv = ["litellm", *sys.argv[1:]]
run_server()
"""

GOOD = Seen("mistral", "mistral-good", 200, None, "", RefusalClass.NOT_EVIDENCE, "")
REDIRECTED = Seen("xai", "grok-3-redirected", 200, None, "", RefusalClass.NOT_EVIDENCE, "")


def one_answer_for_each_model() -> list[Seen]:
    """Return the answers that are evidence, and one for each of some other models."""
    chosen: dict[tuple[str, str], Seen] = {}
    for seen in sorted(THROUGH_LITELLM, key=lambda one: one.expected is RefusalClass.NOT_EVIDENCE):
        chosen.setdefault((seen.provider_id, seen.model_id), seen)
    evidence = [one for one in chosen.values() if one.expected is not RefusalClass.NOT_EVIDENCE]
    return [*evidence, *list(chosen.values())[len(evidence) :: 3]]  # the others are asked without a proxy


ANSWERS = one_answer_for_each_model()
DECOMMISSIONED = next(one for one in ANSWERS if one.code == "model_decommissioned")


@dataclass
class Proxy:
    """The running proxy."""

    url: str
    process: "subprocess.Popen[bytes]"
    settings: Settings
    client: httpx.Client

    def complete(self, model: str, key: str = MASTER_KEY, content: str = "hi", **more: Any) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": content}], **more}
        headers = {"authorization": f"Bearer {key}"}
        return self.client.post(f"{self.url}/v1/chat/completions", json=body, headers=headers)


def configuration() -> dict[str, Any]:
    """Return the proxy's configuration: an alias for each model, and one that is the name of a real model."""

    def deployment(alias: str, seen: Seen) -> dict[str, Any]:
        return {"model_name": alias, "litellm_params": parameters(seen.provider_id, seen.model_id)}

    return {
        "model_list": [
            *(deployment(f"alias-{number}", seen) for number, seen in enumerate(ANSWERS)),
            deployment("gpt-4o", DECOMMISSIONED),
            deployment("good", GOOD),
            deployment("redirected", REDIRECTED),
        ],
        "litellm_settings": {
            "callbacks": "ghost_pipeline.integrations.litellm.ghost_callback",
            "fallbacks": [{"gpt-4o": ["good"]}],
            "num_retries": 0,
        },
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "general_settings": {"master_key": MASTER_KEY},
    }


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[Proxy, AnsweringProviders]]:
    with serving_providers() as providers, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        home = tmp_path / "home"
        settings = Settings(home=home)
        file = tmp_path / "proxy.json"  # YAML contains JSON
        file.write_text(json.dumps(configuration()))
        environ = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
        environ |= {"GHOST_HOME": str(home), "GHOST_DATABASE_URL": "", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        environ |= {"HTTP_PROXY": providers.url, "http_proxy": providers.url, "NO_COLOR": "1"}
        arguments = ["--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
        with (tmp_path / "proxy.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", START, *arguments], env=environ, cwd=tmp_path, stdout=log, stderr=log
            )
        know(settings, [(one.provider_id, one.model_id) for one in (*ANSWERS, REDIRECTED)])
        for seen in ANSWERS:
            providers.refuse(seen)
        providers.answered_by[host_of(REDIRECTED.provider_id), REDIRECTED.model_id] = "grok-4.3"
        one = Proxy(f"http://127.0.0.1:{port}", process, settings, httpx.Client(timeout=60, trust_env=False))
        try:
            wait_until(lambda: is_alive(one), seconds=240)
            yield one, providers
        finally:
            one.client.close()
            process.kill()
            process.wait()


def is_alive(proxy: Proxy) -> bool:
    assert proxy.process.poll() is None, "the proxy ended"
    try:
        return proxy.client.get(f"{proxy.url}/health/liveliness").is_success
    except httpx.TransportError:
        return False


def test_a_proxy_records_what_providers_refuse_of_the_called_models_and_nothing_that_it_refuses_itself(
    proxy: tuple[Proxy, AnsweringProviders],
) -> None:
    one, providers = proxy
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one.complete, [f"alias-{number}" for number in range(len(ANSWERS))]))
    assert [answer.status_code for answer in answers if answer.is_success] == []
    assert set(providers.requested) == {(host_of(seen.provider_id), seen.model_id) for seen in ANSWERS}
    reached = len(providers.requested)

    retirement = DECOMMISSIONED.text
    refused_by_proxy = [
        one.complete("no-such-alias"),
        one.complete("groq/no-such-model"),
        one.complete("alias-0", key="sk-wrong"),
        one.complete(retirement),
        one.complete("no-such-alias", content=retirement),
    ]
    assert all(answer.is_client_error for answer in refused_by_proxy)
    assert len(providers.requested) == reached

    with openai.OpenAI(api_key=MASTER_KEY, base_url=f"{one.url}/v1", max_retries=0, http_client=one.client) as client:
        fallback = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": retirement}])
        redirected = client.chat.completions.create(model="redirected", messages=[{"role": "user", "content": "hi"}])
    assert fallback.choices[0].message.content == redirected.choices[0].message.content == "hi"

    answered = {("mistral", "mistral-good"), ("xai", "grok-4.3")}
    counted = expected([*ANSWERS, DECOMMISSIONED]) + Counter({("xai", REDIRECTED.model_id, "another"): 1})
    # the tracker writes every ten seconds, sightings before refusals
    wait_until(lambda: kept(one.settings).total() >= counted.total(), seconds=60)
    assert kept(one.settings) == counted
    assert refused(one.settings) == retired(ANSWERS)
    known = {(seen.provider_id, seen.model_id) for seen in (*ANSWERS, REDIRECTED)}
    assert active(one.settings) - known == answered


def active(settings: Settings) -> set[tuple[str, str]]:
    with ModelCatalog.open(settings) as catalog:
        return {(model.provider_id, model.model_id) for model in catalog.find_models()}
