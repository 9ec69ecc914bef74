"""Options and arguments that several commands share."""

from datetime import UTC, datetime
from typing import Any

import click

from ghost_pipeline.errors import InvalidProvider
from ghost_pipeline.lifecycle.identity import provider_slug


class InstantType(click.ParamType[datetime]):
    """An instant in ISO 8601; without a time zone it is UTC."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The aware instant."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 instant, such as 2025-12-06T07:15:05Z", param, ctx)
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


class ProviderType(click.ParamType[str]):
    """A provider by any of its names."""

    name = "provider"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The slug."""
        try:
            return provider_slug(value)
        except InvalidProvider as error:
            self.fail(str(error), param, ctx)


INSTANT = InstantType()
PROVIDER = ProviderType()

json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON document on stdout.")
provider_argument = click.argument("provider", type=PROVIDER)
provider_option = click.option("--provider", "-p", type=PROVIDER, help="Only this provider.")
now_option = click.option("--now", type=INSTANT, help="As of this instant instead of the present.")
