"""``export``: write the models for a gateway or as a table."""

import io
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

import click

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.cli.options import PROVIDER, capability_option, json_option, stated_only_option
from ghost_pipeline.cli.output import count, print_json, warn
from ghost_pipeline.cli.progress import ProgressReport, show_progress
from ghost_pipeline.exports import FORMATS, open_export, write_models
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.refusals.state import is_kept_from_gateways


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
@click.option("--include-refused", "includes_refused", is_flag=True, help="Include models that their provider refuses.")
@stated_only_option
@json_option
def export_command(
    to: str | None,
    output: Path | None,
    providers: Sequence[str],
    is_free: bool,
    capabilities: Sequence[str],
    includes_ghosts: bool,
    includes_refused: bool,
    is_stated_only: bool,
    is_json: bool,
) -> None:
    """Export the active models for gateways and other programs.

    Models that their provider refuses are left out; of those that an operator added, a warning appears instead.

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
        is_stated_only=is_stated_only,
    )
    counts = Counter[str]()
    with _opened(output) as file:
        with ModelCatalog.open() as catalog, show_progress(f"writing {to}", is_json=is_json) as progress:
            found = catalog.iterate_models(wanted)
            usable = found if includes_refused else _without_refused(found, counts)
            models = _counted(usable, to, counts, progress)
            write_models(models, to, file, catalog.find_shared_ids(wanted))
        if counts["refused"]:
            warn(f"{count(counts['refused'], 'refused model')} left out; --include-refused exports them")
        if not counts["models"]:
            warn("no model matches; the export is empty")
        if output is None:
            file.seek(0)
            _copy_to_stdout(file)
            return
        written = file.tell()
    ghosts = counts["ghosts"]
    if is_json:
        print_json(
            {
                "to": to,
                "output": str(output),
                "models": counts["models"],
                "ghosts": ghosts,
                "refused": counts["refused"],
                "bytes": written,
            },
        )
    else:
        including = f", including {count(ghosts, 'ghost')}" if ghosts else ""
        click.echo(f"{output}: {count(counts['models'], 'model')}{including}")


_PROGRESS_STEP = 1_000
"""Models between two updates of the progress bar."""


def _without_refused(models: Iterable[ModelRecord], counts: Counter[str]) -> Iterator[ModelRecord]:
    """Yield the models that are not refused, and those that an operator added, with a warning. Count the others."""
    for model in models:
        if is_kept_from_gateways(model):
            counts["refused"] += 1
            continue
        if model.refused_since is not None:
            warn(f"{model.provider_id}/{model.model_id} is refused: {model.refusal_reason}")
        yield model


def _counted(
    models: Iterable[ModelRecord], to: str, counts: Counter[str], progress: ProgressReport
) -> Iterator[ModelRecord]:
    """Yield the models that the format can express, count them and show the progress."""
    for model in models:
        if FORMATS[to].is_left_out(model):
            warn(f"{model.provider_id}/{model.model_id} is left out: {to} reads * as a wildcard")
            continue
        counts["models"] += 1
        counts["ghosts"] += not model.is_active
        if counts["models"] % _PROGRESS_STEP == 0:
            progress.update(counts["models"])
        yield model


def _opened(output: Path | None) -> AbstractContextManager[BinaryIO]:
    # A file even without --output, so that stdout has a whole export or nothing.
    return cast(BinaryIO, TemporaryFile()) if output is None else open_export(output)


def _copy_to_stdout(file: BinaryIO) -> None:
    if not sys.stdout.isatty():
        shutil.copyfileobj(file, sys.stdout.buffer)
        return
    for line in io.TextIOWrapper(file, "utf-8", newline=""):
        click.echo(line, nl=False)  # control characters in names are escaped on the way


def _require_usable_stdout(to: str, is_json: bool) -> None:
    if is_json and not FORMATS[to].is_json:
        raise click.UsageError(f"--to {to} is not JSON: leave out --json, or write to a file with --output.")
    if not FORMATS[to].is_text and sys.stdout.isatty():
        raise click.UsageError(f"--to {to} is binary: write it to a file with --output.")
