"""The OpenAI-style model list and the tables, read back by the programs that they are for."""

import io
import json
import subprocess
import sys
from datetime import UTC

import pandas as pd
import pytest

from ghost_pipeline.additions import read_csv
from ghost_pipeline.errors import ExportRefused
from ghost_pipeline.exports import FORMATS, export_models
from ghost_pipeline.lifecycle.claims.resolution import SOURCE_COLUMNS
from ghost_pipeline.lifecycle.records import MODEL_FIELDS
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline_tests.exports.samples import FIRST, FULL, ghost, model

COLUMNS = list(MODEL_FIELDS)
TABLE = [*COLUMNS, *SOURCE_COLUMNS]


def test_an_openai_answer_has_the_documented_shape() -> None:
    assert json.loads(export_models([FULL], "openai")) == {
        "object": "list",
        "data": [{"id": "gpt-x", "object": "model", "created": int(FIRST.timestamp()), "owned_by": "openai"}],
    }


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (1_686_935_002, 1_686_935_002),
        (1_686_935_002.75, 1_686_935_002),
        (0, None),
        (-5, None),
        (1_686_935_002_000, None),
        (True, None),
        (float("inf"), None),
        (float("nan"), None),
        ("1686935002", None),
        ({"$gt": 0}, None),
        (None, None),
    ],
)
def test_created_is_the_provider_s_where_it_states_an_instant(stated: object, expected: int | None) -> None:
    [one] = json.loads(export_models([model(provider_data={"id": "gpt-x", "created": stated})], "openai"))["data"]
    assert one["created"] == (expected or int(FIRST.timestamp()))


def test_an_openai_answer_is_a_listing_that_this_project_reads_itself() -> None:
    listing = parse_listing("openai", export_models([FULL, model(model_id="b")], "openai"))
    assert listing.malformed_reason is None
    assert [one.model_id for one in listing.models] == ["b", "gpt-x"]


def test_an_id_that_two_providers_share_is_prefixed() -> None:
    models = [model("openai", "m"), model("azure", "m"), model("groq", "other")]
    answer = json.loads(export_models(models, "openai"))
    assert [one["id"] for one in answer["data"]] == ["azure/m", "other", "openai/m"]
    assert [one["owned_by"] for one in answer["data"]] == ["azure", "groq", "openai"]


@pytest.mark.parametrize("to", FORMATS)
def test_ghosts_are_left_out_of_every_format_unless_requested(to: str) -> None:
    models = [model(), ghost()]
    assert export_models(models, to) == export_models(models[:1], to)
    assert export_models(models, to, is_with_ghosts=True) != export_models(models[:1], to)


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_models_in_any_order_give_the_same_bytes(to: str) -> None:
    models = [FULL, model("groq", "a"), model("groq", "b")]
    assert export_models(models, to) == export_models(models[::-1], to)


def test_ghosts_are_marked() -> None:
    (answer,) = json.loads(export_models([ghost()], "openai", is_with_ghosts=True))["data"]
    assert (answer["is_active"], answer["last_seen_at"]) == (False, "2026-05-02T12:30:15.000250Z")
    (row,) = json.loads(export_models([ghost()], "json", is_with_ghosts=True))
    assert row["is_active"] is False
    table = pd.read_csv(io.BytesIO(export_models([ghost()], "csv", is_with_ghosts=True)))
    assert list(table["is_active"]) == [False]


def test_json_is_a_list_of_the_catalog_s_columns() -> None:
    (row,) = json.loads(export_models([FULL], "json"))
    assert list(row) == COLUMNS
    assert row["provider_data"] == FULL.provider_data
    assert row["last_seen_at"] == "2026-05-02T12:30:15.000250Z"
    assert (row["input_price"], row["capabilities"]) == (0.15, ["text", "tools", "vision"])


def test_csv_keeps_numbers_texts_and_instants_and_leaves_the_unknown_empty() -> None:
    content = export_models([FULL, model("xai", "bare")], "csv")
    assert content.splitlines()[0].decode().split(",") == TABLE
    full, bare = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False).to_dict("records")
    assert (full["context_window"], full["input_price"], full["listing_id"]) == ("128000", "0.15", "7")
    assert full["name"] == FULL.name
    assert full["capabilities"] == "text;tools;vision"
    assert json.loads(full["provider_data"]) == FULL.provider_data
    assert parse_instant(full["last_seen_at"]) == FULL.last_seen_at
    unknown = {name for name, value in bare.items() if value == ""}
    nothing = {name for name in COLUMNS if getattr(model("xai", "bare"), name) is None}
    assert unknown == nothing | {name for name in SOURCE_COLUMNS if name.removesuffix("_source") in nothing}
    assert (full["input_price_source"], bare["input_price_source"]) == ("listing", "")


def test_the_columns_of_a_csv_export_can_be_added_from_a_file() -> None:
    table = pd.read_csv(io.BytesIO(export_models([FULL], "csv")), dtype=str)
    stated = ["provider_id", "model_id", "name", "context_window", "input_price", "capabilities", "expires_at"]
    (addition,) = read_csv(io.StringIO(table[stated].to_csv(index=False)))
    assert addition.values == {
        name: list(FULL.capabilities or ()) if name == "capabilities" else getattr(FULL, name) for name in stated
    }


def test_a_spreadsheet_computes_no_text_of_csv_and_the_text_is_read_back() -> None:
    texts = [
        '=HYPERLINK("http://evil.example")',
        "+1",
        "-rf",
        "@cf/meta/llama",
        "'=1+1",
        "''@x",
        "'quoted'",
        "it's",
        "＝1",
        "right\u202eto left",
        'a"b,c',
    ]
    exported = export_models([model(model_id=one, name=one) for one in texts], "csv").decode()
    table = pd.read_csv(io.StringIO(exported), usecols=["provider_id", "model_id", "name"], dtype="string")
    for column in ("model_id", "name"):
        assert not [cell for cell in table[column] if cell[0] in "=+-@＝"]
    assert "@cf/meta/llama" not in set(table["model_id"])
    rows = list(read_csv(io.StringIO(table.to_csv(index=False))))
    assert sorted(row.values["model_id"] for row in rows) == sorted(texts)
    assert all(row.values["name"] == row.values["model_id"] for row in rows)


def test_parquet_has_a_type_for_every_column_also_of_no_model() -> None:
    full, bare, none = (
        pd.read_parquet(io.BytesIO(export_models(models, "parquet")))
        for models in ([FULL, model("xai", "bare")], [model()], [])
    )
    assert list(full.columns) == list(none.columns) == TABLE
    assert dict(full.dtypes) == dict(bare.dtypes) == dict(none.dtypes)
    row = full.iloc[0]
    assert (row["context_window"], row["input_price"], row["is_active"]) == (128_000, 0.15, True)
    assert list(row["capabilities"]) == ["text", "tools", "vision"]
    assert row["last_seen_at"].to_pydatetime() == FULL.last_seen_at.astimezone(UTC)
    assert json.loads(row["provider_data"]) == FULL.provider_data
    assert full.iloc[1][["context_window", "input_price", "is_free", "expires_at"]].isna().all()


def test_without_pyarrow_parquet_is_an_error_with_advice_and_the_rest_works() -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from ghost_pipeline.exports import export_models\n"
        "for to in ('csv', 'json', 'openai', 'litellm'): export_models([], to)\n"
        "export_models([], 'parquet')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("ghost_pipeline.errors.ExportRefused: parquet needs pyarrow")
    assert "pip install --editable '.[parquet]' in the clone" in last


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ExportRefused, match="'xml' is not an export format; choose one of litellm, openai"):
        export_models([], "xml")
