"""Other ids of models: kept with their source, found by a search, and used to compare offers of one model."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ghost_pipeline import ModelCatalog, ModelFilter
from ghost_pipeline.catalog.claims import offers
from ghost_pipeline.catalog.importing.export_file import exported_record
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.errors import UnknownModel, UsageError
from ghost_pipeline.exports import export_models
from ghost_pipeline.lifecycle.claims.same_models import same_model_keys
from ghost_pipeline.lifecycle.records import FilledRecord
from ghost_pipeline.lifecycle.refusals.evidence import Substitution
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline_tests.catalog.backends import Place

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def submit(catalog: ModelCatalog, provider: str, rows: Sequence[dict[str, Any]], at: datetime = NOON) -> None:
    content = json.dumps({"data": rows}).encode()
    outcome = catalog.admit(SubmittedListing(provider, f"{provider}.json", content, at))
    catalog.reconcile(outcome.listing_id)


def offer(model_id: str, slug: str | None = None, price: float | None = None) -> dict[str, Any]:
    pricing = {} if price is None else {"pricing": {"prompt": str(price / 1e6), "completion": "0.00001"}}
    return {"id": model_id, "canonical_slug": slug, "architecture": {"output_modalities": ["text"]}, **pricing}


def test_an_alias_has_a_source_and_is_found_and_one_that_points_elsewhere_is_an_event(place: Place) -> None:
    with place.opened(lambda: NOON + timedelta(hours=2)) as catalog:
        submit(catalog, "xai", [{"id": "grok-1", "aliases": ["grok-latest", "grok"]}, {"id": "grok-2"}])
        assert [one.model_id for one in catalog.find_models(ModelFilter(search="LATEST"))] == ["grok-1"]
        [claim] = [one for one in catalog.references.list_claims("xai", "grok-1") if one.fact == "aliases"]
        assert (claim.value, claim.source, claim.last_stated_at) == ("grok grok-latest", "listing", NOON)
        rows = [{"id": "grok-1", "aliases": ["grok"]}, {"id": "grok-2", "aliases": ["grok-latest"]}]
        submit(catalog, "xai", rows, NOON + timedelta(hours=1))
        changed = [one for one in catalog.list_events("xai") if one.kind is EventKind.CHANGED]
        assert {one.model_id: (one.details or {})["aliases"] for one in changed} == {
            "grok-1": {"old": "grok grok-latest", "new": "grok"},
            "grok-2": {"old": None, "new": "grok-latest"},
        }
        assert [one.model_id for one in catalog.find_models(ModelFilter(search="grok-LATEST"))] == ["grok-2"]
        assert catalog.find_models(ModelFilter(search="nothing")) == []


IDS: dict[str, list[dict[str, Any]]] = {
    "openai": [{"id": "gpt-x"}, {"id": "GPT-X-mini"}, {"id": "x"}],
    "xai": [{"id": "grok-1", "aliases": ["grok", "gpt-x"]}, {"id": "grok"}],
    "openrouter": [
        {"id": "openai/gpt-x"},
        {"id": "openai/gpt-x-mini", "hugging_face_id": "OpenAI/GPT-X"},
        {"id": "x-ai/grok", "canonical_slug": "x-ai/grok-1"},
        {"id": "other/gpt-x"},
        {"id": "anthropic/claude-x"},
        {"id": "google/gemini-é"},
        {"id": "openai/größe"},
        {"id": "openai/gpt_x"},
        {"id": "openai/x"},
    ],
    "azure": [{"id": "gpt-x"}, {"id": "claude-x"}],
    "huggingface": [{"id": "openai/GPT-X"}, {"id": "GOOGLE/Gemini-É"}],
}


def test_offers_are_those_that_share_a_key_wherever_an_id_has_it(place: Place) -> None:
    """As if every model was compared with every other one."""
    with place.opened(lambda: NOON) as catalog:
        for provider_id, rows in IDS.items():
            submit(catalog, provider_id, rows)
        for provider_id, model_id in (
            ("vertex", "publishers/anthropic/models/claude-x@20260101"),
            ("vertex", "publishers/google/models/gemini-é"),
            ("bedrock", "eu.anthropic.claude-x-v1:0"),
            ("bedrock", "anthropic.claude-xy-v1:0"),
        ):
            catalog.add_manual_model(provider_id, model_id)
        everything = catalog.find_models()
        keys = [same_model_keys(one.provider_id, one.model_id, one.aliases) for one in everything]
        assert len(everything) == sum(map(len, IDS.values())) + 4
        for one, own in zip(everything, keys, strict=True):
            same = {
                (other.provider_id, other.model_id)
                for other, others in zip(everything, keys, strict=True)
                if own & others
            }
            found = catalog.find_offers(one.provider_id, one.model_id)
            assert {(other.provider_id, other.model_id) for other in found} == same, (one.provider_id, one.model_id)


def test_in_a_large_catalog_a_name_that_no_index_finds_is_looked_up_as_it_is_usually_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offers, "MOST_SCANNED", 0)
    with place.opened(lambda: NOON) as catalog:
        for provider_id, rows in IDS.items():
            submit(catalog, provider_id, rows)
        catalog.add_manual_model("vertex", "publishers/xai/models/grok-1")
        for key, others in (
            (("openai", "x"), [("openrouter", "openai/x")]),
            (("openrouter", "openai/x"), [("openai", "x")]),
            (("xai", "grok-1"), [("openrouter", "x-ai/grok"), ("vertex", "publishers/xai/models/grok-1")]),
            (("huggingface", "openai/GPT-X"), [("openai", "gpt-x"), ("openrouter", "openai/gpt-x")]),
        ):
            found = {(one.provider_id, one.model_id) for one in catalog.find_offers(*key)}
            assert found >= {key, *others}, key


def test_offers_of_one_model_come_cheapest_first_and_stay_apart(place: Place) -> None:
    with place.opened(lambda: NOON) as catalog:
        submit(catalog, "openai", [{"id": "gpt-x"}, {"id": "gpt-x-mini"}])
        submit(
            catalog,
            "openrouter",
            [
                offer("openai/gpt-x", "openai/gpt-x", 2),
                offer("openai/gpt-x:nitro", "openai/gpt-x", 3),
                offer("openai/gpt-x-mini", "openai/gpt-x-mini", 0.1),
            ],
        )
        catalog.add_manual_model("azure", "gpt-x", input_price=0.5)
        reference = {"openai": {"models": {"gpt-x": {"cost": {"input": 1, "output": 4}, "family": "gpt"}}}}
        catalog.references.import_content("models-dev", "api.json", json.dumps(reference).encode())
        filled = ModelFilter(is_stated_only=False)
        assert [(one.provider_id, one.model_id, one.input_price) for one in catalog.find_offers("openai", "gpt-x")] == [
            ("openrouter", "openai/gpt-x", 2.0),
            ("openrouter", "openai/gpt-x:nitro", 3.0),
            ("openai", "gpt-x", None),
        ]
        offers = catalog.find_offers("openrouter", "openai/gpt-x:nitro", filled)
        assert [(one.provider_id, one.input_price, one.family) for one in offers] == [
            ("openai", 1.0, "gpt"),
            ("openrouter", 2.0, None),
            ("openrouter", 3.0, None),
        ]
        assert len(catalog.find_offers("openai", "gpt-x", ModelFilter(provider_ids=["openai"], limit=1))) == 1
        with pytest.raises(UnknownModel):
            catalog.find_offers("openai", "gpt-y")
        with pytest.raises(UsageError, match="unlisted"):
            catalog.find_offers("openai", "gpt-x", ModelFilter(is_unlisted=True))


def test_the_aliases_of_all_sources_count_beside_each_other(place: Place) -> None:
    with place.opened(lambda: NOON) as catalog:
        submit(catalog, "openai", [{"id": "gpt-x"}])
        submit(catalog, "openrouter", [offer("other/gpt-x", "hf/gpt-x")])
        catalog.add_manual_model("azure", "gpt-x")
        of_model = {"models": {"gpt-x": {"base_model": "openai/gpt-x"}}}
        of_other = {"models": {"other/gpt-x": {"base_model": "openai/gpt-x"}}}
        reference = json.dumps({"azure": of_model, "openrouter": of_other}).encode()
        catalog.references.import_content("models-dev", "api.json", reference)
        catalog.record_substitutions([Substitution("azure", "gpt-x", "gpt-x-2024-08-06", NOON, NOON)])
        filled = ModelFilter(is_stated_only=False)
        expected = [("azure", "gpt-x"), ("openai", "gpt-x"), ("openrouter", "other/gpt-x")]
        for key in expected:
            assert [(one.provider_id, one.model_id) for one in catalog.find_offers(*key, filled)] == expected
        for text in ("openai/gpt", "2024-08"):
            found = catalog.find_models(ModelFilter(("azure",), search=text, is_stated_only=False))
            assert "gpt-x" in [one.model_id for one in found]
        [azure] = [one for one in catalog.find_models(filled) if (one.provider_id, one.model_id) == ("azure", "gpt-x")]
        assert azure.aliases == "gpt-x-2024-08-06 openai/gpt-x"
        assert isinstance(azure, FilledRecord)
        assert azure.facts_from_references == {
            "aliases.gpt-x-2024-08-06": "inference",
            "aliases.openai/gpt-x": "reference:models-dev",
        }
        [other] = [one for one in catalog.find_models(filled) if one.model_id == "other/gpt-x"]
        assert other.aliases == "hf/gpt-x openai/gpt-x"
        exported = json.loads(export_models([other], "json"))
        [row] = exported["models"] if isinstance(exported, dict) else exported
        assert exported_record(row, NOON).aliases == "hf/gpt-x", "without what a reference filled"
