"""What operators state of a model: it counts before the provider's listings until an operator withdraws it.

A model records in ``manual_facts`` and ``is_name_manual`` which of its facts are an operator's. Every rule that takes
over what listings, announcements or other catalogs state calls :func:`keep_operator_facts` or leaves these facts out.
``catalog/ingestion/overriding.py`` has the SQL equivalent for listings of any size; a test compares both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ghost_pipeline.lifecycle.facts import FACTS
from ghost_pipeline.lifecycle.records import ModelRecord

OPERATOR_FACTS = tuple(fact.name for fact in FACTS if fact.by_operators)
"""Facts that operators can state."""

STATED_PRICES = ("input_price", "output_price")
"""While an operator states one of them, ``prices`` is unknown: the provider's price sheet contradicts it."""

OVERRIDDEN_FACTS = (*OPERATOR_FACTS, "prices")
"""Facts that a listing does not change where an operator stated them, or a price."""


@dataclass(frozen=True, slots=True)
class OperatorFact:
    """What an operator stated of one fact of a model, and what the provider's listings state instead."""

    fact: str
    value: Any
    """None for ``prices`` alone."""
    stated_at: datetime
    listed_value: Any = None
    """What the newest listing of the model states; until there is one, what stood before. None if unknown.

    Of a price it is what would stand without the operator while another price of the model is doubted."""
    listed_since: datetime | None = None
    """The instant of the listing that stated that first; None if it was before the operator's statement."""


def manual_facts(model: ModelRecord) -> tuple[str, ...]:
    """Return the facts of a model that an operator stated, in the order of ``OPERATOR_FACTS``."""
    names = () if model.manual_facts is None else tuple(model.manual_facts.split())
    return ("name", *names) if model.is_name_manual else names


def overridden_facts(model: ModelRecord) -> tuple[str, ...]:
    """Return the facts of a model that listings do not change: what an operator stated, and what follows from it."""
    names = manual_facts(model)
    return (*names, "prices") if any(fact in names for fact in STATED_PRICES) else names


def state_facts(model: ModelRecord, facts: Mapping[str, Any]) -> ModelRecord:
    """Return the model with facts that an operator states."""
    if not facts:
        return model
    return _mark(replace(model, **facts), {*manual_facts(model), *facts})


def keep_operator_facts(current: ModelRecord, after: ModelRecord) -> ModelRecord:
    """Return ``after`` with the facts of the current model that an operator stated."""
    kept = {fact: getattr(current, fact) for fact in overridden_facts(current)}
    return replace(after, **kept) if kept else after


def withdraw_facts(model: ModelRecord, stated: Mapping[str, OperatorFact], facts: Iterable[str]) -> ModelRecord:
    """Return the model without what an operator stated of ``facts``: what the listing states of them stands.

    ``stated`` has everything that operators stated of it, and ``prices``.
    """
    names = set(manual_facts(model)) - set(facts)
    after = _mark(model, names)
    freed = [fact for fact in overridden_facts(model) if fact not in overridden_facts(after)]
    return replace(after, **{fact: stated[fact].listed_value if fact in stated else None for fact in freed})


def _mark(model: ModelRecord, names: set[str]) -> ModelRecord:
    """Return the model with ``names`` as its only facts that an operator stated."""
    marked = " ".join(fact for fact in OPERATOR_FACTS if fact in names and fact != "name") or None
    has_price = not names.isdisjoint(STATED_PRICES)
    return replace(
        model,
        is_name_manual="name" in names,
        manual_facts=marked,
        prices=None if has_price else model.prices,
    )
