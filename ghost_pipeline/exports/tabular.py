"""Exports as a table: the columns of the catalog, one row per model.

JSON has what ``ghost-pipeline models --json`` has. CSV and Parquet have JSON texts for columns of objects, and columns
that name the source of each fact. Between capabilities, CSV has the ``;`` that ``ghost-pipeline add --from``
understands.
"""

import importlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from ghost_pipeline.errors import ExportRefused
from ghost_pipeline.lifecycle.claims.resolution import SOURCE_COLUMNS, SOURCE_SUFFIX, stated_source
from ghost_pipeline.lifecycle.facts import FACTS, FactKind
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelRecord
from ghost_pipeline.redaction import to_csv_cell

if TYPE_CHECKING:
    import pandas as pd


_DTYPE_OF_KIND = {
    FactKind.TEXT: "string",
    FactKind.TOKENS: "Int64",
    FactKind.PRICE: "Float64",
    FactKind.PRICES: "string",
    FactKind.CAPABILITIES: "object",
    FactKind.INSTANT: "datetime64[us, UTC]",
}
_DTYPES = {
    **dict.fromkeys(MODEL_FIELDS, "string"),
    **{name: "datetime64[us, UTC]" for name in MODEL_FIELDS if name.endswith(("_at", "_since"))},
    **{name: "boolean" for name in MODEL_FIELDS if name.startswith("is_")},
    "listing_id": "Int64",
    **{fact.name: _DTYPE_OF_KIND[fact.kind] for fact in FACTS},
    **dict.fromkeys(SOURCE_COLUMNS, "string"),
}
"""Column -> dtype. Nullable ones, so that an unknown number does not turn its column into floats."""

TABLE_COLUMNS = (*MODEL_FIELDS, *SOURCE_COLUMNS)
"""Columns of CSV and Parquet."""

_CSV_TEXTS = tuple(
    name
    for name in TABLE_COLUMNS
    if _DTYPES[name] == "string" or any(fact.name == name for fact in FACTS if fact.kind is FactKind.CAPABILITIES)
)
"""Columns that may begin with what others wrote."""

_OBJECTS = (
    "provider_data",
    "inference_metadata",
    *(fact.name for fact in FACTS if fact.kind is FactKind.PRICES),
)


def write_json(pages: Iterable[Sequence[ModelRecord]], file: BinaryIO, _shared_ids: Collection[str]) -> None:
    """Write a JSON list of objects."""
    write_json_items((msgspec.to_builtins(model) for page in pages for model in page), file, "\n")
    file.write(b"\n")


def write_json_items(items: Iterable[Any], file: BinaryIO, line_end: str) -> None:
    """Write a JSON list as its items come; ``line_end`` is a line break and the indentation of the list."""
    is_empty = True
    for item in items:
        text = json.dumps(item, indent=2, ensure_ascii=False).replace("\n", f"{line_end}  ")
        file.write(f"{'[' if is_empty else ','}{line_end}  {text}".encode())
        is_empty = False
    file.write(b"[]" if is_empty else f"{line_end}]".encode())


def write_csv(pages: Iterable[Sequence[ModelRecord]], file: BinaryIO, _shared_ids: Collection[str]) -> None:
    """Write a header and one line per model; unknown is an empty cell, instants are ISO 8601 with Z.

    What a spreadsheet would compute is behind an apostrophe, which ``ghost-pipeline add --from`` takes away.
    """
    for number, models in enumerate(_with_first(pages)):
        frame = _frame(models, TABLE_COLUMNS)
        for fact in FACTS:
            if fact.kind is FactKind.CAPABILITIES:
                frame[fact.name] = ["" if words is None else ";".join(words) for words in frame[fact.name]]
        for name in _CSV_TEXTS:
            frame[name] = frame[name].map(to_csv_cell, na_action="ignore")
        text: str = frame.to_csv(
            index=False, header=number == 0, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%S.%fZ"
        )
        file.write(text.encode())


def _with_first(pages: Iterable[Sequence[ModelRecord]]) -> Iterator[Sequence[ModelRecord]]:
    """Yield the pages, and an empty one if there are none: formats with a header need one."""
    remaining = iter(pages)
    yield next(remaining, ())
    yield from remaining


def write_parquet(pages: Iterable[Sequence[ModelRecord]], file: BinaryIO, _shared_ids: Collection[str]) -> None:
    """Write a row group for each page, with a type for every column, even an empty one.

    Raises ExportRefused without pyarrow.
    """
    try:
        arrow: Any = importlib.import_module("pyarrow")  # it has no types to check against
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ExportRefused(
            "parquet needs pyarrow, which is not installed",
            "run pip install --editable '.[parquet]' in the clone of Ghost Pipeline",
        ) from error
    types = {
        "datetime64[us, UTC]": arrow.timestamp("us", tz="UTC"),
        "boolean": arrow.bool_(),
        "Int64": arrow.int64(),
        "Float64": arrow.float64(),
        "object": arrow.list_(arrow.string()),
    }
    schema = arrow.schema([(name, types.get(_DTYPES[name], arrow.string())) for name in TABLE_COLUMNS])
    with ExitStack() as stack:
        writer = None
        for models in _with_first(pages):
            table = arrow.Table.from_pandas(_frame(models, TABLE_COLUMNS), schema=schema, preserve_index=False)
            writer = writer or stack.enter_context(parquet.ParquetWriter(file, table.schema))
            writer.write_table(table)


def to_frame(pages: Iterable[Sequence[ModelRecord]], columns: Sequence[str] = MODEL_FIELDS) -> "pd.DataFrame":
    """Return a pandas frame of the models, one row each, with the same types for any models and for none.

    Instants are ``datetime64[us, UTC]``, counts ``Int64``, prices ``Float64``, flags ``boolean``, texts ``string``,
    capabilities tuples, and columns of JSON objects JSON texts. Unknown is ``pd.NA``, ``NaT`` or ``None``.
    """
    import pandas as pd  # noqa: PLC0415 - as in _frame

    frames = [_frame(models, columns) for models in _with_first(pages)]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _frame(models: Sequence[ModelRecord], names: Sequence[str]) -> "pd.DataFrame":
    # Imported here: pandas takes a third of a second, and only tables need it.
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame({name: pd.Series(_values(models, name), dtype=_DTYPES[name]) for name in names})


def _values(models: Sequence[ModelRecord], name: str) -> list[Any]:
    if name in SOURCE_COLUMNS:
        fact = name.removesuffix(SOURCE_SUFFIX)
        return [stated_source(model, fact) for model in models]
    values = [getattr(model, name) for model in models]
    if name in _OBJECTS:
        return [None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True) for value in values]
    return [value.value for value in values] if name == "source" else values
