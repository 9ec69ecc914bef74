"""The health of all providers: an asset that nothing materializes, its checks, and the job over them.

Dagster resets the checks of an asset when the asset is materialized. These speak of all providers at once and must stay
readable, so they belong to an asset that never is. Everything that changes the catalog logs ``health_events``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.defs.evidence.fact_checks import PREVIEW_LENGTH, check_listed_facts, check_references
from ghost_pipeline.defs.listing_checks import format_instant
from ghost_pipeline.defs.resource import GhostCatalog, translate_errors
from ghost_pipeline.errors import SettingsError
from ghost_pipeline.lifecycle.absence import (
    ProviderHealth,
    incomplete_since,
    is_complete_listing_overdue,
    is_protection_ending,
    protection_ends_at,
)
from ghost_pipeline.lifecycle.claims.resolution import Conflict, is_reference
from ghost_pipeline.lifecycle.claims.withheld_facts import DoubtedFact
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.retirement import USED_WITHIN
from ghost_pipeline.lifecycle.vocabulary import Verdict
from ghost_pipeline.notifications.delivery import find_failing
from ghost_pipeline.notifications.destinations import NOTIFICATIONS_FILE, read_destinations
from ghost_pipeline.settings import Thresholds

NAME = "provider_health"

HealthEvent = dg.AssetCheckEvaluation | dg.AssetObservation

provider_health = dg.AssetSpec(
    NAME,
    deps=["model_catalog"],
    group_name="monitoring",
    kinds={"sql"},
    description=(
        "Which providers need attention. Its failing checks name them. Nothing materializes it: every run, "
        "sensor and sweep that changes the catalog evaluates its checks ('ghost-pipeline ingest' once, after its last "
        "file), and channels_sensor does so within seconds after a command or a program changed it."
    ),
)

REASON_LENGTH = 80
"""Characters of a hold's reason in the health table, which is as wide as a page."""


@dataclass(frozen=True, slots=True)
class CatalogHealth:
    """What the checks decide on, read at one instant."""

    providers: Sequence[ProviderHealth]
    delisted: Sequence[ModelRecord]
    """Models that are used although their provider's list does not contain them any more."""
    retiring: Sequence[ModelRecord]
    """Models that are used although they retire soon, or should have."""
    refused: Sequence[ModelRecord]
    """Models that were used and that their providers refuse."""
    contradicted: Sequence[Conflict]
    """What providers state of used models, and references contradict."""
    doubted: Sequence[DoubtedFact]
    """Implausible values that listings state and that do not stand yet."""
    failing_notifications: Mapping[str, str]
    """Destination -> why the last attempts to reach it failed; or the file of destinations -> why it is invalid."""
    thresholds: Thresholds
    now: datetime


def read_health(catalog: ModelCatalog, now: datetime | None = None) -> CatalogHealth:
    """Read what the checks decide on. ``now`` is the present unless given."""
    at = now or datetime.now(UTC)
    return CatalogHealth(
        catalog.list_provider_health(),
        catalog.find_delisted_models(),
        catalog.find_retiring_models(at),
        catalog.find_refused_models(at),
        _contradicted(catalog, at),
        catalog.list_doubts(),
        _failing_notifications(catalog),
        catalog.settings.thresholds,
        at,
    )


def _contradicted(catalog: ModelCatalog, now: datetime) -> list[Conflict]:
    conflicts = catalog.references.list_conflicts(used_since=now - USED_WITHIN)
    return [conflict for conflict in conflicts if not is_reference(conflict.winner.source)]


def _failing_notifications(catalog: ModelCatalog) -> dict[str, str]:
    try:
        return find_failing(catalog, read_destinations(catalog.settings))
    except SettingsError as error:
        return {NOTIFICATIONS_FILE: str(error)}


def _latest_listings_are_complete(health: CatalogHealth) -> dg.AssetCheckResult:
    bad = [one for one in health.providers if not _is_latest_complete(one)]
    names = ", ".join(f"{one.provider.id} ({one.last_verdict.value if one.last_verdict else ''})" for one in bad)
    count = f"{len(bad)} of {_count(len(health.providers), 'provider')}"
    return dg.AssetCheckResult(
        passed=not bad,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{count}: {names}" if bad else f"all of {_count(len(health.providers), 'provider')}",
        metadata={"incomplete": len(bad), "providers": len(health.providers), "health": _health_table(health)},
    )


def _is_latest_complete(health: ProviderHealth) -> bool:
    # No failure is counted where a local server lists nothing and may do so.
    is_accepted_empty = health.last_verdict is Verdict.EMPTY and not health.consecutive_failures
    return health.last_verdict in (Verdict.COMPLETE, None) or is_accepted_empty


def _complete_listings_are_recent(health: CatalogHealth) -> dg.AssetCheckResult:
    overdue = {
        one.provider.id: _describe_delay(one)
        for one in health.providers
        if is_complete_listing_overdue(one, health.now, health.thresholds)
    }
    return dg.AssetCheckResult(
        passed=not overdue,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{', '.join(overdue)}: fix the feed of these providers, or release them" if overdue else None,
        metadata=overdue | {"health": _health_table(health)},
    )


