"""The measured numbers in ``docs/performance.md``: kept in ``results.json``, by the name of the measurement."""

import json
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured: python -m benchmarks --write NAME -->", "<!-- end of measured -->"


def record(name: str, measured: list[tuple[str, float, str]]) -> None:
    """Replace the results of one measurement, and the table of all in the page."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[name] = [[what, round(value, 3), target] for what, value, target in measured]
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{format_rows(results)}{END}{rest.split(END)[1]}")


def format_rows(results: dict[str, list[tuple[str, float, str]]]) -> str:
    """Return the table of all results."""
    lines = ["", "| measurement | what | seen | wanted |", "|---|---|---|---|"]
    for name, rows in sorted(results.items()):
        lines += [f"| `{name}` | {what} | {_shown(value)} | {target} |" for what, value, target in rows]
    return "\n".join([*lines, "", ""])


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
