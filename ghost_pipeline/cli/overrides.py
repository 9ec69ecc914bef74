"""``reactivate``, ``release``, ``remove``, ``restore``, ``sweep``, ``purge``: change the state of models by hand."""

import sys
from collections.abc import Sequence
from datetime import datetime

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SweepResult
from ghost_pipeline.cli.options import (
    MODEL_ID,
    json_option,
    model_argument,
    now_option,
    provider_argument,
    provider_option,
)
from ghost_pipeline.cli.output import count, format_value, print_json, print_table, warn
from ghost_pipeline.lifecycle.claims.operator_facts import OPERATOR_FACTS
from ghost_pipeline.lifecycle.identity import format_command


@click.command(epilog="Example: ghost-pipeline reactivate openai gpt-4-32k")
@provider_argument
@model_argument
@json_option
def reactivate_command(provider: str, model_id: str, is_json: bool) -> None:
    """Mark a model as active and seen now."""
    with ModelCatalog.open() as catalog:
        record = catalog.reactivate_model(provider, model_id)
    if is_json:
        print_json(record)
    else:
        click.echo(f"{record.provider_id} {record.model_id}: active")


@click.command(epilog="Example: ghost-pipeline release mistral")
@provider_argument
@json_option
def release_command(provider: str, is_json: bool) -> None:
    """Lift a provider's hold, and accept what is doubted.

    Its latest listing is accepted as complete: models that are missing from it become stale. Implausible prices and
    context windows that its listings state are taken over.
    """
    with ModelCatalog.open() as catalog:
        doubts = len(catalog.list_doubts(provider))
        before = catalog.release_provider(provider)
    if is_json:
        held = {"was_held": before.held_since is not None, "reason": before.held_reason}
        print_json({"provider_id": provider, **held, "accepted_doubts": doubts})
        return
    if doubts:
        click.echo(f"{provider}: {count(doubts, 'doubted value')} accepted")
    if before.held_since is None:
        click.echo(f"{provider}: was not held")
    else:
        click.echo(f"{provider}: hold lifted; its reason was: {before.held_reason}")


dry_run_option = click.option("--dry-run", "is_dry_run", is_flag=True, help="Show what would change; change nothing.")


@click.command(epilog="Example: ghost-pipeline remove openai gpt-3.5-turbo-0301")
@provider_argument
@click.argument("model_id", type=MODEL_ID, required=False)
@click.option("--yes", "-y", "is_confirmed", is_flag=True, help="Remove all models of a provider without asking.")
@dry_run_option
@json_option
def remove_command(provider: str, model_id: str | None, is_confirmed: bool, is_dry_run: bool, is_json: bool) -> None:
    """Remove a model and keep it out until 'add' or 'restore'.

    Without MODEL_ID, remove every model of the provider: asks first on a terminal, needs --yes elsewhere. A model that
    the provider lists for the first time later is added as usual. 'restore PROVIDER' undoes it.
    """
    with ModelCatalog.open() as catalog:
        if model_id is None:
            removed = catalog.remove_provider(provider, is_dry_run=True)
            if not is_dry_run:
                _confirm_removal(provider, removed, is_confirmed)
                removed = catalog.remove_provider(provider)
        elif is_dry_run:
            removed = int(catalog.get_model_history(provider, model_id).model is not None)
        else:
            removed = catalog.remove_model(provider, model_id)
    if is_json:
        print_json({"provider_id": provider, "model_id": model_id, "removed": removed})
    elif is_dry_run:
        click.echo(f"{provider}: {count(removed, 'model')} would be removed")
    else:
        click.echo(f"{provider}: {count(removed, 'model')} removed until added or restored")


def _confirm_removal(provider: str, models: int, is_confirmed: bool) -> None:
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"this would remove {count(models, 'model')} of {provider}: add --yes, or name one model."
        )
    click.confirm(f"Remove {count(models, 'model')} of {provider}?", abort=True, err=True)


@click.command(epilog="Example: ghost-pipeline restore openai gpt-3.5-turbo-0301")
@provider_argument
@click.argument("model_id", type=MODEL_ID, required=False)
@json_option
def restore_command(provider: str, model_id: str | None, is_json: bool) -> None:
    """Restore a purged or removed model as a ghost.

    It returns with all its data; 'reactivate' makes it active.

    Without MODEL_ID, undo the last 'remove PROVIDER': each model returns in the state that it had.
    """
    with ModelCatalog.open() as catalog:
        if model_id is None:
            restored = catalog.restore_provider(provider)
            if is_json:
                print_json({"provider_id": provider, "restored": restored})
            else:
                click.echo(f"{provider}: {count(restored, 'model')} restored as before the removal")
            return
        record = catalog.restore_model(provider, model_id)
    if is_json:
        print_json(record)
    else:
        reactivate = format_command("reactivate", record.provider_id, record.model_id)
        click.echo(f"{record.provider_id} {record.model_id}: restored as a ghost; '{reactivate}' makes it active")


