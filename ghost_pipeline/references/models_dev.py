"""models.dev: its ``api.json``, ``{provider: {"models": {model id: {…}}}}``.

``cost`` is USD per million tokens. ``limit.context`` is the context window, ``limit.output`` the longest answer; 0 is
"not applicable". Longer prompts may have other prices (``cost.context_over_200k``), which are a tier of ``prices``: the
columns keep what is charged from the first token on. ``modalities`` and the flags state capabilities; a flag that
is false or missing is not a "no", as in listings.

Source: the repository of models.dev, ``README.md`` ("Schema Reference").
"""

from datetime import datetime
from typing import Any

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.price_sheet import BASE, PriceSheet
from ghost_pipeline.providers.values import per_million
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    Fields,
    from_flags,
    map_words,
    merge_capabilities,
)
from ghost_pipeline.references.reading import (
    EntryCollector,
    ReferenceFormat,
    priced_facts,
    state_price,
    wrong_shape,
)

_AMOUNTS = {
    "input": "input",
    "output": "output",
    "cache_read": "cache_read",
    "cache_write": "cache_write",
    "reasoning": "reasoning",
    "input_audio": "audio_input",
    "output_audio": "audio_output",
}
_OVER_200K = "context_over_200k"


def _read_document(document: Any, _: datetime, collector: EntryCollector) -> None:
    providers = document if type(document) is dict else {}
    if not any(type(one) is dict and type(one.get("models")) is dict for one in providers.values()):
        raise wrong_shape('api.json of models.dev: an object of providers with "models"')
    for provider, one in providers.items():
        models = one.get("models") if type(one) is dict else None
        if type(models) is not dict:
            collector.note("providers without models", provider)
            continue
        for model_id, entry in models.items():
            collector.count_entry()
            if type(entry) is dict:
                collector.add(provider, model_id, _read_entry(collector.fields(entry, f"{provider}/{model_id}")))
            else:
                collector.note("entries that are not objects", f"{provider}/{model_id}")


def _read_entry(fields: Fields) -> Facts:
    sheet = PriceSheet()
    has_tier = fields.is_object("cost", _OVER_200K)
    for path, tier in ((("cost",), BASE), *([(("cost", _OVER_200K), (200_000, None))] if has_tier else [])):
        for field, name in _AMOUNTS.items():
            state_price(sheet, fields, name, per_million, *path, field, tier=tier)
    return Facts(
        **priced_facts(sheet),
        name=fields.text("name"),
        context_window=fields.tokens("limit", "context"),
        max_output_tokens=fields.tokens("limit", "output"),
        aliases=fields.other_ids("base_model"),
        family=fields.text("family"),
        capabilities=merge_capabilities(
            map_words(fields.words("modalities", "input"), INPUT_MODALITIES),
            map_words(fields.words("modalities", "output"), OUTPUT_MODALITIES),
            from_flags(
                (fields.flag("tool_call"), "tools"),
                (fields.flag("reasoning"), "reasoning"),
                (fields.flag("structured_output"), "json"),
            ),
        ),
    )


MODELS_DEV = ReferenceFormat("models-dev", 3, _read_document, "api.json of models.dev")
