"""The answer of an OpenAI-style ``GET /v1/models`` (OpenAI API reference, "List models").

``id`` is the provider's own id of the model, as clients know it. Where several of the exported providers have the same
id, each of them is ``provider/id``, because an id must say which model is meant.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ghost_pipeline.lifecycle.plain import plain
from ghost_pipeline.lifecycle.records import ModelRecord


def openai_answer(models: Sequence[ModelRecord]) -> bytes:
    """``{"object": "list", "data": [...]}``; ``created`` is when the catalog first saw the model, in epoch seconds."""
    uses = Counter(model.model_id for model in models)
    data = [_model(model, is_shared=uses[model.model_id] > 1) for model in models]
    return (json.dumps({"object": "list", "data": data}, indent=2, ensure_ascii=False) + "\n").encode()


def _model(model: ModelRecord, *, is_shared: bool) -> dict[str, Any]:
    answer = {
        "id": f"{model.provider_id}/{model.model_id}" if is_shared else model.model_id,
        "object": "model",
        "created": int(model.first_seen_at.timestamp()),
        "owned_by": model.provider_id,
    }
    if not model.is_active:
        answer |= {"is_active": False, "last_seen_at": plain(model.last_seen_at)}
    return answer
