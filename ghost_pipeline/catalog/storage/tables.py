"""The tables of the catalog and the types of their columns."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ghost_pipeline.lifecycle.claims.resolution import REFERENCE_FACTS
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source, Verdict

_encoder = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Any) -> str:
    """Return compact JSON with sorted keys, so that equal values are equal texts. Raises what msgspec raises."""
    return _encoder.encode(value).decode()


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware instant in UTC; on SQLite a text of fixed width, so that it sorts and compares as time does.

    Raises ValueError for a naive one.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        """Return what makes a parameter of an instant: on SQLite in one step, as there are many of them."""
        return _bound_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """Return what makes an instant of a stored value."""
        return stored_instant if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the instant in UTC. Raises ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; instants are aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return an aware instant in UTC."""
        return None if value is None else value.astimezone(UTC)


_UTC_OFFSET = "+00:00"


def instant_text(value: datetime) -> str:
    """Return an instant as SQLite stores it."""
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    # strftime would write the years before 1000 with fewer than four digits.
    return utc.isoformat(" ", "microseconds")[: -len(_UTC_OFFSET)]


def _bound_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone; instants are aware")
    return instant_text(value)


def stored_instant(value: str | None) -> datetime | None:
    """Return the instant that SQLite stores as a text of ``instant_text``."""
    # With the offset in the text, because replacing the time zone afterwards takes five times as long.
    return None if value is None else datetime.fromisoformat(value + _UTC_OFFSET)  # noqa: TID251 - of our own


def text_literal(text: str) -> sa.ColumnElement[str]:
    """Return a text of this program as a literal of SQL, for conditions that are the same at each execution.

    Not a parameter: SQLite would plan the statement anew at each execution if it compares the parameter with the
    condition of an index or uses it as a pattern, and SQLAlchemy would expand a list of parameters each time.
    """
    quoted = text.replace("'", "''")
    return sa.literal_column(f"'{quoted}'", sa.Text)


Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself in INTEGER keys only

# Collated by code point on both, so that order does not depend on the server's locale.
Slug = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
ModelId = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _one_of(column: str, words: type[Source] | type[Verdict] | type[EventKind]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word.value}'" for word in words)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


providers = sa.Table(
    "providers",
    metadata,
    sa.Column("id", Slug, primary_key=True, comment="Slug of the provider."),
    sa.Column("label", sa.Text, nullable=False, comment="Name for people."),
    sa.Column("held_since", Instant, comment="Since when the provider is held; NULL if it is not."),
    sa.Column("held_reason", sa.Text, comment="Why it is held."),
    sa.Column("last_listing_at", Instant, comment="When the newest attempt to list its models was made."),
    sa.Column("last_complete_at", Instant, comment="When its newest complete listing was observed."),
    sa.CheckConstraint("(held_since IS NULL) = (held_reason IS NULL)", name="hold_has_a_reason"),
)

