"""What the package promises as a whole: its names, its imports, its layers."""

import subprocess
import sys
from pathlib import Path

import ghost_pipeline

ROOT = Path(__file__).parent.parent
BANNED = ("utils", "helpers", "manager", "handler", "process")


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
    code = "import sys, ghost_pipeline, ghost_pipeline.cli; print({'dagster', 'pandas', 'alembic'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


def test_imports_point_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {path.stem for path in (ROOT / "ghost_pipeline").rglob("*.py")}
    assert not [name for name in names if any(word in name for word in BANNED)]
