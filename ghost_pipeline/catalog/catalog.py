"""``ModelCatalog``: the interface of the catalog for pipelines, the command line and gateways."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from ghost_pipeline.catalog import announcements, archive_pruning, overrides, sightings, sweeps
from ghost_pipeline.catalog.catalog_queries import CatalogQueries
from ghost_pipeline.catalog.claims.response_aliases import record_response_aliases
from ghost_pipeline.catalog.history.backfill import BackfilledProvider, backfill
from ghost_pipeline.catalog.importing import export_file, source_table
from ghost_pipeline.catalog.ingestion import admission, reconcile
from ghost_pipeline.catalog.refusals import recording
from ghost_pipeline.catalog.results import (
    AnnouncementResult,
    FailedAttempt,
    ImportResult,
    ListingAttempt,
    ListingOutcome,
    PrunedListings,
    RefusalResult,
    SchemaVersion,
    SightingResult,
    SubmittedListing,
    SweepResult,
)
from ghost_pipeline.catalog.sightings import check_additions, manual_record, manual_records, record_storable
from ghost_pipeline.catalog.storage import repository, schema
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.catalog.storage.notification_states import NotificationStates
from ghost_pipeline.errors import CatalogSchemaError, UsageError
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.records import (
    Addition,
    Inference,
    Listing,
    ModelRecord,
    ProviderRecord,
    ResponseSummary,
)
from ghost_pipeline.lifecycle.refusals.evidence import (
    Refusal,
    Substitution,
    classify,
    find_substitution,
    refusal_of,
    validate_account,
)
from ghost_pipeline.lifecycle.refusals.substitution import answers_for, is_response_alias
from ghost_pipeline.lifecycle.retirement import validate_announcement
from ghost_pipeline.lifecycle.validation import (
    clamp_instant,
    require_aware,
    require_past,
    to_utc,
    validate_inference,
    validate_name,
    validate_reason,
    validate_span,
)
from ghost_pipeline.listings.parsing import BUILTIN_READER, ListingReader
from ghost_pipeline.settings import Settings, Thresholds


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


class ModelCatalog(CatalogQueries):
    """The models that are known to exist, and the evidence for each.

    Provider names and model ids may be given in any spelling; the catalog stores the canonical one. Every method raises
    UsageError for invalid input and CatalogError if the catalog can't be reached or changed. Safe to share between
    threads. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        reader: ListingReader = BUILTIN_READER,
        *,
        is_read_only: bool = False,
    ) -> None:
        super().__init__(Database(settings.catalog_url, is_read_only=is_read_only), settings, clock)
        self._reader = reader
        self._admitted: tuple[ListingAttempt, Listing | None] | None = None
        """The last admission until it is reconciled, with its parsed listing unless its bytes repeat an earlier one."""
        self._archive = Archive(settings.archive_location)
        self.notifications = NotificationStates(self._database)
        """How far each destination of notifications is."""

    @classmethod
    def open(
        cls,
        settings: Settings | None = None,
        *,
        url: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        reader: ListingReader = BUILTIN_READER,
    ) -> Self:
        """Open the catalog that the environment, ``settings`` or ``url`` names.

        A SQLite catalog is created and migrated here; PostgreSQL only by 'ghost-pipeline db upgrade'. ``clock`` returns
        the current time, for calls without an instant; ``reader`` parses listings. Raises SettingsError, CatalogError.
        """
        settings = settings or Settings.from_environment()
        if url is not None:
            settings = replace(settings, database_url=url)
        catalog = cls(settings, clock, reader)
        try:
            catalog._prepare()
        except BaseException:
            catalog.close()  # or its connections would stay open until they are garbage
            raise
        return catalog

    @classmethod
    def open_read_only(cls, settings: Settings | None = None, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Open the catalog so that the database refuses every change. Neither creates nor upgrades it.

        Connects when it is used first, so that a server can start before its database: see ``require_schema``.
        """
        return cls(settings or Settings.from_environment(), clock, is_read_only=True)

    def require_schema(self) -> None:
        """Raise CatalogSchemaError unless the catalog exists with the schema that this program needs."""
        if not self._database.is_there():
            raise CatalogSchemaError(
                f"there is no catalog {self._database.shown_url} yet", "create it with 'ghost-pipeline db upgrade'"
            )
        schema.require_head(self._database)

    def _prepare(self) -> None:
        if not self._database.is_sqlite:
            schema.require_head(self._database)
            return
        self._database.make_folder()
        if schema.current_revision(self._database) != schema.HEAD:
            schema.upgrade(self._database)
        schema.allow_writing_without_text_index(self._database)

    @staticmethod
    def get_schema_version(settings: Settings | None = None) -> SchemaVersion:
        """Return the version of the catalog's schema, whatever it is. Changes nothing."""
        return _with_schema(settings, lambda _: None)

    @staticmethod
    def upgrade_schema(settings: Settings | None = None) -> SchemaVersion:
        """Bring the catalog's schema to this program's version. Repeating it changes nothing."""
        return _with_schema(settings, schema.upgrade)

    # Listings

    def admit(self, submission: SubmittedListing) -> ListingOutcome:
        """Assess a listing, archive its bytes, record the attempt and set or lift the hold. No model changes.

        The parsed listing stays in memory until it is reconciled, the next one is admitted or the catalog is closed.
        """
        now = self._clock()
        submission = replace(submission, observed_at=self._plausible(require_aware(submission.observed_at)))
        outcome, listing = admission.admit(
            self._database, self._archive, self.settings.thresholds, self._reader, submission, now
        )
        self._admitted = None if outcome.is_finished else (outcome.attempt, listing)
        return outcome

    def reconcile(self, listing_id: int) -> ListingOutcome:
        """Reconcile an admitted listing with the models, as of the instant when it was observed.

        Its bytes come from the archive unless this catalog admitted it last.
        """
        admitted = self._take_admitted(listing_id)
        return reconcile.reconcile(
            self._database, self._archive, self.settings.thresholds, self._reader, listing_id, self._clock(), admitted
        )

    def record_failed_attempt(
        self,
        provider_id: str,
        reason: str,
        attempted_at: datetime | None = None,
        run_id: str | None = None,
        response: ResponseSummary | None = None,
    ) -> ListingOutcome:
        """Record a fetch attempt that produced no listing, and hold the provider. No model changes.

        ``reason`` describes in one line what went wrong and what to do, without secrets. ``attempted_at`` is capped at
        the current time, which is also its default.
        """
        failed = FailedAttempt(
            provider_slug(provider_id),
            validate_reason(reason),
            self._capped(attempted_at),
            run_id,
            response or ResponseSummary(),
        )
        return admission.record_failure(self._database, failed, self._clock())

    # Sightings

    def track_successful_inference(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        observed_at: datetime | None = None,
        *,
        account: str | None = None,
        requested_model_id: str | None = None,
    ) -> SightingResult:
        """Record a successful inference.

        Args:
            provider_id: The provider that answered.
            model_id: The model that answered.
            name: What people call it.
            metadata: What the response states of it, as a JSON object.
            observed_at: The current time by default, and clamped if implausible.
            account: A label of the account whose key was used, never the key.
            requested_model_id: The model that was requested, where the response may name another one. If that is not
                the same model under another name, the requested one gets an event ``answered_by_another``; if it is,
                such as a dated snapshot, the name is kept as an alias of the requested model.
        """
        now = self._clock()
        at = now if observed_at is None else require_aware(observed_at)
        inference = validate_inference(provider_id, model_id, at, at, name, metadata, now)
        inference = replace(inference, account=validate_account(account))
        [result] = self.record_inferences([inference])
        found = find_substitution(inference, requested_model_id)
        if found is not None:
            self.record_substitutions([found])
        return result

    def track_refused_inference(
        self,
        provider_id: str,
        model_id: str,
        *,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        account: str | None = None,
        observed_at: datetime | None = None,
    ) -> RefusalResult:
        """Record that a provider refused a request, if its answer is evidence that it has no such model any more.

        Args:
            provider_id: The provider that was called, and not a gateway.
            model_id: The model that was requested of it, and not a group or an alias of a gateway.
            status: The HTTP status of the answer.
            code: The code or type of the error, such as ``model_decommissioned``.
            message: The text of the error, or the whole body. It is read and not stored.
            account: A label of the account whose key was used, never the key.
            observed_at: The current time by default, and clamped if implausible.
        """
        now = self._clock()
        at = now if observed_at is None else require_aware(observed_at)
        slug, canonical, found = classify(provider_id, model_id, status, code, message)
        if not found.is_evidence:
            return RefusalResult(slug, canonical, "not_evidence", found.refusal_class.value)
        return self.record_refusals([refusal_of(slug, canonical, found, to_utc(at), now, account)])[0]

    def record_refusals(self, refusals: Sequence[Refusal]) -> list[RefusalResult]:
        """Record many refusals, each with canonical names and instants up to now, in one transaction."""
        now, thresholds = self._clock(), self.settings.thresholds
        return self._database.write(lambda connection: recording.record_refusals(connection, refusals, now, thresholds))

    def record_substitutions(self, substitutions: Sequence[Substitution]) -> None:
        """Record requests that were answered under another id, each with canonical names, in one transaction.

        It is the id of another model, or an alias of the requested one.
        """
        now, thresholds = self._clock(), self.settings.thresholds
        aliases = [one for one in substitutions if is_response_alias(one.model_id, one.answered_by)]
        others = [one for one in substitutions if not answers_for(one.model_id, one.answered_by)]

        def record(connection: sa.Connection) -> None:
            recording.record_substitutions(connection, others, now, thresholds)
            record_response_aliases(connection, aliases)

        self._database.write(record)

    def record_inferences(self, inferences: Sequence[Inference]) -> list[SightingResult]:
        """Record many inferences, each with a provider's slug and a canonical model id, in one transaction.

        Raises UsageError for an instant without a time zone, or whose year in UTC is not 1 to 9999.
        """
        for inference in inferences:
            to_utc(inference.first_at)
            to_utc(inference.last_at)
        now, thresholds = self._clock(), self.settings.thresholds
        return self._database.write(
            lambda connection: sightings.record_inferences(connection, inferences, now, thresholds)
        )

    def record_reported(
        self, inferences: Sequence[Inference]
    ) -> tuple[list[SightingResult], list[tuple[Inference, str]]]:
        """Record inferences as record_inferences; return those that the database can't store as well, with reasons."""
        return record_storable(self.record_inferences, inferences)

    def quarantine(self, files: Mapping[str, str]) -> None:
        """Keep rejected input in the archive, where an operator can read it: file name -> text."""
        for name, text in files.items():
            self._archive.quarantine(name, text.encode())

    def add_manual_model(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        *,
        observed_at: datetime | None = None,
        **facts: Any,
    ) -> SightingResult:
        """Add a model by hand, which no sweep deletes from then on.

        ``facts`` are those of ``lifecycle.facts.Facts``, such as ``context_window`` or ``input_price``, which are
        checked as in add_manual_models.
        """
        at, now = self._capped(observed_at), self._clock()
        stated = {"provider_id": provider_id, "model_id": model_id, "name": name, **facts}
        added = manual_record(stated, at)
        return self._database.write(lambda connection: sightings.add_models(connection, [added], at, now)[0])

    def add_manual_models(
        self, additions: Iterable[Addition | Mapping[str, Any]], observed_at: datetime | None = None
    ) -> list[SightingResult]:
        """Add many models by hand, all of them or none, in one transaction. The results are by provider and id.

        Each is a mapping with the argument names of add_manual_model, or an Addition of ``ghost_pipeline.additions``.
        An iterable that can be iterated again, such as an AdditionFile, is checked whole first and then written page by
        page, with no more than a page and the names of the models in memory. Raises InvalidAdditions with the number of
        errors and the first 20 of them; a duplicate model is an error.
        """
        at, now = self._capped(observed_at), self._clock()
        stated = list(additions) if isinstance(additions, Iterator) else additions
        slugs = check_additions(_numbered(stated, "model"), at)

        return self._database.write(  # reads the rows again whenever it is repeated
            lambda connection: sightings.add_in_pages(
                connection, manual_records(_numbered(stated, "model"), at), slugs, at, now
            )
        )

    # Overrides by an operator

    def reactivate_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> ModelRecord:
        """Mark a model as active, seen now and not refused; its source is kept. Raises UnknownModel."""
        slug, at = provider_slug(provider_id), self._as_of(now)
        canonical = canonical_model_id(slug, model_id)
        current, thresholds = self._clock(), self.settings.thresholds
        return self._database.write(
            lambda connection: overrides.reactivate_model(connection, slug, canonical, at, current, thresholds)
        )

    def remove_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> int:
        """Remove a model until ``add`` or ``restore``. Return the number of rows removed. Raises UnknownModel."""
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

    def withdraw_facts(
        self, provider_id: str, model_id: str, facts: Sequence[str] = (), now: datetime | None = None
    ) -> overrides.WithdrawnFacts:
        """Withdraw what operators stated of a model with ``add``, or everything; what its listing states stands.

        Raises UnknownModel; UnknownStatement for a fact that no operator stated.
        """
        slug, at = provider_slug(provider_id), self._as_of(now)
        canonical = canonical_model_id(slug, model_id)
        return self._database.write(
            lambda connection: overrides.withdraw_statements(connection, slug, canonical, facts, at)
        )

    def restore_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> ModelRecord:
        """Restore a purged or removed model as a ghost. Raises UnknownModel, ModelExists."""
        slug, at = provider_slug(provider_id), self._as_of(now)
        canonical = canonical_model_id(slug, model_id)
        return self._database.write(lambda connection: overrides.restore_model(connection, slug, canonical, at))

    def release_provider(self, provider_id: str) -> ProviderRecord:
        """Accept the provider's latest listing as complete and lift its hold; take over the values that are doubted.

        Return the provider's state before the change. Raises UnknownProvider.
        """
        slug = provider_slug(provider_id)
        thresholds = self.settings.thresholds
        return self._database.write(
            lambda connection: overrides.release_provider(connection, slug, self._clock(), thresholds)
        )

    # Retirements

    def announce_retirement(
        self,
        provider_id: str,
        model_id: str,
        retires_at: datetime,
        replaced_by: str | None = None,
        source_url: str | None = None,
        *,
        recorded_by: str | None = None,
        now: datetime | None = None,
    ) -> AnnouncementResult:
        """Record that a provider announced the end of a model, by a page or an e-mail with the address ``source_url``.

        The date stands until a listing states another one, or until it is taken back. It may be in the past, and the
        model need not be in the catalog. ``recorded_by`` names the operator.
        """
        at = self._as_of(now)
        stated = validate_announcement(provider_id, model_id, retires_at, replaced_by, source_url, recorded_by, at)
        return self._database.write(lambda connection: announcements.announce(connection, [stated], at, recorded_by)[0])

    def announce_retirements(
        self,
        rows: Iterable[Addition | Mapping[str, Any]],
        *,
        recorded_by: str | None = None,
        now: datetime | None = None,
    ) -> list[AnnouncementResult]:
        """Record many announcements, all of them or none, in one transaction. The results are in their order.

        Each is a mapping with the argument names of announce_retirement, or an Addition that ``read_announcements``
        returned. Raises InvalidAnnouncements with the number of errors and the first 20 of them.
        """
        at = self._as_of(now)
        stated = announcements.validate_announcements(list(_numbered(rows, "announcement")), recorded_by, at)
        return self._database.write(lambda connection: announcements.announce(connection, stated, at, recorded_by))

    def withdraw_retirement(
        self, provider_id: str, model_id: str, *, withdrawn_by: str | None = None, now: datetime | None = None
    ) -> AnnouncementResult:
        """Take an announcement back: the date is what the newest listing states. Raises UnknownAnnouncement."""
        slug, at, operator = provider_slug(provider_id), self._as_of(now), validate_name(withdrawn_by)
        canonical = canonical_model_id(slug, model_id)
        return self._database.write(
            lambda connection: announcements.withdraw(connection, slug, canonical, at, operator)
        )

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
        """Make the models ghosts that were not seen for ``stale_after_hours`` (default: the setting, 24).

        Before that, end the refusals that have expired by now.
        """
        expired = recording.expire_refusals(
            self._database,
            None if provider_id is None else provider_slug(provider_id),
            self._clock(),
            self.settings.thresholds,
            run_id,
            is_dry_run=is_dry_run,
        )
        thresholds = self.settings.thresholds
        if stale_after_hours is not None:
            thresholds = replace(thresholds, stale_after=validate_span("hours", stale_after_hours))
        result = self._sweep(sweeps.STALE, provider_id, now, thresholds, run_id, is_dry_run=is_dry_run)
        return replace(result, expired_refusals=tuple(expired))

    def delete_old_inactive_models(
        self,
        provider_id: str | None = None,
        older_than_days: float | None = None,
        now: datetime | None = None,
        *,
        is_dry_run: bool = False,
        run_id: str | None = None,
    ) -> SweepResult:
        """Delete models that are ghosts for ``older_than_days`` (default: the setting, 30); tombstones stay."""
        thresholds = self.settings.thresholds
        if older_than_days is not None:
            thresholds = replace(thresholds, purge_after=validate_span("days", older_than_days))
        return self._sweep(sweeps.PURGE, provider_id, now, thresholds, run_id, is_dry_run=is_dry_run)

    def backfill_history(
        self,
        provider_ids: Sequence[str] = (),
        *,
        is_dry_run: bool = False,
        report: Callable[[str, int, int], None] | None = None,
    ) -> list[BackfilledProvider]:
        """Add the history before the first recorded event of providers, derived from archived listings.

        Of those given, or of all. ``history.replay`` defines what is derived; nothing that is recorded changes, and
        repeating it changes nothing. Each provider is one transaction. ``report`` is called with a slug and the number
        of steps done and in all. Raises UnknownProvider, ArchiveError.
        """
        slugs = [provider_slug(name) for name in provider_ids]
        with self._database.reading() as connection:
            repository.require_providers(connection, slugs)
            wanted = slugs or [provider.id for provider in repository.list_providers(connection)]
        return backfill(
            self._database,
            self._archive,
            self._reader,
            self.settings.thresholds,
            sorted(set(wanted)),
            self._clock(),
            report or (lambda provider_id, done, total: None),
            is_dry_run=is_dry_run,
        )

    def prune_listings(
        self,
        older_than_days: float | None = None,
        now: datetime | None = None,
        *,
        is_dry_run: bool = False,
        report: Callable[[int, int], None] | None = None,
    ) -> PrunedListings:
        """Delete archived bytes of listings that are older than ``older_than_days`` and needed by nothing.

        The default is the setting. ``archive_pruning`` defines what is needed. ``report`` is called with the number of
        files done and in all. Raises UsageError if there is no limit, ArchiveError.
        """
        span = self.settings.keep_listings_for
        if older_than_days is not None:
            span = validate_span("days", older_than_days)
        if span is None:
            raise UsageError("listings are kept without a limit", "set GHOST_KEEP_LISTINGS_DAYS, or give an age")
        before = self._as_of(now) - span
        on_progress = report or (lambda done, total: None)
        return archive_pruning.prune_listings(self._database, self._archive, before, on_progress, is_dry_run=is_dry_run)

    # Imports

    def adopt_table(
        self,
        table: str,
        *,
        provider_column: str | None = None,
        model_column: str | None = None,
        name_column: str | None = None,
        data_column: str | None = None,
        now: datetime | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> ImportResult:
        """Adopt the models of an existing table in the catalog's database. The table itself does not change.

        ``table`` may be ``schema.table``; columns that are not given are found by their usual names. ``report`` is
        called with the number of rows done and in all. Raises UnknownTable.
        """
        requested = {"provider": provider_column, "model": model_column, "name": name_column, "data": data_column}
        return source_table.adopt(self._database, table, requested, self._as_of(now), report)

    def import_models(
        self,
        rows: Sequence[Mapping[str, Any]],
        origin: str = "import",
        now: datetime | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> ImportResult:
        """Merge the rows of another catalog's export into this one, with their instants (ISO 8601) and sources.

        ``origin`` names where they come from, for the events. All rows are validated before any is written.
        ``report`` is called with the number of rows done and in all. Raises InvalidExport.
        """
        return export_file.import_rows(self._database, rows, origin, self._as_of(now), report)

    def import_export_file(
        self, name: str, content: bytes, report: Callable[[int, int], None] | None = None
    ) -> ImportResult:
        """Merge another catalog's JSON export, the content of the file ``name``. Raises InvalidExport."""
        return self.import_models(export_file.read_export_rows(name, content), origin=name, report=report)

    def close(self) -> None:
        """Close the connections."""
        self._admitted = None
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take_admitted(self, listing_id: int) -> tuple[ListingAttempt, Listing | None] | None:
        """Return the last admission if it is the one of this listing, and forget it."""
        admitted = self._admitted
        if admitted is None or admitted[0].id != listing_id:
            return None
        self._admitted = None
        return admitted

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
        return clamp_instant(at, self._clock())

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


def _numbered(rows: Iterable[Addition | Mapping[str, Any]], noun: str) -> Iterator[Addition]:
    """Yield the rows with a place for error messages."""
    for number, one in enumerate(rows, 1):
        yield one if isinstance(one, Addition) else Addition(f"{noun} {number}", one)


def _with_schema(settings: Settings | None, change: Callable[[Database], None]) -> SchemaVersion:
    database = Database((settings or Settings.from_environment()).catalog_url)
    try:
        database.make_folder()
        before = schema.current_revision(database)
        change(database)
        return SchemaVersion(database.shown_url, schema.current_revision(database), schema.HEAD, before)
    finally:
        database.close()