listings = sa.Table(
    "listings",
    metadata,
    sa.Column("id", BigId, primary_key=True, comment="Number of the attempt."),
    sa.Column("provider_id", sa.ForeignKey("providers.id"), nullable=False, comment="Slug of the provider."),
    sa.Column("file_name", sa.Text, comment="Name of the file; NULL for a failed fetch."),
    sa.Column("sha256", sa.String(64), comment="Digest of the bytes, by which the archive keeps them."),
    sa.Column("bytes", sa.BigInteger, comment="Size of the file."),
    sa.Column("format_version", sa.Text, comment="Version of the code that reads the format."),
    sa.Column("observed_at", Instant, nullable=False, comment="When the listing was observed."),
    sa.Column("is_late", sa.Boolean, nullable=False, comment="A newer listing had been observed before."),
    sa.Column(
        "verdict", sa.String(16), nullable=False, comment="complete, partial, shrunken, empty, malformed or failed."
    ),
    sa.Column(
        "is_accepted_empty",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="An empty listing of a local server, which may really serve nothing.",
    ),
    sa.Column("reason", sa.Text, comment="Why the verdict is not complete."),
    sa.Column("model_count", sa.Integer, comment="Models in the listing; NULL until it is reconciled."),
    sa.Column("created_count", sa.Integer, comment="Models that it created."),
    sa.Column("updated_count", sa.Integer, comment="Models whose facts it changed."),
    sa.Column("confirmed_count", sa.Integer, comment="Models that it confirmed without a change."),
    sa.Column("reactivated_count", sa.Integer, comment="Models that it reactivated."),
    sa.Column("missing_count", sa.Integer, comment="Expected models that it lacks."),
    sa.Column("inactive", Json, nullable=False, comment="Models that the provider marks as inactive."),
    sa.Column(
        "missing_ids", Json, comment="Expected models that a shrunken listing lacks, which a later one may confirm."
    ),
    sa.Column("run_id", sa.Text, comment="Dagster run that admitted it."),
    sa.Column("seconds", sa.Double, comment="How long the fetch took."),
    sa.Column("pages", sa.Integer, comment="Pages that were fetched."),
    sa.Column("status", sa.Integer, comment="HTTP status of the last response."),
    _one_of("verdict", Verdict),
    sa.CheckConstraint("(verdict = 'failed') = (sha256 IS NULL)", name="failed_attempts_have_no_bytes"),
    sa.CheckConstraint("NOT is_accepted_empty OR verdict = 'empty'", name="only_empty_listings_are_accepted_empty"),
    sa.Index(None, "provider_id", "observed_at"),
    sa.Index(None, "run_id"),
)
"""Every attempt, refused and failed ones too. Without counts: admitted, but not reconciled (yet). ``missing_ids`` of
shrunken listings only: what a later listing may confirm. ``seconds``, ``pages`` and ``status`` where it was fetched."""

IS_OF_OTHER_SOURCE = sa.text(f"source <> '{Source.INDEX.value}'")
"""The condition of an index of ``models``: with a parameter the database would not use it."""

models = sa.Table(
    "models",
    metadata,
    sa.Column("id", BigId, primary_key=True, comment="Number of the row."),
    sa.Column("provider_id", sa.ForeignKey("providers.id"), nullable=False, comment="Slug of the provider."),
    sa.Column("model_id", ModelId, nullable=False, comment="The provider's id of the model."),
    sa.Column("name", sa.Text, comment="Name for people."),
    sa.Column("is_name_manual", sa.Boolean, nullable=False, comment="An operator named the model, so listings do not."),
    sa.Column(
        "source", sa.String(16), nullable=False, comment="Channel of the first sighting: INDEX, INFERENCE or MANUAL."
    ),
    sa.Column("is_active", sa.Boolean, nullable=False, comment="False for a model that was not seen for too long."),
    sa.Column("first_seen_at", Instant, nullable=False, comment="Earliest evidence of the model."),
    sa.Column("last_seen_at", Instant, nullable=False, comment="Latest evidence of any channel."),
    sa.Column("last_listed_at", Instant, comment="Latest listing that contained the model."),
    sa.Column("last_used_at", Instant, comment="Latest successful inference."),
    sa.Column("deactivated_at", Instant, comment="When the model became inactive."),
    sa.Column("is_free", sa.Boolean, comment="Whether it costs nothing; NULL if unknown."),
    sa.Column("context_window", sa.BigInteger, comment="Tokens."),
    sa.Column("max_output_tokens", sa.BigInteger, comment="Tokens."),
    sa.Column("input_price", sa.Double, comment="USD per million tokens; NULL if unknown."),
    sa.Column("output_price", sa.Double, comment="USD per million tokens; NULL if unknown."),
    sa.Column("capabilities", Json, comment="JSON list of words such as vision and tools; NULL if unknown."),
    sa.Column("expires_at", Instant, comment="When the provider announced to withdraw the model."),
    sa.Column("prices", Json, comment="Everything that it costs, by name, in USD as decimal strings; NULL if unknown."),
    sa.Column("replaced_by", sa.Text, comment="The provider's id of the model that replaces it."),
    sa.Column("aliases", sa.Text, comment="Other ids of the same model, sorted, with spaces between."),
    sa.Column("family", sa.Text, comment="The family of models that it belongs to."),
    sa.Column("provider_data", Json, comment="The provider's JSON object of the model, as last listed."),
    sa.Column("inference_metadata", Json, comment="What clients reported with its use."),
    sa.Column("listing_id", sa.ForeignKey("listings.id"), comment="The listing that confirmed the model last."),
    sa.Column("refused_since", Instant, comment="First refusal that counts; NULL for a model that is not refused."),
    sa.Column("last_refused_at", Instant, comment="Latest refusal that counts."),
    sa.Column("refusal_reason", sa.Text, comment="Why it is refused: class, words, successor and rule."),
    sa.Column(
        "manual_facts", sa.Text, comment="The facts that an operator stated, with spaces between; listings do not."
    ),
    sa.UniqueConstraint("provider_id", "model_id"),
    _one_of("source", Source),
    sa.CheckConstraint("(deactivated_at IS NULL) = is_active", name="ghosts_have_deactivated_at"),
    # Partial, so that sweeps read only what they may change: the active, and the ghosts.
    sa.Index(
        None,
        "provider_id",
        "last_seen_at",
        sqlite_where=sa.text("is_active = 1"),
        postgresql_where=sa.text("is_active"),
    ),
    sa.Index(
        None,
        "provider_id",
        "deactivated_at",
        sqlite_where=sa.text("is_active = 0"),
        postgresql_where=sa.text("NOT is_active"),
    ),
    sa.Index(None, "provider_id", "last_listed_at"),
    # Few models have another source than a listing. Statistics count these.
    sa.Index(
        None,
        "provider_id",
        "source",
        sqlite_where=IS_OF_OTHER_SOURCE,
        postgresql_where=IS_OF_OTHER_SOURCE,
    ),
    # Of few models a date is known.
    sa.Index(
        None,
        "expires_at",
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    ),
    # For searches that find rare texts without reading all models; few providers state other ids.
    sa.Index(
        None,
        "aliases",
        sqlite_where=sa.text("aliases IS NOT NULL"),
        postgresql_where=sa.text("aliases IS NOT NULL"),
    ),
    # Few models are refused.
    sa.Index(
        None,
        "provider_id",
        "last_refused_at",
        sqlite_where=sa.text("refused_since IS NOT NULL"),
        postgresql_where=sa.text("refused_since IS NOT NULL"),
    ),
)

