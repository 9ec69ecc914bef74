"""How a wire format reads a row: where rows stand, what identifies one, and what its fields mean."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers import values
from ghost_pipeline.providers.values import Unreadable

TOP_LEVEL_LIST = ""
"""The name, in a format's ``row_keys``, of rows in a document without an envelope."""

T = TypeVar("T")
Row = Mapping[str, Any]

_MAX_ID_SHOWN = 80


class FieldWarnings:
    """Counts the fields that could not be read, and remembers the first row of each."""

    __slots__ = ("_unreadable",)

    def __init__(self) -> None:
        self._unreadable: dict[str, tuple[str, set[str]]] = {}

    def note(self, field: str, model_id: str) -> None:
        """Remember that ``field`` could not be read for a model."""
        self._unreadable.setdefault(field, (model_id, set()))[1].add(model_id)

    def sentences(self) -> tuple[str, ...]:
        """Return one sentence per field."""
        return tuple(
            f"{field} could not be read in {len(rows)} row{'' if len(rows) == 1 else 's'} and counts as unknown there "
            f"(first: {first[:_MAX_ID_SHOWN]})"
            for field, (first, rows) in sorted(self._unreadable.items())
        )


class Fields:
    """The fields of one row, each named by its path in it: ``tokens("top_provider", "max_completion_tokens")``."""

    __slots__ = ("_model_id", "_path", "_row", "_warnings")

    def __init__(self, row: Row, model_id: str, warnings: FieldWarnings, path: tuple[str, ...] = ()) -> None:
        self._row = row
        self._model_id = model_id
        self._warnings = warnings
        self._path = path

    @property
    def model_id(self) -> str:
        """The canonical id of the row's model."""
        return self._model_id

    def text(self, *path: str) -> str | None:
        """Return a text, such as a name."""
        return self._read(values.text, path)

    def tokens(self, *path: str) -> int | None:
        """Return a number of tokens."""
        return self._read(values.tokens, path)

    def number(self, *path: str) -> float | None:
        """Return any number."""
        return self._read(values.number, path)

    def flag(self, *path: str) -> bool | None:
        """Return true or false."""
        return self._read(values.flag, path)

    def words(self, *path: str) -> tuple[str, ...] | None:
        """Return a list of words, in lower case."""
        return self._read(values.words, path)

    def instant(self, *path: str) -> datetime | None:
        """Return an instant, of a date or a timestamp."""
        return self._read(values.instant, path)

    def price(self, unit: values.PriceUnit, *path: str) -> Decimal | None:
        """Return a price in USD per million tokens."""
        return self._read(unit, path)

    def raw(self, *path: str) -> Any:
        """Return the JSON value as it stands; None where there is none."""
        value: Any = self._row
        for step in path:
            value = value.get(step) if type(value) is dict else None
        return value

    def other_ids(self, *names: str) -> str | None:
        """Return the ids in fields of the row, one or a list each, sorted, with spaces between; never the model's own.

        What can't be an id, or has a space, is skipped.
        """
        found: set[str] = set()
        for name in names:
            value = self._row.get(name)
            for one in value if type(value) is list else (value,):
                if type(one) is str and one and one != self._model_id and one.isprintable() and " " not in one:
                    found.add(one)
        if not found:
            return None
        text = " ".join(sorted(found))
        return text if len(text) <= values.MAX_NAME else None

    def parts(self, *path: str) -> list["Fields"]:
        """Return the JSON objects of a list, to be read like the row itself; empty where there is none."""
        objects = self._read(values.objects, path) or ()
        return [Fields(part, self._model_id, self._warnings, (*self._path, *path)) for part in objects]

    def is_object(self, *path: str) -> bool:
        """Return True if the field is a JSON object, for formats that have two shapes of it."""
        return type(self.raw(*path)) is dict

    def note(self, *path: str) -> None:
        """Remember that the field at ``path`` could not be read in this row."""
        self._warnings.note(".".join((*self._path, *path)), self._model_id)

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


class CapabilityMap:
    """The capabilities that the words of one field stand for."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self.table = dict(table)


INPUT_MODALITIES = CapabilityMap({"image": "vision", "images": "vision", "audio": "audio", "speech": "audio"})
"""Input modalities. Text and files as input have no capability of their own, nor has video input."""

OUTPUT_MODALITIES = CapabilityMap(
    {
        "text": "text",
        "transcription": "text",
        "image": "image_generation",
        "images": "image_generation",
        "audio": "speech",
        "speech": "speech",
        "video": "video",
        "embedding": "embedding",
        "embeddings": "embedding",
        "rerank": "rerank",
    }
)
"""Output modalities."""


@lru_cache(maxsize=4096)
def map_words(words: tuple[str, ...] | None, meanings: CapabilityMap) -> tuple[str, ...]:
    """Return the capabilities that ``words`` stand for."""
    return tuple([meanings.table[word] for word in words if word in meanings.table]) if words else ()


def from_flags(*flags: tuple[bool | None, str]) -> tuple[str, ...]:
    """Return the capabilities whose flag is true."""
    return tuple([capability for is_set, capability in flags if is_set])


@lru_cache(maxsize=4096)
def merge_capabilities(*found: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return all of ``found``, sorted and once each; None if there are none, because an absent flag is not a "no"."""
    return tuple(sorted({capability for part in found for capability in part})) or None


INACTIVE_STATUSES = frozenset({"inactive", "retired", "archived"})


def is_marked_inactive(row: Row) -> bool:
    """Return True if a row marks its model as inactive, retired or archived.

    "Deprecated" and "legacy" only announce that: such a model still answers.
    """
    if row.get("active") is False or row.get("is_active") is False:
        return True
    if row.get("archived") is True or row.get("retired") is True:
        return True
    return matches_any(row.get("status"), INACTIVE_STATUSES) or matches_any(row.get("state"), INACTIVE_STATUSES)


def matches_any(value: object, words: Collection[str]) -> bool:
    """Return True if ``value`` is one of ``words``, whatever its case."""
    return type(value) is str and value.lower() in words


@dataclass(frozen=True, slots=True)
class Format:
    """One wire format."""

    name: str
    version: int
    """Raise it whenever ``read``, ``is_inactive``, ``row_keys`` or ``id_fields`` give another result."""
    read: Callable[[Fields], Facts]
    row_keys: tuple[str, ...] = ("data",)
    """Keys of the envelope that hold the rows; ``TOP_LEVEL_LIST`` stands for no envelope."""
    id_fields: tuple[str, ...] = ("id",)
    """The first of these that any row has is the id field of the listing."""
    is_inactive: Callable[[Row], bool] = is_marked_inactive
    """Returns True if the provider itself marks a row's model as inactive, retired or archived."""
    decided_capabilities: frozenset[str] = frozenset()
    """Capabilities that a row denies if it states others but not these: its lists of them are documented as complete,
    or it has a flag for each. What references state of them is not added."""
