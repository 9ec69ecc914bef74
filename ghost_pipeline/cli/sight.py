"""``track`` and ``add``: sightings that are no listing."""

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SightingResult
from ghost_pipeline.cli.errors import EXIT_REFUSED
from ghost_pipeline.cli.options import INSTANT, json_option, provider_argument
from ghost_pipeline.cli.output import print_json
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES


def _object(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, Any] | None:
    try:
        parsed = None if value is None else json.loads(value)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"is no JSON: {error}", ctx, param) from error
    if parsed is not None and not isinstance(parsed, dict):
        raise click.BadParameter('must be a JSON object, such as \'{"region": "eu"}\'', ctx, param)
    return parsed


@click.command(epilog="Example: ghost-pipeline track openai gpt-5-preview --metadata '{\"latency_ms\": 412}'")
@provider_argument
@click.argument("model_id")
@click.option("--name", help="What people call the model; counts while no name is known.")
@click.option("--metadata", callback=_object, help="A JSON object, merged into what is known.")
@json_option
def track(provider: str, model_id: str, name: str | None, metadata: dict[str, Any] | None, is_json: bool) -> None:
    """Record that a model answered. One that no list shows enters the catalog as INFERENCE."""
    with ModelCatalog.open() as catalog:
        result = catalog.track_successful_inference(provider, model_id, name, metadata)
    _print_sighting(result, is_json)


@click.command(epilog="Example: ghost-pipeline add openai ft:gpt-4o:acme --name 'Acme tuned' --context-window 128000")
@provider_argument
@click.argument("model_id")
@click.option("--name", help="What people call the model; later listings don't change it.")
@click.option("--context-window", type=int, help="Tokens.")
@click.option("--max-output-tokens", type=int, help="Tokens.")
@click.option("--input-price", type=float, help="USD per million tokens.")
@click.option("--output-price", type=float, help="USD per million tokens.")
@click.option("--capability", "-c", "capabilities", multiple=True, type=click.Choice(CAPABILITIES), metavar="WORD")
@click.option("--expires-at", type=INSTANT, help="When the provider withdraws it.")
@json_option
def add(
    provider: str,
    model_id: str,
    capabilities: Sequence[str],
    expires_at: datetime | None,
    is_json: bool,
    **facts: Any,
) -> None:
    """Add a model by hand: from now on it is MANUAL and no sweep ever deletes it.

    A later listing of the provider refreshes the facts, but not the name.
    """
    with ModelCatalog.open() as catalog:
        result = catalog.add_manual_model(provider, model_id, capabilities=capabilities, expires_at=expires_at, **facts)
    _print_sighting(result, is_json)


def _print_sighting(result: SightingResult, is_json: bool) -> None:
    if is_json:
        print_json(result)
    elif result.effect != "ignored":
        click.echo(f"{result.provider_id} {result.model_id}: {result.effect}")
    if result.effect == "ignored":
        names = f"{result.provider_id} {result.model_id}"
        click.echo(
            f"Refused: a person removed {names}; 'ghost-pipeline add {names}' or 'restore' brings it back", err=True
        )
        sys.exit(EXIT_REFUSED)
