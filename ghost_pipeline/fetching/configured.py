"""Who can be asked: the registry and the user's file, seen with the keys that are there."""

from collections.abc import Sequence
from dataclasses import dataclass

from ghost_pipeline.errors import NotConfigured, SettingsError
from ghost_pipeline.fetching.addresses import shown
from ghost_pipeline.fetching.endpoint import Endpoint
from ghost_pipeline.fetching.providers_file import DEFAULT_NAME, read_endpoints
from ghost_pipeline.settings import Settings


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
class Chosen:
    """Whom a fetch asks."""

    endpoints: tuple[Endpoint, ...]
    passed_over: tuple[tuple[str, str], ...]
    """Provider and reason, of those that would be asked if nothing stood in the way."""


def configured_providers(settings: Settings) -> list[ConfiguredProvider]:
    """Every provider of the registry and the user's file, by name. Raises SettingsError for a file that is wrong."""
    return [_configured(endpoint) for _, endpoint in sorted(read_endpoints(settings.providers_file).items())]


def choose(settings: Settings, wanted: Sequence[str]) -> Chosen:
    """The endpoints of the ``wanted`` providers; of all that have a key or stand in the user's file if none is named.

    Raises NotConfigured for a wanted one that can't be asked, or if there is none at all; SettingsError for a file
    that is wrong.
    """
    endpoints = read_endpoints(settings.providers_file)
    if wanted:
        return Chosen(tuple(_wanted(provider_id, endpoints) for provider_id in dict.fromkeys(wanted)), ())
    configured = [one for _, endpoint in sorted(endpoints.items()) if (one := _configured(endpoint)).is_chosen]
    if not configured:
        raise NotConfigured(
            "no provider has a key: set one, such as OPENAI_API_KEY, or describe your own server in "
            f"{settings.providers_file or DEFAULT_NAME}"
        )
    return Chosen(
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
        is_key_present, obstacle = endpoint.read_key() is not None, None
    except SettingsError as error:
        is_key_present, obstacle = True, str(error)
    if endpoint.is_key_required and not is_key_present:
        obstacle = f"it needs a key: set {' or '.join(endpoint.key_variables)}"
    if endpoint.lacking_places:
        lacking = ", ".join(endpoint.lacking_places)
        obstacle = f"it needs {lacking}: put it into [providers.{endpoint.provider_id}] of {DEFAULT_NAME}"
    return ConfiguredProvider(
        endpoint.provider_id,
        None if endpoint.lacking_places else shown(endpoint.url),
        endpoint.key_variables,
        endpoint.is_key_required,
        is_key_present,
        endpoint.is_named_by_user or is_key_present,
        obstacle,
    )
