"""The formats of exports, and writing one to a file."""

import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ghost_pipeline.atomic_file import atomic_file
from ghost_pipeline.errors import ExportRefused
from ghost_pipeline.exports.gateways import is_wildcard, write_litellm_config, write_openai_list
from ghost_pipeline.exports.tabular import write_csv, write_json, write_parquet
from ghost_pipeline.lifecycle.records import ModelRecord

PAGE_SIZE = 2_000
"""Models that are in memory at a time. Parquet has a row group for each page."""

Pages = Iterable[Sequence[ModelRecord]]


@contextmanager
def open_export(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write to that replaces ``path`` atomically when the block ends. A link stays a link.

    The file keeps its permissions; a new one gets those that new files get. After an error the old file is as it was.
    Raises ExportRefused if it can't be written.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise ExportRefused(f"{path} is not a regular file", "choose another path")
    try:
        with atomic_file(target) as file:
            yield file
    except OSError as error:
        raise ExportRefused(
            f"{path} can't be written: {error.strerror}; it was not changed", "choose another path or free some space"
        ) from error


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write models."""

    write: Callable[[Pages, BinaryIO, Collection[str]], None]
    """Writes pages of models to a file; the third argument are the model ids that several providers have."""
    is_json: bool = False
    is_text: bool = True
    """UTF-8 that a terminal can show."""
    is_left_out: Callable[[ModelRecord], bool] = lambda model: False
    """Returns True for a model that the format can't express."""


FORMATS: Mapping[str, Format] = {
    "litellm": Format(write_litellm_config, is_left_out=is_wildcard),
    "openai": Format(write_openai_list, is_json=True),
    "json": Format(write_json, is_json=True),
    "csv": Format(write_csv),
    "parquet": Format(write_parquet, is_text=False),
}


def write_models(models: Iterable[ModelRecord], to: str, file: BinaryIO, shared_ids: Collection[str] = ()) -> None:
    """Write models to ``file`` in the format ``to`` (a key of FORMATS), in their order, a page of them at a time.

    ``shared_ids`` are the ids that models of several providers have: formats that name models by their id alone add the
    provider to those. Raises ExportRefused.
    """
    if to not in FORMATS:
        raise ExportRefused(f"{to!r} is not an export format", f"choose one of {', '.join(FORMATS)}")
    FORMATS[to].write(_pages(models), file, shared_ids)


def _pages(models: Iterable[ModelRecord]) -> Iterator[Sequence[ModelRecord]]:
    remaining = iter(models)
    while page := list(islice(remaining, PAGE_SIZE)):
        yield page


def export_models(models: Iterable[ModelRecord], to: str, *, is_with_ghosts: bool = False) -> bytes:
    """Return the models in the format ``to`` (a key of FORMATS), sorted; equal models give equal bytes.

    Ghosts are left out unless asked for, and then marked: ``is_active`` is false. Raises ExportRefused.
    """
    chosen = [model for model in models if model.is_active or is_with_ghosts]
    chosen.sort(key=lambda model: (model.provider_id, model.model_id))
    uses = Counter(model.model_id for model in chosen)
    file = io.BytesIO()
    write_models(chosen, to, file, {model_id for model_id, number in uses.items() if number > 1})
    return file.getvalue()
