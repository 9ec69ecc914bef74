"""Which providers and references can be fetched, and how: built-in endpoints, ``providers.toml``, keys that are set."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ghost_pipeline.errors import InvalidProvider, NotConfigured, SettingsError, format_message
from ghost_pipeline.fetching.urls import address_defect
from ghost_pipeline.lifecycle.identity import advise_nearest, nearest_names, provider_slug
from ghost_pipeline.listings.files import provider_in_name
from ghost_pipeline.providers import ENDPOINTS
from ghost_pipeline.providers.endpoint import Endpoint, describe_missing_key
from ghost_pipeline.redaction import Secret, redact_url
from ghost_pipeline.settings import Settings, parse_toml, read_configuration, read_secret

DEFAULT_NAME = "providers.toml"

_TYPES: Mapping[str, type] = {
    "base_url": str,
    "path": str,
    "key_variable": str,
    "format": str,
    "parameters": dict,
    "allow_plain_http": bool,
}
_TYPE_NAMES = {str: "a string", dict: "a table", bool: "true or false"}
_TABLE_ADVICE = "name tables like [providers.openai]"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACEHOLDER_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECRET_PARAMETERS = re.compile(r"(?i)(?:.*[-_])?(?:(?:api)?key|(?<!page_)token|secret|password)")


def read_endpoints(path: Path | None) -> dict[str, Endpoint]:
    """Return the endpoint of every known provider: the built-in ones, changed and extended by the user's file.

    ``path`` None means ``providers.toml`` in the current folder, which may be missing. Raises SettingsError, which
    names the file and the line or key, and no value.
    """
    if path is None and not Path(DEFAULT_NAME).exists():
        return dict(ENDPOINTS)
    file = path or Path(DEFAULT_NAME)
    endpoints, seen = dict(ENDPOINTS), set()
    for name, table in _tables(file, "providers").items():
        where = f"{file}: [providers.{name}]"
        provider_id = _provider_id(name, where)
        if provider_id in seen:
            raise SettingsError(f"{where} is a duplicate table for {provider_id}", "merge them")
        seen.add(provider_id)
        endpoints[provider_id] = _endpoint(provider_id, _Table(where, table))
    return endpoints


def read_reference_endpoints(path: Path | None, known: Collection[str]) -> dict[str, Endpoint]:
    """Return the endpoint of every reference that the user's file has a table for, by name; none without a file.

    ``known`` are the names of references. Raises SettingsError, as ``read_endpoints``.
    """
    if path is None and not Path(DEFAULT_NAME).exists():
        return {}
    file = path or Path(DEFAULT_NAME)
    endpoints = {}
    for name, values in _tables(file, "references").items():
        where = f"{file}: [references.{name}]"
        if name not in known:
            raise SettingsError(f"{where} is unknown", f"use one of {', '.join(known)}")
        table = _Table(where, values)
        unknown = sorted(set(table.values) - {"url", "allow_plain_http"})
        if unknown:
            raise table.invalid(repr(unknown[0]), "is unknown", "use url, allow_plain_http")
        url, is_plain = table.get("url", ""), table.get("allow_plain_http", False)
        defect = address_defect(url, is_plain) if url else "is required"
        if defect:
            raise table.invalid("url", defect)
        endpoints[name] = Endpoint(
            url,
            path="",
            provider_id=name,
            is_key_required=False,
            is_plain_http_allowed=is_plain,
            is_configured=True,
            address_settings=("url",),
        )
    return endpoints


def _tables(file: Path, kind: str) -> Mapping[str, Any]:
    document = parse_toml(read_configuration(file, "GHOST_PROVIDERS_FILE"), str(file))
    unknown = sorted(set(document) - {"providers", "references"})
    if unknown:
        raise SettingsError(f"{file}: {unknown[0]!r} is unknown", _TABLE_ADVICE)
    tables = document.get(kind, {})
    if not isinstance(tables, dict):
        raise SettingsError(f"{file}: {kind!r} is not a table", _TABLE_ADVICE)
    return tables


def _provider_id(name: str, where: str) -> str:
    try:
        provider_id = provider_slug(name)
        is_readable = provider_in_name(f"{provider_id}_models.json") == provider_id
    except InvalidProvider as error:
        raise SettingsError(f"{where}: {error.reason}", error.advice) from None
    if not is_readable:
        raise SettingsError(
            f"{where}: files of {provider_id!r} would be confused with those of others", "use another name"
        )
    return provider_id


class _Table:
    """The table of one provider, with checked access to its keys."""

    def __init__(self, where: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise SettingsError(f"{where} is not a table", _TABLE_ADVICE)
        self.where = where
        self.values = values

    def get(self, key: str, default: Any = None) -> Any:
        value = self.values.get(key, default)
        if key in self.values and type(value) is not _TYPES.get(key, str):
            raise self.invalid(key, f"must be {_TYPE_NAMES[_TYPES.get(key, str)]}")
        return value

    def invalid(self, key: str, problem: str, advice: str = "correct it") -> SettingsError:
        return SettingsError(f"{self.where} {key} {problem}", advice)


def _endpoint(provider_id: str, table: _Table) -> Endpoint:
    known = ENDPOINTS.get(provider_id) or _new_endpoint(provider_id, table)
    _reject_unknown_keys(known, table)
    endpoint = replace(
        known,
        base_url=table.get("base_url", known.base_url),
        path=table.get("path", known.path),
        parameters={**known.parameters, **_parameters(table)},
        is_plain_http_allowed=table.get("allow_plain_http", False),
        is_configured=True,
    )
    endpoint = replace(endpoint, places={**known.places, **_placeholder_values(endpoint, table)})
    if "key_variable" in table.values:
        endpoint = _with_key(endpoint, table)
    _check_address(endpoint, table)
    return endpoint


def _new_endpoint(provider_id: str, table: _Table) -> Endpoint:
    if "base_url" not in table.values:
        raise SettingsError(f"{table.where}: {provider_id} is not a built-in provider", "set its base_url")
    format_name = table.get("format", "openai")
    if format_name not in ENDPOINTS:
        raise table.invalid("format", "is unknown", f"use one of {', '.join(sorted(ENDPOINTS))}")
    return replace(ENDPOINTS[format_name], provider_id=provider_id, key_variables=(), is_key_required=False)


def _reject_unknown_keys(known: Endpoint, table: _Table) -> None:
    allowed = {*_TYPES, *known.placeholders}
    if known.provider_id in ENDPOINTS:
        allowed.remove("format")
    for key in sorted(set(table.values) - allowed):
        advice = f"use {', '.join(sorted(allowed))}; put the value of a key into the environment"
        raise table.invalid(repr(key), "is unknown", advice)


def _with_key(endpoint: Endpoint, table: _Table) -> Endpoint:
    variable = table.get("key_variable")
    if not variable:
        return replace(endpoint, key_variables=(), is_key_required=False)
    if not _VARIABLE.fullmatch(variable):
        raise table.invalid(
            "key_variable",
            "is not the name of an environment variable",
            "put the key into a variable and set key_variable to its name",
        )
    return replace(endpoint, key_variables=(variable,), is_key_required=True)


def _parameters(table: _Table) -> dict[str, str]:
    parameters = {}
    for name, value in table.get("parameters", {}).items():
        if type(value) not in (str, int):
            raise table.invalid(f"parameters.{name}", "must be a string or a whole number")
        if _SECRET_PARAMETERS.fullmatch(name):
            raise table.invalid(f"parameters.{name}", "looks like a key", "set key_variable to its variable instead")
        parameters[name] = str(value)
    return parameters


def _placeholder_values(endpoint: Endpoint, table: _Table) -> dict[str, str]:
    values = {name: table.get(name) for name in endpoint.placeholders if name in table.values}
    for name, value in values.items():
        if not _PLACEHOLDER_VALUE.fullmatch(value):
            raise table.invalid(name, "may contain letters, digits, '.', '_' and '-' only")
    return values


def _check_address(endpoint: Endpoint, table: _Table) -> None:
    if not endpoint.path.startswith("/"):
        raise table.invalid("path", "must begin with '/'")
    if "?" in endpoint.base_url + endpoint.path:
        raise table.invalid("base_url", "or path contains '?'", "put parameters into the table 'parameters'")
    filled = dict.fromkeys(endpoint.missing_placeholders, "x")
    defect = address_defect(replace(endpoint, places={**endpoint.places, **filled}).url, endpoint.is_plain_http_allowed)
    if defect:
        raise table.invalid("base_url", defect)


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """One known provider, and what is required to fetch it. Holds no key."""

    provider_id: str
    url: str | None
    """Without parameters; None while a placeholder in it has no value."""
    key_variables: tuple[str, ...]
    is_key_required: bool
    is_key_present: bool
    is_enabled: bool
    """Whether a fetch of all providers includes it: its key is set, or the user's file has a table for it."""
    is_key_unusable: bool
    """Whether a key is set that can't be read or can't be part of a request header."""
    blocked_reason: str | None
    """Why it can't be fetched, with what to do."""


