"""What the package promises as a whole: its names, its imports, its layers, its size, its words."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import pytest

import ghost_pipeline

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ghost_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))
CHECKED = MODULES + sorted(
    path
    for folder in ("ghost_pipeline_tests", "benchmarks", "simulation", "documentation")
    for path in (ROOT / folder).rglob("*.py")
)
"""Every module of the repository: their words follow the same rules."""
BANNED = ("utils", "helpers", "manager", "handler", "process")

MOST_MODULES = 284
MOST_MODULES_IN_A_FOLDER = 12
FEWEST_LINES = 60
MOST_LINES = 420
SHORT_ON_PURPOSE = {
    "__main__.py": "python -m ghost_pipeline",
    "atomic_file.py": "one function that three packages share",
    "exports/formats.py": "the table of formats",
    "fetching/urls.py": "rules for URLs that errors and requests share",
    "catalog/storage/notification_states.py": "the rows of one table",
    "lifecycle/claims/same_models.py": "one rule",
    "catalog/claims/offers.py": "one query, by that rule",
    "providers/declaration.py": "the type that every file of builtin/ fills",
    "fetching/reference_files.py": "the one request that is not for a listing",
    "fetching/outcome.py": "values that are read without loading the HTTP client",
}
"""Modules below FEWEST_LINES that stay by themselves, and why."""

LONG_ON_PURPOSE = {
    "settings.py": "every setting, each declared once, and their page of reference",
    "catalog/storage/tables.py": "every table of the catalog, each declared once",
    "catalog/results.py": "what the operations of the catalog take and return",
    "catalog/catalog.py": "ModelCatalog, the only way into the catalog: one short method for each operation",
}
"""Modules above MOST_LINES that stay whole, and why."""

SAME_SUBJECT = {
    "changes",
    "errors",
    "sightings",
    "overrides",
    "sweeps",
    "fetch",
    "models",
    "fetching",
    "reported_sightings",
    "providers",
    "notifications",
    "references",
}
"""Names that several layers share because they treat the same subject."""

TESTS_OF_THE_WHOLE = {
    "ui": "Dagster's pages in a real browser",
    "deploy": "the files of deploy/, and programs that work together",
}
"""Folders of tests without a folder of the package, and why."""

TESTED_WITH_THEIR_PARENT = {
    "providers/builtin": "one sample for each wire format, in providers/",
    "catalog/storage/migrations": "upgrades of whole databases, in catalog/storage/",
    "catalog/storage/migrations/versions": "upgrades of whole databases, in catalog/storage/",
}
"""Folders of the package without a folder of tests, and why."""

IDIOM = (
    r"\btold\b",
    r"\bsaid\b",
    r"\bheard?s?\b",
    r"\bbeliev(e|es|ed|able|ing)\b",
    r"\bmend(s|ed|ing)?\b",
    r"\bset (down|aside)\b",
    r"\btakes? (it|them) in\b",
    r"\bbelongs into\b",
    r"(?<!there )\bis no (?!longer|more)[a-z]",
    r"\bis there twice\b",
    r"\bnobody (said|says|waits)\b",
    r"\bmust be said\b",
    r"\bof its time\b",
    r"\b(a|the) persons?\b",
    r"\bin a ring\b",
    r"\bgo(es)? in circles\b",
    r"\b(goes|go) stale all the same\b",
    r"\bsame story\b",
    r"\bgives how many\b",
)
"""Private idiom of earlier versions; plain words are in docs/architecture.md and CONTRIBUTING.md."""


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def is_wire_format_or_migration(path: Path) -> bool:
    return "builtin" in path.parts or "migrations" in path.parts


def test_the_public_names_are_the_documented_ones() -> None:
    assert set(ghost_pipeline.__all__) == {
        "CatalogError",
        "DiscoveryTracker",
        "GhostPipelineError",
        "ModelCatalog",
        "ModelFilter",
        "UsageError",
        "track_refused_inference",
        "track_successful_inference",
    }
    assert all(getattr(ghost_pipeline, name).__doc__ for name in ghost_pipeline.__all__)


def test_importing_it_imports_neither_dagster_nor_pandas() -> None:
    slow = {"dagster", "pandas", "alembic", "httpx"}
    code = f"import sys, ghost_pipeline, ghost_pipeline.cli; print({slow} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_imports_point_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_no_module_has_a_generic_name() -> None:
    names = {path.stem for path in MODULES}
    assert not [name for name in names if any(word in name for word in BANNED)]


def test_there_are_few_modules_and_no_crowded_folder() -> None:
    assert len(MODULES) <= MOST_MODULES
    # Formats and migrations become more and are found by their numbers and names.
    counted = (path for path in MODULES if path.name != "__init__.py" and not is_wire_format_or_migration(path))
    folders = Counter(path.parent for path in counted)
    assert not {relative(folder): n for folder, n in folders.items() if n > MOST_MODULES_IN_A_FOLDER}


def folders_with(pattern: str, root: Path) -> set[str]:
    """Return the folders below ``root`` that contain a file of such a name, relative to it."""
    return {path.parent.relative_to(root).as_posix() for path in root.rglob(pattern)}


def test_every_file_that_is_not_python_is_installed_with_the_package() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    installed = {
        found for pattern in patterns["ghost_pipeline"] for found in glob(pattern, root_dir=PACKAGE, recursive=True)
    }
    other = {relative(path) for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert other >= {"py.typed", "web/static/pages.css"}
    assert other <= installed


def test_the_folders_of_tests_are_those_of_the_package() -> None:
    tests = folders_with("test_*.py", ROOT / "ghost_pipeline_tests")
    package = folders_with("*.py", PACKAGE)
    assert tests - package == set(TESTS_OF_THE_WHOLE)
    assert package - tests == set(TESTED_WITH_THEIR_PARENT)


def test_no_module_is_a_fragment_or_a_heap() -> None:
    lines = {relative(path): len(path.read_text().splitlines()) for path in MODULES}
    fragments = {
        relative(path)
        for path in MODULES
        if lines[relative(path)] < FEWEST_LINES and path.name != "__init__.py" and not is_wire_format_or_migration(path)
    }
    assert fragments <= set(SHORT_ON_PURPOSE)
    assert {name for name, count in lines.items() if count > MOST_LINES} <= set(LONG_ON_PURPOSE)


def lacks_docstring(source: str) -> bool:
    """Return True for a module with code whose docstring is missing or too short to describe it."""
    return bool(source.strip()) and len(ast.get_docstring(ast.parse(source)) or "") < 15


def test_every_module_has_a_docstring_that_says_what_belongs_there() -> None:
    assert not [path.relative_to(ROOT).as_posix() for path in CHECKED if lacks_docstring(path.read_text())]


def test_a_missing_or_empty_docstring_is_found() -> None:
    assert lacks_docstring("import sys")
    assert lacks_docstring('"""Code."""\nimport sys')
    assert not lacks_docstring('"""Read the files of providers."""\nimport sys')


def test_no_two_unrelated_modules_share_a_name() -> None:
    folders = defaultdict(list)
    for path in MODULES:
        if path.name != "__init__.py" and not is_wire_format_or_migration(path):
            folders[path.stem].append(relative(path))
    assert not {name: where for name, where in folders.items() if len(where) > 1 and name not in SAME_SUBJECT}


def test_no_two_public_functions_share_a_name() -> None:
    where = defaultdict(list)
    for path in MODULES:
        if "migrations" in path.parts:
            continue
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not statement.name.startswith("_"):
                where[statement.name].append(relative(path))
    assert not {name: paths for name, paths in where.items() if len(paths) > 1}


def words_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield every name, docstring, other string literal and comment of a module, with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NAME, tokenize.COMMENT):
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def idiom_in(source: str) -> list[tuple[int, str]]:
    """Return the line and the words of each private idiom. An identifier counts as the words that it is made of."""
    pattern = re.compile("|".join(IDIOM), re.IGNORECASE)
    return [
        (line, match.group()) for line, text in words_of(source) if (match := pattern.search(text.replace("_", " ")))
    ]


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_private_idiom_returns(path: Path) -> None:
    if path != Path(__file__):  # it contains the patterns
        assert not idiom_in(path.read_text())


@pytest.mark.parametrize(
    "source",
    [
        '"""Set down what a provider said."""',
        'reason = "the file is no JSON"',
        "def errors_told(): ...",
        "def call(heard): ...",
        "class Told: ...",
        "from errors import fault as told",
        "value = said.text",
        "value.said = 1",
        "x = 1  # mend the feed",
        'message = f"{name} is there twice"',
        "def test_a_wrong_password_is_told_without_it(): ...",
    ],
)
def test_private_idiom_is_found_wherever_it_stands(source: str) -> None:
    assert idiom_in(source)


@pytest.mark.parametrize("source", ['"""Return the listing."""', "def is_node(): ...", '"there is no catalog yet"'])
def test_plain_words_are_not_private_idiom(source: str) -> None:
    assert not idiom_in(source)


def test_every_hop_of_the_architecture_page_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    hops = re.findall(r"`([\w/]+\.py):([\w.]+)`", page)
    assert len(hops) > 15
    missing = [f"{file}:{name}" for file, name in hops if name not in names_in(PACKAGE / file)]
    assert not missing


def names_in(path: Path) -> set[str]:
    """Top-level functions and classes, and methods as ``Class.method``; empty for a file that does not exist."""
    if not path.exists():
        return set()
    names = set()
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(statement.name)
        if isinstance(statement, ast.Assign):
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
        if isinstance(statement, ast.ClassDef):
            names |= {f"{statement.name}.{part.name}" for part in statement.body if isinstance(part, ast.FunctionDef)}
    return names
