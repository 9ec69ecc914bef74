"""What the catalog's own evidence states of models, as claims: who stated each value, and since when.

Only what operators state has rows, with what listings state instead. Of everything else the value is that of
``models``, whose source follows from the model; the newest event that set it has its first instant; the listing that
confirmed the model last has the last instant and the digest. So a listing costs no more with claims than without.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from ghost_pipeline.catalog.storage.operator_statements import Statements, find_statements
from ghost_pipeline.catalog.storage.repository import MODEL_COLUMNS, Key, is_one_of, model_record
from ghost_pipeline.catalog.storage.tables import listings, model_events, models, withheld_facts
from ghost_pipeline.lifecycle.claims.operator_facts import OperatorFact
from ghost_pipeline.lifecycle.claims.resolution import STATED_SOURCES, Claim, stated_source
from ghost_pipeline.lifecycle.events import WITHDRAWN
from ghost_pipeline.lifecycle.facts import FACT_NAMES
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source
from ghost_pipeline.providers import format_of

_SETTING_FACTS = (EventKind.CHANGED, EventKind.DISCOVERED, EventKind.RESTORED, EventKind.ADDED)

_ANNOUNCED = ("expires_at", "replaced_by")
"""Facts that operators record without stating them: an announcement is the provider's."""

_SOURCE_OF_EVENT = ("name", *_ANNOUNCED)
"""Facts of which several channels state the value, so that the model alone does not show which."""

PAGE = 1_000
"""Events that are in memory at a time."""


class _Origin(NamedTuple):
    """The event that set a value."""

    source: Source | None
    """None if the event does not show who stated it: another catalog's row of a MANUAL model."""
    at: datetime


@dataclass(slots=True)
class _Origins:
    """Fact -> the newest event that set it."""

    newest: dict[str, _Origin] = field(default_factory=dict)
    listed: dict[str, _Origin] = field(default_factory=dict)
    """Of listings only."""
    freed: set[str] = field(default_factory=set)
    """Facts that an operator withdrew: what stands is what a listing had stated before."""

    def withdraw(self, fact: str, listed_since: datetime | None) -> None:
        """Add the withdrawal of a fact by an operator; None for what a listing had stated before the operator did."""
        if listed_since is not None:
            self.add(fact, _Origin(Source.INDEX, listed_since))
        elif fact not in self.newest:
            self.freed.add(fact)

    def add(self, fact: str, origin: _Origin) -> None:
        """Add an event that set a fact and is older than those before."""
        is_listed = origin.source is Source.INDEX
        if is_listed or fact not in self.freed:
            self.newest.setdefault(fact, origin)
        if is_listed:
            self.listed.setdefault(fact, origin)


def read_stated_facts(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, list[Claim]]:
    """Return the claims of the catalog's evidence about the models among ``keys`` that it has."""
    if not keys:
        return {}
    query = (
        sa.select(*MODEL_COLUMNS, listings.c.sha256)
        .outerjoin(listings, listings.c.id == models.c.listing_id)
        .where(is_one_of(connection, models, keys))
    )
    origins = _read_origins(connection, keys)
    stated = find_statements(connection, keys)
    withheld = _find_withheld(connection, keys)
    found = {}
    for row in connection.execute(query):
        model = model_record(row)
        key = (model.provider_id, model.model_id)
        claims = _claims_of(model, origins.get(key, _Origins()), stated.get(key, {}), row.sha256)
        found[key] = [_before_doubt(claim) if (*key, claim.fact) in withheld else claim for claim in claims]
    return found


def _find_withheld(connection: sa.Connection, keys: Sequence[Key]) -> set[tuple[str, str, str]]:
    """Return the facts of which the newest listing states another value than the one that stands."""
    columns = (withheld_facts.c.provider_id, withheld_facts.c.model_id, withheld_facts.c.fact)
    query = sa.select(*columns).where(is_one_of(connection, withheld_facts, keys))
    return {(slug, model_id, fact) for slug, model_id, fact in connection.execute(query)}


def _before_doubt(claim: Claim) -> Claim:
    """Return the claim without the newest listing as its evidence, if it is of a listing."""
    is_listed = claim.source == STATED_SOURCES[Source.INDEX]
    return replace(claim, last_stated_at=None, sha256=None) if is_listed else claim


