"""LiteLLM callback: record every successful completion as a sighting, and every refusal of a model by its provider.

In a proxy's configuration::

    litellm_settings:
      callbacks: ghost_pipeline.integrations.litellm.ghost_callback

With the SDK::

    litellm.callbacks = [ghost_callback]

Source of the fields: LiteLLM's "Custom Callbacks" page, its calls with mock responses, and ``exceptions.py`` and
``exception_mapping_utils.py`` of its sources.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

try:
    from litellm.integrations.custom_logger import CustomLogger
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "LiteLLM is not installed; run pip install '.[litellm]' in the clone of Ghost Pipeline"
    ) from error

from ghost_pipeline.client import DiscoveryTracker
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.lifecycle.refusals.substitution import answers_for
from ghost_pipeline.lifecycle.refusals.unwrapping import MAX_EXAMINED
from ghost_pipeline.providers import is_own_answer

log = logging.getLogger("ghost_pipeline.integrations")

INFERENCES = frozenset(
    {
        "completion",
        "text_completion",
        "responses",
        "anthropic_messages",
        "generate_content",
        "generate_content_stream",
        "embedding",
        "rerank",
        "moderation",
        "image_generation",
        "image_edit",
        "speech",
        "transcription",
    }
)
"""Call types in which a model answers, without the ``a`` prefix of async calls; not those of files and batches."""


class GhostCallback(CustomLogger):
    """Track each success and refusal with ``tracker``, by default one for the catalog that the environment configures.

    Skip answers from a cache, interrupted streams, and what LiteLLM itself refuses: no deployment left, a cool-down, a
    budget, a key, a rate limit, a guardrail. What a provider's error answer states about the model is decided where it
    is recorded; most error answers state nothing.
    """

    def __init__(self, tracker: DiscoveryTracker | None = None) -> None:
        super().__init__()
        self.tracker = tracker or DiscoveryTracker()

    def log_success_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """Track a call that succeeded or a stream that ended."""
        if kwargs.get("cache_hit") or not _is_inference(kwargs.get("call_type")):
            return
        provider, model = _called_model(kwargs)
        if not provider:
            return
        answered = _find_other_model(provider, model, response_obj, kwargs)
        self.tracker.track_successful_inference(
            provider,
            answered or model,
            account=_account(kwargs),
            requested_model_id=None if answered is None else model,
        )

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """Track an async call. Never waits."""
        self.log_success_event(kwargs, response_obj, start_time, end_time)

    def log_failure_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """Track a call that its provider refused. Never raises."""
        try:
            refused = _read_refused_call(kwargs)
        except Exception:  # exceptions of any library and version arrive here, in the caller's hot path
            log.debug("an error that LiteLLM reported can't be read", exc_info=True)
            return
        if refused is not None:
            self.tracker.track_refused_inference(
                refused.provider,
                refused.model,
                status=refused.status,
                code=refused.code,
                message=refused.message,
                account=_account(kwargs),
            )

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """Track an async call that its provider refused. Never raises and never waits."""
        self.log_failure_event(kwargs, response_obj, start_time, end_time)


def _is_inference(call_type: object) -> bool:
    return isinstance(call_type, str) and (call_type in INFERENCES or call_type.removeprefix("a") in INFERENCES)


def _called_model(kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Return LiteLLM's provider and the provider's own name of the model that was really called.

    Behind a router that is the deployment's model, and not the group or the alias that was requested.
    """
    deployment = kwargs.get("litellm_params") or {}
    provider = deployment.get("custom_llm_provider") or kwargs.get("custom_llm_provider")
    return provider, _real_model(provider, kwargs.get("model"), deployment) if provider else None


def _find_other_model(provider: str, model: Any, response: object, kwargs: Mapping[str, Any]) -> str | None:
    """Return the model that the provider's response names, if it is another one than the ``model`` that was called.

    LiteLLM keeps its name beside the response, in which a proxy replaces the model by its own alias. Azure's
    deployments and relays have names of their own.
    """
    hidden = getattr(response, "_hidden_params", None)
    answered = hidden.get("provider_response_model") if isinstance(hidden, Mapping) else None
    if provider == "azure" or not isinstance(answered, str):
        return None
    answered = answered.removeprefix(f"{provider}/")
    return None if answers_for(model, answered) or not _is_of_provider(provider, kwargs) else answered