refusals = sa.Table(
    "refusals",
    metadata,
    sa.Column("provider_id", sa.ForeignKey("providers.id"), primary_key=True, comment="Slug of the provider."),
    sa.Column("model_id", ModelId, primary_key=True, comment="The provider's id; empty for models that are not known."),
    sa.Column("account", ModelId, primary_key=True, comment="Label of the account; empty for none."),
    sa.Column(
        "refusal_class",
        sa.String(16),
        primary_key=True,
        comment="retired, not_found or ambiguous; another where another model answered.",
    ),
    sa.Column("rule_id", ModelId, primary_key=True, comment="The rule that recognised the answer."),
    sa.Column("hour", Instant, primary_key=True, comment="Beginning of the hour of these refusals."),
    sa.Column("first_at", Instant, nullable=False, comment="The first of them."),
    sa.Column("last_at", Instant, nullable=False, comment="The last of them."),
    sa.Column("minutes", sa.BigInteger, nullable=False, comment="Bit n is set for one in minute n of the hour."),
    sa.Column("count", sa.BigInteger, nullable=False, comment="How many were reported."),
    sa.Column("words", ModelId, nullable=False, comment="Our own words for what the provider stated."),
    sa.Column("replaced_by", ModelId, nullable=False, comment="The provider's id of the successor; empty for none."),
    sa.Index(None, "last_at"),
)
"""What providers refused, by the hour. Rows merge by minimum, maximum, union and sum, so the order of arrival never
matters. A row that can't count any more is deleted."""

refusal_clearances = sa.Table(
    "refusal_clearances",
    metadata,
    sa.Column("provider_id", sa.ForeignKey("providers.id"), primary_key=True, comment="Slug of the provider."),
    sa.Column("model_id", ModelId, primary_key=True, comment="The provider's id of the model."),
    sa.Column("kind", sa.String(16), primary_key=True, comment="use, reactivation or listing."),
    sa.Column("account", ModelId, primary_key=True, comment="Label of the account of a use; otherwise empty."),
    sa.Column("at", Instant, nullable=False, comment="The latest instant."),
    sa.Index(None, "at"),
)
"""What speaks against refusals, beside ``models.last_used_at``: the latest use by each labelled account, the latest
reactivation, and the latest listing that brought the model back after a complete one without it."""

