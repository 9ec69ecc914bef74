"""Reads the data that installed packages carry: LiteLLM's map, and the prices of genai-prices as its ``data.json``.

Neither package is needed otherwise. LiteLLM is not imported, which would take seconds.
"""

import json
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ghost_pipeline.errors import NotConfigured

_LITELLM_MAP = "model_prices_and_context_window_backup.json"


def read_installed_reference(name: str) -> tuple[str, bytes]:
    """Return a name for the file, with the package's version, and its content.

    Raises NotConfigured for a reference that no package carries, and if the package is not installed.
    """
    try:
        if name == "litellm":
            return f"{_LITELLM_MAP} of litellm {version('litellm')}", _read_litellm_map()
        if name == "genai-prices":
            return f"data of genai-prices {version('genai-prices')}", _read_genai_prices()
    except (PackageNotFoundError, ImportError, OSError):
        raise NotConfigured(
            f"the data of {name} is not installed", f"give a file, or pip install 'ghost-pipeline[{name}]'"
        ) from None
    raise NotConfigured(f"no installed package has the data of {name}", "give a file")


def _read_litellm_map() -> bytes:
    spec = find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("litellm")
    return (Path(spec.submodule_search_locations[0]) / _LITELLM_MAP).read_bytes()


def _read_genai_prices() -> bytes:
    from genai_prices.data import providers  # noqa: PLC0415

    return json.dumps([_to_json(provider) for provider in providers]).encode()


_UNUSED = frozenset({"extractors", "api_pattern", "model_match", "provider_match", "price_variants"})
"""Fields of the package's objects that are about requests, not about models."""


def _to_json(value: Any) -> Any:
    """Return one of the package's objects as its ``data.json`` has it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    names = [one.name for one in fields(value)] if is_dataclass(value) else getattr(value, "__dict__", None)
    if names is None:
        return value
    found = ((name.removesuffix("_"), getattr(value, name)) for name in names if name not in _UNUSED)
    return {name: _to_json(one) for name, one in found if one is not None}
