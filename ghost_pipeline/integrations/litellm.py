"""LiteLLM callback: record every successful completion as a sighting.

In a proxy's configuration::

    litellm_settings:
      callbacks: ghost_pipeline.integrations.litellm.ghost_callback

With the SDK::

    litellm.callbacks = [ghost_callback]

Source of the fields: LiteLLM's "Custom Callbacks" page and its calls with mock responses.
"""

from datetime import datetime
from typing import Any

try:
    from litellm.integrations.custom_logger import CustomLogger
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "LiteLLM is not installed; run pip install '.[litellm]' in the clone of Ghost Pipeline"
    ) from error

from ghost_pipeline.client import DiscoveryTracker

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
    """Track each success with ``tracker``, by default one for the catalog that the environment configures.

    Skip answers from a cache. LiteLLM calls no success hook for failures and interrupted streams.
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
        deployment = kwargs.get("litellm_params") or {}
        provider = deployment.get("custom_llm_provider") or kwargs.get("custom_llm_provider")
        if provider:
            self.tracker.track_successful_inference(provider, _real_model(provider, kwargs.get("model"), deployment))

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: object, start_time: datetime, end_time: datetime
    ) -> None:
        """Track an async call. Never waits."""
        self.log_success_event(kwargs, response_obj, start_time, end_time)


def _is_inference(call_type: object) -> bool:
    return isinstance(call_type, str) and (call_type in INFERENCES or call_type.removeprefix("a") in INFERENCES)


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


ghost_callback = GhostCallback()
"""The callback that a proxy's configuration refers to."""
