"""``Browsing``: the interface of the catalog for pages. It validates arguments; other modules have the queries."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime

from ghost_pipeline.catalog import queries
from ghost_pipeline.catalog.browsing import attempt_pages, departed_models, model_timeline, recorded_days, selection
from ghost_pipeline.catalog.browsing.attempt_pages import Attempt
from ghost_pipeline.catalog.claims.filling import read_filling
from ghost_pipeline.catalog.history.changes import Change, ChangeFilter
from ghost_pipeline.catalog.history.history import validate_kind
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.errors import ArchiveError, UnknownListing
from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.listings.parsing import BUILTIN_READER
from ghost_pipeline.settings import Settings

MAX_OFFSET = 1_000_000
"""Rows that a page can come after. Each of them is read."""


class Browsing:
    """Pages of what the catalog has, for people. Every method raises UsageError and CatalogError."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    def list_models(self, wanted: ModelFilter, offset: int = 0, limit: int = 50) -> selection.SelectedPage:
        """Return at most ``limit`` models that a filter selects, with their count. Raises UnknownProvider."""
        with self._database.reading() as connection:
            which = None
            if wanted.is_unlisted:
                which = queries.is_unlisted_sql(self._clock(), self._settings.thresholds)
            filling = read_filling(connection, wanted, self._settings.reference_order)
            page = selection.read_selected_page(connection, wanted, which, min(offset, MAX_OFFSET), limit, filling)
            known = {model.provider_id for model in page.models}
            repository.require_providers(connection, [slug for slug in wanted.provider_ids if slug not in known])
            return page

    def list_labels(self) -> list[tuple[str, str]]:
        """Return the slug and the label of every provider, by slug."""
        with self._database.reading() as connection:
            return repository.list_labels(connection)

    def list_events(
        self, provider_id: str, model_id: str, limit: int = 50, before_id: int | None = None
    ) -> list[model_timeline.EvidencedEvent]:
        """Return at most ``limit`` events of a model, the newest first, or those before an event."""
        slug = provider_slug(provider_id)
        with self._database.reading() as connection:
            return model_timeline.list_events_before(
                connection, slug, canonical_model_id(slug, model_id), limit, before_id
            )

    def read_fact_history(self, model: ModelRecord) -> model_timeline.FactHistory:
        """Return since when each fact of a model holds, and its context windows."""
        with self._database.reading() as connection:
            return model_timeline.read_fact_history(connection, model, (*FACT_NAMES, "is_free", "source"))

    def list_attempts(
        self, provider_id: str, limit: int = 50, before: tuple[datetime, int] | None = None
    ) -> list[Attempt]:
        """Return at most ``limit`` attempts of a provider, the newest first; of those before an instant and an id.

        Raises UnknownProvider.
        """
        slug = provider_slug(provider_id)
        with self._database.reading() as connection:
            repository.require_providers(connection, [slug])
            return attempt_pages.list_attempts(connection, slug, limit, before)

    def get_attempt(self, listing_id: int) -> Attempt:
        """Return one attempt. Raises UnknownListing."""
        with self._database.reading() as connection:
            attempt = attempt_pages.find_attempt_by_id(connection, listing_id)
        if attempt is None:
            raise UnknownListing(f"the catalog has no listing {listing_id}", "see the listings of its provider")
        return attempt

    def read_listing_events(self, attempt: Attempt, limit: int = 200) -> tuple[dict[EventKind, int], list[ModelEvent]]:
        """Return how many events of each kind a listing wrote, and at most ``limit`` of them."""
        with self._database.reading() as connection:
            return attempt_pages.read_listing_events(connection, attempt, limit)

    def read_bytes(self, attempt: Attempt) -> bytes:
        """Return the bytes of a listing from the archive. Raises UnknownListing if it has none, ArchiveError."""
        if attempt.sha256 is None:
            raise UnknownListing(f"attempt {attempt.id} produced no listing", "see the other listings of its provider")
        return Archive(self._settings.archive_location).load(attempt.sha256)

    def find_missing(self, attempt: Attempt) -> Sequence[str] | None:
        """Return the models that a listing lacked; None if neither the catalog nor the archive can name them.

        The catalog keeps those of shrunken listings. Of others they are those of the listings before it, with models
        that were removed from the catalog in between. Raises nothing for an archive that was pruned or is damaged: what
        else is known of the listing can be shown.
        """
        if attempt.missing_ids is not None or not attempt.missing_count:
            return attempt.missing_ids or ()
        with self._database.reading() as connection:
            preceding = attempt_pages.list_preceding(connection, attempt)
        if not preceding or attempt.is_late:
            return None
        archive = Archive(self._settings.archive_location)
        try:
            return attempt_pages.find_missing(archive, BUILTIN_READER, attempt, preceding)
        except ArchiveError:
            return None

    def list_changes(self, wanted: ChangeFilter, offset: int = 0, limit: int = 100) -> list[Change]:
        """Return at most ``limit`` changes, those that were committed last first. Raises UnknownProvider."""
        with self._database.reading() as connection:
            repository.require_providers(connection, wanted.provider_ids)
            return recorded_days.list_newest_changes(connection, wanted, min(offset, MAX_OFFSET), limit)

    def count_changes(self, wanted: ChangeFilter) -> dict[EventKind, int]:
        """Return how many changes of each kind there are. Raises UnknownProvider."""
        with self._database.reading() as connection:
            repository.require_providers(connection, wanted.provider_ids)
            return recorded_days.count_changes(connection, wanted)

    def count_changes_by_day(self, since: datetime | None, provider_ids: Sequence[str] = ()) -> dict[date, int]:
        """Return day, in UTC, -> how many events were recorded then, facts included."""
        with self._database.reading() as connection:
            return recorded_days.count_changes_by_day(connection, since, [provider_slug(one) for one in provider_ids])

    def count_kinds_around(
        self, kinds: Sequence[EventKind], provider_ids: Sequence[str] = (), around: date | None = None
    ) -> recorded_days.CountedDays:
        """Count the changes of some kinds on the days around one, by default before the newest day."""
        slugs = [provider_slug(one) for one in provider_ids]
        with self._database.reading() as connection:
            return recorded_days.count_kinds_around(connection, kinds, slugs, around)

    def list_departed(
        self,
        provider_ids: Iterable[str] = (),
        kind: EventKind | str | None = None,
        search: str | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> list[departed_models.DepartedModel]:
        """Return at most ``limit`` models that left the catalog, those that left last first. Raises UnknownProvider."""
        wanted = ModelFilter(provider_ids=list(provider_ids), search=search)
        slugs, left_as = wanted.provider_ids, None if kind is None else validate_kind(kind)
        with self._database.reading() as connection:
            repository.require_providers(connection, slugs)
            return departed_models.list_departed(
                connection, slugs, left_as, wanted.search, min(offset, MAX_OFFSET), limit
            )