announcements = sa.Table(
    "announcements",
    metadata,
    sa.Column("id", BigId, primary_key=True, comment="Number of the announcement."),
    sa.Column("provider_id", sa.ForeignKey("providers.id"), nullable=False, comment="Slug of the provider."),
    sa.Column("model_id", ModelId, nullable=False, comment="The provider's id of the model, which may be unknown."),
    sa.Column("retires_at", Instant, nullable=False, comment="When the provider withdraws the model."),
    sa.Column("replaced_by", sa.Text, comment="The provider's id of the model that replaces it."),
    sa.Column("source_url", sa.Text, comment="Address of the page or e-mail that announced it."),
    sa.Column("announced_at", Instant, nullable=False, comment="When an operator recorded it."),
    sa.Column("recorded_by", sa.Text, comment="The operator who recorded it."),
    sa.Column("listed_expires_at", Instant, comment="The date that the newest listing states itself."),
    sa.Column("listed_replaced_by", sa.Text, comment="The successor that the newest listing states itself."),
    sa.Column("superseded_at", Instant, comment="When a listing stated another date, which stands since."),
    sa.Column("superseding_listing_id", BigId, comment="The listing that did."),
    sa.Column("ended_at", Instant, comment="When an operator took it back or announced something else."),
    sa.Column("ended_by", sa.Text, comment="The operator who did."),
    sa.Index(
        None,
        "provider_id",
        "model_id",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)
"""Retirements that operators announced; of each model at most one has not ended. Rows are never deleted. The dates that
stand are in ``models``."""

model_events = sa.Table(
    "model_events",
    metadata,
    sa.Column("id", BigId, primary_key=True, comment="Number of the event, in the order of writing."),
    sa.Column("provider_id", Slug, nullable=False, comment="Slug of the provider."),
    sa.Column("model_id", ModelId, nullable=False, comment="The provider's id of the model."),
    sa.Column(
        "kind",
        sa.String(32),
        nullable=False,
        comment="What happened: discovered, changed, deactivated, reactivated, purged, removed, restored, added, "
        "refused, answers_again, refusal_ended, answered_by_another or doubted.",
    ),
    sa.Column("at", Instant, nullable=False, comment="When it happened."),
    sa.Column("source", sa.String(16), comment="Channel of the evidence; NULL for a sweep."),
    sa.Column("listing_id", BigId, comment="The listing behind it."),
    sa.Column("run_id", sa.Text, comment="The Dagster run behind it."),
    sa.Column(
        "recorded_at",
        Instant,
        nullable=False,
        comment="When the catalog recorded it: at, but never before an earlier event of the provider.",
    ),
    sa.Column("details", Json, comment="Old and new values of a change, or the row that left the catalog."),
    _one_of("kind", EventKind),
    sa.Index(None, "provider_id", "model_id"),
    sa.Index(
        "ix_model_events_tombstones",
        "provider_id",
        "model_id",
        "id",
        sqlite_where=sa.text("kind IN ('purged', 'removed')"),
        postgresql_where=sa.text("kind IN ('purged', 'removed')"),
    ),
)
"""Append-only, without foreign keys, so that the history outlives the rows it is about."""

event_batches = sa.Table(
    "event_batches",
    metadata,
    sa.Column(
        "position",
        sa.BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="Place in the order in which transactions were committed, without gaps.",
    ),
    sa.Column("provider_id", Slug, nullable=False, comment="Slug of the provider."),
    sa.Column("recorded_at", Instant, nullable=False, comment="When its events were recorded."),
    sa.Column("first_id", sa.BigInteger, nullable=False, comment="Its first event."),
    sa.Column("last_id", sa.BigInteger, nullable=False, comment="Its last event."),
    sa.Column("event_count", sa.Integer, nullable=False, comment="How many events it has."),
    sa.Index(None, "provider_id", "recorded_at", "position"),
    sa.Index(None, "provider_id", "position"),
)
"""The events that one transaction recorded of one provider at one instant: all of the provider's between two ids.

Ids are taken before a transaction commits, so their order is not that in which events become visible; that of the
positions is (see ``event_log``)."""

catalog_identity = sa.Table(
    "catalog_identity",
    metadata,
    sa.Column(
        "id", sa.String(32), primary_key=True, comment="Random name of the catalog, which its cursors carry; one row."
    ),
)
"""A copy and a restored dump keep the name, so cursors stay valid; another catalog refuses them."""

reference_imports = sa.Table(
    "reference_imports",
    metadata,
    sa.Column("id", BigId, primary_key=True, comment="Number of the import."),
    sa.Column("reference", sa.String(32), nullable=False, comment="Name of the reference, such as litellm."),
    sa.Column("file_name", sa.Text, nullable=False, comment="Name of the file, or the package that carries it."),
    sa.Column("sha256", sa.String(64), nullable=False, comment="Digest of its bytes, which are not kept."),
    sa.Column("bytes", sa.BigInteger, nullable=False, comment="Size of the file."),
    sa.Column("format_version", sa.Text, nullable=False, comment="Version of the code that reads the format."),
    sa.Column("imported_at", Instant, nullable=False, comment="When it was imported."),
    sa.Column("verdict", sa.String(16), nullable=False, comment="complete, shrunken, empty or malformed."),
    sa.Column("reason", sa.Text, comment="Why the verdict is not complete."),
    sa.Column("is_applied", sa.Boolean, nullable=False, comment="Its claims replaced those of the imports before it."),
    sa.Column("entry_count", sa.Integer, nullable=False, comment="Entries of the file."),
    sa.Column("model_count", sa.Integer, nullable=False, comment="Models of which it states a fact."),
    sa.Column("added_count", sa.Integer, nullable=False, comment="Claims that it added."),
    sa.Column("changed_count", sa.Integer, nullable=False, comment="Claims whose value it changed."),
    sa.Column("ended_count", sa.Integer, nullable=False, comment="Claims that it states no more."),
    sa.Column("doubted_count", sa.Integer, nullable=False, comment="Implausible changes that it did not make."),
    _one_of("verdict", Verdict),
    sa.Index(None, "reference", "id"),
)
"""Every import of a reference, refused ones too. References are never evidence that a model exists."""

reference_claims = sa.Table(
    "reference_claims",
    metadata,
    sa.Column("id", BigId, primary_key=True, comment="Number of the claim."),
    sa.Column(
        "reference", sa.String(32), nullable=False, comment="Name of the reference that states it, or inference."
    ),
    sa.Column("provider_id", Slug, nullable=False, comment="Slug of the provider, which may be unknown here."),
    sa.Column(
        "model_id", ModelId, nullable=False, comment="The provider's id of the model, which may be unknown here."
    ),
    sa.Column("fact", sa.String(32), nullable=False, comment="Name of the column of models that it is about."),
    sa.Column("value", Json, nullable=False, comment="Its value, in the unit of that column."),
    sa.Column("first_stated_at", Instant, nullable=False, comment="When an import stated this value first."),
    sa.Column("sha256", sa.String(64), nullable=False, comment="Digest of the file that did."),
    sa.Column("doubted_value", Json, comment="A newer, implausible value that does not stand yet."),
    sa.Column("doubted_at", Instant, comment="When that was stated first."),
    sa.UniqueConstraint("provider_id", "model_id", "fact", "reference"),
    sa.CheckConstraint("(doubted_at IS NULL) = (doubted_value IS NULL)", name="doubts_have_a_value"),
    sa.Index(None, "reference"),
)
"""What references state of models now. Without foreign keys: a reference's models may be unknown here."""

reference_facts = sa.Table(
    "reference_facts",
    metadata,
    sa.Column(
        "reference", sa.String(32), primary_key=True, comment="Name of the reference that states them, or inference."
    ),
    sa.Column("provider_id", Slug, primary_key=True, comment="Slug of the provider, which may be unknown here."),
    sa.Column(
        "model_id", ModelId, primary_key=True, comment="The provider's id of the model, which may be unknown here."
    ),
    *(sa.Column(fact, models.c[fact].type, comment=models.c[fact].comment) for fact in REFERENCE_FACTS),
)
"""The claims of ``reference_claims`` that can fill a gap, a row for each model, so that filters can join them.
A price of 0 is not among them."""

ended_claims = sa.Table(
    "ended_claims",
    metadata,
    sa.Column("id", BigId, primary_key=True, comment="Number of the claim."),
    sa.Column("reference", sa.String(32), nullable=False, comment="Name of the reference that stated it."),
    sa.Column("provider_id", Slug, nullable=False, comment="Slug of the provider."),
    sa.Column("model_id", ModelId, nullable=False, comment="The provider's id of the model."),
    sa.Column("fact", sa.String(32), nullable=False, comment="Name of the column of models that it was about."),
    sa.Column("value", Json, nullable=False, comment="Its value, in the unit of that column."),
    sa.Column("first_stated_at", Instant, nullable=False, comment="When an import stated this value first."),
    sa.Column("last_stated_at", Instant, nullable=False, comment="When an import stated it last."),
    sa.Column("sha256", sa.String(64), nullable=False, comment="Digest of the file that stated it first."),
    sa.Column("ended_at", Instant, nullable=False, comment="When an import stated another value, or none."),
    sa.Index(None, "provider_id", "model_id"),
    sa.Index(None, "ended_at"),
)
"""What references stated before of models that the catalog had then."""

withheld_facts = sa.Table(
    "withheld_facts",
    metadata,
    sa.Column("provider_id", sa.ForeignKey("providers.id"), primary_key=True, comment="Slug of the provider."),
    sa.Column("model_id", ModelId, primary_key=True, comment="The provider's id of the model."),
    sa.Column("fact", sa.String(32), primary_key=True, comment="Name of the column of models that it is about."),
    sa.Column("value", Json, comment="What the newest listing states, in the unit of that column."),
    sa.Column("since", Instant, nullable=False, comment="When the listing that stated it first was observed."),
    sa.Column("listing_id", BigId, nullable=False, comment="That listing."),
    sa.Column("reason", sa.Text, comment="Why it is doubted; NULL if only another price of the model is."),
)
"""Implausible values of listings, which do not stand yet in ``models``. Rows of models that have left the catalog, or
whose facts an operator has stated since, do not count; the next listing deletes them."""

stated_by_operators = sa.Table(
    "stated_by_operators",
    metadata,
    sa.Column("provider_id", sa.ForeignKey("providers.id"), primary_key=True, comment="Slug of the provider."),
    sa.Column("model_id", ModelId, primary_key=True, comment="The provider's id of the model."),
    sa.Column("fact", sa.String(32), primary_key=True, comment="Name of the column of models that it is about."),
    sa.Column("value", Json, comment="What the operator stated, in the unit of that column; NULL for prices."),
    sa.Column("stated_at", Instant, nullable=False, comment="When the operator stated it."),
    sa.Column("listed_value", Json, comment="What the newest listing states; before it, what stood. NULL if unknown."),
    sa.Column("listed_since", Instant, comment="When a listing stated that first; NULL if it was before the operator."),
)
"""What operators stated of models, and what listings state instead. ``models`` has the operator's value. Rows of models
that have left the catalog stay; where an operator stated a price, ``prices`` has a row too."""

notification_destinations = sa.Table(
    "notification_destinations",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True, comment="Name of the destination in notifications.toml."),
    sa.Column("cursor", sa.Text, nullable=False, comment="Place in the changes up to which messages were made."),
    sa.Column("prepared_at", Instant, nullable=False, comment="When changes were last gathered for a digest."),
    sa.Column("last_success_at", Instant, comment="When a message was last delivered."),
    sa.Column("failures", sa.Integer, nullable=False, comment="Attempts that failed since then."),
    sa.Column(
        "next_attempt_at", Instant, comment="Nothing is sent before: after a failure, and while a sender is at work."
    ),
    sa.Column("last_error", sa.Text, comment="Why the last attempt failed; NULL after a success."),
    sa.Column("pending", Json, comment="The message that waits for delivery; NULL without one."),
    sa.Column("notices", Json, nullable=False, comment="Unclear providers and unlisted models that messages had."),
    sa.Column("version", sa.Integer, nullable=False, comment="Rises with each write, so that two senders notice."),
)
"""How far each destination of notifications is. ``catalog/storage/notification_states.py`` reads and writes it."""