def _account(kwargs: Mapping[str, Any]) -> str | None:
    """Return the label of the provider's account that the configuration of a deployment states in ``model_info``."""
    account = ((kwargs.get("litellm_params") or {}).get("model_info") or {}).get("account")
    return account if isinstance(account, str) and account else None


def _real_model(provider: str, model: Any, deployment: dict[str, Any]) -> Any:
    """Return the provider's own name of the model that a deployment calls, instead of LiteLLM's route to it.

    Azure takes names of deployments, and only LiteLLM's ``base_model`` contains the model behind one. The response
    contains it too, but a proxy replaces it by its own alias.
    """
    if provider == "azure":
        base_model = deployment.get("base_model") or (deployment.get("model_info") or {}).get("base_model")
        return base_model.removeprefix("azure/") if isinstance(base_model, str) and base_model else model
    if provider == "bedrock" and isinstance(model, str):
        arn_at = model.find("arn:")  # routes and regions precede ARNs, and ids, which have no slash
        return model[arn_at:] if arn_at >= 0 else model.rsplit("/", 1)[-1]
    return model


@dataclass(frozen=True, slots=True)
class _RefusedCall:
    """An error answer of a provider, as the tracker takes it."""

    provider: str
    model: Any
    status: int | None
    code: str | None
    message: str


def _read_refused_call(kwargs: Mapping[str, Any]) -> _RefusedCall | None:
    """Return the provider's error answer, None if LiteLLM or something between the two refused the call."""
    if kwargs.get(_NOT_SENT) or not _is_inference(kwargs.get("call_type")):
        return None
    exception = kwargs.get("exception")
    text = _provider_text(getattr(exception, "message", None))
    provider, model = _called_model(dict(kwargs))
    if text is None or not provider or not _is_of_provider(provider, kwargs):
        return None
    return _RefusedCall(provider, model, _status(exception), _error_code(exception), text)


_NOT_SENT = "litellm_no_upstream_llm_call"
"""True where the proxy reports a request that it refused itself; the model is whatever the client wrote."""

_ANSWERED = re.compile(r"(?:[\w.]{1,60}(?: Error)?: ){0,4}[A-Za-z][\w.-]{0,60}Exception(?: \w{1,40})? - ")
"""What LiteLLM writes before the text of a provider: ``litellm.NotFoundError: OpenAIException - ``. Its own refusals
have no such beginning; further on it may be quoted from a prompt."""

_ROUTER_REMARKS = ("No fallback model group found", ". Received Model Group=", "\nError doing the fallback")
"""What LiteLLM's router appends to the same exception. It contains the texts of other models' providers."""


def _provider_text(message: object) -> str | None:
    """Return a message with a provider's answer, up to the router's remarks; None for a text of LiteLLM's own."""
    if not isinstance(message, str):
        return None
    message = message[:MAX_EXAMINED]  # a proxy in between may answer with megabytes of HTML
    found = _ANSWERED.match(message)
    if found is None:
        return None
    ends = [at for remark in _ROUTER_REMARKS if (at := message.find(remark, found.end())) >= 0]
    return message[: min(ends, default=len(message))]


def _is_of_provider(provider: str, kwargs: Mapping[str, Any]) -> bool:
    """Return False if the call went to another server than one of the provider's."""
    base = (kwargs.get("litellm_params") or {}).get("api_base")
    return is_own_answer(provider_slug(provider), urlsplit(base).hostname if isinstance(base, str) else None)


def _status(exception: object) -> int | None:
    """Return the status of the provider's answer; older versions give the exception the one of its class."""
    for holder in (getattr(exception, "response", None), exception):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _error_code(exception: object) -> str | None:
    """Return the code of the provider's error, or else its type."""
    for body in _bodies(exception):
        for key in ("code", "type"):
            code = body.get(key)
            if isinstance(code, str) and code:
                return code
    return None


def _bodies(exception: object) -> Iterator[Mapping[str, Any]]:
    """Yield the parsed body of the exception, and of the client's exception that LiteLLM translated into it."""
    for one in (exception, getattr(exception, "__context__", None)):
        body = getattr(one, "body", None)
        if isinstance(body, Mapping):
            inner = body.get("error")
            yield inner if isinstance(inner, Mapping) else body


ghost_callback = GhostCallback()
"""The callback that a proxy's configuration refers to."""
