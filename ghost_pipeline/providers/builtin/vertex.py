"""Vertex AI: ``publishers.models.list`` (Model Garden REST reference), ``publisherModels[]`` and ``nextPageToken``.

A row is identified by its resource name, ``publishers/google/models/…``, which names the maker and its id of the model.
No ``launchStage`` of the reference says that a model is gone, and no field has a fact of the catalog.
"""

from ghost_pipeline.lifecycle.claims.same_models import makers_id
from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.declaration import LiteLLMRoute, Provider
from ghost_pipeline.providers.wire_format import Fields, Format


def _read(fields: Fields) -> Facts:
    return Facts(name=fields.text("displayName"), aliases=makers_id("vertex", fields.model_id))


_WITHOUT_PUBLISHER = frozenset({"google", "anthropic", "mistralai", "ai21"})


def _id_for_litellm(model_id: str) -> str:
    """Return a resource name as LiteLLM takes it: ``publisher/model``, or the model alone for its first publishers.

    Sources: docs.litellm.ai/docs/providers/vertex and vertex_partner.
    """
    parts = model_id.split("/")
    if len(parts) == 4 and (parts[0], parts[2]) == ("publishers", "models"):
        return parts[3] if parts[1] in _WITHOUT_PUBLISHER else f"{parts[1]}/{parts[3]}"
    return model_id


PROVIDERS = (
    Provider(
        "vertex",
        Format("vertex", 2, _read, row_keys=("publisherModels",), id_fields=("name",)),
        endpoint=None,
        route=LiteLLMRoute(
            "vertex_ai",
            {"vertex_project": "VERTEXAI_PROJECT", "vertex_location": "VERTEXAI_LOCATION"},
            format_id=_id_for_litellm,
        ),
        hosts=("aiplatform.googleapis.com",),
    ),
)
