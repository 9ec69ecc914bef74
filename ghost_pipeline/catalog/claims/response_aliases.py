"""Under which id a provider answers for a model, as responses name it: a claim of the fact ``aliases``.

The text comes from a client of a gateway. So it is kept only for a model of the catalog, one for each, without spaces,
not longer than an id, and only if it names the same model by its words; see ``is_response_alias``. A model whose
responses alternate between two ids keeps the first one for a day, so that nobody can make many events.
"""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from ghost_pipeline.catalog.claims.filling import write_reference_facts
from ghost_pipeline.catalog.storage.repository import Key, is_one_of, lock_known_providers, read_models, write_events
from ghost_pipeline.catalog.storage.tables import reference_claims
from ghost_pipeline.lifecycle.claims.resolution import ANSWERS
from ghost_pipeline.lifecycle.events import response_alias_event
from ghost_pipeline.lifecycle.refusals.evidence import Substitution

KEPT_FOR = timedelta(days=1)
"""How long an alias stays at least, whatever later responses name."""

_rows = reference_claims.c
_OF_ANSWERS = sa.and_(_rows.reference == ANSWERS, _rows.fact == "aliases")


def record_response_aliases(connection: sa.Connection, reported: Sequence[Substitution]) -> None:
    """Keep the id under which each model was answered last; an id that takes the place of another one is an event."""
    newest = {(one.provider_id, one.model_id): one for one in sorted(reported, key=lambda one: one.last_at)}
    if not newest:
        return
    lock_known_providers(connection, {slug for slug, _ in newest})
    models = read_models(connection, sorted(newest))
    known = _read_known(connection, sorted(models))
    added, changed, events = [], [], []
    for key in sorted(models):
        one, before = newest[key], known.get(key)
        if before is None:
            row = {"provider_id": key[0], "model_id": key[1], "value": one.answered_by, "first_stated_at": one.last_at}
            added.append({**row, "reference": ANSWERS, "fact": "aliases", "sha256": ""})
        elif before.value != one.answered_by and one.last_at - before.first_stated_at >= KEPT_FOR:
            changed.append({"number": before.id, "new_value": one.answered_by, "new_at": one.last_at})
            events.append(response_alias_event(*key, one.last_at, before.value, one.answered_by))
    if added:
        connection.execute(sa.insert(reference_claims), added)
    if changed:
        connection.execute(_CHANGE, changed)
    write_reference_facts(connection, ANSWERS, sorted(models))
    write_events(connection, events)


_CHANGE = (
    sa.update(reference_claims)
    .where(_rows.id == sa.bindparam("number"))
    .values(value=sa.bindparam("new_value"), first_stated_at=sa.bindparam("new_at"))
)


def _read_known(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, sa.Row[tuple[int, str]]]:
    query = sa.select(_rows.id, _rows.provider_id, _rows.model_id, _rows.value, _rows.first_stated_at)
    found = connection.execute(query.where(_OF_ANSWERS, is_one_of(connection, reference_claims, keys)))
    return {(row.provider_id, row.model_id): row for row in found}
