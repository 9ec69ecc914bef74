"""The JSON file in which another catalog exported its models."""

from typing import Any

from ghost_pipeline.errors import InvalidExport
from ghost_pipeline.listings.decoding import decoded
from ghost_pipeline.listings.defects import FETCH_AGAIN, Malformed


def rows_in(name: str, content: bytes) -> list[Any]:
    """The rows of the export: a list, or an object with the list under ``models``. Raises InvalidExport."""
    try:
        document = decoded(content)
    except Malformed as defect:
        raise InvalidExport(f"{name}: {str(defect).replace(FETCH_AGAIN, 'export it again')}") from defect
    except RecursionError as error:
        raise InvalidExport(f"{name}: the JSON is nested too deeply to be a list of models") from error
    rows = document.get("models") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise InvalidExport(f"{name}: a list of objects is wanted, one a model, or an object with it under 'models'")
    return rows
