"""Sightings that the database can't hold, told apart from a database that takes none now."""

from collections.abc import Callable, Sequence

from sqlalchemy.exc import DataError, IntegrityError

from ghost_pipeline.catalog.results import SightingResult
from ghost_pipeline.errors import CatalogError
from ghost_pipeline.lifecycle.inferences import Inference

Record = Callable[[Sequence[Inference]], list[SightingResult]]
"""Writes sightings in one transaction."""


def record_holdable(
    record: Record, inferences: Sequence[Inference]
) -> tuple[list[SightingResult], list[tuple[Inference, str]]]:
    """Record them in one transaction; if a value in it can't be held, halves of it, until that one is alone.

    Gives the results, and the sightings that can't be held with the reason. Raises CatalogError if none is taken now.
    """
    try:
        return record(inferences), []
    except Exception as error:
        if isinstance(error, CatalogError) and not isinstance(error.__cause__, (DataError, IntegrityError)):
            raise
        if len(inferences) == 1:
            return [], [(inferences[0], f"{type(error).__name__}: {error}")]
    middle = len(inferences) // 2
    results, refused = record_holdable(record, inferences[:middle])
    more_results, more_refused = record_holdable(record, inferences[middle:])
    return results + more_results, refused + more_refused
