"""Vertex AI: ``publishers.models.list`` (Model Garden REST reference), ``publisherModels[]`` and ``nextPageToken``.

A row is identified by its resource name, ``publishers/google/models/…``. No ``launchStage`` of the reference says that
a model is gone, and no field has a fact of the catalog.
"""

from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.providers.wire_format import Fields, Format


def _read(fields: Fields) -> Facts:
    return Facts(name=fields.text("displayName"))


VERTEX = Format("vertex", 1, _read, row_keys=("publisherModels",), id_fields=("name",))
