"""Reading the fields of a row: what is absent is None, what can't be read is None and remembered."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from ghost_pipeline.listings import values
from ghost_pipeline.listings.values import Unreadable

T = TypeVar("T")
Row = Mapping[str, Any]

_MAX_ID_SHOWN = 80


class Remarks:
    """Which fields could not be read, in how many rows, and in which one first."""

    __slots__ = ("_unreadable",)

    def __init__(self) -> None:
        self._unreadable: dict[str, tuple[str, set[str]]] = {}

    def note(self, field: str, model_id: str) -> None:
        """Remember that ``field`` could not be read for a model."""
        self._unreadable.setdefault(field, (model_id, set()))[1].add(model_id)

    def sentences(self) -> tuple[str, ...]:
        """One sentence per field."""
        return tuple(
            f"{field} could not be read in {len(rows)} row{'' if len(rows) == 1 else 's'} and counts as unknown there "
            f"(first: {first[:_MAX_ID_SHOWN]})"
            for field, (first, rows) in sorted(self._unreadable.items())
        )


class Fields:
    """The fields of one row, each named by its path in it: ``tokens("top_provider", "max_completion_tokens")``."""

    __slots__ = ("_model_id", "_path", "_remarks", "_row")

    def __init__(self, row: Row, model_id: str, remarks: Remarks, path: tuple[str, ...] = ()) -> None:
        self._row = row
        self._model_id = model_id
        self._remarks = remarks
        self._path = path

    def text(self, *path: str) -> str | None:
        """A name, say."""
        return self._read(values.text, path)

    def tokens(self, *path: str) -> int | None:
        """A number of tokens."""
        return self._read(values.tokens, path)

    def number(self, *path: str) -> float | None:
        """Any number."""
        return self._read(values.number, path)

    def flag(self, *path: str) -> bool | None:
        """True or false."""
        return self._read(values.flag, path)

    def words(self, *path: str) -> tuple[str, ...] | None:
        """A list of words, in lower case."""
        return self._read(values.words, path)

    def instant(self, *path: str) -> datetime | None:
        """A date or an instant."""
        return self._read(values.instant, path)

    def price(self, unit: values.PriceUnit, *path: str) -> float | None:
        """USD per million tokens."""
        return self._read(unit, path)

    def parts(self, *path: str) -> list["Fields"]:
        """The JSON objects of a list, to be read like the row itself; empty where there is none."""
        objects = self._read(values.objects, path) or ()
        return [Fields(part, self._model_id, self._remarks, (*self._path, *path)) for part in objects]

    def is_object(self, *path: str) -> bool:
        """Whether the field holds a JSON object, for formats that have two shapes of it."""
        value: Any = self._row
        for step in path:
            value = value.get(step) if type(value) is dict else None
        return type(value) is dict

    def note(self, *path: str) -> None:
        """Remember that the field at ``path`` could not be read in this row."""
        self._remarks.note(".".join((*self._path, *path)), self._model_id)

    def _read(self, convert: Callable[[Any], T | None], path: tuple[str, ...]) -> T | None:
        value: Any = self._row
        for step in path:
            if type(value) is not dict:
                self.note(*path)
                return None
            value = value.get(step)
            if value is None:
                return None
        try:
            return convert(value)
        except Unreadable:
            self.note(*path)
            return None
