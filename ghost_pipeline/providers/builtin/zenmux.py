"""ZenMux: ``GET /v1/models`` (documentation, "List Models"), prices in ``pricings.{prompt,completion,…}[]``.

A price may have tiers by the length of prompt and answer. The columns keep what the provider charges from the first
token on: the one tier whose conditions all admit 0 tokens, which is also what single-price providers list for the
same models. Where several such tiers differ (by length of answer, say) the price is unknown. ``prices`` keeps every
tier; where two overlap, the higher amount counts.

Token prices are in ``perMTokens``, USD per million tokens; images, searches and requests in ``perCount``. An amount in
another unit, or in another currency than USD, is not converted. Zero is a price: rows of promotions state it. An absent
price is not stated. ``input_cache_write_1_h`` of models that are not Anthropic's is storage for an hour.
"""

from decimal import Decimal
from typing import Any

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.price_sheet import BASE, Bounds, PriceSheet
from ghost_pipeline.providers.values import per_million, per_unit
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    Fields,
    Format,
    from_flags,
    map_words,
    merge_capabilities,
)

_PER_MILLION = {
    "prompt": "input",
    "completion": "output",
    "input_cache_read": "cache_read",
    "input_cache_write": "cache_write",
    "input_cache_write_5_min": "cache_write",
    "input_cache_write_1_h": "cache_write_1h",
    "internal_reasoning": "reasoning",
    "audio": "audio_input",
}
_PER_UNIT = {"image": "per_input_image", "web_search": "per_web_search", "request": "per_request"}
_UNITS = {"permtokens": (_PER_MILLION, per_million), "percount": (_PER_UNIT, per_unit)}
_COUNTED = ("prompt_tokens", "completion_tokens")
_BILLED_BY_TOKENS = frozenset({"text", "embedding", "embeddings"})


def _read(fields: Fields) -> Facts:
    outputs = fields.words("output_modalities")
    sheet = PriceSheet()
    for kind in fields.raw("pricings") if fields.is_object("pricings") else ():
        _read_kind(fields, kind, sheet)
    return Facts(
        name=fields.text("display_name"),
        context_window=fields.tokens("context_length"),
        input_price=sheet.column("input"),
        output_price=sheet.column("output"),
        capabilities=merge_capabilities(
            map_words(fields.words("input_modalities"), INPUT_MODALITIES),
            map_words(outputs, OUTPUT_MODALITIES),
            from_flags((fields.flag("capabilities", "reasoning"), "reasoning")),
        ),
        prices=sheet.prices(is_zero_a_price=bool(outputs) and _BILLED_BY_TOKENS.issuperset(outputs or ())),
    )


def _read_kind(fields: Fields, kind: str, sheet: PriceSheet) -> None:
    entries = fields.parts("pricings", kind)
    first = {entry.raw("value") for entry in entries if len(entries) == 1 or _is_from_the_first_token(entry)}
    for entry in entries:
        name, unit = _unit(fields, entry, kind)
        tier = _tier(entry) if len(entries) > 1 else BASE
        if name is None or tier is None or (tier == BASE and len(first) > 1):
            sheet.state_other(kind, entry.raw("value"))
        else:
            sheet.read(entry, name, unit, "value", tier=tier)


def _unit(fields: Fields, entry: Fields, kind: str) -> tuple[str | None, Any]:
    currency = entry.words("currency")
    if currency and currency != ("usd",):
        entry.note("currency")
    names, unit = _UNITS.get("".join(entry.words("unit") or ()), ({}, per_unit))
    name = names.get(kind) if currency == ("usd",) else None
    if name == "cache_write_1h" and not fields.model_id.startswith("anthropic/"):
        name = "cache_storage"
    return name, unit


def _is_from_the_first_token(tier: Fields) -> bool:
    return not any(tier.number("conditions", counted, bound) for counted in _COUNTED for bound in ("gte", "gt"))


def _tier(entry: Fields) -> Bounds | None:
    """Return the numbers of tokens above which the entry counts; None if they can't be read."""
    if _is_from_the_first_token(entry):
        return BASE
    try:
        prompt, completion = (_lower_bound(entry, counted) for counted in _COUNTED)
    except ValueError:
        entry.note("conditions")
        return None
    return prompt, completion


def _lower_bound(entry: Fields, counted: str) -> int | None:
    for bound, inclusive in (("gte", 1), ("gt", 0)):
        if thousands := entry.number("conditions", counted, bound):
            if entry.words("conditions", counted, "unit") not in (None, ("ktokens",)):
                raise ValueError(counted)
            tokens = Decimal(repr(thousands)) * 1000
            if tokens != int(tokens):
                raise ValueError(counted)
            return int(tokens) - inclusive
    return None


PROVIDERS = (
    Provider(
        "zenmux",
        Format("zenmux", 2, _read),
        # API reference, "List Models"
        Endpoint(
            "https://zenmux.ai/api/v1",
            key_variables=("ZENMUX_API_KEY",),
        ),
    ),
)
