"""A model answered: what is taken from a client that says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ghost_pipeline.lifecycle.identity import canonical_model_id, checked_name, provider_slug
from ghost_pipeline.lifecycle.instants import believable
from ghost_pipeline.lifecycle.metadata import checked_metadata


@dataclass(frozen=True, slots=True)
class Inference:
    """A model answered, once or often, between two instants."""

    provider_id: str
    model_id: str
    first_at: datetime
    last_at: datetime
    name: str | None = None
    metadata: dict[str, Any] | None = None


def checked_inference(
    provider_id: str,
    model_id: str,
    first_at: datetime,
    last_at: datetime,
    name: str | None,
    metadata: Mapping[str, Any] | None,
    now: datetime,
) -> Inference:
    """The sighting under the catalog's names, with instants (aware ones are given) that can be believed.

    Raises InvalidProvider, InvalidModelId, InvalidName, InvalidMetadata.
    """
    slug = provider_slug(provider_id)
    canonical = canonical_model_id(slug, model_id)
    believed = [believable(at, now) for at in (first_at, last_at)]
    return Inference(slug, canonical, min(believed), max(believed), checked_name(name), checked_metadata(metadata))
