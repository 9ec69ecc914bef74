"""Listings for the browser tests: real ones where they exist, else rows of the same shape; and three invalid ones."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ghost_pipeline_tests.providers.samples import REAL_LISTINGS, rows_of

OWN_LISTINGS: dict[str, dict[str, Any]] = {
    "anthropic": {"data": [{"type": "model", "id": f"claude-{number}"} for number in range(3)], "has_more": False},
    "google": {"models": [{"name": f"models/gemini-{number}"} for number in range(8)]},
    "openai": {"object": "list", "data": [{"id": f"gpt-{number}", "object": "model"} for number in range(20)]},
    "xai": {"object": "list", "data": [{"id": f"grok-{number}", "object": "model"} for number in range(4)]},
}


@dataclass(frozen=True)
class StoryListings:
    """The good listing of each provider: file name -> content."""

    files: dict[str, bytes]

    @property
    def providers(self) -> list[str]:
        return sorted(name.split("_", maxsplit=1)[0] for name in self.files)

    def document(self, provider_id: str) -> Any:
        [content] = [content for name, content in self.files.items() if name.startswith(f"{provider_id}_")]
        return json.loads(content)

    def model_of(self, provider_id: str) -> str:
        """Return the id of one model."""
        row = rows_of(self.document(provider_id))[0]
        return str(row.get("id") or row["name"].removeprefix("models/"))

    def shrunken(self, provider_id: str) -> bytes:
        """Return a listing with the first tenth of the models."""
        document = self.document(provider_id)
        rows = rows_of(document)
        del rows[max(1, len(rows) // 10) :]
        return json.dumps(document).encode()

    def cut_off(self, provider_id: str) -> bytes:
        return json.dumps(self.document(provider_id)).encode()[:-20]

    def empty(self, provider_id: str) -> bytes:
        document = self.document(provider_id)
        rows_of(document).clear()
        return json.dumps(document).encode()


def story_listings() -> StoryListings:
    """Return the real listings if they are there, else the tests' own."""
    if REAL_LISTINGS.exists():
        return StoryListings({path.name: path.read_bytes() for path in sorted(REAL_LISTINGS.glob("*_models_*.json"))})
    own = {f"{name}_models.json": json.dumps(document).encode() for name, document in OWN_LISTINGS.items()}
    return StoryListings(own)


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write each file whole."""
    for name, content in files.items():
        unfinished = folder / f"{name}.tmp"
        unfinished.write_bytes(content)
        unfinished.rename(folder / name)
