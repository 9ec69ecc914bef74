"""What a declaration of a provider is made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from ghost_pipeline.errors import SettingsError
from ghost_pipeline.fetching.paging import OnePage, Paging
from ghost_pipeline.fetching.secret import Secret
from ghost_pipeline.settings import read_secret

_PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """The request header that carries the key."""

    name: str = "Authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how one provider is asked for its models."""

    provider_id: str
    base_url: str
    """May hold places such as ``{region}``, to be filled in the providers file."""
    path: str = "/models"
    key_variables: tuple[str, ...] = ()
    """Environment variables that may hold the key; the first that is set counts. None: no key is sent."""
    is_key_required: bool = True
    """False for public lists and servers on one's own machine."""
    key_header: KeyHeader = KeyHeader()
    headers: Mapping[str, str] = field(default_factory=dict)
    """What the provider wants besides the key."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the query: the page size, and whatever else the provider wants."""
    paging: Paging = field(default_factory=OnePage)
    places: Mapping[str, str] = field(default_factory=dict)
    """Name -> value, for the places in ``base_url`` and ``path``."""
    is_plain_http_allowed: bool = False
    """Whether the user's file allows plain http to another machine."""
    is_named_by_user: bool = False
    """Whether the providers file has a table of it."""

    @property
    def place_names(self) -> tuple[str, ...]:
        """The places of the URL, filled or not."""
        return tuple(dict.fromkeys(_PLACE.findall(self.base_url + self.path)))

    @property
    def lacking_places(self) -> tuple[str, ...]:
        """The places that nobody has filled."""
        return tuple(name for name in self.place_names if name not in self.places)

    @property
    def url(self) -> str:
        """The URL of the first page. Only for an endpoint that lacks no place."""
        url = _PLACE.sub(lambda place: self.places[place.group(1)], self.base_url.rstrip("/") + self.path)
        return f"{url}?{urlencode(self.parameters)}" if self.parameters else url

    def read_key(self) -> Secret | None:
        """The key, read from the environment now; None if there is none.

        Raises SettingsError for a value that can't stand in a request header.
        """
        for variable in self.key_variables:
            value = (read_secret(variable) or "").strip()
            if not value:
                continue
            if not (value.isascii() and value.isprintable()) or " " in value:
                raise SettingsError(f"the value of {variable} can't be a key (white space or no ASCII): set it anew")
            return Secret(value)
        return None
