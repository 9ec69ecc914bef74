"""Cloudflare Workers AI: ``GET /accounts/{id}/ai/models/search`` (API reference, "Model Search"), ``result[]``.

``name`` is the id that requests take; ``id`` is only a row number of theirs. Facts stand in ``properties[]`` as
``{property_id, value}``, with texts for numbers and booleans (as in the catalog pages of Cloudflare's documentation).
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint, PageNumberPaging
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
_FLAGS = {"function_calling": "tools", "reasoning": "reasoning", "vision": "vision"}


def _read(fields: Fields) -> Facts:
    properties = {name: part for part in fields.parts("properties") if (name := part.text("property_id"))}
    tasks = fields.words("task", "name") or ()
    window, deprecation = properties.get("context_window"), properties.get("planned_deprecation_date")
    return Facts(
        context_window=window.tokens("value") if window else None,
        input_price=_price(properties.get("price"), "per m input tokens"),
        output_price=_price(properties.get("price"), "per m output tokens"),
        capabilities=merge_capabilities(
            *(_TASKS.get(task, ()) for task in tasks),
            from_flags(*((_is_true(properties.get(name)), meant) for name, meant in _FLAGS.items())),
        ),
        expires_at=deprecation.instant("value") if deprecation else None,
    )


def _is_true(part: Fields | None) -> bool:
    return part is not None and part.words("value") == ("true",)


def _price(part: Fields | None, unit: str) -> float | None:
    for rate in part.parts("value") if part else ():
        if rate.words("unit") == (unit,) and rate.words("currency") == ("usd",):
            return rate.price(per_million, "price")
    return None


PROVIDERS = (
    Provider(
        "cloudflare",
        Format("cloudflare", 1, _read, row_keys=("result",), id_fields=("name",)),
        # API reference, "Model Search"; no largest page is documented
        Endpoint(
            "cloudflare",
            "https://api.cloudflare.com/client/v4",
            "/accounts/{account_id}/ai/models/search",
            key_variables=("CLOUDFLARE_API_TOKEN",),
            paging=PageNumberPaging(),
        ),
        # and CLOUDFLARE_ACCOUNT_ID, which LiteLLM reads by itself
        route=api_key_route("cloudflare", "CLOUDFLARE_API_KEY"),
    ),
)
