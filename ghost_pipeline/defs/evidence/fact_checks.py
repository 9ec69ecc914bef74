"""Checks of ``provider_health`` on what listings and references state of models, not on which models there are."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import dagster as dg

from ghost_pipeline.catalog.history.descriptions import describe_doubt
from ghost_pipeline.defs.listing_checks import format_instant
from ghost_pipeline.lifecycle.claims.resolution import Conflict
from ghost_pipeline.lifecycle.claims.withheld_facts import DoubtedFact

PREVIEW_LENGTH = 100
"""How many rows the table of a check shows; a command shows all."""


def check_references(contradicted: Sequence[Conflict]) -> dg.AssetCheckResult:
    """Warn of used models of which references contradict what is stated."""
    rows = [
        {
            "fact": one.fact,
            "stated": _format(one.winner.value),
            "references": "; ".join(f"{_format(claim.value)} ({claim.source})" for claim in one.others),
        }
        for one in contradicted[:PREVIEW_LENGTH]
    ]
    count = _count(contradicted, "used model")
    description = f"References contradict what is stated of {count}. 'ghost-pipeline conflicts' shows all."
    return _result("conflicts", contradicted, rows, description)


def check_listed_facts(doubted: Sequence[DoubtedFact]) -> dg.AssetCheckResult:
    """Warn of implausible values that listings state and that do not stand yet."""
    rows = [
        {
            "doubt": describe_doubt(one.fact, one.value, one.doubted_value, one.reason),
            "since": format_instant(one.since),
        }
        for one in doubted[:PREVIEW_LENGTH]
    ]
    slugs = ", ".join(sorted({one.provider_id for one in doubted}))
    description = (
        f"Implausible values of {_count(doubted, 'model')} of {slugs} are not taken over until a later listing "
        "repeats them. 'ghost-pipeline release' accepts those of a provider."
    )
    return _result("doubts", doubted, rows, description)


def _result(
    name: str, facts: Sequence[Conflict | DoubtedFact], rows: Sequence[Mapping[str, str]], description: str
) -> dg.AssetCheckResult:
    """Return a check that passes without ``facts``, and else warns with a table of the first ones.

    ``rows`` has the other columns of each fact that the table shows; ``name`` is that of the table.
    """
    if not facts:
        return dg.AssetCheckResult(passed=True)
    records = [
        dg.TableRecord({"provider_id": one.provider_id, "model_id": one.model_id, **row})
        for one, row in zip(facts, rows, strict=False)
    ]
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata={name: dg.MetadataValue.table(records), "count": len(facts)},
    )


def _format(value: float | datetime) -> str:
    return format_instant(value) if isinstance(value, datetime) else f"{value:g}"


def _count(facts: Sequence[Conflict | DoubtedFact], noun: str) -> str:
    models = len({(one.provider_id, one.model_id) for one in facts})
    return f"{models:,} {noun}" if models == 1 else f"{models:,} {noun}s"
