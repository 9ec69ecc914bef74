"""``sweep`` and ``purge``: the lifecycle by hand."""

from datetime import datetime

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SweepResult
from ghost_pipeline.cli.options import json_option, now_option, provider_option
from ghost_pipeline.cli.output import print_json, warn

dry_run_option = click.option("--dry-run", "is_dry_run", is_flag=True, help="Say what would change, change nothing.")


@click.command(epilog="Example: ghost-pipeline sweep --dry-run")
@provider_option
@click.option("--hours", type=float, help="Unseen for longer than this.  [default: 24]")
@now_option
@dry_run_option
@json_option
def sweep(provider: str | None, hours: float | None, now: datetime | None, is_dry_run: bool, is_json: bool) -> None:
    """Soft delete: make ghosts of the models that were not seen for 24 hours. Never MANUAL ones."""
    with ModelCatalog.open() as catalog:
        result = catalog.mark_stale_models_inactive(provider, hours, now, is_dry_run=is_dry_run)
    _print(result, "would become ghosts" if is_dry_run else "became ghosts", is_json)


@click.command(epilog="Example: ghost-pipeline purge --days 60 --dry-run")
@provider_option
@click.option("--days", type=float, help="Ghosts for longer than this.  [default: 30]")
@now_option
@dry_run_option
@json_option
def purge(provider: str | None, days: float | None, now: datetime | None, is_dry_run: bool, is_json: bool) -> None:
    """Hard delete: purge the models that were ghosts for 30 days. Never MANUAL ones; 'restore' takes one back."""
    with ModelCatalog.open() as catalog:
        result = catalog.delete_old_inactive_models(provider, days, now, is_dry_run=is_dry_run)
    _print(result, "would be purged" if is_dry_run else "were purged", is_json)


def _print(result: SweepResult, what: str, is_json: bool) -> None:
    models = [{"provider_id": provider_id, "model_id": model_id} for provider_id, model_id in result.models]
    if is_json:
        print_json({"changed": result.changed, "held": result.held, "models": models})
        return
    for model in models:
        click.echo(f"{model['provider_id']} {model['model_id']}")
    for provider_id, reason in result.held.items():
        warn(f"{provider_id} is held, its models were passed over: {reason}")
    click.echo(f"{result.changed:,} models {what}")
