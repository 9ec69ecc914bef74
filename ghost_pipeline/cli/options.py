"""Options and arguments that several commands share, and the completion of their values in shells.

What comes from a catalog is untrusted, and a shell evaluates what it puts into a line: names with characters that mean
something to a shell are not completed. Without a catalog, or with one that can't be read soon, there are no names.
"""

import os
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.errors import InvalidProvider, UsageError
from ghost_pipeline.lifecycle.identity import is_plain_word, provider_slug
from ghost_pipeline.lifecycle.validation import parse_age, parse_end, parse_instant
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES
from ghost_pipeline.settings import Settings


class InstantType(click.ParamType[datetime]):
    """An instant in ISO 8601; without a time zone it is UTC."""

    name = "instant"
    _parse = staticmethod(parse_instant)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the aware instant."""
        if isinstance(value, datetime):
            return value
        try:
            return self._parse(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


class EndType(InstantType):
    """An instant in ISO 8601 at which something ends; a day without a time is its last second."""

    name = "date"
    _parse = staticmethod(parse_end)


class AgeType(click.ParamType[timedelta]):
    """A length of time in days or hours: ``30d``, ``12h``; a bare number is days."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length, which is above zero and at most 100,000 days."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_age(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


COMPLETION_SECONDS = 1.0
"""How long a completion waits for the catalog. A user waits at the prompt for it, and must not notice a dead server."""


def complete_provider(incomplete: str) -> list[CompletionItem[Any]]:
    """Return the slugs of the catalog's providers that begin with the text."""
    return _complete(incomplete.lower(), None)


def complete_model(ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
    """Return the ids that begin with the text, of the models of the provider that the command line names."""
    provider = ctx.params.get("provider")
    return _complete(incomplete, provider) if isinstance(provider, str) else []


def _complete(begin: str, provider_id: str | None) -> list[CompletionItem[Any]]:
    found: list[str] = []

    def read() -> None:
        with suppress(Exception):  # an error would be printed into the line that the user is typing
            found.extend(ModelCatalog.find_names(Settings.from_environment(), begin, provider_id))

    # A thread, because no time-out of a driver covers connecting, waiting for a lock and reading. It ends with the
    # process.
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(COMPLETION_SECONDS)
    return [CompletionItem(name) for name in found if is_plain_word(name)]


class ProviderType(click.ParamType[str]):
    """A provider by any of its names."""

    name = "provider"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the slug."""
        try:
            return provider_slug(value)
        except InvalidProvider as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
        """Return the catalog's providers that begin with the text."""
        return complete_provider(incomplete)


class ModelIdType(click.ParamType[str]):
    """A model id. An empty one is refused: it usually comes from an unset shell variable."""

    name = "model id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id as it was given; the catalog canonicalizes it."""
        text = str(value)
        if not text.strip():
            self.fail("the model id is empty; give the id that the provider's API takes", param, ctx)
        return text

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
        """Return the ids of the provider's models that begin with the text."""
        return complete_model(ctx, incomplete)


INSTANT = InstantType()
END = EndType()
AGE = AgeType()
PROVIDER = ProviderType()
MODEL_ID = ModelIdType()

json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON document on stdout.")
provider_argument = click.argument("provider", type=PROVIDER)
model_argument = click.argument("model_id", type=MODEL_ID)
provider_option = click.option("--provider", "-p", type=PROVIDER, help="Only this provider.")
capability_option = click.option(
    "--capability",
    "-c",
    "capabilities",
    multiple=True,
    type=click.Choice(CAPABILITIES),
    metavar="WORD",
    help="Only models with this capability; can be repeated.",
)
stated_only_option = click.option(
    "--stated-only",
    "is_stated_only",
    is_flag=True,
    help="Only what providers and operators state; nothing of references.",
)
now_option = click.option("--now", type=INSTANT, help="Evaluate as of this instant; default: the current time.")


class SafeBashComplete(BashComplete):
    """Completion for bash, which never expands what it is given.

    The usual script splits the line where ids have ``:`` and ``=``, and expands ``*`` in a name to the files of the
    folder. This one passes the line itself on, up to the cursor, and takes each line of the answer as one word.
    """

    source_template = r"""%(complete_func)s() {
    local line=${COMP_LINE:0:COMP_POINT} type value
    local word=${line##*[[:space:]]}
    local before=${word%%"${word##*[:=]}"}
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$before"}") ;;
        esac
    done < <(env COMP_WORDS="$line" COMP_CWORD=0 %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words of the line before the last one, and the last one, which may be empty."""
        line = os.environ["COMP_WORDS"]  # noqa: TID251 - the protocol between the shell and click
        words = split_arg_string(line)[1:]
        if not words or line[-1:].isspace():
            return words, ""
        return words[:-1], words[-1]


add_completion_class(SafeBashComplete, "bash")
