"""``python -m documentation``: write the generated pages into ``docs/``."""

from pathlib import Path

from documentation.reference import PAGES

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Write every generated page."""
    for name, render in PAGES.items():
        (DOCS / name).write_text(render())


if __name__ == "__main__":
    main()
