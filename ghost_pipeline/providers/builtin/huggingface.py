"""Hugging Face: ``GET /v1/models`` of the inference router (Inference Providers, Hub API documentation).

A model is served by several ``providers[]``, and the router chooses one. A fact on which the live ones disagree is
unknown; what one of them can do can be had. That none is live ("staging", "error") does not mean that a model is gone.
Zero may be filler, and one provider that is free does not make the model free; an absent price is not stated.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.providers.price_sheet import PriceSheet
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

T = TypeVar("T")


def _read(fields: Fields) -> Facts:
    live = [offer for offer in fields.parts("providers") if "live" in (offer.words("status") or ("live",))]
    return Facts(
        context_window=_agreed(offer.tokens("context_length") for offer in live),
        capabilities=merge_capabilities(
            map_words(fields.words("architecture", "input_modalities"), INPUT_MODALITIES),
            map_words(fields.words("architecture", "output_modalities"), OUTPUT_MODALITIES),
            *(
                from_flags((offer.flag("supports_tools"), "tools"), (offer.flag("supports_structured_output"), "json"))
                for offer in live
            ),
        ),
        **_prices(live).filler_facts(),
    )


def _prices(live: Sequence[Fields]) -> PriceSheet:
    sheet = PriceSheet()
    for name in ("input", "output"):
        amounts = {amount for offer in live if (amount := offer.price(per_million, "pricing", name)) is not None}
        if len(amounts) == 1:
            sheet.state(name, amounts.pop())
        elif amounts:
            sheet.state_other(name, max(amounts))
    return sheet


def _agreed(stated: Iterable[T | None]) -> T | None:
    facts = {fact for fact in stated if fact is not None}
    return facts.pop() if len(facts) == 1 else None


PROVIDERS = (
    Provider(
        "huggingface",
        Format("huggingface", 2, _read),
        # Inference Providers, "Hub API". Without a token the list may be shorter, so one is required
        Endpoint(
            "https://router.huggingface.co/v1",
            key_variables=("HF_TOKEN",),
        ),
        route=api_key_route("huggingface", "HF_TOKEN"),
    ),
)
