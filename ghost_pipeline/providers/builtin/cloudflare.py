"""Cloudflare Workers AI: ``GET /accounts/{id}/ai/models/search`` (API reference, "Model Search"), ``result[]``.

``name`` is the id that requests take; ``id`` is only a row number of theirs. Facts stand in ``properties[]`` as
``{property_id, value}``, with texts for numbers and booleans (as in the catalog pages of Cloudflare's documentation).
Prices are per unit, of which the two token units are read. Beta models have none, which is unknown; zero is not
documented to mean free. ``planned_deprecation_date`` is a day, on which the model still answers.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint, PageNumberPaging
from ghost_pipeline.providers.price_sheet import PriceSheet
from ghost_pipeline.providers.values import per_million
from ghost_pipeline.providers.wire_format import Fields, Format, from_flags, merge_capabilities

_TASKS = {
    "automatic speech recognition": ("audio", "text"),
    "image-to-text": ("text", "vision"),
    "summarization": ("text",),
    "text embeddings": ("embedding",),
    "text generation": ("text",),
    "text-to-image": ("image_generation",),
    "text-to-speech": ("speech",),
    "translation": ("text",),
}
_TOKEN_UNITS = {"per m input tokens": "input", "per m output tokens": "output"}
_FLAGS = {"function_calling": "tools", "reasoning": "reasoning", "vision": "vision"}


def _read(fields: Fields) -> Facts:
    properties = {name: part for part in fields.parts("properties") if (name := part.text("property_id"))}
    tasks = fields.words("task", "name") or ()
    window, deprecation = properties.get("context_window"), properties.get("planned_deprecation_date")
    return Facts(
        context_window=window.tokens("value") if window else None,
        capabilities=merge_capabilities(
            *(_TASKS.get(task, ()) for task in tasks),
            from_flags(*((_is_true(properties.get(name)), meant) for name, meant in _FLAGS.items())),
        ),
        expires_at=deprecation.instant("value") if deprecation else None,
        **_prices(properties.get("price")).filler_facts(),
    )


def _is_true(part: Fields | None) -> bool:
    return part is not None and part.words("value") == ("true",)


def _prices(part: Fields | None) -> PriceSheet:
    sheet = PriceSheet()
    for rate in part.parts("value") if part else ():
        unit = "".join(rate.words("unit") or ())
        if unit in _TOKEN_UNITS and rate.words("currency") == ("usd",):
            sheet.read(rate, _TOKEN_UNITS[unit], per_million, "price")
        elif (stated := rate.raw("price")) is not None:
            sheet.state_other(unit or "price", stated)
    return sheet


PROVIDERS = (
    Provider(
        "cloudflare",
        Format("cloudflare", 2, _read, row_keys=("result",), id_fields=("name",)),
        # API reference, "Model Search"; no largest page is documented
        Endpoint(
            "https://api.cloudflare.com/client/v4",
            "/accounts/{account_id}/ai/models/search",
            key_variables=("CLOUDFLARE_API_TOKEN",),
            paging=PageNumberPaging(),
        ),
        # and CLOUDFLARE_ACCOUNT_ID, which LiteLLM reads by itself
        route=api_key_route("cloudflare", "CLOUDFLARE_API_KEY"),
    ),
)
