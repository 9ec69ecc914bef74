"""``references`` and ``conflicts``: what third parties state of models, and where sources contradict each other."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.claims.references import ImportOutcome, ReferenceState
from ghost_pipeline.cli.options import PROVIDER, json_option
from ghost_pipeline.cli.output import EXIT_REFUSED, count, format_value, print_json, print_table, warn
from ghost_pipeline.documents import conflict_document
from ghost_pipeline.errors import FolderError, NotConfigured, UsageError
from ghost_pipeline.fetching.configuration import DEFAULT_NAME, read_reference_endpoints
from ghost_pipeline.lifecycle.claims.resolution import (
    ANSWERS,
    COMPARED_FACTS,
    SHOWN_FACTS,
    Claim,
    Conflict,
    find_conflicts,
    group_words,
    is_reference,
    resolve,
    sort_claims,
)
from ghost_pipeline.lifecycle.identity import format_command
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.references import REFERENCE_FORMATS
from ghost_pipeline.references.installed import read_installed_reference
from ghost_pipeline.references.reading import MAX_BYTES
from ghost_pipeline.settings import Settings

REFERENCE = click.Choice(tuple(REFERENCE_FORMATS))
DOUBTS_SHOWN = 10

providers_option = click.option(
    "--provider", "-p", "providers", type=PROVIDER, multiple=True, help="Only this provider; can be repeated."
)


@click.group("references", epilog="Example: ghost-pipeline references list")
def references_group() -> None:
    """Third parties' data about models: it fills gaps of listings and is never evidence of a model."""


@references_group.command("import", epilog="Example: ghost-pipeline references import api.json --as models-dev")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--as", "name", type=REFERENCE, required=True, help="Which reference the file is.")
@click.option("--accept", "is_accepted", is_flag=True, help="Accept a shrunken file, and changes that are implausible.")
@json_option
def import_references_command(file: Path | None, name: str, is_accepted: bool, is_json: bool) -> None:
    """Import what a reference states of models, in place of what it stated before.

    Without FILE, the data that the installed package litellm or genai-prices carries. A malformed, empty or shrunken
    file replaces nothing (exit code 1). An implausible change, such as a price that moves by more than 10x, is not made
    until an import an hour later or more states it again.
    """
    file_name, content = read_installed_reference(name) if file is None else (file.name, _read(file))
    with ModelCatalog.open() as catalog:
        outcome = catalog.references.import_content(name, file_name, content, is_accepted=is_accepted)
        [state] = [one for one in catalog.references.list_states() if one.name == name]
    if is_json:
        print_json(outcome)
    else:
        _print_outcome(outcome, state)
    if not outcome.imported.is_applied:
        sys.exit(EXIT_REFUSED)


@references_group.command("fetch", epilog="Example: ghost-pipeline references fetch models-dev")
@click.argument("names", metavar="[NAME]...", type=REFERENCE, nargs=-1)
@click.option("--accept", "is_accepted", is_flag=True, help="Accept a shrunken file, and changes that are implausible.")
@json_option
def fetch_references_command(names: Sequence[str], is_accepted: bool, is_json: bool) -> None:
    """Download references and import them.

    Without a NAME, every reference that the providers file has a table for, such as [references.models-dev] with its
    url. A file that can't be fetched or imported replaces nothing, and the exit code is 1.
    """
    from ghost_pipeline.fetching.reference_files import fetch_reference  # noqa: PLC0415 - HTTP takes a while to load

    settings = Settings.from_environment()
    endpoints = _select_references(settings, names)
    results: list[dict[str, Any]] = []
    with ModelCatalog.open(settings) as catalog:
        for endpoint in endpoints:
            fetched = fetch_reference(endpoint, settings.fetch_limits)
            outcome = None
            if fetched.content is None:
                warn(f"{fetched.name}: {fetched.reason}")
            else:
                outcome = catalog.references.import_content(
                    fetched.name, fetched.file_name, fetched.content, is_accepted=is_accepted
                )
            if outcome is not None and not is_json:
                [state] = [one for one in catalog.references.list_states() if one.name == fetched.name]
                _print_outcome(outcome, state)
            duration = {"duration": fetched.duration_seconds, "reason": fetched.reason or None}
            results.append({"reference": fetched.name, **duration, "import": outcome})
    if is_json:
        print_json({"fetched": results})
    if not all(one["import"] is not None and one["import"].imported.is_applied for one in results):
        sys.exit(EXIT_REFUSED)


