"""Options and arguments that several commands share."""

import re
from datetime import datetime, timedelta
from typing import Any

import click

from ghost_pipeline.errors import InvalidProvider, UsageError
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.lifecycle.validation import parse_end, parse_instant
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES


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


class EndType(InstantType):
    """An instant in ISO 8601 at which something ends; a day without a time is its last second."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the aware instant."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_end(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)


class AgeType(click.ParamType[timedelta]):
    """A length of time in days or hours: ``30d``, ``12h``; a bare number is days."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length, which is above zero and at most 100,000 days."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"(\d{1,8}(?:\.\d+)?)\s*([dh]?)", str(value).strip().lower())
        age = timedelta() if match is None else float(match[1]) * timedelta(**{_AGE_UNITS[match[2]]: 1})
        if not timedelta() < age <= timedelta(days=100_000):
            self.fail(f"{value!r} is not an age, such as 30d or 12h", param, ctx)
        return age


_AGE_UNITS = {"d": "days", "": "days", "h": "hours"}


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
now_option = click.option("--now", type=INSTANT, help="Evaluate as of this instant; default: the current time.")
