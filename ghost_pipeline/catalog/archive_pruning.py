"""Delete the bytes of listings that nothing in the catalog needs any more; rows of listings stay.

The bytes of a listing are needed, however old, as long as

- it is not reconciled yet: reconciliation may read them;
- it is its provider's newest listing, newest reconciled one or newest complete one: they may be reconciled again;
- it confirmed a model last, in the catalog or in a tombstone: they are the evidence of the model;
- an event refers to it that is not ``changed``: they are the evidence of the event. ``changed`` has the old and the new
  values itself;
- a sweep recorded that a model was missing from it.

Equal bytes are stored once: they stay if one of the listings that had them needs them.

No lock is held. A file is renamed first, then the catalog is asked again whether a listing with its content came
meanwhile, then the file is deleted or gets its name back; and ``admission`` stores the content once more after its row
is visible. So either this module sees the row, or the admission sees that the file is gone. A crash leaves a renamed
file, which the next call treats the same way.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion.attempts import NEWEST_FIRST, lists_models_sql
from ghost_pipeline.catalog.results import PrunedListings
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.tables import listings, model_events, models
from ghost_pipeline.lifecycle.vocabulary import TOMBSTONE_KINDS, EventKind, Verdict

BATCH = 50
"""Files that are renamed before the catalog is asked again."""


def prune_listings(
    database: Database, archive: Archive, before: datetime, report: Callable[[int, int], None], *, is_dry_run: bool
) -> PrunedListings:
    """Delete the bytes of listings that were observed and stored before ``before`` and are not needed.

    Repeating it after a crash completes it; two at once do no harm. Raises CatalogError, ArchiveError.

    Args:
        database: The catalog's.
        archive: The archive to prune.
        before: Younger listings stay.
        report: Called with the number of files done and in all.
        is_dry_run: Count what would be deleted, and change nothing.
    """
    # Before the rows are read, so that a file that another program renamed is judged by all rows that it sees.
    stored = dict(sorted(archive.find_listings(), key=lambda found: found[1].name))  # a renamed file wins
    with database.reading() as connection:
        needed = _find_needed(connection, before)
        rows = connection.execute(sa.select(listings.c.id, listings.c.sha256).where(listings.c.sha256.is_not(None)))
        by_id = {row.id: row.sha256 for row in rows}
    needed_digests = {by_id[one] for one in needed if one in by_id}
    known = set(by_id.values())
    doomed = [
        digest
        for digest, file in stored.items()
        if digest not in needed_digests
        and (file.modified_at < before if file.modified_at is not None else digest in known)
    ]
    total = sum(stored[digest].size for digest in doomed)
    result = PrunedListings(is_dry_run, len(doomed), len(stored) - len(doomed), total)
    if not is_dry_run:
        for digest in set(stored) - set(doomed):
            if not stored[digest].name.endswith(".json"):  # a crash came between the renaming and the deletion
                archive.reinstate(digest)
        _delete(database, archive, doomed, frozenset(by_id), report)
    return result


def _delete(
    database: Database,
    archive: Archive,
    doomed: Sequence[str],
    known: frozenset[int],
    report: Callable[[int, int], None],
) -> None:
    done = 0
    for batch in _batches(doomed):
        for digest in batch:
            archive.withdraw(digest)
        with database.reading() as connection:
            query = sa.select(listings.c.id, listings.c.sha256).where(listings.c.sha256.in_(batch))
            admitted = {row.sha256 for row in connection.execute(query) if row.id not in known}
        for digest in batch:
            if digest in admitted:
                archive.reinstate(digest)
            else:
                archive.discard(digest)
        done += len(batch)
        report(done, len(doomed))


def _batches(digests: Sequence[str]) -> Iterator[list[str]]:
    remaining = iter(digests)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _find_needed(connection: sa.Connection, before: datetime) -> set[int]:
    """Return the ids of the listings whose bytes are needed; see the module."""
    details = model_events.c.details
    queries: list[sa.Select[tuple[int | None]]] = [
        sa.select(listings.c.id).where(listings.c.observed_at >= before),
        sa.select(listings.c.id).where(listings.c.model_count.is_(None)),
        sa.select(models.c.listing_id).distinct(),
        sa.select(model_events.c.listing_id).where(model_events.c.kind != EventKind.CHANGED.value).distinct(),
        sa.select(details["row", "listing_id"].as_integer())
        .where(model_events.c.kind.in_([kind.value for kind in TOMBSTONE_KINDS]))
        .distinct(),
        sa.select(details["missing_from_listing_id"].as_integer())
        .where(model_events.c.kind.in_([EventKind.DEACTIVATED.value, EventKind.PURGED.value]))
        .distinct(),
    ]
    needed = {one for query in queries for one in connection.execute(query).scalars()}
    for provider in repository.list_providers(connection):
        for condition in (
            sa.true(),
            sa.and_(listings.c.model_count.is_not(None), lists_models_sql(), listings.c.is_late.is_(False)),
            listings.c.verdict == Verdict.COMPLETE.value,
            listings.c.observed_at == sa.literal(provider.last_complete_at, listings.c.observed_at.type),
        ):
            newest = sa.select(listings.c.id).where(listings.c.provider_id == provider.id, condition)
            newest = newest.where(listings.c.sha256.is_not(None)).order_by(*NEWEST_FIRST).limit(1)
            needed.add(connection.execute(newest).scalar())
    return {one for one in needed if one is not None}
