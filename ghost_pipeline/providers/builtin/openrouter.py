"""OpenRouter: ``GET /api/v1/models`` (API reference, "List available models").

Prices are strings in USD per token. What zero and absence mean depends on the kind of the model:

- Text and embeddings: "0" is a price.
- Images, video, audio and reranking: "0" in ``prompt`` or ``completion`` is filler, because such models are not
  billed by tokens unless ``completion`` is above 0. Their real price is at other endpoints, so it is unknown here.
- Speech with ``completion`` 0: ``prompt`` is USD per character of input.
- Transcription with ``completion`` 0: ``prompt`` is USD per second, minute or hour, and the row does not state which.
- The suffix ``:free`` of an id is a documented variant, whose zeros are prices whatever its kind.
- "-1" is the price of routers, which depends on where a request goes: unknown. An absent price is not stated.

The lists of modalities and of ``supported_parameters`` are complete: what they lack, OpenRouter does not offer.

``image`` is documented per image, but is mostly stated per token: below 0.0001 it is per token. ``audio`` at more
than a hundred times the price of ``prompt`` is in another unit. ``discount`` is not applied: whether the prices
contain it is not documented. Dates have no time; providers' dates default to 13:00 UTC ("For providers").
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.lifecycle.prices import parse_amount
from ghost_pipeline.providers.declaration import Provider, api_key_route
from ghost_pipeline.providers.endpoint import Endpoint, NextLinkPaging
from ghost_pipeline.providers.price_sheet import PriceSheet
from ghost_pipeline.providers.values import PriceUnit, Unreadable, per_token, per_unit
from ghost_pipeline.providers.wire_format import (
    INPUT_MODALITIES,
    OUTPUT_MODALITIES,
    CapabilityMap,
    Fields,
    Format,
    map_words,
    merge_capabilities,
)

_PARAMETERS = CapabilityMap(
    {
        "tools": "tools",
        "reasoning": "reasoning",
        "include_reasoning": "reasoning",
        "response_format": "json",
        "structured_outputs": "json",
    }
)
_DECIDED = frozenset(word for one in (INPUT_MODALITIES, OUTPUT_MODALITIES, _PARAMETERS) for word in one.table.values())

_AMOUNTS: Mapping[str, tuple[str, PriceUnit]] = {
    "prompt": ("input", per_token),
    "completion": ("output", per_token),
    "input_cache_read": ("cache_read", per_token),
    "input_cache_write": ("cache_write", per_token),
    "input_cache_write_1h": ("cache_write_1h", per_token),
    "internal_reasoning": ("reasoning", per_token),
    "audio": ("audio_input", per_token),
    "audio_output": ("audio_output", per_token),
    "input_audio_cache": ("audio_cache_read", per_token),
    "image": ("per_input_image", per_unit),
    "image_token": ("image_input", per_token),
    "image_output": ("per_output_image", per_unit),
    "request": ("per_request", per_unit),
    "web_search": ("per_web_search", per_unit),
}
_NO_AMOUNTS = frozenset({"discount", "overrides"})
_BILLED_BY_TOKENS = frozenset({"text", "embedding", "embeddings"})
_LEAST_PER_IMAGE = Decimal("0.0001")
_MOST_AUDIO_PER_PROMPT = 100
_FREE_VARIANT = ":free"
_REMOVAL_HOUR = 13


def _read(fields: Fields) -> Facts:
    outputs = fields.words("architecture", "output_modalities")
    priced = _read_pricing(fields, outputs)
    expires_at = fields.instant("expiration_date")
    return Facts(
        name=fields.text("name"),
        aliases=fields.other_ids("canonical_slug", "hugging_face_id"),
        context_window=fields.tokens("context_length"),
        max_output_tokens=fields.tokens("top_provider", "max_completion_tokens"),
        input_price=priced.input_price,
        output_price=priced.output_price,
        capabilities=merge_capabilities(
            map_words(fields.words("architecture", "input_modalities"), INPUT_MODALITIES),
            map_words(outputs, OUTPUT_MODALITIES),
            map_words(fields.words("supported_parameters"), _PARAMETERS),
        ),
        expires_at=None if expires_at is None else _removal(fields, expires_at),
        prices=priced.prices,
    )


def _removal(fields: Fields, moment: datetime) -> datetime:
    stated = fields.raw("expiration_date")
    is_day = isinstance(stated, str) and "-" in stated and len(stated.strip()) <= len("2026-06-09")
    return moment.replace(hour=_REMOVAL_HOUR, minute=0, second=0) if is_day else moment


class _Priced(NamedTuple):
    input_price: float | None
    output_price: float | None
    prices: Mapping[str, Any] | None
    unreadable: tuple[str, ...] = ()


_UNPRICED = _Priced(None, None, None)


def _read_pricing(fields: Fields, outputs: tuple[str, ...] | None) -> _Priced:
    pricing = fields.raw("pricing")
    if type(pricing) is not dict:
        if pricing is not None:
            fields.note("pricing")
        return _UNPRICED
    is_free_variant = fields.model_id.endswith(_FREE_VARIANT)
    try:
        priced = _price(tuple(pricing), outputs, is_free_variant, *pricing.values())
    except TypeError:  # a value that is a list or an object has no hash
        priced = _price.__wrapped__(tuple(pricing), outputs, is_free_variant, *pricing.values())
    for name in priced.unreadable:
        fields.note("pricing", name)
    return priced


@lru_cache(maxsize=4096, typed=True)
def _price(keys: tuple[str, ...], outputs: tuple[str, ...] | None, is_free_variant: bool, *values: Any) -> _Priced:
    """Return what ``pricing`` states; cached, because a listing repeats the same few prices.

    Values are arguments so that the cache tells 1 from True. Callers don't change the JSON in the result.
    """
    pricing = dict(zip(keys, values, strict=True))
    return _Pricing(pricing, frozenset(outputs or ()), is_free_variant=is_free_variant).read()


class _Pricing:
    """One row's ``pricing``."""

    def __init__(self, pricing: Mapping[str, Any], outputs: frozenset[str], *, is_free_variant: bool) -> None:
        self._pricing = pricing
        self._outputs = outputs
        self._is_free_variant = is_free_variant
        self._is_zero_a_price = is_free_variant or (bool(outputs) and outputs <= _BILLED_BY_TOKENS)
        completion = _plain(pricing.get("completion"))
        self._is_by_token = self._is_zero_a_price or not outputs or (completion is not None and completion > 0)
        self._sheet = PriceSheet()
        self._unreadable: list[str] = []

    def read(self) -> _Priced:
        sheet = self._sheet
        for key, value in self._pricing.items():
            if value is None or key in _NO_AMOUNTS:
                continue
            found = self._amount(key, value)
            if found is not None:
                sheet.state(*found)
        overrides = self._pricing.get("overrides")
        for override in overrides if isinstance(overrides, list) else ():
            self._read_override(override)
        return _Priced(
            sheet.column("input"),
            sheet.column("output"),
            sheet.prices(is_zero_a_price=self._is_zero_a_price),
            tuple(self._unreadable),
        )

    def _amount(self, key: str, value: Any) -> tuple[str, Decimal] | None:
        """Return name and amount; None for filler, and for what is kept as ``other``."""
        amount = _plain(value)
        if amount == 0 and not self._is_by_token and key in ("prompt", "completion"):
            return None
        name, unit = _AMOUNTS.get(key, (None, per_unit))
        if key == "prompt" and not self._is_by_token and amount is not None and amount > 0:
            name = "input_characters" if "speech" in self._outputs else name
            name = None if "transcription" in self._outputs else name
        if key == "image" and amount is not None and amount < _LEAST_PER_IMAGE:
            name, unit = "image_input", per_token
        if key == "audio" and self._is_out_of_proportion(amount):
            name = None
        converted = None if name is None else self._converted(key, value, unit)
        if name is None or converted is None:
            if name is not None or amount is None or amount != 0:
                self._sheet.state_other(key, value)
            return None
        return name, converted

    def _is_out_of_proportion(self, audio: Decimal | None) -> bool:
        prompt = _plain(self._pricing.get("prompt"))
        return audio is not None and prompt is not None and 0 < prompt * _MOST_AUDIO_PER_PROMPT < audio

    def _converted(self, key: str, value: Any, unit: PriceUnit) -> Decimal | None:
        try:
            return unit(value)
        except Unreadable:
            self._unreadable.append(key)
            return None

    def _read_override(self, override: Any) -> None:
        if type(override) is not dict:
            self._unreadable.append("overrides")
            return
        found = (self._amount(key, value) for key, value in override.items() if key in _AMOUNTS)
        amounts = dict(one for one in found if one is not None)
        least, start, end = (override.get(key) for key in ("min_prompt_tokens", "utc_start", "utc_end"))
        bound = least if type(least) is int and least >= 0 else None
        if isinstance(start, str) and isinstance(end, str):
            above = {} if bound is None else {"above_input_tokens": bound}
            self._sheet.state_window({**above, "utc_start": start, "utc_end": end}, amounts)
        elif bound is None:
            self._unreadable.append("overrides")
            for name, amount in amounts.items():
                self._sheet.state_other(f"overrides.{name}", amount)
        else:
            for name, amount in amounts.items():
                self._sheet.state(name, amount, (bound, None))


def _plain(value: Any) -> Decimal | None:
    """Return the number that a field contains, in whatever unit."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return parse_amount(value if isinstance(value, str) else repr(value))


PROVIDERS = (
    Provider(
        "openrouter",
        Format("openrouter", 3, _read, decided_capabilities=_DECIDED),
        # API reference, "List available models"; public
        Endpoint(
            "https://openrouter.ai/api/v1",
            key_variables=("OPENROUTER_API_KEY",),
            is_key_required=False,
            paging=NextLinkPaging(),
        ),
        route=api_key_route("openrouter", "OPENROUTER_API_KEY"),
        hosts=("openrouter.ai",),
    ),
)
