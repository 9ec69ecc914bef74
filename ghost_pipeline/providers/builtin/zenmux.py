"""ZenMux: ``GET /v1/models`` (documentation, "List Models"), prices in ``pricings.{prompt,completion}[]``.

A price may have tiers by the length of prompt and answer. The catalog keeps one price, so it keeps what the provider
charges from the first token on: the one tier whose conditions all admit 0 tokens, which is also what single-price
providers list for the same models. Where several such tiers differ (by length of answer, say) the price is unknown.
Other units than ``perMTokens`` are no token prices; another currency than USD is not converted.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.values import per_million
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    Fields,
    Format,
    from_flags,
    map_words,
    merge_capabilities,
)


def _read(fields: Fields) -> Facts:
    return Facts(
        name=fields.text("display_name"),
        context_window=fields.tokens("context_length"),
        input_price=_price(fields, "prompt"),
        output_price=_price(fields, "completion"),
        capabilities=merge_capabilities(
            map_words(fields.words("input_modalities"), INPUT_MODALITIES),
            map_words(fields.words("output_modalities"), OUTPUT_MODALITIES),
            from_flags((fields.flag("capabilities", "reasoning"), "reasoning")),
        ),
    )


def _price(fields: Fields, kind: str) -> float | None:
    tiers = [tier for tier in fields.parts("pricings", kind) if tier.words("unit") == ("permtokens",)]
    for tier in tiers:
        currency = tier.words("currency")
        if currency != ("usd",):
            if currency:
                tier.note("currency")
            return None
    prices = {tier.price(per_million, "value") for tier in tiers if len(tiers) == 1 or _is_from_the_first_token(tier)}
    return prices.pop() if len(prices) == 1 else None


def _is_from_the_first_token(tier: Fields) -> bool:
    return not any(
        tier.number("conditions", counted, bound)
        for counted in ("prompt_tokens", "completion_tokens")
        for bound in ("gte", "gt")
    )


PROVIDERS = (
    Provider(
        "zenmux",
        Format("zenmux", 1, _read),
        # API reference, "List Models"
        Endpoint(
            "zenmux",
            "https://zenmux.ai/api/v1",
            key_variables=("ZENMUX_API_KEY",),
        ),
    ),
)
