"""What operators stated of the models of a listing: it stands, and what the listing states is kept beside it.

SQL equivalent of ``lifecycle.claims.operator_facts.keep_operator_facts``: afterwards a staged row has the operator's
values, so that judging and refreshing facts need not know of operators. A provider of whose models no operator stated a
fact costs one look-up.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion.bulk import staged
from ghost_pipeline.catalog.results import ListingAttempt
from ghost_pipeline.catalog.storage.operator_statements import has_statements, to_json
from ghost_pipeline.catalog.storage.tables import models, stated_by_operators
from ghost_pipeline.lifecycle.claims.operator_facts import OPERATOR_FACTS, OVERRIDDEN_FACTS, STATED_PRICES
from ghost_pipeline.lifecycle.claims.withheld_facts import FactKey

_rows = stated_by_operators.c
_OF_PROVIDER = _rows.provider_id == sa.bindparam("provider_id")


def find_listed_values(
    connection: sa.Connection, attempt: ListingAttempt, *, is_late: bool
) -> dict[FactKey, Any] | None:
    """Return what the staged listing states anew of facts that operators stated; None if there are no such facts.

    A late listing states nothing against an operator.
    """
    if not has_statements(connection, attempt.provider_id):
        return None
    found: dict[FactKey, Any] = {}
    if not is_late:
        for model_id, fact, known, *values in connection.execute(_LISTED, {"provider_id": attempt.provider_id}):
            listed = to_json(values[OVERRIDDEN_FACTS.index(fact)])
            if listed != known:
                found[model_id, fact] = listed
    return found


def record_listed_values(
    connection: sa.Connection, provider_id: str, values: Iterable[tuple[FactKey, Any, datetime]]
) -> None:
    """Record what listings state, since when, of facts that operators stated; of other facts nothing is recorded."""
    rows = [
        {"of_provider": provider_id, "of_model": model_id, "of_fact": fact, "listed": listed, "since": since}
        for (model_id, fact), listed, since in values
    ]
    if rows:
        connection.execute(_RECORD, rows)


_LISTED = (
    sa.select(_rows.model_id, _rows.fact, _rows.listed_value, *(staged.c[fact] for fact in OVERRIDDEN_FACTS))
    .join(staged, staged.c.model_id == _rows.model_id)
    .where(_OF_PROVIDER)
)
_RECORD = (
    sa.update(stated_by_operators)
    .where(
        _rows.provider_id == sa.bindparam("of_provider"),
        _rows.model_id == sa.bindparam("of_model"),
        _rows.fact == sa.bindparam("of_fact"),
    )
    .values(listed_value=sa.bindparam("listed"), listed_since=sa.bindparam("since"))
)


def keep_stated(connection: sa.Connection, provider_id: str) -> None:
    """Give the staged rows of the provider's models what operators stated, after announcements were applied."""
    connection.execute(_KEEP, {"provider_id": provider_id})


def is_manual_sql(fact: str) -> sa.ColumnElement[bool]:
    """Return the condition that an operator stated a fact of a model: the equivalent of ``manual_facts``."""
    if fact == "name":
        return models.c.is_name_manual == sa.true()
    is_named = (sa.literal(" ") + models.c.manual_facts + " ").contains(f" {fact} ", autoescape=True)
    return sa.and_(models.c.manual_facts.is_not(None), is_named)


def _statement_that_keeps() -> sa.Update:
    values: dict[str, sa.ColumnElement[Any]] = {
        fact: sa.case((is_manual_sql(fact), models.c[fact]), else_=staged.c[fact])
        for fact in OPERATOR_FACTS
        if fact != "name"  # refreshing facts keeps it
    }
    has_price = sa.or_(*map(is_manual_sql, STATED_PRICES))
    values["prices"] = sa.case((has_price, sa.null()), else_=staged.c.prices)
    prices = [values[fact] for fact in STATED_PRICES]
    free = sa.case(
        (sa.or_(*(price > 0 for price in prices)), sa.false()),
        (sa.and_(*(price == 0 for price in prices)), sa.true()),
    )
    values["is_free"] = sa.case((has_price, free), else_=staged.c.is_free)
    stated = sa.select(_rows.model_id).where(_OF_PROVIDER)
    return (
        sa.update(staged)
        .where(
            staged.c.model_id.in_(stated),
            models.c.provider_id == sa.bindparam("provider_id"),
            models.c.model_id == staged.c.model_id,
            models.c.manual_facts.is_not(None),
        )
        .values(values)
    )


_KEEP = _statement_that_keeps()
