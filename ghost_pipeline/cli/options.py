"""Options and arguments that several commands share."""

from datetime import datetime
from typing import Any

import click

from ghost_pipeline.errors import InvalidProvider, UsageError
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.lifecycle.validation import parse_instant


class InstantType(click.ParamType[datetime]):
    """An instant in ISO 8601; without a time zone it is UTC."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the aware instant."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_instant(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


class ProviderType(click.ParamType[str]):
    """A provider by any of its names."""

    name = "provider"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the slug."""
        try:
            return provider_slug(value)
        except InvalidProvider as error:
            self.fail(str(error), param, ctx)


class ModelIdType(click.ParamType[str]):
    """A model id. An empty one is refused: it usually comes from an unset shell variable."""

    name = "model id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id as it was given; the catalog canonicalizes it."""
        text = str(value)
        if not text.strip():
            self.fail("the model id is empty; give the id that the provider's API takes", param, ctx)
        return text


INSTANT = InstantType()
PROVIDER = ProviderType()
MODEL_ID = ModelIdType()

json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON document on stdout.")
provider_argument = click.argument("provider", type=PROVIDER)
model_argument = click.argument("model_id", type=MODEL_ID)
provider_option = click.option("--provider", "-p", type=PROVIDER, help="Only this provider.")
now_option = click.option("--now", type=INSTANT, help="Evaluate as of this instant; default: the current time.")
