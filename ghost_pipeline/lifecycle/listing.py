"""A listing as the rules see it: one provider's statement of its models, whatever its wire format was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class ListedModel(NamedTuple):
    """One sighted row of a listing. Unknown is None, never a guess.

    A named tuple, not a dataclass: a listing may hold 100,000 of them.
    """

    model_id: str
    """Canonical (see identity.canonical_model_id)."""
    provider_data: str
    """The provider's JSON object of this model, whole: compact JSON text with sorted keys."""
    name: str | None = None
    is_free: bool | None = None
    context_window: int | None = None
    """Tokens."""
    max_output_tokens: int | None = None
    input_price: float | None = None
    """USD per million tokens."""
    output_price: float | None = None
    """USD per million tokens."""
    capabilities: tuple[str, ...] | None = None
    """Of vocabulary.CAPABILITIES, sorted, without repeats."""
    expires_at: datetime | None = None
    """When the provider announced to withdraw the model; aware, UTC."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What parsing one file gave. Either ``defect`` says why it can't be read, or the rest says what it holds."""

    provider_id: str
    models: Sequence[ListedModel] = ()
    """The sightings; every model id once, the first row of an id wins."""
    inactive_ids: tuple[str, ...] = ()
    """Rows that the provider itself marks inactive, retired or archived: no sighting, and not missing either."""
    defect: str | None = None
    """Why the listing is malformed, for a person to act on."""
    gaps: tuple[str, ...] = ()
    """Why there may be more models than these: a paging marker, rows without a usable id."""
    remarks: tuple[str, ...] = ()
    """What was read as unknown though something stood there (a price "n/a")."""


def is_free(input_price: float | None, output_price: float | None) -> bool | None:
    """True if both prices are 0, False if either is positive, else unknown."""
    if (input_price or 0) > 0 or (output_price or 0) > 0:
        return False
    return True if input_price == 0 and output_price == 0 else None
