"""Exports for gateways: LiteLLM's ``model_list`` and OpenAI's ``/v1/models``."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

import msgspec

from ghost_pipeline.exports.tabular import write_json_items
from ghost_pipeline.lifecycle.claims.resolution import price_source
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.providers import route_of

_MODES = (
    ("embedding", "embedding"),
    ("rerank", "rerank"),
    ("moderation", "moderation"),
    ("text", "chat"),
    ("image_generation", "image_generation"),
    ("speech", "audio_speech"),
)
"""A capability -> its mode; the first that fits counts."""

_SUPPORTS = {
    "vision": "supports_vision",
    "audio": "supports_audio_input",
    "tools": "supports_function_calling",
    "reasoning": "supports_reasoning",
}


def write_litellm_config(pages: Iterable[Sequence[ModelRecord]], file: BinaryIO, _shared_ids: Collection[str]) -> None:
    """Write ``model_list: [...]`` as UTF-8 YAML.

    Models that ``is_wildcard`` is true of are left out: LiteLLM would route every name that matches to them.
    """
    # Imported here: only exports and files of additions need it, and every command would wait for it.
    import yaml  # noqa: PLC0415

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    is_empty = True
    for page in pages:
        entries = [_entry(model) for model in page if not is_wildcard(model)]
        if not entries:
            continue
        if is_empty:
            file.write(b"model_list:\n")
            is_empty = False
        # A list has no indentation of its own in YAML's block style, so that pages follow each other.
        text: str = yaml.dump(entries, Dumper=dumper, sort_keys=False, allow_unicode=True, width=1_000)
        file.write(text.encode())
    if is_empty:
        file.write(b"model_list: []\n")


def is_wildcard(model: ModelRecord) -> bool:
    """Return True if LiteLLM treats the model's name as a pattern."""
    return "*" in model.model_id


def _entry(model: ModelRecord) -> dict[str, Any]:
    mode = _mode(model.capabilities)
    info = {name: value for name, value in _info(model, mode).items() if value is not None}
    return {
        "model_name": f"{model.provider_id}/{model.model_id}",
        "litellm_params": route_of(model.provider_id).params(model, mode),
        **({"model_info": info} if info else {}),
    }


def _info(model: ModelRecord, mode: str | None) -> dict[str, Any]:
    info = {
        "mode": mode,
        "max_tokens": model.max_output_tokens or model.context_window,
        "max_input_tokens": model.context_window,
        "max_output_tokens": model.max_output_tokens,
        "input_cost_per_token": _per_token(model.input_price),
        "output_cost_per_token": _per_token(model.output_price),
        "price_source": price_source(model),
        **{name: True for word, name in _SUPPORTS.items() if word in (model.capabilities or ())},
        # LiteLLM reads an ISO date, in UTC, for its alerts on models that retire.
        "deprecation_date": None if model.expires_at is None else model.expires_at.date().isoformat(),
    }
    if not model.is_active:
        info |= {"is_active": False, "last_seen_at": msgspec.to_builtins(model.last_seen_at)}
    return info


def _mode(capabilities: Sequence[str] | None) -> str | None:
    words = set(capabilities or ())
    if words == {"audio", "text"}:
        return None  # a transcriber, or a chat model with audio input
    return next((mode for word, mode in _MODES if word in words), None)


def _per_token(price: float | None) -> float | None:
    """Convert a price per million tokens to USD per token; decimal, so that 0.15 gives exactly 1.5e-07."""
    return None if price is None else float(Decimal(str(price)).scaleb(-6))


def write_openai_list(pages: Iterable[Sequence[ModelRecord]], file: BinaryIO, shared_ids: Collection[str]) -> None:
    """Write ``{"object": "list", "data": [...]}``.

    ``created``, in epoch seconds, is what the provider states, else ``first_seen_at``.
    """
    file.write(b'{\n  "object": "list",\n  "data": ')
    entries = (openai_entry(model, is_shared=model.model_id in shared_ids) for page in pages for model in page)
    write_json_items(entries, file, "\n  ")
    file.write(b"\n}\n")


def openai_entry(model: ModelRecord, *, is_shared: bool) -> dict[str, Any]:
    """Return a model as OpenAI's API lists it; with its provider in the id if others have a model of that id."""
    entry = {
        "id": f"{model.provider_id}/{model.model_id}" if is_shared else model.model_id,
        "object": "model",
        "created": _created(model),
        "owned_by": model.provider_id,
    }
    if not model.is_active:
        entry |= {"is_active": False, "last_seen_at": msgspec.to_builtins(model.last_seen_at)}
    return entry


_MAX_EPOCH_SECONDS = 10**11
"""Later instants are milliseconds, or no instants at all."""


def _created(model: ModelRecord) -> int:
    stated: Any = (model.provider_data or {}).get("created")
    if isinstance(stated, int | float) and not isinstance(stated, bool) and 0 < stated < _MAX_EPOCH_SECONDS:
        return int(stated)
    return int(model.first_seen_at.timestamp())
