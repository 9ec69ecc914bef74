"""Errors as one line and an exit code."""

import sys
import traceback
from typing import Any, NoReturn

import click

from ghost_pipeline.errors import CatalogError, FolderError, UsageError

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_CATALOG = 3


class ErrorsTold(click.Group):
    """A group whose commands end with a line that says what, where and what to do, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with ``--debug``, errors show their traceback before their line."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except UsageError as error:
            _end(ctx, str(error), EXIT_USAGE)
        except (CatalogError, FolderError) as error:
            _end(ctx, str(error), EXIT_CATALOG)
        except Exception as error:  # noqa: BLE001 - the last line of defence of a command line
            _end(ctx, f"unexpected {type(error).__name__}: {error}; run it again with --debug", EXIT_CATALOG)


def _end(ctx: click.Context, line: str, code: int) -> NoReturn:
    if ctx.params.get("debug"):
        traceback.print_exc()
    click.echo(f"Error: {' '.join(line.split())}", err=True)
    sys.exit(code)