def _claims_of(model: ModelRecord, origins: _Origins, stated: Statements, sha256: str | None) -> list[Claim]:
    claims: list[Claim] = []
    for fact in FACT_NAMES:
        value = getattr(model, fact)
        if fact in stated:
            claims += _contested(stated[fact], origins.listed.get(fact), model.last_listed_at, sha256)
        if fact in stated or value is None:
            continue
        origin = origins.newest.get(fact)
        since = None if origin is None else origin.at
        source = _source(model, fact, origin)
        is_listed = source == STATED_SOURCES[Source.INDEX]
        is_confirmed = is_listed and model.listing_id is not None
        claims.append(
            Claim(
                fact,
                value,
                source,
                since,
                model.last_listed_at if is_confirmed else since,
                sha256 if is_confirmed else None,
                format_of(model.provider_id).decided_capabilities if is_listed and fact == "capabilities" else (),
            )
        )
    return claims


def _source(model: ModelRecord, fact: str, origin: _Origin | None) -> str:
    """Return who stated a known fact that is not an operator's."""
    if fact in _SOURCE_OF_EVENT and origin is not None and origin.source is not None:
        return STATED_SOURCES[origin.source]
    return stated_source(model, fact) or STATED_SOURCES[Source.INDEX]


def _contested(
    row: OperatorFact, listed: _Origin | None, last_listed_at: datetime | None, sha256: str | None
) -> Iterator[Claim]:
    """Yield the claims of an operator and of the listings about one fact; none of ``prices``, which follows."""
    if row.value is None:
        return
    yield Claim(row.fact, row.value, STATED_SOURCES[Source.MANUAL], row.stated_at, row.stated_at)
    if row.listed_value is not None:
        since = row.listed_since or (None if listed is None else listed.at)
        if row.listed_since is not None and (last_listed_at is None or last_listed_at < row.listed_since):
            # The model was outside the catalog then, so that it does not have that listing.
            last_listed_at, sha256 = row.listed_since, None
        yield Claim(row.fact, row.listed_value, STATED_SOURCES[Source.INDEX], since, last_listed_at, sha256)


def _read_origins(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, _Origins]:
    """Return model -> the newest events that set its facts."""
    columns = [model_events.c[name] for name in ("provider_id", "model_id", "kind", "source", "at", "details")]
    query = (
        sa.select(*columns)
        .where(is_one_of(connection, model_events, keys))
        .where(model_events.c.kind.in_([kind.value for kind in _SETTING_FACTS]))
        .order_by(model_events.c.id.desc())
    )
    found: dict[Key, _Origins] = {}
    # A page at a time: a model may have thousands of events, and each keeps old and new values.
    for slug, model_id, kind, source, at, kept in connection.execution_options(yield_per=PAGE).execute(query):
        if source is None:
            continue
        origins, details = found.setdefault((slug, model_id), _Origins()), kept or {}
        withdrawn = details.get(WITHDRAWN, {})
        for fact, since in withdrawn.items():
            origins.withdraw(fact, None if since is None else parse_instant(since))
        origin = _origin(Source(source), at, details)
        for fact in _facts_of_event(EventKind(kind), origin, details):
            if fact not in withdrawn:
                origins.add(fact, origin)
    return found


def _origin(source: Source, at: datetime, details: Mapping[str, Any]) -> _Origin:
    is_from_elsewhere = not details.keys().isdisjoint(("imported_from", "adopted_from"))
    return _Origin(None if is_from_elsewhere and source is Source.MANUAL else source, at)


def _facts_of_event(kind: EventKind, origin: _Origin, details: Mapping[str, Any]) -> Sequence[str]:
    """Return the facts that an event set.

    What operators state has rows of its own: all else that they change, restoring a model for example, was stated
    before.
    """
    names = _ANNOUNCED if origin.source is Source.MANUAL else FACT_NAMES
    if kind is EventKind.CHANGED:
        return [fact for fact in names if fact in details]
    is_restored = kind is EventKind.RESTORED and origin.source is Source.MANUAL
    return () if is_restored or (kind is EventKind.ADDED and "previous_source" in details) else names
