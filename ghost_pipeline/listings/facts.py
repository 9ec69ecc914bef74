"""What a format is: where rows stand, what identifies one, and what its fields say."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ghost_pipeline.listings.fields import Fields, Row


class Facts(NamedTuple):
    """What a row says of its model, in the catalog's units. Unknown is None (see lifecycle.listing.ListedModel)."""

    name: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    capabilities: tuple[str, ...] | None = None
    expires_at: datetime | None = None


_GONE = frozenset({"inactive", "retired", "archived"})


def says_inactive(row: Row) -> bool:
    """Whether a row says in plain words that its model is inactive, retired or archived.

    "Deprecated" and "legacy" announce an end and are none: such a model still answers.
    """
    if row.get("active") is False or row.get("is_active") is False:
        return True
    if row.get("archived") is True or row.get("retired") is True:
        return True
    return is_word_of(row.get("status"), _GONE) or is_word_of(row.get("state"), _GONE)


def is_word_of(value: object, words: Collection[str]) -> bool:
    """Whether ``value`` is one of ``words``, in lower case or not."""
    return type(value) is str and value.lower() in words


@dataclass(frozen=True, slots=True)
class Format:
    """One wire format."""

    name: str
    version: int
    """To be raised whenever ``read``, ``is_inactive``, ``rows_at`` or ``id_fields`` give another outcome."""
    read: Callable[[Fields], Facts]
    rows_at: tuple[str, ...] = ("data",)
    """Keys of the envelope that hold the rows; ``envelope.BARE_LIST`` stands for no envelope."""
    id_fields: tuple[str, ...] = ("id",)
    """The first of these that any row has is the id field of the listing."""
    is_inactive: Callable[[Row], bool] = says_inactive
    """Whether the provider itself says that a row's model is inactive, retired or archived."""
