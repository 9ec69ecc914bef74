"""``export``: write the models for a gateway or as a table."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.cli.options import PROVIDER, capability_option, json_option
from ghost_pipeline.cli.output import count, print_json, warn
from ghost_pipeline.cli.progress import show_progress
from ghost_pipeline.exports import FORMATS, export_models, write_export


@click.command(epilog="Example: ghost-pipeline export --to litellm --free --output litellm_models.yaml")
@click.option("--to", type=click.Choice(list(FORMATS)), help="The format; required.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file to write; default: stdout."
)
@click.option(
    "--provider", "-p", "providers", type=PROVIDER, multiple=True, help="Only this provider; can be repeated."
)
@click.option("--free", "is_free", is_flag=True, help="Only models known to be free.")
@capability_option
@click.option("--ghosts", "includes_ghosts", is_flag=True, help="Include ghosts, with is_active: false.")
@json_option
def export_command(
    to: str | None,
    output: Path | None,
    providers: Sequence[str],
    is_free: bool,
    capabilities: Sequence[str],
    includes_ghosts: bool,
    is_json: bool,
) -> None:
    """Export the active models for gateways and other programs.

    The formats are a LiteLLM model_list (YAML), an OpenAI /v1/models response, JSON, CSV and Parquet.

    A file is replaced completely or not at all. With --json and --output, stdout reports what was written.
    """
    if to is None:
        raise click.UsageError(f"--to is required: choose one of {', '.join(FORMATS)}.")
    if output is None:
        _require_usable_stdout(to, is_json)
    wanted = ModelFilter(
        provider_ids=providers,
        is_active=None if includes_ghosts else True,
        is_free=is_free or None,
        capabilities=capabilities,
    )
    is_left_out, models = FORMATS[to].is_left_out, []
    with ModelCatalog.open() as catalog, show_progress("reading the models", is_json=is_json) as progress:
        for model in catalog.iterate_models(wanted):
            if is_left_out(model):
                warn(f"{model.provider_id}/{model.model_id} is left out: {to} reads * as a wildcard")
            else:
                models.append(model)
            if len(models) % _PROGRESS_STEP == 0:
                progress.update(len(models))
        progress.update(len(models), len(models), f"writing {to}")
        content = export_models(models, to, is_with_ghosts=includes_ghosts)
    if not models:
        warn("no model matches; the export is empty")
    if output is None:
        if sys.stdout.isatty():
            click.echo(content.decode(), nl=False)  # control characters in names are escaped on the way
        else:
            sys.stdout.buffer.write(content)
        return
    write_export(output, content)
    ghosts = sum(not model.is_active for model in models)
    if is_json:
        print_json({"to": to, "output": str(output), "models": len(models), "ghosts": ghosts, "bytes": len(content)})
    else:
        including = f", including {count(ghosts, 'ghost')}" if ghosts else ""
        click.echo(f"{output}: {count(len(models), 'model')}{including}")


_PROGRESS_STEP = 1_000
"""Models between two updates of the progress bar."""


def _require_usable_stdout(to: str, is_json: bool) -> None:
    if is_json and not FORMATS[to].is_json:
        raise click.UsageError(f"--to {to} is not JSON: leave out --json, or write to a file with --output.")
    if not FORMATS[to].is_text and sys.stdout.isatty():
        raise click.UsageError(f"--to {to} is binary: write it to a file with --output.")
