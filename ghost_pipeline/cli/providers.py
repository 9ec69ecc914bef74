"""``providers``: the health of the providers, and which can be fetched."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import format_value, print_json, print_table, warn
from ghost_pipeline.fetching.configuration import ConfiguredProvider, configured_providers
from ghost_pipeline.lifecycle.absence import (
    ProviderHealth,
    is_complete_listing_overdue,
    is_protection_ending,
    protection_ends_at,
)
from ghost_pipeline.lifecycle.identity import provider_label
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.providers.endpoint import advise_on_missing_key
from ghost_pipeline.settings import Settings, Thresholds


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One provider."""

    health: ProviderHealth
    configuration: ConfiguredProvider | None
    """None for a provider that can't be fetched."""


@click.command(epilog="Example: ghost-pipeline providers")
@json_option
def providers_command(is_json: bool) -> None:
    """Show the health of each provider.

    That is the last attempt, the last complete listing, the hold and its reason. Also shows providers that were
    never fetched, with the API key variables that are set or missing; never the keys.
    """
    settings = Settings.from_environment()
    configured = configured_providers(settings)
    with ModelCatalog.open(settings) as catalog:
        known = _merged(catalog.list_provider_health(), configured)
    now = datetime.now(UTC)
    if is_json:
        print_json([_to_json(one, now, settings.thresholds) for one in known])
        return
    _print(known)
    for one in known:
        _warn(one.health, now, settings.thresholds)


def _merged(health: Sequence[ProviderHealth], configured: Sequence[ConfiguredProvider]) -> list[ProviderRow]:
    """Return every provider that the catalog has or that can be fetched, by slug."""
    recorded = {one.provider.id: one for one in health}
    fetchable = {one.provider_id: one for one in configured}
    return [
        ProviderRow(
            recorded.get(name) or ProviderHealth(ProviderRecord(name, provider_label(name))), fetchable.get(name)
        )
        for name in sorted(recorded.keys() | fetchable.keys())
    ]


def _to_json(one: ProviderRow, now: datetime, thresholds: Thresholds) -> dict[str, Any]:
    configuration = one.configuration
    return {
        **asdict(one.health.provider),
        "last_verdict": one.health.last_verdict,
        "last_reason": one.health.last_reason,
        "last_seconds": one.health.last_duration_seconds,
        "consecutive_failures": one.health.consecutive_failures,
        "is_overdue": is_complete_listing_overdue(one.health, now, thresholds),
        "is_configured": configuration is not None,
        "is_fetched": configuration is not None and configuration.is_enabled and configuration.blocked_reason is None,
        "is_key_present": configuration is not None and configuration.is_key_present,
        "is_key_required": configuration is not None and configuration.is_key_required,
        "key_variables": configuration.key_variables if configuration else (),
        "url": configuration.url if configuration else None,
        "obstacle": configuration.blocked_reason if configuration else None,
    }


def _print(known: Sequence[ProviderRow]) -> None:
    columns = (
        "provider",
        "key",
        "last attempt",
        "verdict",
        "seconds",
        "failures",
        "last complete",
        "held since",
        "why",
    )
    rows = []
    for one in known:
        health, provider = one.health, one.health.provider
        seconds = None if health.last_duration_seconds is None else round(health.last_duration_seconds, 1)
        rows.append(
            [
                *(
                    provider.id,
                    _describe_key(one.configuration),
                    provider.last_listing_at,
                    health.last_verdict,
                    seconds,
                ),
                *(health.consecutive_failures or None, provider.last_complete_at),
                *(provider.held_since, provider.held_reason),
            ]
        )
    print_table(
        columns, rows, numbers=("seconds", "failures"), optional=("seconds", "failures", "last complete", "key")
    )


def _describe_key(configuration: ConfiguredProvider | None) -> str | None:
    """Return whether the key is set, else the variable to set; None for a provider that can't be fetched."""
    if configuration is None:
        return None
    if configuration.is_key_present:
        return "present"
    return advise_on_missing_key(configuration.key_variables[:1]) if configuration.is_key_required else "not needed"


def _warn(health: ProviderHealth, now: datetime, thresholds: Thresholds) -> None:
    provider = health.provider
    if is_protection_ending(provider, now, thresholds):
        warn(
            f"{provider.id} is held; from {format_value(protection_ends_at(provider, thresholds))} on its models "
            f"become stale anyway. Fix its listing or run 'ghost-pipeline release {provider.id}'."
        )
    if is_complete_listing_overdue(health, now, thresholds):
        last = provider.last_complete_at
        since = f"since {format_value(last)}" if last else "ever"
        warn(f"{provider.id} had no complete listing {since}. Fetch it, fix its listing, or release it.")
