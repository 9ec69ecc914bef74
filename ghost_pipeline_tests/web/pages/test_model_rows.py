"""The rows of the list of models, which no template escapes."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import msgspec
import pytest

from ghost_pipeline.catalog.browsing.selection import SelectedModel
from ghost_pipeline.lifecycle.vocabulary import Source
from ghost_pipeline.web.pages.model_rows import ModelRow, table_rows

NOW = datetime(2026, 6, 2, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script><a href=\"javascript:x\" onclick='x'>&\x1b\u202e"
MODEL = SelectedModel(
    provider_id="openai",
    model_id="gpt-x",
    source=Source.INDEX,
    is_active=False,
    last_seen_at=NOW,
    last_listed_at=NOW,
    deactivated_at=NOW,
    refused_since=NOW,
    refusal_reason="it is retired",
    name="GPT X",
    context_window=1_000,
    input_price=0.5,
    output_price=None,
    capabilities=["tools"],
    expires_at=NOW,
    is_free=None,
)
TEXTS = ("provider_id", "model_id", "refusal_reason", "name", "capabilities")


class Elements(HTMLParser):
    """Collects the elements of a page, with their attributes' names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.texts = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data: str) -> None:
        self.texts += data


def elements(model: SelectedModel, reference: str = "litellm") -> Elements:
    row = ModelRow(model, NOW, dict.fromkeys(("context_window", "input_price", "output_price"), reference))
    parser = Elements()
    parser.feed(str(table_rows([row], NOW, "")))
    return parser


@pytest.mark.parametrize("field", [*TEXTS, "reference"])
def test_a_row_shows_text_from_elsewhere_as_text(field: str) -> None:
    assert {name for name, value in msgspec.structs.asdict(MODEL).items() if type(value) in (str, list)} == {*TEXTS}
    hostile: object = [HOSTILE] if field == "capabilities" else HOSTILE
    model = MODEL if field == "reference" else msgspec.structs.replace(MODEL, **{field: hostile})
    shown = elements(model, HOSTILE if field == "reference" else "litellm")
    assert shown.found == elements(MODEL).found
    assert "<script>alert(1)</script>" in shown.texts
