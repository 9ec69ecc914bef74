"""Exports of any size are written a page at a time; where a page ends makes no difference."""

import io
import json
import tracemalloc
from collections.abc import Iterator

import pandas as pd
import pytest

from ghost_pipeline.exports import FORMATS, export_models, formats, write_models
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline_tests.exports.samples import FULL, ghost, model

MIXED = [
    FULL,
    model("groq", "a*"),  # what LiteLLM's format leaves out is a page of its own
    model("groq", "gpt-x", context_window=10),
    ghost("mistral", "gone", input_price=0.5),
    model("xai", "bare", capabilities=("text",)),
]


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("size", [1, 2, 4])
def test_pages_of_any_size_give_the_same_export(to: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = export_models(MIXED, to, is_with_ghosts=True)
    monkeypatch.setattr(formats, "PAGE_SIZE", size)
    paged = export_models(MIXED, to, is_with_ghosts=True)
    if to == "parquet":
        pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(whole)), pd.read_parquet(io.BytesIO(paged)))
    else:
        assert paged == whole


def test_an_id_that_several_providers_have_is_named_with_its_provider_on_every_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(formats, "PAGE_SIZE", 1)
    data = json.loads(export_models(MIXED, "openai"))["data"]
    assert [one["id"] for one in data] == ["a*", "groq/gpt-x", "openai/gpt-x", "bare"]


@pytest.mark.parametrize("to", FORMATS)
def test_an_export_holds_no_more_than_a_page(to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "PAGE_SIZE", 50)

    def models(number: int) -> Iterator[ModelRecord]:
        for one in range(number):
            yield model(model_id=f"{one}", name=f"{one} " * 1_000, provider_data={"text": f"{one} " * 1_000})

    class Nowhere(io.RawIOBase):
        written = 0

        def writable(self) -> bool:
            return True

        def write(self, content: bytes) -> int:  # type: ignore[override]
            self.written += len(content)
            return len(content)

    write_models(models(60), to, Nowhere())  # type: ignore[arg-type]
    file = Nowhere()
    tracemalloc.start()
    write_models(models(1_500), to, file)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
    if to in ("json", "csv"):
        assert file.written > 10_000_000
