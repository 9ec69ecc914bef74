"""The formats of exports, and writing one to a file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ghost_pipeline.atomic_file import atomic_write
from ghost_pipeline.errors import ExportRefused
from ghost_pipeline.exports.gateways import is_wildcard, litellm_config, openai_model_list
from ghost_pipeline.exports.tabular import csv_table, json_table, parquet_table
from ghost_pipeline.lifecycle.records import ModelRecord


def write_export(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically: to a temporary file, synced, then renamed. A link stays a link.

    The file keeps its permissions; a new one gets those that new files get. Raises ExportRefused.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise ExportRefused(f"{path} is not a regular file", "choose another path")
    try:
        atomic_write(target, content)
    except OSError as error:
        raise ExportRefused(
            f"{path} can't be written: {error.strerror}; it was not changed", "choose another path or free some space"
        ) from error


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write models."""

    write: Callable[[Sequence[ModelRecord]], bytes]
    is_json: bool = False
    is_text: bool = True
    """UTF-8 that a terminal can show."""
    is_left_out: Callable[[ModelRecord], bool] = lambda model: False
    """Returns True for a model that the format can't express."""


FORMATS: Mapping[str, Format] = {
    "litellm": Format(litellm_config, is_left_out=is_wildcard),
    "openai": Format(openai_model_list, is_json=True),
    "json": Format(json_table, is_json=True),
    "csv": Format(csv_table),
    "parquet": Format(parquet_table, is_text=False),
}


def export_models(models: Iterable[ModelRecord], to: str, *, is_with_ghosts: bool = False) -> bytes:
    """Return the models in the format ``to`` (a key of FORMATS), sorted; equal models give equal bytes.

    Ghosts are left out unless asked for, and then marked: ``is_active`` is false. Raises ExportRefused.
    """
    if to not in FORMATS:
        raise ExportRefused(f"{to!r} is not an export format", f"choose one of {', '.join(FORMATS)}")
    chosen = [model for model in models if model.is_active or is_with_ghosts]
    return FORMATS[to].write(sorted(chosen, key=lambda model: (model.provider_id, model.model_id)))
