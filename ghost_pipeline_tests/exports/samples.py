"""Models to export."""

from datetime import UTC, datetime
from typing import Any

from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import Source

FIRST = datetime(2026, 5, 1, 12, tzinfo=UTC)
LAST = datetime(2026, 5, 2, 12, 30, 15, 250, tzinfo=UTC)


def model(provider_id: str = "openai", model_id: str = "gpt-x", **facts: Any) -> ModelRecord:
    return ModelRecord(provider_id, model_id, Source.INDEX, facts.pop("is_active", True), FIRST, LAST, **facts)


def ghost(provider_id: str = "openai", model_id: str = "gone", **facts: Any) -> ModelRecord:
    return model(provider_id, model_id, is_active=False, deactivated_at=LAST, **facts)


FULL = model(
    name='Comma, "quote"\nand line',
    last_listed_at=LAST,
    last_used_at=FIRST,
    is_free=False,
    context_window=128_000,
    max_output_tokens=16_384,
    input_price=0.15,
    output_price=2.5,
    capabilities=("text", "tools", "vision"),
    expires_at=LAST,
    provider_data={"id": "gpt-x", "ü": [1, None]},
    inference_metadata={"region": "eu"},
    listing_id=7,
)
