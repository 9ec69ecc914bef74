"""``providers.toml`` and the environment -> the endpoints that can be asked."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ghost_pipeline.errors import InvalidProvider, NotConfigured, SettingsError
from ghost_pipeline.fetching.urls import address_defect, without_query
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.listings.files import provider_in_name
from ghost_pipeline.providers import REGISTRY
from ghost_pipeline.providers.endpoint import Endpoint
from ghost_pipeline.settings import Settings

DEFAULT_NAME = "providers.toml"

_TYPES: Mapping[str, type] = {
    "base_url": str,
    "path": str,
    "key_variable": str,
    "format": str,
    "parameters": dict,
    "allow_plain_http": bool,
}
_TYPE_NAMES = {str: "a text", dict: "a table", bool: "true or false"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECRET_PARAMETERS = re.compile(r"(?i)(?:.*[-_])?(?:(?:api)?key|(?<!page_)token|secret|password)")


def read_endpoints(path: Path | None) -> dict[str, Endpoint]:
    """Every provider that can be asked: the registry, with what the user's file changes and adds.

    ``path`` None is ``providers.toml`` in the current folder, which may be missing. Raises SettingsError, which names
    file and line or key, and no value.
    """
    if path is None and not Path(DEFAULT_NAME).exists():
        return dict(REGISTRY)
    file = path or Path(DEFAULT_NAME)
    endpoints, named = dict(REGISTRY), set()
    for name, table in _tables(file).items():
        where = f"{file}: [providers.{name}]"
        provider_id = _provider_id(name, where)
        if provider_id in named:
            raise SettingsError(f"{where} is a second table of {provider_id}: put both into one")
        named.add(provider_id)
        endpoints[provider_id] = _endpoint(provider_id, _Table(where, table))
    return endpoints


def _tables(file: Path) -> Mapping[str, Any]:
    try:
        document = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise SettingsError(f"{file} can't be read ({error.strerror}): correct GHOST_PROVIDERS_FILE") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not UTF-8: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is no TOML: {error}") from None
    strange = sorted(set(document) - {"providers"})
    if strange:
        raise SettingsError(f"{file}: {strange[0]!r} is unknown: tables are called like [providers.openai]")
    tables = document.get("providers", {})
    if not isinstance(tables, dict):
        raise SettingsError(f"{file}: 'providers' is no table: tables are called like [providers.openai]")
    return tables


def _provider_id(name: str, where: str) -> str:
    try:
        provider_id = provider_slug(name)
        is_readable = provider_in_name(f"{provider_id}_models.json") == provider_id
    except InvalidProvider as error:
        raise SettingsError(f"{where}: {error}") from None
    if not is_readable:
        raise SettingsError(f"{where}: files of {provider_id!r} could not be told from others': use another name")
    return provider_id


class _Table:
    """One provider's table, read key by key."""

    def __init__(self, where: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise SettingsError(f"{where} is no table")
        self.where = where
        self.values = values

    def get(self, key: str, default: Any = None) -> Any:
        value = self.values.get(key, default)
        if key in self.values and type(value) is not _TYPES.get(key, str):
            raise self.defect(key, f"must be {_TYPE_NAMES[_TYPES.get(key, str)]}")
        return value

    def defect(self, key: str, what: str) -> SettingsError:
        return SettingsError(f"{self.where} {key} {what}")


def _endpoint(provider_id: str, table: _Table) -> Endpoint:
    known = REGISTRY.get(provider_id) or _like(provider_id, table)
    _refuse_unknown_keys(known, table)
    endpoint = replace(
        known,
        base_url=table.get("base_url", known.base_url),
        path=table.get("path", known.path),
        parameters={**known.parameters, **_parameters(table)},
        is_plain_http_allowed=table.get("allow_plain_http", False),
        is_configured=True,
    )
    endpoint = replace(endpoint, places={**known.places, **_places(endpoint, table)})
    if "key_variable" in table.values:
        endpoint = _with_key(endpoint, table)
    _check_address(endpoint, table)
    return endpoint


def _like(provider_id: str, table: _Table) -> Endpoint:
    if "base_url" not in table.values:
        raise SettingsError(f"{table.where}: {provider_id} is unknown here, so it needs a base_url")
    format_name = table.get("format", "openai")
    if format_name not in REGISTRY:
        raise table.defect("format", f"is none of {', '.join(sorted(REGISTRY))}")
    return replace(REGISTRY[format_name], provider_id=provider_id, key_variables=(), is_key_required=False)


def _refuse_unknown_keys(known: Endpoint, table: _Table) -> None:
    allowed = {*_TYPES, *known.placeholders}
    if known.provider_id in REGISTRY:
        allowed.remove("format")
    for key in sorted(set(table.values) - allowed):
        advice = f"use {', '.join(sorted(allowed))}; a key's value belongs into the environment"
        raise table.defect(repr(key), f"is unknown: {advice}")


def _with_key(endpoint: Endpoint, table: _Table) -> Endpoint:
    variable = table.get("key_variable")
    if not variable:
        return replace(endpoint, key_variables=(), is_key_required=False)
    if not _VARIABLE.fullmatch(variable):
        raise table.defect("key_variable", "is no name of an environment variable; the key itself does not belong here")
    return replace(endpoint, key_variables=(variable,), is_key_required=True)


def _parameters(table: _Table) -> dict[str, str]:
    parameters = {}
    for name, value in table.get("parameters", {}).items():
        if type(value) not in (str, int):
            raise table.defect(f"parameters.{name}", "must be a text or a whole number")
        if _SECRET_PARAMETERS.fullmatch(name):
            raise table.defect(f"parameters.{name}", "looks like a key: name its variable as key_variable instead")
        parameters[name] = str(value)
    return parameters


def _places(endpoint: Endpoint, table: _Table) -> dict[str, str]:
    places = {name: table.get(name) for name in endpoint.placeholders if name in table.values}
    for name, value in places.items():
        if not _PLACE_VALUE.fullmatch(value):
            raise table.defect(name, "may hold letters, digits, '.', '_' and '-' only")
    return places


def _check_address(endpoint: Endpoint, table: _Table) -> None:
    if not endpoint.path.startswith("/"):
        raise table.defect("path", "must begin with '/'")
    if "?" in endpoint.base_url + endpoint.path:
        raise table.defect("base_url", "and path hold no '?': put parameters into the table 'parameters'")
    filled = dict.fromkeys(endpoint.missing_placeholders, "x")
    defect = address_defect(replace(endpoint, places={**endpoint.places, **filled}).url, endpoint.is_plain_http_allowed)
    if defect:
        raise table.defect("base_url", defect)


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """One provider that is known here, and what it would take to ask it. Holds no key."""

    provider_id: str
    url: str | None
    """Without parameters; None while a place in it is not filled."""
    key_variables: tuple[str, ...]
    is_key_required: bool
    is_key_present: bool
    is_chosen: bool
    """Whether a fetch of all asks it: its key is there, or the user's file names it."""
    obstacle: str | None
    """Why it can't be asked, with what to do."""


@dataclass(frozen=True, slots=True)
class FetchSelection:
    """Whom a fetch asks."""

    endpoints: tuple[Endpoint, ...]
    passed_over: tuple[tuple[str, str], ...]
    """Provider and reason, of those that would be asked if nothing stood in the way."""


def configured_providers(settings: Settings) -> list[ConfiguredProvider]:
    """Every provider of the registry and the user's file, by name. Raises SettingsError for a file that is wrong."""
    return [_configured(endpoint) for _, endpoint in sorted(read_endpoints(settings.providers_file).items())]


def select_endpoints(settings: Settings, wanted: Sequence[str]) -> FetchSelection:
    """The endpoints of the ``wanted`` providers; of all that have a key or stand in the user's file if none is named.

    Raises NotConfigured for a wanted one that can't be asked, or if there is none at all; SettingsError for a file
    that is wrong.
    """
    endpoints = read_endpoints(settings.providers_file)
    if wanted:
        return FetchSelection(tuple(_wanted(provider_id, endpoints) for provider_id in dict.fromkeys(wanted)), ())
    configured = [one for _, endpoint in sorted(endpoints.items()) if (one := _configured(endpoint)).is_chosen]
    if not configured:
        raise NotConfigured(
            "no provider has a key: set one, such as OPENAI_API_KEY, or describe your own server in "
            f"{settings.providers_file or DEFAULT_NAME}"
        )
    return FetchSelection(
        tuple(endpoints[one.provider_id] for one in configured if one.obstacle is None),
        tuple((one.provider_id, one.obstacle) for one in configured if one.obstacle is not None),
    )


def _wanted(provider_id: str, endpoints: dict[str, Endpoint]) -> Endpoint:
    if provider_id not in endpoints:
        raise NotConfigured(
            f"nobody said where {provider_id} is: give its base_url in [providers.{provider_id}] of {DEFAULT_NAME}"
        )
    obstacle = _configured(endpoints[provider_id]).obstacle
    if obstacle is not None:
        raise NotConfigured(f"{provider_id} can't be asked: {obstacle}")
    return endpoints[provider_id]


def _configured(endpoint: Endpoint) -> ConfiguredProvider:
    try:
        is_key_present, obstacle = endpoint.read_api_key() is not None, None
    except SettingsError as error:
        is_key_present, obstacle = True, str(error)
    if endpoint.is_key_required and not is_key_present:
        obstacle = f"it needs a key: set {' or '.join(endpoint.key_variables)}"
    if endpoint.missing_placeholders:
        lacking = ", ".join(endpoint.missing_placeholders)
        obstacle = f"it needs {lacking}: put it into [providers.{endpoint.provider_id}] of {DEFAULT_NAME}"
    return ConfiguredProvider(
        endpoint.provider_id,
        None if endpoint.missing_placeholders else without_query(endpoint.url),
        endpoint.key_variables,
        endpoint.is_key_required,
        is_key_present,
        endpoint.is_configured or is_key_present,
        obstacle,
    )
