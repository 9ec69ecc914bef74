"""The documentation is correct: its commands run, its links resolve, its generated parts are current."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import ghost_pipeline
from benchmarks import table
from documentation.queries import QUERIES
from documentation.reference import PAGES
from ghost_pipeline.cli import main
from ghost_pipeline_tests.catalog.backends import BACKENDS, new_place

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES_WITH_COMMANDS = (
    "README.md",
    *sorted(f"docs/{page.name}" for page in DOCS.glob("*.md") if page.name not in PAGES),
)
EVERY_PAGE = (
    *PAGES_WITH_COMMANDS,
    *(f"docs/{name}" for name in PAGES),
    *sorted(f"docs/decisions/{page.name}" for page in (DOCS / "decisions").glob("*.md")),
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "latest_models/README.md",
    "deploy/README.md",
)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), flags=re.S)


def shown_commands(page: str, program: str) -> list[list[str]]:
    """Return the arguments of each ``$ program ...`` line in the page's console blocks, in order."""
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    return [shlex.split(line[2:]) for line in lines if line.startswith(f"$ {program}")]


@pytest.fixture
def sample_home(ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a copy of the catalog with the sample listings where commands and examples find it; return its folder."""
    shutil.copytree(ingested, tmp_path, dirs_exist_ok=True)
    for name in ("GHOST_HOME", "GHOST_MODELS_DIR", "GHOST_DATABASE_URL", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES_WITH_COMMANDS[1:] if shown_commands(page, "ghost-pipeline")])
def test_every_command_of_a_page_runs_in_the_order_in_which_it_is_shown(page: str, sample_home: Path) -> None:
    for path in (sample_home / "latest_models").glob("*.json"):
        if not path.name.startswith("open"):  # all files were ingested before; those of two providers are enough here
            path.unlink()
    for _, *arguments in shown_commands(page, "ghost-pipeline"):
        ran = CliRunner().invoke(main, arguments)
        assert ran.exit_code == 0, (arguments, ran.stderr)
        assert "Traceback" not in ran.stderr


def test_the_commands_and_the_example_of_the_readme_run_in_processes_of_their_own(sample_home: Path) -> None:
    first, *others = shown_commands("README.md", "ghost-pipeline")
    assert first == ["ghost-pipeline", "ingest"], "the fixture ran it"
    calls = [["-m", "ghost_pipeline", *arguments] for _, *arguments in others]
    calls += [["-W", "error", "-c", example] for example in blocks("README.md", "python")]
    assert len(calls) >= 5
    for arguments in calls:
        ran = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=sample_home)
        assert ran.returncode == 0, (arguments, ran.stderr)
        assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_every_command_that_a_page_mentions_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    mentioned = set(re.findall(r"ghost-pipeline ((?:db )?[a-z][a-z-]*)", text))
    unknown = [command for command in sorted(mentioned) if not is_command(command.split())]
    assert not unknown


def is_command(words: list[str]) -> bool:
    group: click.Command | None = main
    for word in words:
        group = group.commands.get(word) if isinstance(group, click.Group) else None
    return group is not None


def test_every_make_target_that_a_page_shows_exists() -> None:
    pages = [*PAGES_WITH_COMMANDS, "CONTRIBUTING.md"]
    targets = {words[1] for page in pages for words in shown_commands(page, "make")}
    targets |= {target for page in pages for target in re.findall(r"`make ([a-z-]+)", (ROOT / page).read_text())}
    assert {"run", "test", "check"} <= targets
    ran = subprocess.run(["make", "-n", *sorted(targets)], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("page", [page for page in PAGES_WITH_COMMANDS[1:] if blocks(page, "python")])
@pytest.mark.usefixtures("sample_home")
def test_every_python_example_runs(page: str) -> None:
    for number, example in enumerate(blocks(page, "python"), 1):
        exec(compile(example, f"example {number} of {page}", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_every_link_inside_resolves(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run 'make docs-reference'"


def test_every_public_name_is_in_the_api_page() -> None:
    page = (DOCS / "python-api.md").read_text()
    assert [name for name in ghost_pipeline.__all__ if f"`{name}`" not in page and f".{name}`" not in page] == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_query_of_the_tables_page_runs(backend: str, tmp_path: Path) -> None:
    place = new_place(backend, tmp_path)
    try:
        with place.opened() as catalog:
            catalog.add_manual_model("openai", "gpt-4o", context_window=128_000, output_price=10)
        database = place.database()
        with database.reading() as connection:
            for _, query in QUERIES:
                connection.execute(sa.text(query)).all()
        database.close()
    finally:
        place.remove()


def test_every_page_is_part_of_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in DOCS.glob("*.md") if f": {page.name}" not in site] == []
    index = (DOCS / "decisions" / "index.md").read_text()
    assert [page.name for page in (DOCS / "decisions").glob("0*.md") if page.name not in index] == []


def test_a_clone_shows_no_changes_after_the_commands_of_the_pages() -> None:
    fetched = "latest_models/openai_models_2026-05-01T12-00-00.000000.json"
    written = {fetched, f"{fetched}.response", "providers.toml", "notifications.toml"}
    for page in PAGES_WITH_COMMANDS:
        commands = "\n".join(blocks(page, "sh") + blocks(page, "console"))
        written |= set(re.findall(r"(?:> |--output )([\w-]+(?:\.\w+)+)", commands))
    assert {"litellm_models.yaml", "export.json", "catalog.dump"} <= written
    for name in sorted(written):
        assert subprocess.run(["git", "check-ignore", "--quiet", name], cwd=ROOT).returncode == 0, name
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"], capture_output=True, text=True, cwd=ROOT
    )
    assert tracked.stdout == ""


def test_no_file_names_a_machine_path_or_a_package_registry() -> None:
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True)
    forbidden = re.compile("/".join(("", "root", "")) + "|--(extra-)?index" + "-url|pypi" + r"\.org")
    for name in tracked.stdout.split():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".txt", ""} and path.is_file():
            assert not forbidden.search(path.read_text()), name


def test_the_table_of_measured_numbers_is_that_of_the_kept_results() -> None:
    if table.RESULTS.exists():
        assert table.format_rows(json.loads(table.RESULTS.read_text())) in table.PAGE.read_text()
