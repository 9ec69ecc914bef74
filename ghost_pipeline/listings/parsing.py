"""Parse the bytes of a provider's file into a listing, whatever the bytes are."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from ghost_pipeline.errors import InvalidModelId
from ghost_pipeline.lifecycle.identity import canonical_model_id
from ghost_pipeline.lifecycle.records import ListedModel, Listing
from ghost_pipeline.lifecycle.validation import contains_nul, replace_nul
from ghost_pipeline.listings.decoding import Malformed, decode_json
from ghost_pipeline.listings.envelope import Rows, find_rows, paging_gaps, raise_for_error_envelope
from ghost_pipeline.providers import format_of
from ghost_pipeline.providers.wire_format import TOP_LEVEL_LIST, Fields, FieldWarnings, Format, Row

PARSER_VERSION = 2
"""Raise it whenever the code that all formats share (this folder) gives another result."""

_POSITIONS_SHOWN = 3
_encode_row = msgspec.json.Encoder(order="sorted").encode


def format_version(provider_id: str) -> str:
    """Return name and version of what reads this provider's listings, such as ``openrouter/1.1``.

    The same bytes and the same format version give the same listing.
    """
    wire_format = format_of(provider_id)
    return f"{wire_format.name}/{PARSER_VERSION}.{wire_format.version}"


def parse_listing(provider_id: str, content: bytes) -> Listing:
    """Return the listing in ``content``. Never raises: what can't be read has a ``malformed_reason``."""
    try:
        with _open_document(provider_id, content) as document:
            return document.listing()
    except Malformed as error:
        return Listing(provider_id, malformed_reason=str(error))


@dataclass(frozen=True, slots=True)
class ListingReader:
    """How a catalog reads the bytes of listings. The defaults read the formats of ``providers``."""

    parse: Callable[[str, bytes], Listing] = parse_listing
    """(provider slug, content) -> listing. Never raises."""
    format_version: Callable[[str], str] = format_version
    """Provider slug -> name and version of its format; changes whenever ``parse`` returns another result."""


BUILTIN_READER = ListingReader()


class Survey(NamedTuple):
    """A listing as a whole, without its rows: those of all pages would be in memory at once.

    The fields have the names of ``lifecycle.records.Listing``.
    """

    model_count: int = 0
    incomplete_reasons: tuple[str, ...] = ()
    rows_key: str = TOP_LEVEL_LIST
    """The key that holds the rows."""
    row_count: int = 0
    envelope: Mapping[str, Any] = MappingProxyType({})
    """The document without its rows; empty for a bare list."""


def survey_listing(provider_id: str, content: bytes) -> Survey:
    """Return what is true of ``content`` as a whole, as ``parse_listing`` finds it, without reading the models' facts.

    That costs a fraction of the time. Raises Malformed if it can't be read.
    """
    with _open_document(provider_id, content) as document:
        return document.survey()


@contextmanager
def _open_document(provider_id: str, content: bytes) -> "Iterator[_Document]":
    """Decode ``content`` for the time in which its rows are read, as they may need much memory. Raises Malformed."""
    try:
        with _gc_paused():
            value = decode_json(content)
            raise_for_error_envelope(value)
            wire_format = format_of(provider_id)
            yield _Document(provider_id, wire_format, value, find_rows(value, wire_format.row_keys))
    except RecursionError:  # of decoding, or of encoding a row, which needs a little more stack
        raise Malformed("the JSON is nested too deeply to be a model list") from None


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Pause cyclic garbage collection.

    Parsing creates millions of objects and no cycles; searching for some took 40 % of the time of a listing of 100 MB.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Document:
    """A decoded listing, whose rows are read once: as a listing, or for a survey."""

    def __init__(self, provider_id: str, wire_format: Format, value: Any, found: Rows) -> None:
        self._provider_id = provider_id
        self._format = wire_format
        self._value = value
        self._rows = found.rows
        self._rows_key = found.key
        self._id_field = _id_field(found, wire_format)
        self._inactive_ids: list[str] = []
        self._unusable: list[int] = []
        self._remarks = FieldWarnings()

    def listing(self) -> Listing:
        """Return the listing that the rows are.

        Raises Malformed if there are rows and none has a usable id.
        """
        read = self._format.read
        models = tuple(
            ListedModel(model_id, self._stored_row(row, model_id), read(Fields(row, model_id, self._remarks)))
            for model_id, row in self._sightings()
        )
        self._require_usable_rows()
        return Listing(
            self._provider_id,
            models=models,
            inactive_ids=tuple(self._inactive_ids),
            incomplete_reasons=self._gaps(),
            warnings=self._remarks.sentences(),
        )

    def survey(self) -> Survey:
        """Return the survey of the rows.

        Raises Malformed if there are rows and none has a usable id.
        """
        model_count = sum(1 for _ in self._sightings())
        self._require_usable_rows()
        envelope = {}
        if isinstance(self._value, dict):
            envelope = {name: value for name, value in self._value.items() if name != self._rows_key}
        return Survey(model_count, self._gaps(), self._rows_key, len(self._rows), envelope)

    def _require_usable_rows(self) -> None:
        if self._rows and len(self._unusable) == len(self._rows):
            raise Malformed(f"none of the {len(self._rows)} rows has a usable {self._id_field!r}")

    def _gaps(self) -> tuple[str, ...]:
        return (*paging_gaps(self._value), *self._unusable_rows())

    def _sightings(self) -> Iterator[tuple[str, Row]]:
        """Yield id and row of every active model, each once."""
        seen: set[str] = set()
        is_inactive = self._format.is_inactive
        for position, row in enumerate(self._rows, start=1):
            model_id = self._model_id(row)
            if model_id is None:
                self._unusable.append(position)
            elif model_id not in seen:
                seen.add(model_id)
                if is_inactive(row):
                    self._inactive_ids.append(model_id)
                else:
                    yield model_id, row

    def _stored_row(self, row: Row, model_id: str) -> str:
        """Return the row as JSON text. NUL characters are replaced: PostgreSQL can't store them."""
        text = _encode_row(row).decode()
        if not contains_nul(text):
            return text
        self._remarks.note("the NUL character", model_id)
        return replace_nul(text)

    def _model_id(self, row: Any) -> str | None:
        if type(row) is not dict:
            return None
        model_id: Any = row.get(self._id_field)  # a value that is not a string raises InvalidModelId too
        try:
            return canonical_model_id(self._provider_id, model_id)
        except InvalidModelId:
            return None

    def _unusable_rows(self) -> tuple[str, ...]:
        if not self._unusable:
            return ()
        count = len(self._unusable)
        first = ", ".join(str(position) for position in self._unusable[:_POSITIONS_SHOWN])
        more = ", …" if count > _POSITIONS_SHOWN else ""
        return (
            f"{count} of {len(self._rows)} rows {'has' if count == 1 else 'have'} no usable {self._id_field!r} "
            f"(row {first}{more}, counted from 1)",
        )


def _id_field(found: Rows, wire_format: Format) -> str:
    """Return the field that holds the ids of this listing.

    Rows outside the format's own envelope are most likely in OpenAI's shape, where ``id`` is the id and ``name``, the
    id elsewhere, is a display name.
    """
    candidates: Sequence[str] = (*wire_format.id_fields, "id")
    if found.key not in (*wire_format.row_keys, ""):
        candidates = ("id", *wire_format.id_fields)
    for field in candidates:
        if any(type(row) is dict and field in row for row in found.rows):
            return field
    return candidates[0]
