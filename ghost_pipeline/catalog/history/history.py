"""``History``: the interface of the catalog for what was. It validates arguments; other modules have the queries."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ghost_pipeline.catalog.history import as_of, changes, price_periods
from ghost_pipeline.catalog.history.changes import ChangeFilter, ChangePage
from ghost_pipeline.catalog.history.comparison import ModelDifference, compare
from ghost_pipeline.catalog.results import ModelFilter, ModelPlace
from ghost_pipeline.catalog.storage import repository
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.unknown_names import unknown_model_error
from ghost_pipeline.errors import UnknownModel, UsageError
from ghost_pipeline.lifecycle.identity import canonical_model_id, format_command, provider_slug
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.lifecycle.validation import require_aware, require_past
from ghost_pipeline.lifecycle.vocabulary import EventKind


class History:
    """What changed in a catalog, and what it showed at any instant in the past.

    An instant is when the catalog recorded something: late evidence counts from when it was recorded. Every method
    raises UsageError for invalid input, such as an instant in the future, and CatalogError.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def list_changes(
        self,
        since: str | datetime | None = None,
        until: datetime | None = None,
        provider_ids: Sequence[str] = (),
        kinds: Iterable[EventKind | str] | None = None,
        limit: int = changes.MAX_PAGE,
    ) -> ChangePage:
        """Return a page of changes, the oldest first.

        ``since`` is the cursor of an earlier page, or an instant; None starts with the first change. The cursor of the
        page gives the changes that follow, each once, though several writers commit at the same time: pass it with the
        same other arguments until a page ``is_end``, and again whenever there may be something new. ``kinds`` None is
        all. Raises InvalidCursor, UnknownProvider.
        """
        if not 1 <= limit <= changes.MAX_PAGE:
            raise UsageError(f"a page can't have {limit} changes", f"give 1 to {changes.MAX_PAGE:,}")
        wanted = ChangeFilter(
            provider_ids=self._known(provider_ids),
            kinds=tuple(EventKind) if kinds is None else tuple(dict.fromkeys(map(validate_kind, kinds))),
            since=None if since is None or isinstance(since, str) else self._past(since),
            until=None if until is None else require_aware(until),
        )
        if wanted.since is not None and wanted.until is not None and wanted.until <= wanted.since:
            raise UsageError(
                f"{msgspec.to_builtins(wanted.until)} is not after {msgspec.to_builtins(wanted.since)}",
                "swap the instants",
            )
        cursor = changes.parse_cursor(since) if isinstance(since, str) else wanted.since
        with self._database.reading() as connection:
            return changes.read_change_page(connection, wanted, changes.find_cursor(connection, cursor), limit)

    def find_end(self) -> str:
        """Return the cursor after everything that is committed."""
        with self._database.reading() as connection:
            return str(changes.find_end(connection, changes.find_cursor(connection, None).catalog_id))

    def list_held(self, provider_ids: Sequence[str] = ()) -> list[ProviderRecord]:
        """Return the providers that are held now, so that their absences are no changes; of those given, if any are."""
        slugs = self._known(provider_ids)
        with self._database.reading() as connection:
            known = repository.list_providers(connection)
        return [one for one in known if one.held_since is not None and (not slugs or one.id in slugs)]

    def first_recorded_at(self) -> datetime | None:
        """Return when the first event was recorded. Before it the catalog was empty; None if it always was."""
        with self._database.reading() as connection:
            return as_of.first_recorded_at(connection)

    def iterate_models(
        self,
        at: datetime,
        wanted: ModelFilter,
        on_undecided: Callable[[as_of.PastModel], None] | None = None,
        *,
        after: ModelPlace | None = None,
    ) -> Iterator[as_of.PastModel]:
        """Yield the models that the catalog had ``at`` and that the filter selects, in its order, page by page.

        ``after`` leaves out those up to a place in the order.

        ``on_undecided`` is called with each model that is left out only because a fact is unknown. A filter with
        ``sort`` has all its models in memory. Raises UnknownProvider; UsageError for a filter on use, which no event
        records.
        """
        if wanted.is_unlisted:
            raise UsageError(
                "which models were used without being listed is known for now only", "leave out 'unlisted'"
            )
        self._known(wanted.provider_ids)
        return as_of.iterate_models_at(self._database, self._past(at), wanted, on_undecided, after)

    def get_model(
        self, provider_id: str, model_id: str, at: datetime, max_events: int | None = None
    ) -> as_of.PastHistory:
        """Return one model as it was ``at``, with its events until then, or the oldest ``max_events`` of them.

        Raises UnknownModel if it was unknown.
        """
        slug = provider_slug(provider_id)
        canonical = canonical_model_id(slug, model_id)
        instant = self._past(at)
        with self._database.reading() as connection:
            history = as_of.read_model_at(connection, slug, canonical, instant, max_events)
            if not history.events and not repository.list_events(connection, slug, canonical):
                raise unknown_model_error(connection, slug, canonical, is_past=True)
        if not history.events:
            raise UnknownModel(
                f"the catalog had no model {canonical!r} of {slug} until {msgspec.to_builtins(instant)}",
                f"'{format_command('show', slug, canonical)}' shows when it came",
            )
        return history

    def count_models(self, at: datetime) -> dict[str, Any]:
        """Return ``total``, ``by_source``, ``active``, ``inactive`` as of ``at``, and the same in ``by_provider``."""
        instant = self._past(at)
        with self._database.reading() as connection:
            return as_of.count_models_at(connection, instant)

    def list_prices(
        self, provider_id: str, model_id: str, at: datetime | None = None
    ) -> list[price_periods.PricePeriod]:
        """Return what a model cost when, the oldest first; with ``at`` only the prices of that instant.

        Times in which no price was known are left out. Raises UnknownModel.
        """
        slug = provider_slug(provider_id)
        canonical = canonical_model_id(slug, model_id)
        instant = None if at is None else self._past(at)
        with self._database.reading() as connection:
            periods = price_periods.read_price_periods(connection, slug, canonical, instant)
            if periods is None:
                raise unknown_model_error(connection, slug, canonical, is_past=True)
        return periods

    def compare(
        self, before: datetime, after: datetime | None = None, provider_ids: Sequence[str] = ()
    ) -> Iterator[ModelDifference]:
        """Yield what differs between two instants, by provider and id; ``after`` is the current time by default."""
        begin, end = self._past(before), self._clock() if after is None else self._past(after)
        if begin >= end:
            raise UsageError(
                f"{msgspec.to_builtins(begin)} is not before {msgspec.to_builtins(end)}",
                "give the earlier instant first",
            )
        return compare(self._database, begin, end, self._known(provider_ids))

    def _past(self, at: datetime) -> datetime:
        return require_past(at, self._clock())

    def _known(self, provider_ids: Sequence[str]) -> tuple[str, ...]:
        slugs = tuple(provider_slug(name) for name in provider_ids)
        if slugs:
            with self._database.reading() as connection:
                repository.require_providers(connection, slugs)
        return slugs


def validate_kind(kind: EventKind | str) -> EventKind:
    """Return the kind of change. Raises UsageError."""
    try:
        return EventKind(kind)
    except ValueError:
        kinds = ", ".join(one.value for one in EventKind)
        raise UsageError(f"there is no kind of change {str(kind)[:40]!r}", f"there are: {kinds}") from None