def _select_references(settings: Settings, names: Sequence[str]) -> list[Endpoint]:
    configured = read_reference_endpoints(settings.providers_file, REFERENCE_FORMATS)
    missing = [name for name in names if name not in configured]
    if missing or not configured:
        name = missing[0] if missing else "models-dev"
        raise NotConfigured(
            f"no url is configured for {name}" if missing else "no reference has a url",
            f"set url in [references.{name}] of {settings.providers_file or DEFAULT_NAME}",
        )
    return [configured[name] for name in dict.fromkeys(names or configured)]


def _read(file: Path) -> bytes:
    if not file.is_file():  # reading from a pipe might not end
        raise UsageError(f"{file} is not a regular file", "save what a pipe contains first")
    try:
        with file.open("rb") as content:
            return content.read(MAX_BYTES + 1)  # one byte more is enough to be refused
    except OSError as error:
        raise FolderError(f"{file} can't be read ({error.strerror})", "check the path and its permissions") from None


def _print_outcome(outcome: ImportOutcome, state: ReferenceState) -> None:
    one = outcome.imported
    for warning in outcome.warnings:
        warn(warning)
    if not one.is_applied:
        advice = " If that is correct, repeat it with --accept." if one.verdict.lists_models else ""
        click.echo(f"{one.reference}: {one.verdict}: {one.reason}. Nothing was replaced.{advice}")
        return
    changes = f"{one.added_count:,} added, {one.changed_count:,} changed, {one.ended_count:,} ended"
    click.echo(f"{one.reference}: {count(one.model_count, 'model')}, {count(state.claim_count, 'claim')} ({changes})")
    click.echo(f"{count(state.matched_count, 'claim')} about models of the catalog")
    for doubt in outcome.doubts[:DOUBTS_SHOWN]:
        change = f"{format_value(doubt.value)} -> {format_value(doubt.doubted_value)}"
        warn(f"{doubt.provider_id} {doubt.model_id}: {doubt.fact} {change} is doubted: {doubt.reason}")
    if outcome.doubts:
        warn(f"{count(len(outcome.doubts), 'change')} not made until a later import states it again; or use --accept")


@references_group.command("list", epilog="Example: ghost-pipeline references list")
@json_option
def list_references_command(is_json: bool) -> None:
    """List the references that were imported, with their newest import."""
    with ModelCatalog.open() as catalog:
        states = catalog.references.list_states()
    if is_json:
        print_json(states)
        return
    columns = ("reference", "applied", "claims", "of known models", "doubted", "newest import", "verdict", "file")
    rows = [
        [
            state.name,
            None if state.applied is None else state.applied.imported_at,
            state.claim_count,
            state.matched_count,
            state.doubted_count,
            state.newest.imported_at,
            state.newest.verdict,
            state.newest.file_name,
        ]
        for state in states
    ]
    numbers = ("claims", "of known models", "doubted")
    print_table(columns, rows, numbers, optional=("file", "newest import", "doubted"))


@references_group.command("unmatched", epilog="Example: ghost-pipeline references unmatched litellm --provider openai")
@click.argument("name", type=REFERENCE)
@providers_option
@json_option
def unmatched_references_command(name: str, providers: Sequence[str], is_json: bool) -> None:
    """List the models that a reference states and the catalog does not have.

    Without --provider, those of providers of which the catalog has a model; the other providers are named with the
    number of their models.
    """
    with ModelCatalog.open() as catalog:
        keys = catalog.references.find_unmatched(name, providers)
        lacking = {} if providers else catalog.references.count_lacking(name)
    if lacking:
        named = ", ".join(f"{slug} ({models:,})" for slug, models in lacking.items())
        warn(f"the catalog has no model of {count(len(lacking), 'provider')} of {name}: {named}")
    if is_json:
        print_json([{"provider_id": slug, "model_id": model_id} for slug, model_id in keys])
        return
    print_table(("provider", "model"), keys)
    click.echo(count(len(keys), "model"), err=True)


@references_group.command("remove", epilog="Example: ghost-pipeline references remove litellm")
@click.argument("name", type=REFERENCE)
@json_option
def remove_references_command(name: str, is_json: bool) -> None:
    """Remove a reference and everything that it stated."""
    with ModelCatalog.open() as catalog:
        removed = catalog.references.remove(name)
    if is_json:
        print_json({"reference": name, "removed": removed})
    else:
        click.echo(f"{name}: {count(removed, 'claim')} removed")