def _holds_are_not_expiring(health: CatalogHealth) -> dg.AssetCheckResult:
    ending = {
        one.provider.id: f"until {format_instant(protection_ends_at(one.provider, health.thresholds))} UTC; "
        f"{one.provider.held_reason}"
        for one in health.providers
        if is_protection_ending(one.provider, health.now, health.thresholds)
    }
    return dg.AssetCheckResult(
        passed=not ending,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{', '.join(ending)}: fix the feed of these providers, or release them" if ending else None,
        metadata=ending,
    )


def _used_models_are_listed(health: CatalogHealth) -> dg.AssetCheckResult:
    delisted = health.delisted
    if not delisted:
        return dg.AssetCheckResult(passed=True)
    are = "model is" if len(delisted) == 1 else "models are"
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            f"{len(delisted):,} {are} used although the provider's list does not contain them any more: they may be "
            "withdrawn soon. 'ghost-pipeline add PROVIDER MODEL_ID' keeps one whatever happens."
        ),
        metadata={"models": _models_table(delisted[:PREVIEW_LENGTH], _SIGHTINGS), "count": len(delisted)},
    )


def _used_models_are_not_retiring(health: CatalogHealth) -> dg.AssetCheckResult:
    retiring = health.retiring
    if not retiring:
        return dg.AssetCheckResult(passed=True)
    past = sum(model.expires_at is not None and model.expires_at < health.now for model in retiring)
    parts = [f"{_count(len(retiring) - past, 'used model')} will be withdrawn within {_days(health)}"]
    if past:
        parts.append(f"{_count(past, 'used model')} should have been withdrawn already")
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{'; '.join(parts[past == len(retiring) :])}. 'ghost-pipeline retiring' shows them all.",
        metadata={"models": _models_table(retiring[:PREVIEW_LENGTH], _RETIREMENTS), "count": len(retiring)},
    )


def _days(health: CatalogHealth) -> str:
    days = health.thresholds.retiring_within / timedelta(days=1)
    return "1 day" if days == 1 else f"{days:g} days"


def _used_models_are_not_refused(health: CatalogHealth) -> dg.AssetCheckResult:
    refused = health.refused
    if not refused:
        return dg.AssetCheckResult(passed=True)
    names = ", ".join(f"{model.provider_id}/{model.model_id}" for model in refused[:NAMED_MODELS])
    rest = f" and {len(refused) - NAMED_MODELS:,} more" if len(refused) > NAMED_MODELS else ""
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"refused by the provider: {names}{rest}. 'ghost-pipeline models --refused' shows why.",
        metadata={"models": _models_table(refused[:PREVIEW_LENGTH], _REFUSALS), "count": len(refused)},
    )


NAMED_MODELS = 5
"""How many models the description of a check names; its table has more."""


def _notifications_are_delivered(health: CatalogHealth) -> dg.AssetCheckResult:
    failing = health.failing_notifications
    return dg.AssetCheckResult(
        passed=not failing,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{', '.join(failing)}: 'ghost-pipeline notifications' shows more" if failing else None,
        metadata=dict(failing),
    )


_CHECKS = {
    "latest_listings_are_complete": (
        _latest_listings_are_complete,
        "The latest listing of every provider is complete.",
    ),
    "complete_listings_are_recent": (
        _complete_listings_are_recent,
        "Every provider had a complete listing recently (GHOST_COMPLETE_WITHIN_HOURS).",
    ),
    "holds_are_not_expiring": (
        _holds_are_not_expiring,
        "No hold ends within a day. After that the sweep deactivates the provider's models.",
    ),
    "used_models_are_listed": (
        _used_models_are_listed,
        "No model that is still used has left its provider's list.",
    ),
    "used_models_are_not_retiring": (
        _used_models_are_not_retiring,
        "No model that was used in the last 30 days is about to be withdrawn (GHOST_RETIRING_DAYS).",
    ),
    "used_models_are_not_refused": (
        _used_models_are_not_refused,
        "No provider refuses a model that was used in the last 30 days.",
    ),
    "references_agree_on_used_models": (
        lambda health: check_references(health.contradicted),
        "No reference contradicts what is stated of a model that was used in the last 30 days.",
    ),
    "listed_facts_are_plausible": (
        lambda health: check_listed_facts(health.doubted),
        "No listing states a price or a context window that is implausible after what the one before stated.",
    ),
    "notifications_are_delivered": (
        _notifications_are_delivered,
        "The last attempts to reach each destination of notifications.toml did not fail.",
    ),
}
"""Check -> the function that decides it, and what it states."""

CHECK_NAMES = tuple(_CHECKS)


def evaluate_checks(health: CatalogHealth) -> dict[str, dg.AssetCheckResult]:
    """Decide every check: name -> result."""
    return {name: decide(health) for name, (decide, _) in _CHECKS.items()}


def health_events(catalog: ModelCatalog, now: datetime | None = None) -> list[HealthEvent]:
    """Return the evaluations and an observation with the table of all providers, for a run or a sensor to log."""
    health = read_health(catalog, now)
    return [*_evaluations(health), observation(health)]


