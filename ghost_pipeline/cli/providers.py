"""``providers``: the health of the providers, and which can be fetched."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import format_value, print_json, print_table, warn
from ghost_pipeline.documents import merge_providers, provider_document
from ghost_pipeline.fetching.configuration import ConfiguredProvider, configured_providers
from ghost_pipeline.lifecycle.absence import (
    ProviderHealth,
    is_complete_listing_overdue,
    is_protection_ending,
    protection_ends_at,
)
from ghost_pipeline.providers.endpoint import advise_on_missing_key
from ghost_pipeline.settings import Settings, Thresholds


@click.command(epilog="Example: ghost-pipeline providers")
@json_option
def providers_command(is_json: bool) -> None:
    """Show the health of each provider.

    That is the last attempt, the last complete listing, the hold and its reason. Also shows providers that were
    never fetched, with the API key variables that are set or missing; never the keys. "unknown refused" counts
    recent refusals of models that the catalog does not know.
    """
    settings = Settings.from_environment()
    configured = configured_providers(settings)
    with ModelCatalog.open(settings) as catalog:
        known = merge_providers(catalog.list_provider_health(), configured)
    now = datetime.now(UTC)
    if is_json:
        print_json([provider_document(*one, now, settings.thresholds) for one in known])
        return
    _print(known)
    for health, _ in known:
        _warn(health, now, settings.thresholds)


def _print(known: Sequence[tuple[ProviderHealth, ConfiguredProvider | None]]) -> None:
    columns = (
        "provider",
        "key",
        "last attempt",
        "verdict",
        "seconds",
        "failures",
        "last complete",
        "unknown refused",
        "held since",
        "why",
    )
    rows = []
    for health, configuration in known:
        provider = health.provider
        seconds = None if health.last_duration_seconds is None else round(health.last_duration_seconds, 1)
        rows.append(
            [
                *(
                    provider.id,
                    _describe_key(configuration),
                    provider.last_listing_at,
                    health.last_verdict,
                    seconds,
                ),
                *(health.consecutive_failures or None, provider.last_complete_at),
                health.refusals_unknown or None,
                *(provider.held_since, provider.held_reason),
            ]
        )
    numbers = ("seconds", "failures", "unknown refused")
    print_table(columns, rows, numbers=numbers, optional=(*numbers, "last complete", "key"))


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
