"""The facts of a model, each declared once: name, type, kind, description and who may state it.

``Facts`` is what a listing states of a model and what a ``ModelRecord`` keeps of it. Tables, staging, files of
additions, command options, imports and exports iterate ``FACTS``, so that another fact takes three edits: its field
here, its column in ``catalog/storage/tables.py`` with a migration, and the wire formats that state it.

Tables, readers and options depend on the kind of a fact, never on its name. Another kind belongs in ``FactKind`` and
in those that read, check and write values of that kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import msgspec


class FactKind(StrEnum):
    """What the values of a fact are, which decides how they are checked, read and written."""

    TEXT = "text"
    TOKENS = "tokens"
    """A whole number of tokens."""
    PRICE = "price"
    """USD per million tokens."""
    PRICES = "prices"
    """The JSON object that ``lifecycle/prices.py`` describes."""
    CAPABILITIES = "capabilities"
    """Words of ``vocabulary.CAPABILITIES``, sorted, each once."""
    INSTANT = "instant"
    """Aware and UTC."""


@dataclass(frozen=True, slots=True)
class Stated:
    """The declaration of a fact, in the annotation of its field."""

    kind: FactKind
    description: str
    """For the help of commands; names the unit."""
    by_operators: bool = True
    """False for a fact that only listings state."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a model. Unknown is None, never a guess.

    A struct and not a dataclass, because a listing may have 100,000 of them.
    """

    name: Annotated[str | None, Stated(FactKind.TEXT, "What people call the model.")] = None
    context_window: Annotated[int | None, Stated(FactKind.TOKENS, "Tokens.")] = None
    max_output_tokens: Annotated[int | None, Stated(FactKind.TOKENS, "Tokens.")] = None
    input_price: Annotated[float | None, Stated(FactKind.PRICE, "USD per million tokens.")] = None
    output_price: Annotated[float | None, Stated(FactKind.PRICE, "USD per million tokens.")] = None
    capabilities: Annotated[tuple[str, ...] | None, Stated(FactKind.CAPABILITIES, "What the model can do.")] = None
    expires_at: Annotated[datetime | None, Stated(FactKind.INSTANT, "When the provider withdraws it.")] = None
    prices: Annotated[
        Mapping[str, Any] | None, Stated(FactKind.PRICES, "Everything that it costs, as JSON.", by_operators=False)
    ] = None
    replaced_by: Annotated[
        str | None, Stated(FactKind.TEXT, "The provider's id of the successor.", by_operators=False)
    ] = None
    aliases: Annotated[
        str | None, Stated(FactKind.TEXT, "Other ids of the same model, with spaces between.", by_operators=False)
    ] = None
    family: Annotated[
        str | None, Stated(FactKind.TEXT, "The family of models that it belongs to.", by_operators=False)
    ] = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: the name of its field, column, option (with dashes) and key in files, and its declaration."""

    name: str
    kind: FactKind
    description: str
    by_operators: bool


def _declared(facts: type[Facts]) -> tuple[Fact, ...]:
    hints = get_type_hints(facts, include_extras=True)
    declarations = {name: hints[name].__metadata__[0] for name in facts.__struct_fields__}
    return tuple(Fact(name, of.kind, of.description, of.by_operators) for name, of in declarations.items())


FACTS = _declared(Facts)
"""Every fact, in the order of its declaration."""

FACT_NAMES = tuple(fact.name for fact in FACTS)

LISTED_COLUMNS = (*FACT_NAMES, "is_free", "provider_data")
"""Columns that a listing refreshes: the facts, what follows from them, and the row in which they were found."""

ADDITION_COLUMNS = ("provider_id", "model_id", *(fact.name for fact in FACTS if fact.by_operators))
"""What operators state of a model that they add."""
