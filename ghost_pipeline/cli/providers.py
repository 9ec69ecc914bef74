"""``providers``: who can be asked, and who was heard."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.cli.options import json_option
from ghost_pipeline.cli.output import print_json, print_table, shown, warn
from ghost_pipeline.fetching.configuration import ConfiguredProvider, configured_providers
from ghost_pipeline.lifecycle.absence import (
    ProviderHealth,
    is_complete_listing_overdue,
    is_protection_ending,
    protection_ends_at,
)
from ghost_pipeline.lifecycle.identity import provider_label
from ghost_pipeline.lifecycle.records import ProviderRecord
from ghost_pipeline.settings import Settings, Thresholds


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One provider: what the catalog has heard of it, and how it is asked; None for one that can't be asked."""

    health: ProviderHealth
    asked: ConfiguredProvider | None


@click.command(epilog="Example: ghost-pipeline providers")
@json_option
def providers(is_json: bool) -> None:
    """Each provider's health: its last attempt, its last complete listing, whether it is held and why.

    Also those that were never asked: which keys are there, and what is lacking. Keys themselves are never shown.
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
    """Every provider that the catalog knows or that can be asked, by slug."""
    heard = {one.provider.id: one for one in health}
    asked = {one.provider_id: one for one in configured}
    return [
        ProviderRow(heard.get(name) or ProviderHealth(ProviderRecord(name, provider_label(name))), asked.get(name))
        for name in sorted(heard.keys() | asked.keys())
    ]


def _to_json(one: ProviderRow, now: datetime, thresholds: Thresholds) -> dict[str, Any]:
    asked = one.asked
    return {
        **asdict(one.health.provider),
        "last_verdict": one.health.last_verdict,
        "last_reason": one.health.last_reason,
        "last_seconds": one.health.last_seconds,
        "consecutive_failures": one.health.consecutive_failures,
        "is_overdue": is_complete_listing_overdue(one.health, now, thresholds),
        "is_configured": asked is not None,
        "is_fetched": asked is not None and asked.is_enabled and asked.blocked_reason is None,
        "is_key_present": asked is not None and asked.is_key_present,
        "is_key_required": asked is not None and asked.is_key_required,
        "key_variables": asked.key_variables if asked else (),
        "url": asked.url if asked else None,
        "obstacle": asked.blocked_reason if asked else None,
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
        seconds = None if health.last_seconds is None else round(health.last_seconds, 1)
        rows.append(
            [
                *(provider.id, _key(one.asked), provider.last_listing_at, health.last_verdict, seconds),
                *(health.consecutive_failures or None, provider.last_complete_at),
                *(provider.held_since, provider.held_reason),
            ]
        )
    print_table(columns, rows, numbers=("seconds", "failures"))


def _key(asked: ConfiguredProvider | None) -> str | None:
    """Whether the key is there, else the variable that lacks; nothing for who can't be asked, or needs none."""
    if asked is None:
        return None
    if asked.is_key_present:
        return "present"
    return f"set {asked.key_variables[0]}" if asked.is_key_required else "not needed"


def _warn(health: ProviderHealth, now: datetime, thresholds: Thresholds) -> None:
    provider = health.provider
    if is_protection_ending(provider, now, thresholds):
        warn(
            f"{provider.id} is held; from {shown(protection_ends_at(provider, thresholds))} on its listed models go "
            "stale all the same. Mend its feed, or release it."
        )
    if is_complete_listing_overdue(health, now, thresholds):
        last = provider.last_complete_at
        since = f"since {shown(last)}" if last else "ever"
        warn(f"{provider.id} had no complete listing {since}. Fetch it, mend its feed, or release it.")
