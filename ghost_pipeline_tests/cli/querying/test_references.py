"""``references`` and ``conflicts``, and what ``show`` makes of references."""

import json
from pathlib import Path
from typing import Any

import pytest

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.importing.export_file import exported_record
from ghost_pipeline.lifecycle.refusals.evidence import Substitution
from ghost_pipeline_tests.cli.run_cli import DAY_1, Shell

API = {
    "openrouter": {
        "models": {
            "acme/paid": {"cost": {"input": 4, "output": 2}, "limit": {"context": 128_000}},
            "acme/other": {"cost": {"input": 1}},
        }
    }
}
ORIGIN = {"value", "source", "first_stated_at", "last_stated_at", "sha256"}


def import_api(shell: Shell, folder: Path, document: Any = API, *options: str, exit_code: int = 0) -> Any:
    """Import a file as models.dev's."""
    file = folder / "api.json"
    file.write_text(json.dumps(document))
    return shell.json("references", "import", str(file), "--as", "models-dev", *options, exit_code=exit_code)


def test_an_imported_reference_is_listed_shown_and_compared(stocked: Shell, tmp_path: Path) -> None:
    outcome = import_api(stocked, tmp_path)
    assert outcome.keys() == {"imported", "warnings", "doubts"}
    assert (outcome["imported"]["verdict"], outcome["imported"]["added_count"]) == ("complete", 4)
    [state] = stocked.json("references", "list")
    assert (state["name"], state["claim_count"], state["matched_count"]) == ("models-dev", 4, 3)
    assert stocked.json("references", "unmatched", "models-dev") == [
        {"provider_id": "openrouter", "model_id": "acme/other"}
    ]
    [conflict] = stocked.json("conflicts", "--fact", "input_price")
    assert (conflict["model_id"], conflict["winner"]["value"], conflict["winner"]["source"]) == (
        "acme/paid",
        1.0,
        "listing",
    )
    assert [(one["value"], one["source"]) for one in conflict["others"]] == [(4.0, "reference:models-dev")]
    claim = {"value", "source", "first_stated_at", "last_stated_at", "sha256"}
    assert [one.keys() for one in (conflict["winner"], *conflict["others"])] == [claim, claim]
    assert (conflict["factor"], conflict["reason"]) == (4.0, "the provider's own listing counts before references")
    shown = stocked.json("show", "openrouter", "acme/paid")
    assert shown["context_window"] is None
    assert shown["facts"]["context_window"].keys() == ORIGIN | {"others"}
    assert shown["facts"]["context_window"]["value"] == 128_000
    assert shown["facts"]["input_price"]["source"] == "listing"
    assert [one["value"] for one in shown["facts"]["input_price"]["others"]] == [4.0]


def test_people_see_what_a_reference_adds_and_what_it_contradicts(stocked: Shell, tmp_path: Path) -> None:
    assert stocked.run("conflicts").stderr == "0 conflicts\n"
    import_api(stocked, tmp_path)
    shown = stocked.run("show", "openrouter", "acme/paid").stdout
    assert "  context_window: 128,000 (reference:models-dev, since " in shown
    assert "  ! input_price: reference:models-dev states 4\n" in shown
    assert "  input_price: 1 (listing, since " in shown
    [_, row] = stocked.run("conflicts").stdout.splitlines()
    assert row.split()[:5] == ["openrouter", "acme/paid", "input_price", "1", "listing"]
    assert "4 reference:models-dev" in row
    assert "models-dev" in stocked.run("references", "list").stdout
    assert "acme/other" in stocked.run("references", "unmatched", "models-dev").stdout
    assert stocked.run("references", "remove", "models-dev").stdout == "models-dev: 4 claims removed\n"
    assert "reference:" not in stocked.run("show", "openrouter", "acme/paid").stdout


