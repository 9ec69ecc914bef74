"""models.dev: its ``api.json``, ``{provider: {"models": {model id: {…}}}}``.

``cost`` is USD per million tokens. ``limit.context`` is the context window, ``limit.output`` the longest answer; 0 is
"not applicable". Longer prompts may have other prices (``cost.context_over_200k``, ``cost.tiers``), which are not read:
the columns keep what is charged from the first token on. ``modalities`` and the flags state capabilities; a flag that
is false or missing is not a "no", as in listings.

Source: the repository of models.dev, ``README.md`` ("Schema Reference").
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.values import per_million
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    Fields,
    from_flags,
    map_words,
    merge_capabilities,
)
from ghost_pipeline.references.reading import EntryCollector, ReferenceFormat, wrong_shape


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
    return Facts(
        name=fields.text("name"),
        context_window=fields.tokens("limit", "context"),
        max_output_tokens=fields.tokens("limit", "output"),
        input_price=as_column(fields.price(per_million, "cost", "input")),
        output_price=as_column(fields.price(per_million, "cost", "output")),
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


def as_column(amount: Decimal | None) -> float | None:
    """Return an amount as a column of prices contains it."""
    return None if amount is None else float(amount)


MODELS_DEV = ReferenceFormat("models-dev", 2, _read_document, "api.json of models.dev")
