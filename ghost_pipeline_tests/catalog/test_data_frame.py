"""Models as a pandas frame: its types never depend on its values."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from ghost_pipeline.catalog import catalog_queries
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.errors import UnknownProvider
from ghost_pipeline.lifecycle.records import MODEL_FIELDS
from ghost_pipeline_tests.catalog.backends import Place

AT = datetime(2026, 5, 1, 12, 0, 0, 1, tzinfo=UTC)
DTYPES = {
    **dict.fromkeys(("provider_id", "model_id", "source", "name", "replaced_by", "aliases", "family"), "string"),
    **dict.fromkeys(("prices", "provider_data", "inference_metadata"), "string"),
    **dict.fromkeys(("is_active", "is_name_manual", "is_free"), "boolean"),
    **dict.fromkeys(("context_window", "max_output_tokens", "listing_id"), "Int64"),
    **dict.fromkeys(("input_price", "output_price"), "Float64"),
    **dict.fromkeys(("first_seen_at", "last_seen_at", "last_listed_at", "last_used_at"), "datetime64[us, UTC]"),
    **dict.fromkeys(("deactivated_at", "expires_at", "refused_since", "last_refused_at"), "datetime64[us, UTC]"),
    "refusal_reason": "string",
    "manual_facts": "string",
    "capabilities": "object",
}


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def test_a_frame_has_the_types_of_its_columns_for_any_models_and_for_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_queries, "PAGE_SIZE", 2)
    with place.opened() as catalog:
        empty = catalog.to_dataframe()
        assert (len(empty), list(empty.columns)) == (0, list(MODEL_FIELDS))
        catalog.add_manual_models([{"provider_id": "groq", "model_id": f"m{number}"} for number in range(5)])
        unknown = catalog.to_dataframe()
        facts: dict[str, Any] = {
            "context_window": 10**12 + 1,
            "input_price": 0.1,
            "capabilities": ["tools"],
            "expires_at": AT,
        }
        catalog.add_manual_model("mistral", "known", observed_at=AT, **facts)
        known = catalog.to_dataframe(ModelFilter(sort="-model_id", is_active=None))
        with pytest.raises(UnknownProvider):
            catalog.to_dataframe(ModelFilter(provider_ids=("nobody",)))
    assert dtypes(empty) == dtypes(unknown) == dtypes(known) == {name: DTYPES[name] for name in MODEL_FIELDS}
    assert list(known["model_id"]) == ["m4", "m3", "m2", "m1", "m0", "known"]
    assert list(known.index) == list(range(6))
    row = known.iloc[5]
    assert (row["context_window"], row["input_price"], row["capabilities"]) == (10**12 + 1, 0.1, ("tools",))
    assert row["first_seen_at"] == row["expires_at"] == pd.Timestamp(AT)
    assert known["context_window"].isna().sum() == 5