def test_what_a_reference_states_and_does_not_fill_is_shown_with_its_source(stocked: Shell, tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    entry = {"litellm_provider": "openrouter", "deprecation_date": "2030-06-01"}
    file.write_text(json.dumps({"openrouter/acme/paid": entry}))
    stocked.json("references", "import", str(file), "--as", "litellm")
    line = "  expires_at: reference:litellm states 2030-06-01 23:59 (shown only)\n"
    assert line in stocked.run("show", "openrouter", "acme/paid").stdout
    stated = stocked.json("show", "openrouter", "acme/paid")["facts"]["expires_at"]
    assert (stated["value"], stated["others"][0]["value"]) == (None, "2030-06-01T23:59:59Z")
    assert "acme/paid" not in stocked.run("retiring").stdout
    stocked.run("announce", "openrouter", "acme/paid", "--retires", "2030-07-01")
    assert (
        "! expires_at: reference:litellm states 2030-06-01 23:59"
        in stocked.run("show", "openrouter", "acme/paid").stdout
    )


def test_filters_columns_and_exports_are_filled_unless_only_stated_facts_are_wanted(
    stocked: Shell, tmp_path: Path
) -> None:
    large = ("models", "--min-context", "100000")
    assert stocked.json(*large) == []
    plain = stocked.run("models").stdout
    import_api(stocked, tmp_path)
    [model] = stocked.json(*large)
    assert (model["model_id"], model["context_window"], model["is_free"]) == ("acme/paid", 128_000, False)
    assert model["facts_from_references"] == {"context_window": "reference:models-dev"}
    assert stocked.json(*large, "--stated-only") == []
    assert stocked.run("models", "--stated-only").stdout == plain
    heading, row = stocked.run(*large).stdout.splitlines()
    assert heading.split()[-3:] == ["filled", "from", "state"]
    assert row.split()[-2] == "models-dev"
    columns = ("--columns", "model_id,context_window,context_window_source,input_price_source")
    assert stocked.json(*large, *columns) == [
        {
            "model_id": "acme/paid",
            "context_window": 128_000,
            "context_window_source": "reference:models-dev",
            "input_price_source": "listing",
        }
    ]
    assert stocked.json("models", "--sort", "-context_window", *columns)[0]["model_id"] == "acme/paid"
    assert "known of now only" in stocked.run("models", "--at", "2027-01-01", *columns, exit_code=2).stderr


def test_offers_of_one_model_are_compared_cheapest_first(stocked: Shell, tmp_path: Path) -> None:
    import_api(stocked, tmp_path, {"acme": {"models": {"paid": {"cost": {"input": 3, "output": 9}}}}})
    stocked.run("add", "acme", "paid")
    offers = stocked.json("models", "--same-as", "acme", "paid")
    assert [(one["provider_id"], one["model_id"], one["input_price"]) for one in offers] == [
        ("openrouter", "acme/paid", 1.0),
        ("acme", "paid", 3.0),
    ]
    heading, first, second = stocked.run("models", "--same-as", "acme", "paid").stdout.splitlines()
    assert heading.split()[:3] == ["provider", "model", "context"]
    assert first.split()[:2] == ["openrouter", "acme/paid"]
    assert "reference:models-dev" in second
    assert "leave out --at" in stocked.run("models", "--same-as", "acme", "paid", "--sort", "name", exit_code=2).stderr


def test_what_a_reference_filled_is_not_imported_by_another_catalog(stocked: Shell, tmp_path: Path) -> None:
    import_api(stocked, tmp_path)
    file = tmp_path / "export.json"
    stocked.run("export", "--to", "json", "--provider", "openrouter", "--output", str(file))
    [filled] = [one for one in json.loads(file.read_text()) if "facts_from_references" in one]
    assert (filled["context_window"], filled["input_price"]) == (128_000, 1.0)
    rows = [exported_record(one, DAY_1) for one in json.loads(file.read_text())]
    [paid] = [one for one in rows if one.model_id == "acme/paid"]
    assert (paid.context_window, paid.input_price) == (None, 1.0)


def test_a_refused_file_is_exit_code_1_and_replaces_nothing(stocked: Shell, tmp_path: Path) -> None:
    import_api(stocked, tmp_path)
    assert import_api(stocked, tmp_path, [], exit_code=1)["imported"]["verdict"] == "malformed"
    file = tmp_path / "api.json"
    output = stocked.run("references", "import", str(file), "--as", "models-dev", exit_code=1).stdout
    assert output.startswith("models-dev: malformed: the file is not api.json of models.dev")
    assert "Nothing was replaced." in output
    [state] = stocked.json("references", "list")
    assert (state["newest"]["verdict"], state["applied"]["verdict"], state["claim_count"]) == (
        "malformed",
        "complete",
        4,
    )


def test_a_doubted_change_is_a_warning_and_accepted_on_request(stocked: Shell, tmp_path: Path) -> None:
    import_api(stocked, tmp_path)
    dear = json.loads(json.dumps(API).replace('"input": 4', '"input": 400'))
    [doubt] = import_api(stocked, tmp_path, dear)["doubts"]
    assert (doubt["fact"], doubt["value"], doubt["doubted_value"]) == ("input_price", 4.0, 400.0)
    ran = stocked.run("references", "import", str(tmp_path / "api.json"), "--as", "models-dev")
    assert "input_price 4 -> 400 is doubted: the price changes by a factor of 100" in ran.stderr
    assert "1 change not made until a later import" in ran.stderr
    assert import_api(stocked, tmp_path, dear, "--accept")["imported"]["changed_count"] == 1


def test_without_a_file_an_installed_package_is_the_reference(stocked: Shell) -> None:
    ran = stocked.run("references", "import", "--as", "litellm")
    assert ran.stdout.startswith("litellm: ")
    assert "0 claims about models of the catalog" in ran.stdout
    assert "litellm" in stocked.json("references", "list")[0]["newest"]["file_name"]


@pytest.mark.parametrize("model", ["gpt-a", "gpt-secret", "gpt-tuned"])
def test_every_known_model_has_its_facts_with_their_sources(stocked: Shell, model: str) -> None:
    assert stocked.json("show", "openai", model)["facts"] == {}
    stocked.run("add", "openai", model, "--context-window", "5")
    assert stocked.json("show", "openai", model)["facts"]["context_window"]["source"] == "manual"


def test_people_see_the_source_of_every_fact_and_of_every_alias(stocked: Shell, tmp_path: Path) -> None:
    import_api(stocked, tmp_path, {"openrouter": {"models": {"acme/paid": {"base_model": "acme/base"}}}})
    stocked.run("add", "openrouter", "acme/paid", "--context-window", "9000")
    answer = Substitution("openrouter", "acme/paid", "acme/paid-2026-01-01", DAY_1, DAY_1)
    with ModelCatalog.open() as catalog:
        catalog.record_substitutions([answer])
    shown = stocked.run("show", "openrouter", "acme/paid").stdout
    for line in (
        "  input_price: 1 (listing, since ",
        "  context_window: 9,000 (manual, since ",
        "  aliases: acme/paid-2026-01-01 (inference, since ",
        "  aliases: acme/base (reference:models-dev, since ",
    ):
        assert shown.count(line) == 1, shown


def test_providers_that_the_catalog_lacks_or_has_by_another_name_are_reported(stocked: Shell, tmp_path: Path) -> None:
    stocked.run("add", "moonshot", "kimi")
    file = tmp_path / "data.json"
    stated = {"zai": ["glm"], "moonshotai": ["kimi", "kimi-2"], "voyageai": ["a", "b"]}
    rows = {name: [{"id": one, "prices": {"input_mtok": 2}} for one in models] for name, models in stated.items()}
    file.write_text(json.dumps([{"id": name, "models": models} for name, models in rows.items()]))
    stocked.json("references", "import", str(file), "--as", "genai-prices")
    assert stocked.json("show", "moonshot", "kimi")["facts"]["input_price"]["value"] == 2
    unmatched = stocked.run("references", "unmatched", "genai-prices")
    assert [line.split() for line in unmatched.stdout.splitlines()[1:]] == [["moonshot", "kimi-2"]]
    assert "the catalog has no model of 2 providers of genai-prices: voyage (2), zai (1)" in unmatched.stderr
    [glm] = stocked.json("references", "unmatched", "genai-prices", "-p", "zai")
    assert glm == {"provider_id": "zai", "model_id": "glm"}
    assert stocked.run("references", "unmatched", "genai-prices", "-p", "nobody", exit_code=2)


def test_a_price_of_almost_nothing_gives_valid_json(stocked: Shell, tmp_path: Path) -> None:
    import_api(stocked, tmp_path, {"openrouter": {"models": {"acme/paid": {"cost": {"input": 1e-320}}}}})
    [conflict] = json.loads(stocked.run("conflicts", "--json").stdout, parse_constant=pytest.fail)
    assert conflict["factor"] is None
