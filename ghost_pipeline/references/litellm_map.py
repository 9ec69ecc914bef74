"""LiteLLM: its ``model_prices_and_context_window.json``, ``{LiteLLM's name of a model: {"litellm_provider", …}}``.

LiteLLM's name is ``PREFIX/ID`` or the id alone. PREFIX is the provider's in LiteLLM: ``gemini``, ``azure_ai``, ``xai``,
…; for the groups of models on Vertex AI and Fireworks (``vertex_ai-language-models``) it is that of the provider. What
else stands before the id, such as a region (``azure/eu/gpt-x``) or a size (``1024-x-1024/dall-e-3``), makes another
id, which matches no model.

Costs are USD per token. Those of caches, audio and reasoning are in ``prices``, and those of longer prompts
(``…_above_200k_tokens``) are tiers of it. A cost per image, second or character is not a price of tokens and not read,
nor is that of another service class (``…_batches``, ``…_priority``, ``…_flex``). ``deprecation_date`` is a day.
``max_input_tokens`` is the longest input, which some models count without the answer. ``max_tokens`` is documented as
legacy and not read. ``sample_spec`` is documentation.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.price_sheet import BASE, Bounds, PriceSheet
from ghost_pipeline.providers.values import per_token
from ghost_pipeline.providers.wire_format import CapabilityMap, Fields, from_flags, map_words, merge_capabilities
from ghost_pipeline.references.reading import (
    EntryCollector,
    ReferenceFormat,
    priced_facts,
    state_price,
    wrong_shape,
)

_SAMPLE = "sample_spec"

_COSTS: Mapping[str, str] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "cache_read_input_audio_token_cost": "audio_cache_read",
    "input_cost_per_image_token": "image_input",
}

_ABOVE = re.compile(r"(.+)_above_([0-9]{1,7})k_tokens")

_MODES = CapabilityMap(
    {
        "chat": "text",
        "completion": "text",
        "responses": "text",
        "audio_transcription": "text",
        "audio_speech": "speech",
        "embedding": "embedding",
        "image_edit": "image_generation",
        "image_generation": "image_generation",
        "moderation": "moderation",
        "rerank": "rerank",
        "video_generation": "video",
    }
)

_FLAGS: Mapping[str, str] = {
    "supports_vision": "vision",
    "supports_function_calling": "tools",
    "supports_reasoning": "reasoning",
    "supports_response_schema": "json",
    "supports_audio_input": "audio",
    "supports_audio_output": "speech",
    "supports_native_streaming": "streaming",
}


def _read_document(document: Any, _: datetime, collector: EntryCollector) -> None:
    entries = document if type(document) is dict else {}
    if not any(type(entry) is dict and "litellm_provider" in entry for entry in entries.values()):
        raise wrong_shape('LiteLLM\'s map: an object of models with "litellm_provider"')
    for name, entry in entries.items():
        if name == _SAMPLE:
            continue
        collector.count_entry()
        provider = entry.get("litellm_provider") if type(entry) is dict else None
        if type(provider) is not str:
            collector.note("entries without litellm_provider", name)
            continue
        collector.add(provider, _model_id(name, provider), _read_entry(collector.fields(entry, name), entry))


def _model_id(name: str, provider: str) -> str:
    """Return the provider's id of a model, of which LiteLLM has ``name``."""
    for prefix in (provider, provider.partition("-")[0], provider.removesuffix("_converse").removesuffix("_text")):
        if name.startswith(f"{prefix}/"):
            return name.removeprefix(f"{prefix}/")
    return name


def _read_entry(fields: Fields, entry: Mapping[str, Any]) -> Facts:
    sheet = PriceSheet()
    for field in entry:
        name, tier = _price_of(field)
        if name is not None:
            state_price(sheet, fields, name, per_token, field, tier=tier)
    return Facts(
        context_window=fields.tokens("max_input_tokens"),
        max_output_tokens=fields.tokens("max_output_tokens"),
        **priced_facts(sheet),
        expires_at=fields.instant("deprecation_date"),
        capabilities=merge_capabilities(
            map_words(fields.words("mode"), _MODES),
            from_flags(*((fields.flag(field), capability) for field, capability in _FLAGS.items())),
        ),
    )


@lru_cache(maxsize=1024)
def _price_of(field: str) -> tuple[str | None, Bounds]:
    """Return the name of the price in a field, None for another field, and its tier."""
    above = _ABOVE.fullmatch(field)
    if above is None:
        return _COSTS.get(field), BASE
    return _COSTS.get(above[1]), (int(above[2]) * 1000, None)


LITELLM = ReferenceFormat("litellm", 2, _read_document, "model_prices_and_context_window.json of LiteLLM")
