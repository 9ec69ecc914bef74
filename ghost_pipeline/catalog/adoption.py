"""Adopting an old table of models that knows nothing of ghosts: provider, model id, name, data."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog import provider_rows
from ghost_pipeline.catalog.database import Database
from ghost_pipeline.catalog.intake import intake_result, take_in
from ghost_pipeline.catalog.old_table import OldTable, any_text_read, find_old_table
from ghost_pipeline.catalog.provider_objects import NOT_AN_OBJECT, is_kept_aside, provider_object
from ghost_pipeline.catalog.remarks import Remarks
from ghost_pipeline.catalog.results import IntakeResult
from ghost_pipeline.errors import InvalidModelId, InvalidName, InvalidProvider
from ghost_pipeline.lifecycle.identity import canonical_model_id, checked_name, provider_slug
from ghost_pipeline.lifecycle.intake import adoption
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source


def adopt(database: Database, name: str, wanted: Mapping[str, str | None], now: datetime) -> IntakeResult:
    """Take in every row of the table, one provider a transaction; the table itself is left as it is.

    A model that is new here is INDEX, active, first and last seen and listed now. Doing it again changes nothing, and
    goes on where the first time was broken off. Raises UnknownTable, CatalogError.
    """
    with database.reading() as connection, any_text_read(connection):
        old = find_old_table(connection, name, wanted)
        counted = old.count_by_provider(connection)
    refusals, remarks, counts = Remarks(), Remarks(), Counter[str]()
    for slug, spellings in _by_slug(counted, refusals).items():
        provider = _Provider(old, slug, spellings, now)
        said = database.write(provider.adopt)
        counts.update(said.counts)
        refusals.extend(said.refusals)
        remarks.extend(said.remarks)
    return intake_result(name, old.columns, old.left_out, counts, refusals, remarks)


def _by_slug(counted: Sequence[tuple[Any, int]], refusals: Remarks) -> dict[str, list[str]]:
    """Slug -> how the table spells it. Rows of what is no provider are refused."""
    spellings: dict[str, list[str]] = {}
    for spelling, rows in counted:
        try:
            spellings.setdefault(provider_slug(spelling), []).append(spelling)
        except InvalidProvider as error:
            refusals.add(f"{rows:,} {'row' if rows == 1 else 'rows'}: {error}", rows)
    return dict(sorted(spellings.items()))


@dataclass(slots=True)
class _Said:
    """What became of one provider's rows."""

    counts: Counter[str]
    refusals: Remarks
    remarks: Remarks


@dataclass(frozen=True, slots=True)
class _Provider:
    """The rows of one provider."""

    old: OldTable
    slug: str
    spellings: list[str]
    now: datetime

    def adopt(self, connection: sa.Connection) -> _Said:
        """Take them in."""
        provider = provider_rows.lock_provider(connection, self.slug)
        # So that holds cover them. After a complete listing, which lacked them, they would be expected of the next.
        listed_at = self.now if provider.last_complete_at is None else None
        said = _Said(Counter(), Remarks(), Remarks())
        with any_text_read(connection):
            records = self._records(connection, said, listed_at)
            said.counts = take_in(connection, self.slug, records, adoption, self.now, {"adopted_from": self.old.name})
        return said

    def _records(self, connection: sa.Connection, said: _Said, listed_at: datetime | None) -> Iterator[ModelRecord]:
        for model, name, data in self.old.read(connection, self.spellings):
            try:
                model_id = canonical_model_id(self.slug, model)
            except InvalidModelId as error:
                said.refusals.add(str(error))
                continue
            yield ModelRecord(
                provider_id=self.slug,
                model_id=model_id,
                source=Source.INDEX,
                is_active=True,
                first_seen_at=self.now,
                last_seen_at=self.now,
                last_listed_at=listed_at,
                name=self._name(model_id, name, said.remarks),
                provider_data=self._data(model_id, data, said.remarks),
            )

    def _name(self, model_id: str, name: Any, remarks: Remarks) -> str | None:
        try:
            return checked_name(name) or None
        except InvalidName as error:
            remarks.add(f"{self.slug} {model_id}: {error}; it has no name now")
            return None

    def _data(self, model_id: str, data: Any, remarks: Remarks) -> dict[str, Any] | None:
        kept = provider_object(data)
        if is_kept_aside(kept):
            remarks.add(f"{self.slug} {model_id}: its data is no JSON object: kept as {NOT_AN_OBJECT!r}")
        return kept
