"""``reactivate``, ``release``, ``remove``, ``restore``: a person's word."""

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.cli.options import json_option, provider_argument
from ghost_pipeline.cli.output import print_json


@click.command(epilog="Example: ghost-pipeline reactivate openai gpt-4-32k")
@provider_argument
@click.argument("model_id")
@json_option
def reactivate(provider: str, model_id: str, is_json: bool) -> None:
    """This model lives: active and seen now."""
    with ModelCatalog.open() as catalog:
        record = catalog.reactivate_model(provider, model_id)
    if is_json:
        print_json(record)
    else:
        click.echo(f"{record.provider_id} {record.model_id}: active")


@click.command(epilog="Example: ghost-pipeline release mistral")
@provider_argument
@json_option
def release(provider: str, is_json: bool) -> None:
    """This provider's absences are real: lift its hold and take its latest listing for complete."""
    with ModelCatalog.open() as catalog:
        before = catalog.release_provider(provider)
    if is_json:
        print_json({"provider_id": provider, "was_held": before.held_since is not None, "reason": before.held_reason})
    elif before.held_since is None:
        click.echo(f"{provider}: was not held")
    else:
        click.echo(f"{provider}: released (it was held: {before.held_reason})")


@click.command(epilog="Example: ghost-pipeline remove openai gpt-3.5-turbo-0301")
@provider_argument
@click.argument("model_id", required=False)
@json_option
def remove(provider: str, model_id: str | None, is_json: bool) -> None:
    """Out of the catalog, and stay out, until 'add' or 'restore'.

    Without MODEL_ID it removes every model that the catalog has of the provider; a model that the provider lists for
    the first time later is new all the same.
    """
    with ModelCatalog.open() as catalog:
        removed = catalog.remove_model(provider, model_id) if model_id else catalog.remove_provider(provider)
    if is_json:
        print_json({"provider_id": provider, "model_id": model_id, "removed": removed})
    else:
        click.echo(f"{provider}: {removed:,} models removed; they stay out of the catalog")


@click.command(epilog="Example: ghost-pipeline restore openai gpt-3.5-turbo-0301")
@provider_argument
@click.argument("model_id")
@json_option
def restore(provider: str, model_id: str, is_json: bool) -> None:
    """Take back a purged or removed model, whole, as a ghost."""
    with ModelCatalog.open() as catalog:
        record = catalog.restore_model(provider, model_id)
    if is_json:
        print_json(record)
    else:
        names = f"{record.provider_id} {record.model_id}"
        click.echo(f"{names}: back as a ghost; 'ghost-pipeline reactivate {names}' makes it active")
