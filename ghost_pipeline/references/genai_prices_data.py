"""genai-prices: its ``prices/data.json``, ``[{"id", "models": [{"id", "match", "prices", "context_window"}]}]``.

Prices are USD per million tokens: ``input_mtok``, ``output_mtok``, ``cache_read_mtok`` and the like, each an amount or
``{"base", "tiers"}``, of which the base is what is charged from the first token on, and a tier for all tokens of a
longer prompt. ``prices`` may be a list with conditions, of which the last one
that holds counts and otherwise the first. A price for a part of the day counts for the whole day if it is the highest,
as in listings.

A model is known by its ``id`` and by the ids that ``match`` states with ``equals``, alone or in an ``or``. Patterns
(``starts_with``, ``contains``, ``regex``) would be a guess and are not used.

Source: ``genai_prices/types.py`` of the package.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.price_sheet import PriceSheet
from ghost_pipeline.providers.values import per_million
from ghost_pipeline.providers.wire_format import Fields
from ghost_pipeline.references.reading import (
    EntryCollector,
    ReferenceFormat,
    priced_facts,
    state_price,
    wrong_shape,
)

_AMOUNTS: Mapping[str, str] = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
    "cache_audio_read_mtok": "audio_cache_read",
    "input_image_mtok": "image_input",
}


def _read_document(document: Any, at: datetime, collector: EntryCollector) -> None:
    providers = document if type(document) is list else []
    if not any(type(one) is dict and type(one.get("models")) is list for one in providers):
        raise wrong_shape('data.json of genai-prices: a list of providers with "models"')
    for provider in providers:
        models = provider.get("models") if type(provider) is dict else None
        if type(models) is not list:
            collector.note("providers without models", provider)
            continue
        for model in models:
            collector.count_entry()
            if type(model) is dict:
                _read_model(provider.get("id"), model, at, collector)
            else:
                collector.note("entries that are not objects", provider.get("id"))


def _read_model(provider: object, model: Mapping[str, Any], at: datetime, collector: EntryCollector) -> None:
    name = f"{provider}/{model.get('id')}"
    fields = collector.fields(model, name)
    stated = model.get("prices")
    candidates = [stated] if type(stated) is dict else _prices_in_force(stated, at)
    sheet = PriceSheet()
    for one in candidates:
        _read_prices(collector.fields(one, name), sheet)
    facts = Facts(
        name=fields.text("name"),
        context_window=fields.tokens("context_window"),
        **priced_facts(sheet),
    )
    collector.add(provider, model.get("id"), facts)
    for model_id in _exact_ids(model.get("match")):
        collector.add(provider, model_id, facts)


def _exact_ids(match: Any) -> Iterator[Any]:
    """Yield the ids that a condition names one by one."""
    alternatives = match.get("or") if type(match) is dict else None
    for clause in alternatives if type(alternatives) is list else [match]:
        if type(clause) is dict and type(clause.get("equals")) is str:
            yield clause["equals"]


def _prices_in_force(stated: Any, at: datetime) -> list[Mapping[str, Any]]:
    """Return the prices of the last condition that holds ``at`` that day, with those of parts of the day after it."""
    found: list[Mapping[str, Any]] = []
    for one in stated if type(stated) is list else []:
        prices = one.get("prices") if type(one) is dict else None
        if type(prices) is not dict:
            continue
        constraint = one.get("constraint")
        start = constraint.get("start_date") if type(constraint) is dict else None
        if type(constraint) is dict and start is None:  # a part of the day
            found.append(prices)
        elif not found or start is None or (type(start) is str and start <= at.astimezone(UTC).date().isoformat()):
            found = [prices]
    return found


def _read_prices(fields: Fields, sheet: PriceSheet) -> None:
    for field, name in _AMOUNTS.items():
        if not fields.is_object(field):
            state_price(sheet, fields, name, per_million, field)
            continue
        state_price(sheet, fields, name, per_million, field, "base")
        for part in fields.parts(field, "tiers"):
            start = part.tokens("start")
            if start is not None:
                state_price(sheet, part, name, per_million, "price", tier=(start, None))


GENAI_PRICES = ReferenceFormat("genai-prices", 2, _read_document, "prices/data.json of genai-prices")
