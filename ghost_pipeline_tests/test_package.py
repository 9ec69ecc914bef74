"""What the package promises as a whole: its names, its imports, its layers, its size, its words."""

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import ghost_pipeline

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ghost_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))
BANNED = ("utils", "helpers", "manager", "handler", "process")

MOST_MODULES = 175
MOST_MODULES_IN_A_FOLDER = 12
FEWEST_LINES = 60
MOST_LINES = 420
SHORT_ON_PURPOSE = {
    "__main__.py": "python -m ghost_pipeline",
    "atomic_file.py": "one function that three packages share",
    "definitions.py": "the assembly, nothing else",
    "defs/resource.py": "what every asset, sensor and job takes",
    "exports/formats.py": "the table of formats",
    "fetching/urls.py": "rules for URLs that errors and requests share",
    "providers/declaration.py": "the type that every file of builtin/ fills",
    "fetching/outcome.py": "values that are read without loading the HTTP client",
}
"""Modules below FEWEST_LINES that stay by themselves, and why."""

LONG_ON_PURPOSE = {
    "catalog/catalog.py": "ModelCatalog, the only way into the catalog: one short method for each operation",
}
"""Modules above MOST_LINES that stay whole, and why."""

SAME_SUBJECT = {
    "errors",
    "sightings",
    "overrides",
    "sweeps",
    "fetch",
    "models",
    "fetching",
    "reported_sightings",
    "providers",
}
"""Names that several layers share because they treat the same subject."""

IDIOM = (
    r"\b_?told\b",
    r"\b_?said\b",
    r"\bheard\b",
    r"\bmend(s|ed|ing)?\b",
    r"\bset down\b",
    r"\bset aside\b",
    r"\bbelongs into\b",
    r"(?<!there )\bis no (?!longer|more)[A-Za-z]",
    r"\bis there twice\b",
    r"\bnobody (said|says|waits)\b",
    r"\bmust be said\b",
    r"\bof its time\b",
    r"\ba person's word\b",
    r"\bnot believed\b",
    r"\bgoes stale all the same\b",
    r"\bGives (how|the)\b",
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
        "UsageError",
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
    folders = Counter(path.parent for path in MODULES if path.name != "__init__.py" and path.parent.name != "builtin")
    assert not {relative(folder): n for folder, n in folders.items() if n > MOST_MODULES_IN_A_FOLDER}


def test_no_module_is_a_fragment_or_a_heap() -> None:
    lines = {relative(path): len(path.read_text().splitlines()) for path in MODULES}
    fragments = {
        relative(path)
        for path in MODULES
        if lines[relative(path)] < FEWEST_LINES and path.name != "__init__.py" and not is_wire_format_or_migration(path)
    }
    assert fragments <= set(SHORT_ON_PURPOSE)
    assert {name for name, count in lines.items() if count > MOST_LINES} <= set(LONG_ON_PURPOSE)


def test_every_module_has_a_docstring_that_says_what_belongs_there() -> None:
    lacking = [
        relative(path)
        for path in MODULES
        if path.read_text().strip() and len(ast.get_docstring(ast.parse(path.read_text())) or "") < 15
    ]
    assert not lacking


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


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """Every identifier, docstring and other string literal of a module, with its line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_private_idiom_returns(path: Path) -> None:
    pattern = re.compile("|".join(IDIOM), re.IGNORECASE)
    found = [(line, match.group()) for line, text in words_of(path) if (match := pattern.search(text))]
    comments = [
        (number, match.group())
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "#" in line and (match := pattern.search(line.partition("#")[2]))
    ]
    assert not found + comments


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
