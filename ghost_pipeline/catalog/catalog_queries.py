"""``CatalogQueries``: the half of ``ModelCatalog`` that only reads."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ghost_pipeline.catalog import queries
from ghost_pipeline.catalog.browsing.browsing import Browsing
from ghost_pipeline.catalog.claims.filling import Filling, read_filling
from ghost_pipeline.catalog.claims.offers import find_offers
from ghost_pipeline.catalog.claims.references import References
from ghost_pipeline.catalog.health import list_health
from ghost_pipeline.catalog.history import explanation, recent_events, retiring_models
from ghost_pipeline.catalog.history.changes import MAX_PAGE, ChangePage
from ghost_pipeline.catalog.history.explanation import ModelExplanation
from ghost_pipeline.catalog.history.history import History
from ghost_pipeline.catalog.ingestion import attempts
from ghost_pipeline.catalog.ingestion.withholding import list_doubts
from ghost_pipeline.catalog.results import (
    ListingOutcome,
    ModelColumn,
    ModelFilter,
    ModelHistory,
    ModelPlace,
    validate_columns,
)
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.errors import UsageError
from ghost_pipeline.exports.tabular import TABLE_COLUMNS, to_frame
from ghost_pipeline.lifecycle.absence import ProviderHealth, is_delisted
from ghost_pipeline.lifecycle.claims.withheld_facts import DoubtedFact
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.records import MODEL_FIELDS, ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.retirement import USED_WITHIN, RetiringModel
from ghost_pipeline.lifecycle.validation import require_in_range
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

PAGE_SIZE = 1_000
"""Models that are in memory at a time when all are read."""


MAX_COMPLETIONS = 200
"""Names that a shell is given at a time; more are of no use on a screen."""


class CatalogQueries:
    """Queries of models, providers, listings and events; ``history`` has those of earlier instants."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], datetime]) -> None:
        self.settings = settings
        self._clock = clock
        self._database = database
        self.history = History(database, clock)
        """What changed, and what the catalog showed at any instant."""
        self.browsing = Browsing(database, settings, clock)
        """Pages of models, attempts, events and departures, for people who look around."""
        self.references = References(database, settings, clock)
        """What third parties state of models, which fills gaps and is never evidence."""

    # Models

    def find_models(
        self, wanted: ModelFilter | None = None, now: datetime | None = None, *, after: ModelPlace | None = None
    ) -> list[ModelRecord]:
        """Return the models that the filter selects, in its order; without a filter, the active ones.

        ``now`` is when models count as unlisted; its default is the current time. ``after`` leaves out the models up to
        a place in the order, so that pages follow each other though models come and go. A model of which references
        fill a fact is a ``FilledRecord``, unless the filter asks for stated facts only. Raises UnknownProvider.
        """
        wanted = wanted or ModelFilter()
        which = self._condition_on_use(wanted, now)
        with self._database.reading() as connection:
            return queries.find_models(connection, wanted, which, after, self._filling(connection, wanted))

    def iterate_models(self, wanted: ModelFilter | None = None, now: datetime | None = None) -> Iterator[ModelRecord]:
        """Yield the models that ``find_models`` returns, a page at a time."""
        for row, filling in self._rows(wanted or ModelFilter(), None, now):
            yield filling.record(row)

    def to_dataframe(self, wanted: ModelFilter | None = None, now: datetime | None = None) -> "pd.DataFrame":
        """Return the models that ``find_models`` returns as a pandas frame, for notebooks; read a page at a time.

        Its columns are those of ``ModelRecord``, with types that do not depend on the values: instants are
        ``datetime64[us, UTC]``, counts ``Int64``, prices ``Float64`` (exact amounts are in ``prices``), flags
        ``boolean`` and texts ``string``. With facts of references it has columns of sources, as exports of tables have.
        Raises UnknownProvider.
        """
        models = self.iterate_models(wanted, now)
        columns = MODEL_FIELDS if wanted is None or wanted.is_stated_only else TABLE_COLUMNS
        return to_frame(iter(lambda: list(islice(models, PAGE_SIZE)), []), columns)

    def iterate_columns(
        self, wanted: ModelFilter, columns: Sequence[str], now: datetime | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Yield some columns of the models that ``find_models`` returns, as stored, a page at a time.

        Raises UsageError for an unknown column. Much faster than whole models, because nothing parses what the
        provider stated. ``input_price_source`` and the like name who states a fact: ``manual``, ``listing``,
        ``inference`` or ``reference:NAME``.
        """
        columns = validate_columns(columns)
        with_key = tuple(dict.fromkeys((*columns, "provider_id", "model_id")))
        for row, _ in self._rows(wanted, with_key, now):
            yield tuple(row)[: len(columns)]

    def find_active_models_by_id(self, model_id: str) -> list[ModelRecord]:
        """Return the active models of any provider whose canonical id is exactly this, by provider."""
        with self._database.reading() as connection:
            return queries.find_active_models_by_id(connection, model_id)

    def find_offers(self, provider_id: str, model_id: str, wanted: ModelFilter | None = None) -> list[ModelRecord]:
        """Return the models of all providers that are the same as one, itself included, cheapest first.

        They are the same by the ids that sources state (``lifecycle.claims.same_models``). ``wanted`` selects among
        them; its ``sort`` does not count. Raises UnknownModel, UnknownProvider, UsageError for unlisted ones.
        """
        chosen = wanted or ModelFilter()
        if chosen.is_unlisted:
            raise UsageError("offers of one model can't be limited to unlisted ones", "leave out that condition")
        self._condition_on_use(chosen, None)
        slug = provider_slug(provider_id)
        with self._database.reading() as connection:
            key = (slug, canonical_model_id(slug, model_id))
            return find_offers(connection, key, chosen, self._filling(connection, chosen))

    def find_shared_ids(self, wanted: ModelFilter, now: datetime | None = None) -> set[str]:
        """Return the ids that models of more than one provider have, of those that ``find_models`` returns."""
        which = self._condition_on_use(wanted, now)
        with self._database.reading() as connection:
            return queries.find_shared_ids(connection, wanted, which, self._filling(connection, wanted))

    def count_undecided_models(self, wanted: ModelFilter, now: datetime | None = None) -> int:
        """Return how many models the filter leaves out only because a fact is unknown. Raises UnknownProvider."""
        which = self._condition_on_use(wanted, now)
        with self._database.reading() as connection:
            return queries.count_undecided(connection, wanted, which, self._filling(connection, wanted))

    def _filling(self, connection: sa.Connection, wanted: ModelFilter) -> Filling:
        return read_filling(connection, wanted, self.settings.reference_order)

    def _rows(
        self, wanted: ModelFilter, columns: Sequence[str] | None, now: datetime | None
    ) -> Iterator[tuple[sa.Row[Any], Filling]]:
        """Yield the rows that the filter selects, each with what makes a record of it where ``columns`` is None."""
        # Each page is a transaction of its own: a slow reader of the output keeps none open.
        which = self._condition_on_use(wanted, now)
        # PostgreSQL expects that few models contain a text, and would read and sort all of them for each page.
        is_guessed_rare = (wanted.search is not None or wanted.capabilities) and not self._database.is_sqlite
        if wanted.sort is not None or is_guessed_rare:
            yield from self._sorted_rows(wanted, columns, which)
            return
        left = wanted.limit
        after: tuple[str, str] | None = None
        while left is None or left > 0:
            size = PAGE_SIZE if left is None else min(PAGE_SIZE, left)
            with self._database.reading() as connection:
                filling = self._filling(connection, wanted)
                page = queries.read_model_page(connection, columns, wanted, which, after, size, filling)
            yield from ((row, filling) for row in page)
            if len(page) < size:
                return
            left = None if left is None else left - size
            after = (page[-1].provider_id, page[-1].model_id)

    def _sorted_rows(
        self, wanted: ModelFilter, columns: Sequence[str] | None, which: Any
    ) -> Iterator[tuple[sa.Row[Any], Filling]]:
        # The database sorts once, and not once for each page.
        with self._database.reading() as connection:
            numbers = queries.read_sorted_rows(connection, wanted, which, self._filling(connection, wanted))
        for begin in range(0, len(numbers), PAGE_SIZE):
            with self._database.reading() as connection:
                filling = self._filling(connection, wanted)
                page = queries.read_rows(connection, columns, numbers[begin : begin + PAGE_SIZE], filling)
            yield from ((row, filling) for row in page)

    def _condition_on_use(self, wanted: ModelFilter, now: datetime | None) -> Any:
        """Return the filter's condition on uses and listings; None without one. Raises UnknownProvider."""
        at = self._clock() if now is None else require_in_range(now)
        with self._database.reading() as connection:
            repository.require_providers(connection, wanted.provider_ids)
        return queries.is_unlisted_sql(at, self.settings.thresholds) if wanted.is_unlisted else None

    def find_delisted_models(self) -> list[ModelRecord]:
        """Return the models that were listed once, are not listed any more, and are used all the same.

        As of the latest listing of each provider, so that the result does not depend on when it is read.
        """
        with self._database.reading() as connection:
            known = {provider.id: provider for provider in repository.list_providers(connection)}
            candidates = queries.find_models_behind_their_list(connection)
        now, thresholds = self._clock(), self.settings.thresholds
        return [
            model
            for model in candidates
            for provider in [known[model.provider_id]]
            if is_delisted(model, provider, provider.last_listing_at or now, thresholds)
        ]

    def list_retiring(
        self,
        within: timedelta | None = None,
        provider_ids: Sequence[str] = (),
        *,
        is_with_gone: bool = False,
        now: datetime | None = None,
    ) -> list[RetiringModel]:
        """Return the models whose end was announced, at most ``within`` from now, by date; also past dates.

        Those are left out whose date has passed and that are neither active, listed nor used within 30 days, unless
        ``is_with_gone``. Announcements of models that the catalog does not have are part of it. Raises UnknownProvider.
        """
        at = self._clock() if now is None else require_in_range(now)
        slugs = [provider_slug(name) for name in provider_ids]
        with self._database.reading() as connection:
            repository.require_providers(connection, slugs)
            return retiring_models.list_retiring(connection, at, within, slugs, is_with_gone=is_with_gone)

    def find_retiring_models(self, now: datetime | None = None) -> list[ModelRecord]:
        """Return the models that were used within 30 days and retire within ``GHOST_RETIRING_DAYS``, or should have."""
        at = self._clock() if now is None else require_in_range(now)
        until, used_since = at + self.settings.thresholds.retiring_within, at - USED_WITHIN
        with self._database.reading() as connection:
            return queries.find_retiring_models(connection, until, used_since)

    def find_refused_models(self, now: datetime | None = None) -> list[ModelRecord]:
        """Return the models that their providers refuse and that were used within 30 days before."""
        at = self._clock() if now is None else require_in_range(now)
        with self._database.reading() as connection:
            return queries.find_refused_models(connection, at - USED_WITHIN)

    def list_inactive_models(self, limit: int = 50) -> list[ModelRecord]:
        """Return at most ``limit`` ghosts, the latest first."""
        with self._database.reading() as connection:
            return queries.list_inactive_models(connection, limit)

    def get_model_history(self, provider_id: str, model_id: str, max_events: int | None = None) -> ModelHistory:
        """Return one model with all its events, or the oldest ``max_events``, and the listing that confirmed it last.

        Raises UnknownModel.
        """
        slug = provider_slug(provider_id)
        with self._database.reading() as connection:
            return queries.model_history(connection, slug, canonical_model_id(slug, model_id), max_events)

    def iterate_events(self, provider_id: str, model_id: str, until: datetime | None = None) -> Iterator[ModelEvent]:
        """Yield the events of a model, the oldest first, a page at a time; only those recorded ``until`` then."""
        slug = provider_slug(provider_id)
        canonical = canonical_model_id(slug, model_id)
        last_id, is_full = 0, True
        while is_full:
            with self._database.reading() as connection:
                page = repository.read_event_page(connection, slug, canonical, last_id, PAGE_SIZE)
            for last_id, event in page:  # noqa: B007 - the next page begins after the last one
                if until is None or event.recorded_at is None or event.recorded_at <= until:
                    yield event
            is_full = len(page) == PAGE_SIZE

    def list_events_after(
        self, provider_id: str, model_id: str, after_id: int = 0, limit: int = PAGE_SIZE
    ) -> list[tuple[int, ModelEvent]]:
        """Return at most ``limit`` events of a model with ids above ``after_id``, each with its id, the oldest first.

        Raises UnknownModel.
        """
        slug = provider_slug(provider_id)
        canonical = canonical_model_id(slug, model_id)
        with self._database.reading() as connection:
            page = repository.read_event_page(connection, slug, canonical, after_id, limit)
            if not page:
                queries.model_history(connection, slug, canonical, max_events=1)
        return page

    def explain_model(self, provider_id: str, model_id: str) -> ModelExplanation:
        """Return why a model is in its state and what would change that, also of one that left the catalog.

        Raises UnknownModel.
        """
        slug = provider_slug(provider_id)
        canonical = canonical_model_id(slug, model_id)
        with self._database.reading() as connection:
            return explanation.explain_model(connection, slug, canonical, self.settings.thresholds)

    def list_doubts(self, provider_id: str | None = None, model_id: str | None = None) -> list[DoubtedFact]:
        """Return the implausible values that listings state and that do not stand yet, by provider, model and fact.

        A later listing that states the same confirms them, and ``release_provider`` accepts them.
        """
        slug = None if provider_id is None else provider_slug(provider_id)
        wanted_id = None if slug is None or model_id is None else canonical_model_id(slug, model_id)
        with self._database.reading() as connection:
            return list_doubts(connection, slug, wanted_id)

    @staticmethod
    def find_names(settings: Settings, begin: str, provider_id: str | None = None) -> list[str]:
        """Return at most ``MAX_COMPLETIONS`` names that begin with a text, for the completion of shells.

        They are slugs of providers, or ids of models of one provider. Neither creates nor upgrades a catalog: without
        one there are no names. Raises CatalogError.
        """
        database = Database(settings.catalog_url)
        try:
            if not database.is_there():
                return []
            with database.reading() as connection:
                return queries.find_names(connection, begin, provider_id, MAX_COMPLETIONS)
        finally:
            database.close()

    def get_discovery_stats(self, now: datetime | None = None) -> dict[str, Any]:
        """Return ``total``, ``by_source``, ``active``, ``inactive``, ``unlisted``, ``refused``, ``by_provider``.

        ``unlisted`` models are used but not listed (see find_models).
        """
        with self._database.reading() as connection:
            at = self._clock() if now is None else require_in_range(now)
            return queries.count_models(connection, at - self.settings.thresholds.stale_after)

    @staticmethod
    def list_columns() -> list[ModelColumn]:
        """Return the columns of the table of models, in its order."""
        return queries.list_columns()

    # Providers and listings

    def get_provider(self, provider_id: str) -> ProviderRecord:
        """Return one provider. Raises UnknownProvider."""
        with self._database.reading() as connection:
            return repository.get_provider(connection, provider_slug(provider_id))

    def list_provider_health(self) -> list[ProviderHealth]:
        """Return every provider with a summary of its attempts, by slug."""
        refused_since = self._clock() - self.settings.thresholds.refusal_expires_after
        with self._database.reading() as connection:
            return list_health(connection, refused_since)

    def list_providers(self) -> list[ProviderRecord]:
        """Return every provider, by slug."""
        with self._database.reading() as connection:
            return repository.list_providers(connection)

    def find_listing(self, provider_id: str, run_id: str | None = None) -> int | None:
        """Return the id of the listing that a Dagster run admitted for a provider; without a run, of the newest.

        Failed attempts produced no listing and are skipped.
        """
        with self._database.reading() as connection:
            return attempts.find_attempt(connection, provider_slug(provider_id), run_id)

    def get_listing(self, listing_id: int) -> ListingOutcome:
        """Return the outcome that the row of an attempt records: without model ids, and unfinished without counts."""
        with self._database.reading() as connection:
            return attempts.read_outcome(connection, listing_id)

    def accepts_empty_listing(self, provider_id: str) -> bool:
        """Return True if an empty listing of the provider, observed now, would be accepted."""
        with self._database.reading() as connection:
            return attempts.accepts_empty(connection, provider_slug(provider_id))

    # Events

    def list_events(self, provider_id: str | None = None, model_id: str | None = None) -> list[ModelEvent]:
        """Return the audit trail in the order in which it was written, of one provider or model if given."""
        slug = None if provider_id is None else provider_slug(provider_id)
        canonical = model_id if model_id is None or slug is None else canonical_model_id(slug, model_id)
        with self._database.reading() as connection:
            return repository.list_events(connection, slug, canonical)

    def list_changes(
        self,
        since: str | datetime | None = None,
        until: datetime | None = None,
        provider_ids: Sequence[str] = (),
        kinds: Iterable[EventKind | str] | None = None,
        limit: int = MAX_PAGE,
    ) -> ChangePage:
        """Return a page of changes, the oldest first, with a cursor that gives what follows, each change once.

        ``since`` is the cursor of an earlier page, or an instant; None starts with the first change. Pass a cursor with
        the same other arguments. ``kinds`` None is all. Raises InvalidCursor, UnknownProvider.
        """
        return self.history.list_changes(since, until, provider_ids, kinds, limit)

    def count_recent_events(self, cursor: str, last_event_id: int = 0) -> tuple[list[recent_events.EventCount], str]:
        """Count events after a sensor's cursor, by provider, kind and source; return the cursor after them, too.

        See ``recent_events.find_sensor_cursor`` for the arguments.
        """
        with self._database.reading() as connection:
            after = recent_events.find_sensor_cursor(connection, cursor, last_event_id)
            counts, following = recent_events.count_events_after(connection, after)
        return counts, str(following)

    def list_recent_events(
        self, cursor: str, last_event_id: int, limit: int, left_out: Sequence[EventKind] = ()
    ) -> tuple[list[ModelEvent], str]:
        """Return at most ``limit`` events after a sensor's cursor, the oldest first, and the cursor after them."""
        with self._database.reading() as connection:
            after = recent_events.find_sensor_cursor(connection, cursor, last_event_id)
            events, following = recent_events.list_events_after(connection, after, limit, left_out)
        return events, str(following)

    def count_used_models(self, since: datetime) -> list[tuple[str, int, datetime]]:
        """Return each provider with models that were used after ``since``: how many, and the latest use."""
        with self._database.reading() as connection:
            return recent_events.count_used_models(connection, require_in_range(since))
