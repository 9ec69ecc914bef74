"""The documentation is complete: each command, table, column and JSON document is described. Pages are plain."""

import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import ghost_pipeline
from documentation.queries import QUERIES
from ghost_pipeline import catalog as catalog_package
from ghost_pipeline.catalog.storage import tables
from ghost_pipeline.catalog.storage.schema import VERSION_TABLE
from ghost_pipeline.catalog.storage.text_index import is_own_table
from ghost_pipeline.cli import main
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], capture_output=True, text=True, cwd=ROOT, check=True
).stdout.split()


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def commands_of(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands_of(main))


@pytest.fixture(scope="module")
def in_samples(ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work in a copy of the folder with the ingested samples, in which commands find everything without settings."""
    folder = tmp_path_factory.mktemp("reference") / "folder"
    shutil.copytree(ingested, folder)
    with pytest.MonkeyPatch.context() as environment:
        for name in ("GHOST_HOME", "GHOST_MODELS_DIR", "GHOST_DATABASE_URL", "DAGSTER_HOME"):
            environment.delenv(name, raising=False)
        environment.chdir(folder)
        yield


def test_the_output_in_the_readme_is_what_the_program_prints(ingested: Path) -> None:
    printed = (ingested / "printed").read_text().splitlines()
    block = re.findall(r"```console\n(\$ make run\n.*?)```", text_of("README.md"), flags=re.S)[0]
    shown = [line for line in block.splitlines() if line and line != "..." and not line.startswith("$ ")]
    assert len(shown) >= 6
    positions = [printed.index(line) for line in shown]
    assert positions == sorted(positions)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_each_of_its_options_is_described(name: str) -> None:
    command = COMMANDS[name]
    page = text_of("docs/command-line.md")
    section = page[page.index(f"\n## {name}\n") :].split("\n## ", 2)[1]
    assert inspect.cleandoc(command.help or "").splitlines()[0] in section
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert all(f"`{one}" in section or f", {one}" in section for one in option.opts), option.opts


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_table_and_column_of_a_catalog_is_described(backend: str, tmp_path: Path) -> None:
    page = text_of("docs/tables.md")
    place = new_place(backend, tmp_path)
    try:
        place.opened().close()  # creates the tables
        database = place.database()
        with database.reading() as connection:
            inspector = sa.inspect(connection)
            names = {name for name in inspector.get_table_names() if not is_own_table(name)} - {VERSION_TABLE}
            assert names == set(tables.metadata.tables)
            for table in names:
                section = page[page.index(f"\n## {table}\n") :].split("\n## ", 2)[1]
                for column in inspector.get_columns(table):
                    comment = tables.metadata.tables[table].columns[column["name"]].comment
                    assert comment, column["name"]
                    assert re.search(rf"(?m)^\| `{column['name']}` \| .* \| {re.escape(comment)} \|$", section)
                    if backend == "postgresql":
                        assert column["comment"] == comment
        database.close()
    finally:
        place.remove()


def test_there_are_ten_useful_queries() -> None:
    assert len(QUERIES) >= 10


def test_every_public_name_has_a_section_of_the_api_page_or_is_listed_as_an_exception() -> None:
    page = text_of("docs/python-api.md")
    for name in ghost_pipeline.__all__:
        value = getattr(ghost_pipeline, name)
        is_error = isinstance(value, type) and issubclass(value, Exception)
        assert (f"\n- `{name}`: " if is_error else f"\n## `ghost_pipeline.{name}`\n") in page, name
        assert inspect.getdoc(value), name
    methods = [name for name, _ in inspect.getmembers(catalog_package.ModelCatalog, inspect.isfunction)]
    undescribed = [name for name in methods if name[0] != "_" and f"\n### `ModelCatalog.{name}`\n" not in page]
    assert not undescribed


def documented_json() -> dict[str, set[str]]:
    """Return the keys of each document whose row of the table in docs/json.md names them."""
    keys: dict[str, set[str]] = {}
    for left, right in re.findall(r"(?m)^\| (`[a-z].*) \| (.*) \|$", text_of("docs/json.md")):
        braces = re.match(r"`\{(.*?)\}`", right)
        for command in re.findall(r"`([a-z][a-z -]*)`", left):
            keys.setdefault(command, set(re.findall(r'"(\w+)"', braces.group(1))) if braces else set())
    return keys


def test_the_json_of_every_command_is_described() -> None:
    assert {name for name, command in COMMANDS.items() if "is_json" in {one.name for one in command.params}} <= set(
        documented_json()
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("stats",),
        ("ingest", "--provider", "openai"),
        ("sweep", "--dry-run"),
        ("purge", "--dry-run"),
        ("release", "openai"),
        ("remove", "openai", "gpt-4o", "--dry-run"),
        ("export", "--to", "litellm", "--output", "models.yaml"),
        ("db", "current"),
        ("db", "upgrade"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("in_samples")
def test_a_json_document_has_the_keys_that_its_row_names(arguments: tuple[str, ...]) -> None:
    command = " ".join(arguments[:2]) if arguments[0] == "db" else arguments[0]
    ran = CliRunner().invoke(main, [*arguments, "--json"])
    assert ran.exit_code == 0, ran.stderr
    assert set(json.loads(ran.stdout)) == documented_json()[command]


def shell_commands(page: str) -> list[list[str]]:
    """Return the words of each ``ghost-pipeline`` call in a page's ``sh`` blocks and inline code, up to an operator."""
    text = text_of(page)
    lines = [line for block in re.findall(r"(?s)```sh\n(.*?)```", text) for line in block.splitlines()]
    lines += re.findall(r"`(ghost-pipeline [^`\n]*)`", re.sub(r"(?s)```.*?```", "", text))
    calls = []
    for line in lines:
        if "ghost-pipeline" in line.split():
            words = shlex.split(line, comments=True)
            words = words[words.index("ghost-pipeline") + 1 :] if "ghost-pipeline" in words else []
            end = next((n for n, word in enumerate(words) if word in {">", "|", "&&", ";"}), len(words))
            calls.append(words[:end])
    return calls


@pytest.mark.parametrize("page", [page for page in TRACKED if shell_commands(page)])
def test_every_option_in_a_page_is_one_of_its_command(page: str) -> None:
    for words in shell_commands(page):
        name = next((name for name in (" ".join(words[:2]), *words[:1]) if name in COMMANDS), None)
        if name is not None:
            names = {one for option in COMMANDS[name].params for one in (*option.opts, *option.secondary_opts)}
            used = {word.partition("=")[0] for word in words if word.startswith("-")}
            assert used <= names | {"--help", "--debug"}, words


@pytest.mark.parametrize("page", TRACKED)
def test_commands_stand_in_blocks_that_tests_read(page: str) -> None:
    blocks = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", text_of(page))
    other = [block for name, block in blocks if name not in ("console", "sh")]
    assert not [line for block in other for line in block.splitlines() if line.startswith(("ghost-pipeline ", "$ "))]


def test_the_start_page_links_every_page() -> None:
    start = text_of("docs/index.md")
    assert not [page.name for page in DOCS.glob("*.md") if page.name != "index.md" and f"({page.name})" not in start]


def test_the_readme_can_be_read_in_two_minutes() -> None:
    lines = text_of("README.md").splitlines()
    assert len(lines) <= 130


SITE_ONLY = re.compile(r"(?m)^(!!!|\?\?\?|=== \"|:::|--8<--)|\{:? ?[.#][\w-]+ ?\}|:(material|octicons|fontawesome)-")


@pytest.mark.parametrize("page", TRACKED)
def test_a_page_reads_well_on_a_code_host(page: str) -> None:
    assert not SITE_ONLY.search(text_of(page))


def test_syntax_of_the_site_alone_is_found() -> None:
    assert SITE_ONLY.search("Text\n!!! note\n    More")
    assert SITE_ONLY.search("![picture](a.png){ .wide }")
    assert not SITE_ONLY.search('{"provider": "openai"}')


LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//|"
    r"<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|icon|preload|preconnect|modulepreload))[^>]*\bhref=[\"']?(?:https?:)?//|"
    r"(?:@import|url\()\s*[\"']?(?:https?:)?//"
)
"""What a browser fetches from another host by itself; a link is fetched only when it is clicked."""


def test_the_site_has_a_search_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    if find_spec("material") is None:
        pytest.skip("the extra docs is not installed; 'make docs' installs it")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")]
    ran = subprocess.run(build, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    site = tmp_path / "site"
    assert (site / "search" / "search_index.json").exists()
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > 20
    assert not [file.name for file in files if LOADED.search(file.read_text())]


@pytest.mark.parametrize(
    "markup",
    [
        '<script src="https://example.com/a.js">',
        '<link rel="stylesheet" href="//example.com/a.css">',
        "<img alt=x src=http://example.com/a.png>",
        "@import url(https://example.com/font.css)",
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(markup: str) -> None:
    assert LOADED.search(markup)
    assert not LOADED.search('<a href="https://example.com"> <link rel="canonical" href="https://example.com">')
