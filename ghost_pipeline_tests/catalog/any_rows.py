"""Rows of models in every state that a catalog can have them in, for tests that compare SQL with a rule.

Listed, tracked and added models, adopted ones (with a ``last_listed_at`` and no listing that wrote it) and imported
ones (with instants of another catalog); of providers that are local servers and of others.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import sqlalchemy as sa

from ghost_pipeline.catalog.storage.repository import model_values
from ghost_pipeline.catalog.storage.tables import models, providers
from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.vocabulary import Source

SLUGS = ("groq", "ollama", "vllm")
"""Two of them local servers."""

EXTREMES = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
"""The ends of Python's calendar, and the last microsecond before 1970."""


def instants(usual: Sequence[datetime]) -> st.SearchStrategy[datetime]:
    """Generate ``usual`` instants and, less often, those at the ends of the calendar."""
    return st.sampled_from((*usual, *usual, *EXTREMES))


def model(provider_id: str, model_id: str, **values: Any) -> ModelRecord:
    """Return a model: active unless it has a ``deactivated_at``, listed unless ``source`` says otherwise."""
    is_active = values.get("deactivated_at") is None
    return ModelRecord(provider_id, model_id, values.pop("source", Source.INDEX), is_active, **values)


REFUSED_AT = datetime(2026, 5, 1, tzinfo=UTC)
refused: st.SearchStrategy[dict[str, Any]] = st.sampled_from(("", "", "retired", "not_found")).map(
    lambda word: {
        "refused_since": REFUSED_AT if word else None,
        "last_refused_at": REFUSED_AT if word else None,
        "refusal_reason": f"{word}: end of life (rule)" if word else None,
    }
)
"""The columns of a model that is refused, or not."""


@st.composite
def model_rows(draw: st.DrawFn, at: st.SearchStrategy[datetime], max_size: int = 25) -> list[ModelRecord]:
    """Generate models whose instants are drawn from ``at``, independently of each other."""
    maybe_at = st.none() | at
    return [
        model(
            draw(st.sampled_from(SLUGS)),
            f"m{number:02}",
            source=draw(st.sampled_from(Source)),
            first_seen_at=draw(at),
            last_seen_at=draw(at),
            last_listed_at=draw(maybe_at),
            last_used_at=draw(maybe_at),
            deactivated_at=draw(maybe_at),
            **draw(refused),
        )
        for number in range(draw(st.integers(0, max_size)))
    ]


def fill(connection: sa.Connection, known: Sequence[ProviderRecord], rows: Sequence[ModelRecord]) -> None:
    """Insert the providers and the models."""
    names = ("id", "label", "held_since", "held_reason", "last_listing_at", "last_complete_at")
    connection.execute(sa.insert(providers), [{name: getattr(one, name) for name in names} for one in known])
    if rows:
        connection.execute(sa.insert(models), [model_values(row) for row in rows])