@dataclass(frozen=True, slots=True)
class FetchSelection:
    """The providers of one fetch."""

    endpoints: tuple[Endpoint, ...]
    skipped: tuple[tuple[str, str], ...]
    """Provider and reason of those that are enabled and can't be fetched."""
    has_unusable_key: bool = False
    """Whether one of them has a key that can't be used, which is an error and not a matter of choice."""


def configured_providers(settings: Settings) -> list[ConfiguredProvider]:
    """Return every known provider, sorted by id. Raises SettingsError for an invalid file."""
    return [_configured(endpoint) for _, endpoint in sorted(read_endpoints(settings.providers_file).items())]


def select_endpoints(settings: Settings, requested: Sequence[str]) -> FetchSelection:
    """Return the endpoints of the ``requested`` providers, or of all enabled ones if none is requested.

    Raises NotConfigured for a requested one that can't be fetched, or if none is enabled; SettingsError for an invalid
    file.
    """
    endpoints = read_endpoints(settings.providers_file)
    if requested:
        return FetchSelection(tuple(_require(provider_id, endpoints) for provider_id in dict.fromkeys(requested)), ())
    enabled = [one for _, endpoint in sorted(endpoints.items()) if (one := _configured(endpoint)).is_enabled]
    if not enabled:
        file = settings.providers_file or DEFAULT_NAME
        raise NotConfigured("no provider has a key", f"set one, such as OPENAI_API_KEY, or add your server to {file}")
    return FetchSelection(
        tuple(endpoints[one.provider_id] for one in enabled if one.blocked_reason is None),
        tuple((one.provider_id, one.blocked_reason) for one in enabled if one.blocked_reason is not None),
        has_unusable_key=any(one.is_key_unusable for one in enabled),
    )