INGEST_COMMAND_TAGS = {"user": "ghost-pipeline ingest"}
"""Tags of the runs of ``ghost-pipeline ingest``. Dagster's UI shows this tag as "Launched by"; a run without it reads
"Manually launched", like a click."""


def health_events_of_run(catalog: ModelCatalog, run: dg.DagsterRun) -> list[HealthEvent]:
    """Return ``health_events`` for one run to log.

    None in the runs of ``ghost-pipeline ingest``, which reports them once after the last one: they would take a seventh
    of each of these short runs.
    """
    is_of_command = INGEST_COMMAND_TAGS.items() <= run.tags.items()
    return [] if is_of_command else health_events(catalog)


def log_health(context: dg.OpExecutionContext | dg.AssetExecutionContext, events: Sequence[HealthEvent]) -> None:
    """Log ``health_events`` in a run. The annotation of ``log_event`` lacks the evaluations that it takes."""
    for event in events:
        context.log_event(event)  # type: ignore[arg-type]


def _evaluations(health: CatalogHealth) -> Iterator[dg.AssetCheckEvaluation]:
    for name, result in evaluate_checks(health).items():
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(NAME),
            check_name=name,
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata=result.metadata,
        )


def observation(health: CatalogHealth) -> dg.AssetObservation:
    """Return the observation that the asset's page shows: every provider on one line."""
    bad = sum(not _is_latest_complete(one) for one in health.providers)
    return dg.AssetObservation(
        NAME,
        metadata={
            "health": _health_table(health),
            "providers": len(health.providers),
            "incomplete": bad,
            "held": sum(one.provider.held_since is not None for one in health.providers),
        },
    )


@dg.multi_asset_check(
    name="check_provider_health",
    specs=[dg.AssetCheckSpec(name, asset=NAME, description=description) for name, (_, description) in _CHECKS.items()],
    can_subset=True,
)
def check_provider_health(context: dg.AssetCheckExecutionContext, ghost: GhostCatalog) -> Iterator[dg.AssetCheckResult]:
    with translate_errors(), ghost.opened() as catalog:
        health = read_health(catalog)
    for name, result in evaluate_checks(health).items():
        if dg.AssetCheckKey(dg.AssetKey(NAME), name) in context.selected_asset_check_keys:
            yield result._replace(asset_key=dg.AssetKey(NAME), check_name=name)
    context.op_execution_context.log_event(observation(health))


check_health = dg.define_asset_job(
    "check_health",
    selection=dg.AssetSelection.checks(check_provider_health),
    description="Evaluates the checks of provider_health. Some of them fail merely because time passes.",
)


def _describe_delay(health: ProviderHealth) -> str:
    failures = f"; {health.consecutive_failures} attempts failed in a row" if health.consecutive_failures else ""
    hold = f"; {health.provider.held_reason}" if health.provider.held_reason else ""
    return f"since {format_instant(incomplete_since(health))} UTC{failures}{hold}"


_HEALTH_COLUMNS = {
    "provider": "Slug of the provider.",
    "verdict": "Outcome of the last attempt, and how many attempts failed in a row.",
    "last_complete": "When its last complete listing was observed, UTC.",
    "hold": "Why absent models are kept for now.",
}
"""Four, because the page leaves room for about 55 characters: with more, the hold is out of sight."""


def _health_table(health: CatalogHealth) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                "provider": one.provider.id,
                "verdict": _describe_verdict(one),
                "last_complete": format_instant(one.provider.last_complete_at),
                "hold": _describe_hold(one),
            }
        )
        for one in health.providers
    ]
    columns = [dg.TableColumn(name, description=text) for name, text in _HEALTH_COLUMNS.items()]
    return dg.MetadataValue.table(records, dg.TableSchema(columns=columns))


def _describe_verdict(health: ProviderHealth) -> str:
    verdict = health.last_verdict.value if health.last_verdict else "no listing"
    return f"{verdict} ×{health.consecutive_failures}" if health.consecutive_failures > 1 else verdict


def _describe_hold(health: ProviderHealth) -> str:
    reason = health.provider.held_reason
    if not reason:
        return ""
    return reason if len(reason) <= REASON_LENGTH else f"{reason[: REASON_LENGTH - 1]}…"


_SIGHTINGS = ("provider_id", "model_id", "last_used_at", "last_listed_at")
_REFUSALS = ("provider_id", "model_id", "refused_since", "last_used_at", "refusal_reason")
_RETIREMENTS = ("provider_id", "model_id", "expires_at", "last_used_at", "replaced_by")


def _models_table(models: Sequence[ModelRecord], columns: Sequence[str]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord(
            {
                name: format_instant(getattr(model, name))
                if name.endswith(("_at", "_since"))
                else getattr(model, name) or ""
                for name in columns
            }
        )
        for model in models
    ]
    return dg.MetadataValue.table(records, dg.TableSchema(columns=[dg.TableColumn(name) for name in columns]))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
