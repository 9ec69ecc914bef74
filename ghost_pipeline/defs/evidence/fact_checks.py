"""Checks of ``provider_health`` on what listings and references state of models, not on which models there are."""

from collections.abc import Sequence

import dagster as dg

from ghost_pipeline.catalog.history.descriptions import describe_doubt
from ghost_pipeline.defs.listing_checks import format_instant
from ghost_pipeline.lifecycle.claims.resolution import Conflict
from ghost_pipeline.lifecycle.claims.withheld_facts import DoubtedFact

PREVIEW_LENGTH = 100
"""How many rows the table of a check shows; a command shows all."""


def check_references(contradicted: Sequence[Conflict]) -> dg.AssetCheckResult:
    """Warn of used models of which references contradict what is stated."""
    if not contradicted:
        return dg.AssetCheckResult(passed=True)
    count = _count(contradicted, "used model")
    records = [
        dg.TableRecord(
            {
                "provider_id": one.provider_id,
                "model_id": one.model_id,
                "fact": one.fact,
                "stated": f"{one.winner.value:g}",
                "references": "; ".join(f"{claim.value:g} ({claim.source})" for claim in one.others),
            }
        )
        for one in contradicted[:PREVIEW_LENGTH]
    ]
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"References contradict what is stated of {count}. 'ghost-pipeline conflicts' shows all.",
        metadata={"conflicts": dg.MetadataValue.table(records), "count": len(contradicted)},
    )


def check_listed_facts(doubted: Sequence[DoubtedFact]) -> dg.AssetCheckResult:
    """Warn of implausible values that listings state and that do not stand yet."""
    if not doubted:
        return dg.AssetCheckResult(passed=True)
    count = _count(doubted, "model")
    slugs = sorted({one.provider_id for one in doubted})
    records = [
        dg.TableRecord(
            {
                "provider_id": one.provider_id,
                "model_id": one.model_id,
                "doubt": describe_doubt(one.fact, one.value, one.doubted_value, one.reason),
                "since": format_instant(one.since),
            }
        )
        for one in doubted[:PREVIEW_LENGTH]
    ]
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Implausible values of {count} of {', '.join(slugs)} are not taken over until a later listing "
        "repeats them. 'ghost-pipeline release' accepts those of a provider.",
        metadata={"doubts": dg.MetadataValue.table(records), "count": len(doubted)},
    )


def _count(facts: Sequence[Conflict | DoubtedFact], noun: str) -> str:
    models = len({(one.provider_id, one.model_id) for one in facts})
    return f"{models:,} {noun}" if models == 1 else f"{models:,} {noun}s"
