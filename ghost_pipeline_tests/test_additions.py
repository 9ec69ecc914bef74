"""Files of models to add by hand: three equivalent formats, and errors with their lines."""

import io
import json
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ghost_pipeline import additions
from ghost_pipeline.additions import ADDITIONS, READERS, AdditionFile, read_additions
from ghost_pipeline.errors import InvalidAdditions
from ghost_pipeline.lifecycle.records import Addition

CSV = """\
provider,model_id,name,context_window,input_price,capabilities,expires_at
openai,ft:a,"Two
lines",128000,0.5,text;tools,2027-01-01

gemini,b,,,,,2027-01-01T12:00:00+02:00
"""
YAML = """\
- provider_id: openai
  model_id: ft:a
  name: "Two\\nlines"
  context_window: 128000
  input_price: 0.5
  capabilities: [text, tools]
  expires_at: 2027-01-01
- provider_id: gemini
  model_id: b
  expires_at: 2027-01-01T12:00:00+02:00
"""
JSON = """\
[
  {"provider": "openai", "model_id": "ft:a", "name": "Two\\nlines", "context_window": 128000,
   "input_price": 0.5, "capabilities": ["text", "tools"], "expires_at": "2027-01-01"},

  {"provider": "gemini", "model": "b", "expires_at": "2027-01-01T12:00:00+02:00"}
]
"""
FIRST = {
    "provider_id": "openai",
    "model_id": "ft:a",
    "name": "Two\nlines",
    "context_window": 128000,
    "input_price": 0.5,
    "capabilities": ["text", "tools"],
    "expires_at": datetime(2027, 1, 1, 23, 59, 59, tzinfo=UTC),
}
SECOND = {"provider_id": "gemini", "model_id": "b", "expires_at": datetime(2027, 1, 1, 10, tzinfo=UTC)}


def read_text_as(kind: str, text: str) -> list[Addition]:
    return list(READERS[f".{kind}"](io.StringIO(text, newline=""), ADDITIONS))


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("m.csv", CSV, ("line 2", "line 5")),
        ("m.yaml", YAML, ("line 1", "line 8")),
        ("m.YML", YAML, ("line 1", "line 8")),
        ("m.json", JSON, ("item 1", "item 2")),
    ],
)
def test_the_three_kinds_of_files_are_equivalent(
    tmp_path: Path, name: str, content: str, places: tuple[str, str]
) -> None:
    path = tmp_path / name
    path.write_text("\ufeff" + content)
    assert read_additions(path) == [Addition(places[0], FIRST), Addition(places[1], SECOND)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "provider,model_id,colour,taste\n", "line 1: unknown column 'colour', 'taste'"),
        ("m.csv", "provider,model_id,provider_id\n", "line 1: column 'provider_id' is a duplicate"),
        ("m.csv", "provider,name\n", "line 1: column 'model_id' is missing"),
        ("m.csv", 'provider,model_id\nopenai,a\nopenai,"b\n', "line 3: unexpected end of data"),
        ("m.csv", "", "states no model"),
        ("m.csv", "provider,model_id\n\n", "states no model"),
        ("m.json", '{"provider": "openai"}', "is not a list of models"),
        ("m.json", '[\n{"a": 1}\n{"b": 2}]', "line 3: Expecting ',' delimiter"),
        ("m.json", '[\n{"a": 1,\n "b"}]', "line 3: Expecting ':' delimiter"),
        ("m.json", '[{"a": 1}]\n]', "line 2: Extra data"),
        ("m.json", '[\n{"a": NaN}]', "cannot be read: NaN is not valid JSON"),
        ("m.json", "[\n" + "[" * 100_000, "cannot be read"),
        ("m.json", '[{"a": 1' + "0" * 5000 + "}]", "cannot be read"),
        ("m.json", "[]", "states no model"),
        ("m.yaml", "provider: openai", "line 1: not a list of models"),
        ("m.yaml", "- a: 1\n- b: [", "line 2: "),
        ("m.yaml", "- a: 1\n- b: *nowhere", "line 2: found undefined alias"),
        ("m.yaml", "- a: 1\n---\n- b: 1", "line 2: but found another document"),
        ("m.yaml", "- a: \x00", "is not valid YAML"),
        ("m.yaml", "[" * 100_000, "is not valid YAML"),
        ("m.yaml", "# nothing", "states no model"),
        ("m.txt", "", "name it .csv, .json, .yaml, .yml"),
    ],
)
def test_an_unreadable_file_is_reported_with_its_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InvalidAdditions) as caught:
        read_additions(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_undecodable_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"provider,model_id\nopenai,\xff\n")
    with pytest.raises(InvalidAdditions, match="line 2 is not UTF-8"):
        read_additions(path)
    with pytest.raises(InvalidAdditions, match="can't be read: No such file"):
        read_additions(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("additions", "place", "problem"),
    [
        (read_text_as("csv", "provider,model_id\nopenai\n"), "line 2", "has 1 cells, but there are 2 columns"),
        (read_text_as("csv", "provider,model_id\nopenai,a,b\n"), "line 2", "has 3 cells"),
        (read_text_as("json", '[\n\n"a"]'), "item 1", "is not an object"),
        (
            read_text_as("json", '[{"provider": "a", "provider_id": "b"}]'),
            "item 1",
            "column 'provider_id' is a duplicate",
        ),
        (read_text_as("yaml", "- a"), "line 1", "is not a mapping"),
        (read_text_as("yaml", "- {a: 1}\n- {b: 1, b: 2}"), "line 2", "column 'b' is a duplicate"),
        (read_text_as("yaml", "- expires_at: 2027-02-30"), "line 1", "has a value that can't be read"),
        (read_text_as("yaml", "- name: !!timestamp x"), "line 1", "has a value that can't be read"),
        (read_text_as("yaml", "- name: !!bool x"), "line 1", "has a value that can't be read"),
        (read_text_as("yaml", "- name: !!python/name:os.system"), "line 1", "could not determine a constructor"),
        (read_text_as("yaml", "- &a {b: *a}"), "line 1", "recursive"),
    ],
)
def test_a_model_that_cannot_be_read_leaves_the_others_readable(
    additions: list[Addition], place: str, problem: str
) -> None:
    bad = additions[-1]
    assert bad.location == place
    assert problem in (bad.error or "")
    assert all(one.error is None for one in additions[:-1])


