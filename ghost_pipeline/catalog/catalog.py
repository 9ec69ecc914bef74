"""``ModelCatalog``: the door to the catalog for pipelines, the command line and gateways."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from ghost_pipeline.catalog import overrides, queries, recent_events, sightings, sweeps
from ghost_pipeline.catalog.health import list_health
from ghost_pipeline.catalog.importing import export_file, source_table
from ghost_pipeline.catalog.ingestion import admission, attempts, reconcile
from ghost_pipeline.catalog.queries import discovery_stats, is_unlisted_sql
from ghost_pipeline.catalog.results import (
    FailedAttempt,
    ImportResult,
    ListingOutcome,
    ModelFilter,
    ModelHistory,
    Parse,
    SchemaVersion,
    SightingResult,
    SubmittedListing,
    SweepResult,
)
from ghost_pipeline.catalog.sightings import manual_record, manual_records, record_storable
from ghost_pipeline.catalog.storage import repository, schema
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.lifecycle.absence import ProviderHealth, is_delisted
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.records import (
    Addition,
    Inference,
    ModelEvent,
    ModelRecord,
    ProviderRecord,
    ResponseSummary,
)
from ghost_pipeline.lifecycle.validation import (
    cap_instant,
    clamp_instant,
    require_aware,
    require_past,
    validate_capabilities,
    validate_inference,
    validate_reason,
    validate_source,
    validate_span,
)
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline.settings import Settings, Thresholds


def utc_now() -> datetime:
    """The present."""
    return datetime.now(UTC)


class ModelCatalog:
    """The models that are known to exist, and how they are known.

    Provider names and model ids may be spelled as people and clients spell them; the catalog keeps one spelling.
    Every method raises UsageError for input that makes no sense and CatalogError when the catalog can't be reached
    or changed. Safe to share between threads. Close it, or use it as a context manager.
    """

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self._clock = clock
        self._database = Database(settings.catalog_url)
        self._archive = Archive(settings.archive_location)

    @classmethod
    def open(
        cls, settings: Settings | None = None, *, url: str | None = None, clock: Callable[[], datetime] = utc_now
    ) -> Self:
        """The catalog that the environment (or ``settings``, or ``url``) names, ready for use.

        A SQLite catalog is made and migrated here; PostgreSQL only when told ('ghost-pipeline db upgrade').
        ``clock`` gives the present, for calls that name no instant. Raises SettingsError, CatalogError.
        """
        settings = settings or Settings.from_environment()
        if url is not None:
            settings = replace(settings, database_url=url)
        catalog = cls(settings, clock)
        try:
            catalog._prepare()
        except BaseException:
            catalog.close()  # or its connections would stay open until they are garbage
            raise
        return catalog

    def _prepare(self) -> None:
        if not self._database.is_sqlite:
            schema.require_head(self._database)
            return
        self._database.make_folder()
        if schema.current_revision(self._database) != schema.HEAD:
            schema.upgrade(self._database)

    @staticmethod
    def get_schema_version(settings: Settings | None = None) -> SchemaVersion:
        """Return the version of the catalog's schema, whatever it is. Changes nothing."""
        return _with_schema(settings, lambda _: None)

    @staticmethod
    def upgrade_schema(settings: Settings | None = None) -> SchemaVersion:
        """Bring the catalog's schema to this program's version. Repeating it changes nothing."""
        return _with_schema(settings, schema.upgrade)

    # Listings

    def admit(self, submission: SubmittedListing, parse: Parse) -> ListingOutcome:
        """Give a listing its verdict, keep its bytes, record the attempt, set the hold. No model changes."""
        now = self._clock()
        submission = replace(submission, observed_at=self._plausible(submission.observed_at))
        return admission.admit(self._database, self._archive, self.settings.thresholds, submission, parse, now)

    def reconcile(self, listing_id: int, parse: Parse) -> ListingOutcome:
        """Fold an admitted listing into the models, as of the instant when it was observed."""
        return reconcile.reconcile(self._database, self._archive, self.settings.thresholds, listing_id, parse)

    def record_failed_attempt(
        self,
        provider_id: str,
        reason: str,
        attempted_at: datetime | None = None,
        run_id: str | None = None,
        response: ResponseSummary | None = None,
    ) -> ListingOutcome:
        """Set down that a provider was asked and no listing came of it: it is held. No model changes.

        ``reason`` is one line for a person to act on, without secrets. ``attempted_at`` is capped at the present, which
        is also its default.
        """
        failed = FailedAttempt(
            provider_slug(provider_id),
            validate_reason(reason),
            self._capped(attempted_at),
            run_id,
            response or ResponseSummary(),
        )
        return admission.record_failure(self._database, failed, self._clock())

    def find_listing(self, provider_id: str, run_id: str | None = None) -> int | None:
        """The id of the listing that a Dagster run admitted for a provider; without a run, of the newest.

        Failed attempts brought none and are passed over.
        """
        with self._database.reading() as connection:
            return attempts.find_attempt(connection, provider_slug(provider_id), run_id)

    def get_listing(self, listing_id: int) -> ListingOutcome:
        """What became of one attempt, as its row says: without previews, and without counts while it is unfinished."""
        with self._database.reading() as connection:
            return attempts.read_outcome(connection, listing_id)

    def accepts_empty_listing(self, provider_id: str) -> bool:
        """Return True if an empty listing of the provider, observed now, would be accepted."""
        with self._database.reading() as connection:
            return attempts.accepts_empty(connection, provider_slug(provider_id))

    # Sightings

    def track_successful_inference(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        observed_at: datetime | None = None,
    ) -> SightingResult:
        """Set down that a model answered. ``observed_at`` is the present unless given, and clamped to be believable."""
        now = self._clock()
        at = now if observed_at is None else require_aware(observed_at)
        inference = validate_inference(provider_id, model_id, at, at, name, metadata, now)
        return self.record_inferences([inference])[0]

    def record_inferences(self, inferences: Sequence[Inference]) -> list[SightingResult]:
        """Set down many sightings, each of a provider's slug and canonical model id, in one transaction."""
        now = self._clock()
        return self._database.write(lambda connection: sightings.record_inferences(connection, inferences, now))

    def record_reported(
        self, inferences: Sequence[Inference]
    ) -> tuple[list[SightingResult], list[tuple[Inference, str]]]:
        """As record_inferences; what the database can't hold stops none of the rest and comes back with a reason."""
        return record_storable(self.record_inferences, inferences)

    def set_aside(self, files: Mapping[str, str]) -> None:
        """Keep what was rejected in the archive, for people to look at: name -> text."""
        for name, text in files.items():
            self._archive.set_aside(name, text.encode())

    def add_manual_model(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        *,
        observed_at: datetime | None = None,
        **facts: Any,
    ) -> SightingResult:
        """Add a model by hand: from now on no sweep deletes it.

        ``facts`` are those of ``lifecycle.facts.Facts``, such as ``context_window`` or ``input_price``, which are
        checked as in add_manual_models.
        """
        at = self._capped(observed_at)
        stated = {"provider_id": provider_id, "model_id": model_id, "name": name, **facts}
        added = manual_record(stated, at)
        return self._database.write(lambda connection: sightings.add_models(connection, [added], at)[0])

    def add_manual_models(
        self, additions: Iterable[Addition | Mapping[str, Any]], observed_at: datetime | None = None
    ) -> list[SightingResult]:
        """Add many models by hand, all of them or none, in one transaction. Results by provider and id.

        Each is a mapping with the argument names of add_manual_model, or an Addition such as ``read_additions`` gives.
        Raises InvalidAdditions with every problem (the first 20 in words); a model that is stated twice is one.
        """
        at = self._capped(observed_at)
        stated = [
            one if isinstance(one, Addition) else Addition(f"model {number}", one)
            for number, one in enumerate(additions, 1)
        ]
        records = manual_records(stated, at)
        return self._database.write(lambda connection: sightings.add_models(connection, records, at))

    # A person's word

    def reactivate_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> ModelRecord:
        """This model lives: active and seen now, its source kept. Raises UnknownModel."""
        slug, at = provider_slug(provider_id), self._as_of(now)
        canonical = canonical_model_id(slug, model_id)
        return self._database.write(lambda connection: overrides.reactivate_model(connection, slug, canonical, at))

    def remove_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> int:
        """Out of the catalog until ``add`` or ``restore``. Gives how many rows left. Raises UnknownModel."""
        slug, at = provider_slug(provider_id), self._as_of(now)
        canonical = canonical_model_id(slug, model_id)
        return self._database.write(lambda connection: overrides.remove_model(connection, slug, canonical, at))

    def remove_provider(self, provider_id: str, now: datetime | None = None, *, is_dry_run: bool = False) -> int:
        """Remove every model of the provider, as remove_model. Return the number of models; a dry run only counts them.

        Raises UnknownProvider.
        """
        slug, at = provider_slug(provider_id), self._as_of(now)
        if is_dry_run:
            with self._database.reading() as connection:
                return overrides.remove_provider(connection, slug, at, is_dry_run=True)
        return self._database.write(lambda connection: overrides.remove_provider(connection, slug, at))

    def restore_provider(self, provider_id: str, now: datetime | None = None) -> int:
        """Undo the last remove_provider: each model returns in the state that it had. Return the number of models.

        Raises UnknownProvider; ModelExists if there is nothing to restore.
        """
        slug, at = provider_slug(provider_id), self._as_of(now)
        return self._database.write(lambda connection: overrides.restore_provider(connection, slug, at))

    def restore_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> ModelRecord:
        """Take a purged or removed model back, as a ghost. Raises UnknownModel, ModelExists."""
        slug, at = provider_slug(provider_id), self._as_of(now)
        canonical = canonical_model_id(slug, model_id)
        return self._database.write(lambda connection: overrides.restore_model(connection, slug, canonical, at))

    def release_provider(self, provider_id: str) -> ProviderRecord:
        """This provider's absences are real. Gives the provider as it was before. Raises UnknownProvider."""
        slug = provider_slug(provider_id)
        return self._database.write(lambda connection: overrides.release_provider(connection, slug, self._clock()))

    # Sweeps

    def mark_stale_models_inactive(
        self,
        provider_id: str | None = None,
        stale_after_hours: float | None = None,
        now: datetime | None = None,
        *,
        is_dry_run: bool = False,
        run_id: str | None = None,
    ) -> SweepResult:
        """Soft delete: make ghosts of the models unseen for ``stale_after_hours`` (24 unless set otherwise)."""
        thresholds = self.settings.thresholds
        if stale_after_hours is not None:
            thresholds = replace(thresholds, stale_after=validate_span("hours", stale_after_hours))
        return self._sweep(sweeps.STALE, provider_id, now, thresholds, run_id, is_dry_run=is_dry_run)

    def delete_old_inactive_models(
        self,
        provider_id: str | None = None,
        older_than_days: float | None = None,
        now: datetime | None = None,
        *,
        is_dry_run: bool = False,
        run_id: str | None = None,
    ) -> SweepResult:
        """Hard delete, with tombstones: ghosts for ``older_than_days`` (30 unless set otherwise)."""
        thresholds = self.settings.thresholds
        if older_than_days is not None:
            thresholds = replace(thresholds, purge_after=validate_span("days", older_than_days))
        return self._sweep(sweeps.PURGE, provider_id, now, thresholds, run_id, is_dry_run=is_dry_run)

    # Models that were known elsewhere

    def adopt_table(
        self,
        table: str,
        *,
        provider_column: str | None = None,
        model_column: str | None = None,
        name_column: str | None = None,
        data_column: str | None = None,
        now: datetime | None = None,
    ) -> ImportResult:
        """Take in an old table of models in the catalog's database, which is left as it is.

        ``table`` may be ``schema.table``; columns that are not named are guessed. Raises UnknownTable.
        """
        wanted = {"provider": provider_column, "model": model_column, "name": name_column, "data": data_column}
        return source_table.adopt(self._database, table, wanted, self._as_of(now))

    def import_models(
        self, rows: Sequence[Mapping[str, Any]], origin: str = "import", now: datetime | None = None
    ) -> ImportResult:
        """Merge the rows of another catalog's export into this one, with their instants (ISO 8601) and sources.

        ``origin`` names where they come from, for the events. All rows are checked before any is written. Raises
        InvalidExport.
        """
        return export_file.import_rows(self._database, rows, origin, self._as_of(now))

    def import_export_file(self, name: str, content: bytes) -> ImportResult:
        """Merge another catalog's JSON export, the content of the file ``name``. Raises InvalidExport."""
        return self.import_models(export_file.read_export_rows(name, content), origin=name)

    # Looking

    def find_models(
        self,
        provider_id: str | None = None,
        is_active: bool | None = True,
        is_free: bool | None = None,
        capabilities: Sequence[str] = (),
        source: Source | str | None = None,
        *,
        is_unlisted: bool = False,
        now: datetime | None = None,
    ) -> list[ModelRecord]:
        """Models by provider and id. ``is_active=None`` gives ghosts too; unknown never matches a filter.

        ``is_unlisted=True`` gives those that work though no list shows them: used within the window (24 hours before
        ``now`` unless set otherwise), but not in their provider's latest complete listing or a later one.
        """
        wanted = ModelFilter(
            provider_ids=() if provider_id is None else (provider_id,),
            is_active=is_active,
            is_free=is_free,
            capabilities=tuple(validate_capabilities(capabilities) or ()),
            source=None if source is None else validate_source(source),
            is_unlisted=is_unlisted,
        )
        return self.select_models(wanted, now)

    def select_models(self, wanted: ModelFilter, now: datetime | None = None) -> list[ModelRecord]:
        """Return the models that the filter selects, by provider and id. Raises UnknownProvider."""
        slugs = tuple(provider_slug(name) for name in wanted.provider_ids)
        validate_capabilities(wanted.capabilities)
        at = self._clock() if now is None else require_aware(now)
        which = is_unlisted_sql(at, self.settings.thresholds) if wanted.is_unlisted else None
        with self._database.reading() as connection:
            for slug in slugs:
                repository.get_provider(connection, slug)
            return queries.find_models(connection, replace(wanted, provider_ids=slugs), which)

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

    def get_provider(self, provider_id: str) -> ProviderRecord:
        """Return one provider. Raises UnknownProvider."""
        with self._database.reading() as connection:
            return repository.get_provider(connection, provider_slug(provider_id))

    def list_inactive_models(self, limit: int = 50) -> list[ModelRecord]:
        """Ghosts, the latest first."""
        with self._database.reading() as connection:
            return queries.list_inactive_models(connection, limit)

    def get_model_history(self, provider_id: str, model_id: str) -> ModelHistory:
        """One model, every event of it, and the listing behind it. Raises UnknownModel."""
        slug = provider_slug(provider_id)
        with self._database.reading() as connection:
            return queries.model_history(connection, slug, canonical_model_id(slug, model_id))

    def get_discovery_stats(self, now: datetime | None = None) -> dict[str, Any]:
        """``total``, ``by_source``, ``active``, ``inactive``, ``unlisted``, and the same per provider in
        ``by_provider``. ``unlisted`` models work though no list shows them (see find_models).
        """
        with self._database.reading() as connection:
            at = self._clock() if now is None else require_aware(now)
            return discovery_stats(connection, is_unlisted_sql(at, self.settings.thresholds))

    def list_provider_health(self) -> list[ProviderHealth]:
        """Every provider with what its attempts add up to."""
        with self._database.reading() as connection:
            return list_health(connection)

    def list_providers(self) -> list[ProviderRecord]:
        """Every provider, and whether it is held."""
        with self._database.reading() as connection:
            return repository.list_providers(connection)

    def list_events(self, provider_id: str | None = None, model_id: str | None = None) -> list[ModelEvent]:
        """Return the audit trail in the order in which it was written, of one provider or model if given."""
        slug = None if provider_id is None else provider_slug(provider_id)
        canonical = model_id if model_id is None or slug is None else canonical_model_id(slug, model_id)
        with self._database.reading() as connection:
            return repository.list_events(connection, slug, canonical)

    def last_event_id(self) -> int:
        """Return the id of the newest event of the audit trail; 0 if there is none."""
        with self._database.reading() as connection:
            return recent_events.last_event_id(connection)

    def count_events(self, after: int, up_to: int) -> list[recent_events.EventCount]:
        """Count the events with ids above ``after`` and not above ``up_to``, by provider, kind and source."""
        with self._database.reading() as connection:
            return recent_events.count_events(connection, after, up_to)

    def list_events_between(
        self, after: int, up_to: int, limit: int, left_out: Sequence[EventKind] = ()
    ) -> list[tuple[int, ModelEvent]]:
        """Return at most ``limit`` events with ids above ``after`` and not above ``up_to``, each with its id."""
        with self._database.reading() as connection:
            return recent_events.list_events_between(connection, after, up_to, limit, left_out)

    def count_used_models(self, since: datetime) -> list[tuple[str, int, datetime]]:
        """Return each provider with models that were used after ``since``: how many, and the latest use."""
        with self._database.reading() as connection:
            return recent_events.count_used_models(connection, require_aware(since))

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _as_of(self, now: datetime | None) -> datetime:
        """Return the instant that an operation is as of: the current time, or one in the past that the caller gives.

        Raises UsageError for an instant without a time zone or in the future.
        """
        current = self._clock()
        return current if now is None else require_past(now, current)

    def _capped(self, observed_at: datetime | None) -> datetime:
        return self._clock() if observed_at is None else self._plausible(require_aware(observed_at))

    def _plausible(self, at: datetime) -> datetime:
        """Return ``at``, or the current time if it is later or from a clock that was never set."""
        now = self._clock()
        return cap_instant(clamp_instant(at, now), now)

    def _sweep(
        self,
        sweep: sweeps.Sweep,
        provider_id: str | None,
        now: datetime | None,
        thresholds: Thresholds,
        run_id: str | None,
        *,
        is_dry_run: bool,
    ) -> SweepResult:
        slug = None if provider_id is None else provider_slug(provider_id)
        at = self._as_of(now)
        return sweeps.run(self._database, sweep, slug, at, thresholds, run_id, is_dry_run=is_dry_run)


def _with_schema(settings: Settings | None, change: Callable[[Database], None]) -> SchemaVersion:
    database = Database((settings or Settings.from_environment()).catalog_url)
    try:
        database.make_folder()
        before = schema.current_revision(database)
        change(database)
        return SchemaVersion(database.shown_url, schema.current_revision(database), schema.HEAD, before)
    finally:
        database.close()
