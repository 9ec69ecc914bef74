"""``track`` and ``add``: record an inference that succeeded or was refused, or add models by hand."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from ghost_pipeline.additions import AdditionFile
from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import RefusalEffect, SightingResult
from ghost_pipeline.cli.options import END, MODEL_ID, PROVIDER, json_option, model_argument, provider_argument
from ghost_pipeline.cli.output import EXIT_REFUSED, count, print_json
from ghost_pipeline.errors import InvalidAdditions
from ghost_pipeline.lifecycle.facts import FACTS, FactKind
from ghost_pipeline.lifecycle.identity import format_command
from ghost_pipeline.lifecycle.refusals.answer_reasons import explain
from ghost_pipeline.lifecycle.refusals.evidence import classify
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES


def _object(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, Any] | None:
    try:
        parsed = None if value is None else json.loads(value)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not valid JSON: {error}", ctx, param) from error
    if parsed is not None and not isinstance(parsed, dict):
        raise click.BadParameter('not a JSON object, such as \'{"region": "eu"}\'', ctx, param)
    return parsed


@click.command(
    epilog="Examples: ghost-pipeline track openai gpt-5-preview --metadata '{\"latency_ms\": 412}'; "
    "ghost-pipeline track openai gpt-4-old --refused --status 404 --message 'The requested model …'"
)
@provider_argument
@model_argument
@click.option("--name", help="The display name, if none is known.")
@click.option("--metadata", callback=_object, help="A JSON object, merged into the known metadata.")
@click.option("--account", help="A label of the account whose key was used, never the key.")
@click.option("--refused", "is_refused", is_flag=True, help="The provider refused the request.")
@click.option("--status", type=click.IntRange(100, 599), help="With --refused: the HTTP status.")
@click.option("--code", help="With --refused: the code or type of the error.")
@click.option("--message", help="With --refused: the text of the error, or the whole body. It is not stored.")
@json_option
def track_command(
    provider: str,
    model_id: str,
    name: str | None,
    metadata: dict[str, Any] | None,
    account: str | None,
    is_refused: bool,
    status: int | None,
    code: str | None,
    message: str | None,
    is_json: bool,
) -> None:
    """Record a successful inference, or with --refused one that the provider refused.

    A model that is not in the catalog is added with the source INFERENCE by a success. A refusal is evidence only if
    its text is one with which the provider refuses a missing model; the output has the reason otherwise.
    """
    answer = (status, code, message)
    if is_refused:
        if name is not None or metadata is not None:
            raise click.UsageError("--name and --metadata are of successful inferences: leave them out.")
        if answer == (None, None, None):
            raise click.UsageError("--refused needs --status, --code or --message of the provider's answer.")
        _track_refusal(provider, model_id, status, code, message, account, is_json)
        return
    if answer != (None, None, None):
        raise click.UsageError("--status, --code and --message are of a refused request: add --refused.")
    with ModelCatalog.open() as catalog:
        result = catalog.track_successful_inference(provider, model_id, name, metadata, account=account)
    _print_sighting(result, is_json)


_OUTCOMES: Mapping[RefusalEffect, str] = {
    "refused": "recorded as evidence: {}; the model is refused",
    "still_refused": "recorded as evidence: {}; the model was refused before",
    "recorded": "recorded as evidence: {}; it takes more until the model is refused",
    "not_evidence": "not evidence, because {}",
    "unknown": "evidence ({}) of a model that the catalog does not know, counted for its provider",
    "ignored": "not recorded, because it is older than refusals are kept: {}",
}


def _track_refusal(
    provider: str,
    model_id: str,
    status: int | None,
    code: str | None,
    message: str | None,
    account: str | None,
    is_json: bool,
) -> None:
    found = classify(provider, model_id, status, code, message)[2]
    with ModelCatalog.open() as catalog:
        result = catalog.track_refused_inference(
            provider, model_id, status=status, code=code, message=message, account=account
        )
    explanation = explain(result.provider_id, found, status, code, message)
    if is_json:
        print_json({**msgspec.to_builtins(result), "explanation": explanation})
    else:
        outcome = _OUTCOMES[result.effect].format(explanation)
        click.echo(f"{result.provider_id} {result.model_id}: {outcome}")


_OPTION_TYPES: Mapping[FactKind, Any] = {FactKind.TOKENS: int, FactKind.PRICE: float, FactKind.INSTANT: END}


def _fact_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each fact that operators may state."""
    for fact in reversed([fact for fact in FACTS if fact.by_operators]):
        if fact.kind is FactKind.CAPABILITIES:
            words = click.Choice(CAPABILITIES)
            option = click.option(
                "--capability",
                "-c",
                fact.name,
                multiple=True,
                type=words,
                metavar="WORD",
                help="A capability of the model; can be repeated.",
            )
        else:
            name = f"--{fact.name.replace('_', '-')}"
            option = click.option(name, type=_OPTION_TYPES.get(fact.kind), help=fact.description)
        command = option(command)
    return command


@click.command(epilog="Example: ghost-pipeline add openai ft:gpt-4o:acme --name 'Acme tuned' --context-window 128000")
@click.argument("provider", type=PROVIDER, required=False)
@click.argument("model_id", type=MODEL_ID, required=False)
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Add every model of this .csv, .yaml or .json file, or none.",
)
@_fact_options
@json_option
def add_command(provider: str | None, model_id: str | None, file: Path | None, is_json: bool, **facts: Any) -> None:
    """Add a model by hand.

    Its source is MANUAL from now on, and no sweep deletes it. The facts that are given here count before those of the
    provider's listings until 'ghost-pipeline withdraw'; listings refresh the others.

    A file for --from has the columns provider_id and model_id and any of the facts that are options here
    (context_window for --context-window; capabilities). It is checked whole before anything is written.
    """
    if file is not None:
        if provider is not None or any(value not in (None, ()) for value in facts.values()):
            raise click.UsageError("--from takes everything from the file: leave out the model and the other options.")
        _add_all(file, is_json)
    elif provider is None or model_id is None:
        raise click.UsageError("PROVIDER and MODEL_ID are missing: name a model, or a file with --from.")
    else:
        with ModelCatalog.open() as catalog:
            result = catalog.add_manual_model(provider, model_id, **facts)
        _print_sighting(result, is_json)


def _add_all(file: Path, is_json: bool) -> None:
    with ModelCatalog.open() as catalog:
        try:
            results = catalog.add_manual_models(AdditionFile(file))
        except InvalidAdditions as error:
            if error.reason.startswith(str(file)):
                raise  # of reading the file, not of what it states
            raise InvalidAdditions(f"{file}: {error.reason}", error.advice) from error
    if is_json:
        print_json({"added": len(results), "models": results})
        return
    for result in results:
        click.echo(f"{result.provider_id} {result.model_id}: {result.effect}")
    click.echo(f"{count(len(results), 'model')} added", err=True)


def _print_sighting(result: SightingResult, is_json: bool) -> None:
    if is_json:
        print_json(result)
    elif result.effect != "ignored":
        click.echo(f"{result.provider_id} {result.model_id}: {result.effect}")
    if result.effect == "ignored":
        add, restore = (format_command(name, result.provider_id, result.model_id) for name in ("add", "restore"))
        click.echo(
            f"Refused: {result.provider_id} {result.model_id} was removed by an operator; "
            f"'{add}' or '{restore}' brings it back",
            err=True,
        )
        sys.exit(EXIT_REFUSED)