def test_yaml_anchors_and_merges_are_supported() -> None:
    base, tuned = read_text_as("yaml", "- &b {provider: openai, model: a, input_price: 1}\n- {<<: *b, model: c}")
    assert base.values == {"provider_id": "openai", "model_id": "a", "input_price": 1}
    assert tuned.values == {"provider_id": "openai", "model_id": "c", "input_price": 1}


@settings(max_examples=150, deadline=None)
@given(st.text() | st.text(alphabet='-[]{}:,"!&*<>|#\n au1'))
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    for kind in ("csv", "json", "yaml"):
        try:
            additions = read_text_as(kind, text)
        except InvalidAdditions:
            continue
        assert all(one.location.startswith("line ") for one in additions)


rows = st.lists(st.dictionaries(st.sampled_from(["model_id", "name", "input_price"]), st.integers() | st.text()))


@settings(max_examples=80, deadline=None)
@given(rows, st.sampled_from([None, 2]))
def test_any_json_list_of_objects_is_read_as_it_stands(stated: list[dict[str, object]], indent: int | None) -> None:
    text = json.dumps(stated, indent=indent)
    assert [one.values for one in read_text_as("json", text)] == stated


@pytest.mark.parametrize("characters", [1, 2, 7])
@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 12}, {"b": "x, ]"}]',
        " [ ] ",
        '[12345, "a\\"b", [1, [2]]]\n',
        "[1 2]",
        "[1,]",
        "[,1]",
        "[1",
        "[1]]",
        "{}",
        "",
    ],
)
def test_where_a_chunk_of_json_ends_makes_no_difference(
    text: str, characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome() -> object:
        try:
            return read_text_as("json", text)
        except InvalidAdditions as error:
            return str(error)

    whole = outcome()
    try:
        assert len(whole) == len(json.loads(text)) if isinstance(whole, list) else not json.loads(text)
    except ValueError:
        assert isinstance(whole, str)
    monkeypatch.setattr(additions, "CHUNK_CHARACTERS", characters)
    assert outcome() == whole


def write_many(kind: str, path: Path, count: int) -> None:
    name = "x" * 500
    with path.open("w") as file:
        if kind == "csv":
            file.write("provider_id,model_id,name\n")
            file.writelines(f"openai,m{number},{name}\n" for number in range(count))
        elif kind == "yaml":
            file.writelines(f"- {{provider_id: openai, model_id: m{one}, name: {name}}}\n" for one in range(count))
        else:
            rows = ({"provider_id": "openai", "model_id": f"m{number}", "name": name} for number in range(count))
            file.write(f"[{','.join(map(json.dumps, rows))}]")


@pytest.mark.parametrize(("kind", "count"), [("csv", 10_000), ("json", 10_000), ("yaml", 2_000)])
def test_a_file_is_read_one_model_at_a_time(kind: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / f"m.{kind}"
    write_many(kind, path, count)
    tracemalloc.start()
    assert sum(1 for _ in AdditionFile(path)) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 700_000