@click.command(epilog="Example: ghost-pipeline conflicts --fact input_price")
@click.option("--fact", type=click.Choice(COMPARED_FACTS), help="Only this fact.")
@providers_option
@json_option
def conflicts_command(fact: str | None, providers: Sequence[str], is_json: bool) -> None:
    """List the facts on which sources contradict each other: by how much, since when, who wins and why.

    Prices are USD per million tokens, whatever the unit of the source. Of context windows those agree that differ by
    the longest answer, because some sources state the longest input instead.
    """
    with ModelCatalog.open() as catalog:
        conflicts = catalog.references.list_conflicts(fact, providers)
    if is_json:
        print_json([conflict_document(one) for one in conflicts])
        return
    columns = ("provider", "model", "fact", "value", "of", "others", "factor", "since", "why")
    print_table(columns, map(_conflict_row, conflicts), ("value", "factor"), optional=("why", "since"))
    click.echo(count(len(conflicts), "conflict"), err=True)


def _conflict_row(conflict: Conflict) -> list[Any]:
    others = "; ".join(f"{format_value(one.value)} {one.source}" for one in conflict.others)
    factor = None if conflict.factor is None else f"{conflict.factor:.3g}"
    winner = conflict.winner
    names = (conflict.provider_id, conflict.model_id, conflict.fact)
    return [*names, winner.value, winner.source, others, factor, conflict.since, conflict.reason]


def describe_references(
    provider_id: str, model_id: str, claims: Sequence[Claim], order: Sequence[str]
) -> Iterator[str]:
    """Yield the lines about what references and responses add to the facts of a model, and what contradicts them."""
    since = {(one.fact, one.source): format_value(one.first_stated_at) for one in claims}
    for fact, claim in resolve(claims, order).items():
        values = {claim.source: claim.value} if claim.word_sources is None else group_words(claim)
        for source, value in values.items():
            # An alias of responses is beside the model's own facts, as what references state is.
            if is_reference(source) or (fact, source) == ("aliases", ANSWERS):
                yield f"{fact}: {format_value(value)} ({source}, since {since[fact, source]})"
    conflicts = find_conflicts(provider_id, model_id, claims, order)
    contradicted = {conflict.fact for conflict in conflicts}
    for one in sort_claims(claims, order):
        if is_reference(one.source) and one.fact in SHOWN_FACTS and one.fact not in contradicted:
            yield f"{one.fact}: {one.source} states {format_value(one.value)} (shown only)"
    for conflict in conflicts:
        stated = [one for one in conflict.others if (conflict.winner.source, one.source) != _OVER_LISTING]
        if stated:
            others = "; ".join(f"{one.source} states {format_value(one.value)}" for one in stated)
            yield f"! {conflict.fact}: {others}"


def name_sources(claims: Sequence[Claim], order: Sequence[str]) -> dict[str, str]:
    """Return fact -> the source of the catalog's own value and since when it is stated, as ``show`` has it."""
    found: dict[str, str] = {}
    for one in sort_claims(claims, order):
        if not is_reference(one.source):
            since = "" if one.first_stated_at is None else f", since {format_value(one.first_stated_at)}"
            found.setdefault(one.fact, f" ({one.source}{since})")
    return found


_OVER_LISTING = ("manual", "listing")
"""An operator and the listing, which ``describe_statements`` describes."""


def describe_statements(provider_id: str, model_id: str, claims: Sequence[Claim]) -> Iterator[str]:
    """Yield the lines about what an operator states of a model and what its listing states instead."""
    listed = {one.fact: one for one in claims if one.source == _OVER_LISTING[1]}
    for one in claims:
        other = listed.get(one.fact)
        if one.source == _OVER_LISTING[0] and other is not None and other.value != one.value:
            since = "" if other.first_stated_at is None else f" since {format_value(other.first_stated_at)}"
            yield (
                f"! {one.fact}: an operator states {format_value(one.value)} since "
                f"{format_value(one.first_stated_at)}, the listing states {format_value(other.value)}{since}; "
                f"'{format_command('withdraw', provider_id, model_id)} {one.fact}' lets the listing's value stand"
            )