@click.command(epilog="Example: ghost-pipeline withdraw openai gpt-4o context_window")
@provider_argument
@model_argument
@click.argument("facts", nargs=-1, type=click.Choice(OPERATOR_FACTS), metavar="[FACT]...")
@json_option
def withdraw_command(provider: str, model_id: str, facts: Sequence[str], is_json: bool) -> None:
    """Withdraw facts that were given to 'add'.

    What the provider's listing states of them stands at once; what it does not state is unknown. Without FACT,
    everything that was given to 'add' is withdrawn. The model stays MANUAL.
    """
    with ModelCatalog.open() as catalog:
        done = catalog.withdraw_facts(provider, model_id, facts)
    model, names = done.model, list(done.withdrawn)
    if is_json:
        facts_now = {name: getattr(model, name) for name in names}
        key = {"provider_id": model.provider_id, "model_id": model.model_id}
        print_json({**key, "withdrawn": done.withdrawn, "facts": facts_now})
        return
    for name in names:
        stated, value = format_value(done.withdrawn[name]), getattr(model, name)
        click.echo(f"{name}: {stated} withdrawn, now {'unknown' if value is None else format_value(value)}")


@click.command(epilog="Example: ghost-pipeline sweep --dry-run")
@provider_option
@click.option("--hours", type=float, help="The time without a sighting.  [default: 24]")
@now_option
@dry_run_option
@json_option
def sweep_command(
    provider: str | None, hours: float | None, now: datetime | None, is_dry_run: bool, is_json: bool
) -> None:
    """Deactivate the models that were not seen for 24 hours.

    They become ghosts. MANUAL models are never deactivated.
    """
    with ModelCatalog.open() as catalog:
        result = catalog.mark_stale_models_inactive(provider, hours, now, is_dry_run=is_dry_run)
    _print(result, "would be deactivated" if is_dry_run else "deactivated", is_dry_run=is_dry_run, is_json=is_json)


@click.command(epilog="Example: ghost-pipeline purge --days 60 --dry-run")
@provider_option
@click.option("--days", type=float, help="The time as a ghost.  [default: 30]")
@now_option
@dry_run_option
@json_option
def purge_command(
    provider: str | None, days: float | None, now: datetime | None, is_dry_run: bool, is_json: bool
) -> None:
    """Delete the models that have been ghosts for 30 days.

    MANUAL models are never deleted. 'restore' brings a deleted model back.
    """
    with ModelCatalog.open() as catalog:
        result = catalog.delete_old_inactive_models(provider, days, now, is_dry_run=is_dry_run)
    _print(result, "would be purged" if is_dry_run else "purged", is_dry_run=is_dry_run, is_json=is_json)


def _as_objects(models: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"provider_id": provider_id, "model_id": model_id} for provider_id, model_id in models]


def _print(result: SweepResult, what: str, *, is_dry_run: bool, is_json: bool) -> None:
    if is_json:
        models = _as_objects(result.models)
        document = {"changed": result.changed, "held": result.held, "models": result.due if is_dry_run else models}
        due = result.due_within_24h if is_dry_run else None
        print_json({**document, "due_within_24h": due, "expired_refusals": _as_objects(result.expired_refusals)})
        return
    if is_dry_run and result.due:
        columns = ("provider", "model", "last seen", "last listed", "last used", "due")
        rows = [
            (one.provider_id, one.model_id, one.last_seen_at, one.last_listed_at, one.last_used_at, one.due_at)
            for one in result.due
        ]
        print_table(columns, rows, optional=("last used", "last listed"))
    elif not is_dry_run:
        for provider_id, model_id in result.models:
            click.echo(f"{provider_id} {model_id}")
    for provider_id, reason in result.held.items():
        warn(f"{provider_id} is held, its models were skipped: {reason}")
    if result.expired_refusals:
        expired = "would no longer count" if is_dry_run else "no longer count"
        click.echo(f"{count(len(result.expired_refusals), 'model')} {expired} as refused")
    click.echo(f"{count(result.changed, 'model')} {what}")
    if result.due_within_24h:
        click.echo(f"{count(result.due_within_24h, 'more model')} within 24 hours, unless seen before")