def _require(provider_id: str, endpoints: dict[str, Endpoint]) -> Endpoint:
    if provider_id not in endpoints:
        advice = advise_nearest(
            nearest_names(provider_id, endpoints), f"set it in [providers.{provider_id}] of {DEFAULT_NAME}"
        )
        raise NotConfigured(f"no base_url is configured for {provider_id}", advice)
    blocked_reason = _configured(endpoints[provider_id]).blocked_reason
    if blocked_reason is not None:
        raise NotConfigured(f"{provider_id} can't be fetched: {blocked_reason}")
    return endpoints[provider_id]


def read_api_key(endpoint: Endpoint) -> Secret | None:
    """Return the key, read from the environment now; None if there is none.

    Raises SettingsError for a value that can't be part of a request header.
    """
    for variable in endpoint.key_variables:
        value = (read_secret(variable) or "").strip()
        if not value:
            continue
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise SettingsError(f"the value of {variable} can't be a key (white space or no ASCII)", "set it anew")
        return Secret(value)
    return None


def _configured(endpoint: Endpoint) -> ConfiguredProvider:
    try:
        is_key_present, blocked_reason = read_api_key(endpoint) is not None, None
    except SettingsError as error:
        is_key_present, blocked_reason = True, str(error)
    is_key_unusable = blocked_reason is not None
    if endpoint.is_key_required and not is_key_present:
        blocked_reason = describe_missing_key(endpoint.key_variables)
    if endpoint.missing_placeholders:
        missing = ", ".join(endpoint.missing_placeholders)
        advice = f"set it in [providers.{endpoint.provider_id}] of {DEFAULT_NAME}"
        blocked_reason = format_message(f"{missing} is required", advice)
    return ConfiguredProvider(
        endpoint.provider_id,
        None if endpoint.missing_placeholders else redact_url(endpoint.url),
        endpoint.key_variables,
        endpoint.is_key_required,
        is_key_present,
        endpoint.is_configured or is_key_present,
        is_key_unusable,
        blocked_reason,
    )
