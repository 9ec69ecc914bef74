"""What a run-time client may say of a model besides that it answered."""

import json
from collections.abc import Mapping
from typing import Any

from ghost_pipeline.errors import InvalidMetadata

MAX_METADATA_BYTES = 64 * 1024


def checked_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """``metadata`` as plain JSON values, detached from the caller's objects; None if there is none.

    Raises InvalidMetadata for what is no JSON object of at most 64 KiB: NaN, bytes, cycles, lone surrogates.
    """
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise InvalidMetadata(f"metadata must be a JSON object, not {type(metadata).__name__}")
    try:
        text = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMetadata(f"metadata can't be kept as JSON: {error}") from error
    if size > MAX_METADATA_BYTES:
        raise InvalidMetadata(f"metadata has {size:,} bytes of JSON; at most {MAX_METADATA_BYTES:,} are kept")
    detached = json.loads(text)
    return detached if isinstance(detached, dict) else None
