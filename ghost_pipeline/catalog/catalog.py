"""``ModelCatalog``: the door to the catalog for pipelines, the command line and gateways."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from ghost_pipeline.catalog import admission, events, persons, provider_rows, queries, schema, sightings, sweeps
from ghost_pipeline.catalog import listing_rows as listing_rows_
from ghost_pipeline.catalog import reconcile as reconcile_
from ghost_pipeline.catalog.archive import Archive
from ghost_pipeline.catalog.checks import aware, checked_capabilities, checked_number, checked_source, checked_span
from ghost_pipeline.catalog.database import Database
from ghost_pipeline.catalog.queries import ModelHistory
from ghost_pipeline.catalog.results import ListingOutcome, Parse, SightingResult, Submission, SweepResult
from ghost_pipeline.catalog.sightings import Inference
from ghost_pipeline.catalog.statistics import discovery_stats
from ghost_pipeline.lifecycle.identity import canonical_model_id, checked_name, provider_slug
from ghost_pipeline.lifecycle.listing import is_free
from ghost_pipeline.lifecycle.metadata import checked_metadata
from ghost_pipeline.lifecycle.records import ModelEvent, ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.settings import Settings


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
        self._archive = Archive(settings.archive_dir)

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
        if catalog._database.is_sqlite:
            catalog._database.make_folder()
            if schema.current_revision(catalog._database) != schema.HEAD:
                schema.upgrade(catalog._database)
        else:
            schema.require_head(catalog._database)
        return catalog

    # Listings

    def admit(self, submission: Submission, parse: Parse) -> ListingOutcome:
        """Give a listing its verdict, keep its bytes, record the attempt, set the hold. No model changes."""
        return admission.admit(self._database, self._archive, self.settings.thresholds, submission, parse)

    def reconcile(self, listing_id: int, parse: Parse) -> ListingOutcome:
        """Fold an admitted listing into the models, as of the instant when it was observed."""
        return reconcile_.reconcile(self._database, self._archive, self.settings.thresholds, listing_id, parse)

    def find_listing(self, provider_id: str, run_id: str | None = None) -> int | None:
        """The id of the listing that a Dagster run admitted for a provider; without a run, of the newest."""
        with self._database.reading() as connection:
            return listing_rows_.find_attempt(connection, provider_slug(provider_id), run_id)

    def get_listing(self, listing_id: int) -> ListingOutcome:
        """What became of one listing, as its row says: without previews, and without counts while it is unfinished."""
        with self._database.reading() as connection:
            return listing_rows_.read_outcome(connection, listing_id)

    # Sightings

    def track_successful_inference(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        observed_at: datetime | None = None,
    ) -> SightingResult:
        """Set down that a model answered. ``observed_at`` is capped at the present, which is also its default."""
        at = self._capped(observed_at)
        slug = provider_slug(provider_id)
        inference = Inference(
            slug, canonical_model_id(slug, model_id), at, at, checked_name(name), checked_metadata(metadata)
        )
        return self.record_inferences([inference])[0]

    def record_inferences(self, inferences: Sequence[Inference]) -> list[SightingResult]:
        """Set down many sightings, each of a provider's slug and canonical model id, in one transaction."""
        with self._database.writing() as connection:
            return sightings.record_inferences(connection, inferences)

    def add_manual_model(
        self,
        provider_id: str,
        model_id: str,
        name: str | None = None,
        *,
        context_window: int | None = None,
        max_output_tokens: int | None = None,
        input_price: float | None = None,
        output_price: float | None = None,
        capabilities: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        observed_at: datetime | None = None,
    ) -> SightingResult:
        """Add a model by hand: from now on no sweep deletes it. Prices are USD per million tokens."""
        at = self._capped(observed_at)
        slug = provider_slug(provider_id)
        added = ModelRecord(
            provider_id=slug,
            model_id=canonical_model_id(slug, model_id),
            source=Source.MANUAL,
            is_active=True,
            first_seen_at=at,
            last_seen_at=at,
            name=checked_name(name),
            context_window=checked_number("context_window", context_window, 1),
            max_output_tokens=checked_number("max_output_tokens", max_output_tokens, 1),
            input_price=checked_number("input_price", input_price, 0),
            output_price=checked_number("output_price", output_price, 0),
            is_free=is_free(input_price, output_price),
            capabilities=checked_capabilities(capabilities),
            expires_at=expires_at,
        )
        with self._database.writing() as connection:
            return sightings.add_model(connection, added, at)

    # A person's word

    def reactivate_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> ModelRecord:
        """This model lives: active and seen now, its source kept. Raises UnknownModel."""
        slug = provider_slug(provider_id)
        with self._database.writing() as connection:
            return persons.reactivate(connection, slug, canonical_model_id(slug, model_id), now or self._clock())

    def remove_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> int:
        """Out of the catalog until ``add`` or ``restore``. Gives how many rows left. Raises UnknownModel."""
        slug = provider_slug(provider_id)
        with self._database.writing() as connection:
            return persons.remove_model(connection, slug, canonical_model_id(slug, model_id), now or self._clock())

    def remove_provider(self, provider_id: str, now: datetime | None = None) -> int:
        """Every model that the catalog has of the provider, as remove_model. Raises UnknownProvider."""
        with self._database.writing() as connection:
            return persons.remove_provider(connection, provider_slug(provider_id), now or self._clock())

    def restore_model(self, provider_id: str, model_id: str, now: datetime | None = None) -> ModelRecord:
        """Take a purged or removed model back, as a ghost. Raises UnknownModel, ModelExists."""
        slug = provider_slug(provider_id)
        with self._database.writing() as connection:
            return persons.restore(connection, slug, canonical_model_id(slug, model_id), now or self._clock())

    def release_provider(self, provider_id: str) -> ProviderRecord:
        """This provider's absences are real. Gives the provider as it was before. Raises UnknownProvider."""
        with self._database.writing() as connection:
            return persons.release(connection, provider_slug(provider_id))

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
            thresholds = replace(thresholds, stale_after=checked_span("hours", stale_after_hours))
        slug = None if provider_id is None else provider_slug(provider_id)
        at = now or self._clock()
        if is_dry_run:
            with self._database.reading() as connection:
                return sweeps.find_stale(connection, self._known(connection, slug), at, thresholds)
        with self._database.writing() as connection:
            return sweeps.sweep_stale(connection, self._known(connection, slug), at, thresholds, run_id)

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
            thresholds = replace(thresholds, purge_after=checked_span("days", older_than_days))
        slug = None if provider_id is None else provider_slug(provider_id)
        at = now or self._clock()
        if is_dry_run:
            with self._database.reading() as connection:
                return sweeps.find_purgeable(connection, self._known(connection, slug), at, thresholds)
        with self._database.writing() as connection:
            return sweeps.sweep_purgeable(connection, self._known(connection, slug), at, thresholds, run_id)

    # Looking

    def find_models(
        self,
        provider_id: str | None = None,
        is_active: bool | None = True,
        is_free: bool | None = None,
        capabilities: Sequence[str] = (),
        source: Source | str | None = None,
    ) -> list[ModelRecord]:
        """Models by provider and id. ``is_active=None`` gives ghosts too; unknown never matches a filter."""
        slug = None if provider_id is None else provider_slug(provider_id)
        wanted = None if source is None else checked_source(source)
        needed = checked_capabilities(capabilities) or ()
        with self._database.reading() as connection:
            return queries.find_models(connection, slug, is_active, wanted, is_free, needed)

    def list_inactive_models(self, limit: int = 50) -> list[ModelRecord]:
        """Ghosts, the latest first."""
        with self._database.reading() as connection:
            return queries.list_inactive_models(connection, limit)

    def get_model_history(self, provider_id: str, model_id: str) -> ModelHistory:
        """One model, every event of it, and the listing behind it. Raises UnknownModel."""
        slug = provider_slug(provider_id)
        with self._database.reading() as connection:
            return queries.model_history(connection, slug, canonical_model_id(slug, model_id))

    def get_discovery_stats(self) -> dict[str, Any]:
        """``total``, ``by_source``, ``active``, ``inactive``, and the same per provider in ``by_provider``."""
        with self._database.reading() as connection:
            return discovery_stats(connection)

    def list_providers(self) -> list[ProviderRecord]:
        """Every provider, with its health."""
        with self._database.reading() as connection:
            return provider_rows.list_providers(connection)

    def list_events(self, provider_id: str | None = None, model_id: str | None = None) -> list[ModelEvent]:
        """The audit trail in the order in which it was written, of one provider or model if asked for."""
        slug = None if provider_id is None else provider_slug(provider_id)
        with self._database.reading() as connection:
            return events.list_events(connection, slug, model_id)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _capped(self, observed_at: datetime | None) -> datetime:
        now = self._clock()
        return now if observed_at is None else min(aware(observed_at), now)

    @staticmethod
    def _known(connection: Any, slug: str | None) -> str | None:
        if slug is not None:
            provider_rows.require_provider(connection, slug)
        return slug
