"""A catalog in which everything happened that the pages show, at fixed instants, and a server for it.

The listings are the real ones where they exist, else the samples of the repository.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.lifecycle.records import Inference, ResponseSummary
from ghost_pipeline.lifecycle.refusals.evidence import Refusal
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline.web.serving import QuietServer, listen, route_by_prefix
from ghost_pipeline_tests.providers.samples import REAL_LISTINGS, REPOSITORY

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BEGIN = NOW - 45 * DAY

STORY_PROVIDER = "together"
"""Its models change, vanish and come back."""
MODEL = f"/model?provider={STORY_PROVIDER}&id=lab/model-00"
"""The page of a model with a history."""

REFUSED_MODEL = "lab/model-10"
ADOPTED_MODEL = "lab/model-12"
"""It was listed first and added by hand an hour ago."""
HELD_PROVIDER = "cohere"
RUN_ID = "0b6e9f52-1c0e-4d3b-9a55-2f1f6f0f7a11"
DAGSTER_URL = "http://127.0.0.1:3000"

HOSTILE_PROVIDER = "fireworks"
HOSTILE_IDS = (
    "<script>document.title='owned'</script>",
    "a/../../b?c=d&e=f#g%2Fh",
    "\"><img src=x onerror=document.title='owned'>",
    "it's; $(touch owned) `id` \\",
    "javascript:alert(1)",
    "right\u202eto left\u2066",
    "-rf",
    "{{ 7 * 7 }} {% raw %}",
    "x" * 512,
    "  spaces   within",
)
HOSTILE_NAME = "<b onmouseover=alert(1)>javascript:alert(1)</b> \u202egnp.exe \u0085"


@dataclass(frozen=True)
class Site:
    """A catalog and what happened in it."""

    home: Path
    settings: Settings

    def opened(self) -> ModelCatalog:
        """Open the catalog as the pages do, at the instant of the story's end."""
        return ModelCatalog.open_read_only(self.settings, clock=lambda: NOW)


def _price(number: int, day: int) -> float:
    # Of a third of the models only: that of most at once would be doubted.
    return 2.0 if day < 20 or number % 3 else 1.5 if day < 35 else 1.25


def row(name: str, price: float, context: int = 32_768, **more: Any) -> dict[str, Any]:
    """Return a row of the story's provider."""
    return {
        "id": name,
        "object": "model",
        "type": "chat",
        "display_name": name.upper(),
        "context_length": context,
        "pricing": {"input": price, "output": 4 * price, "base": 0, "finetune": 0, "hourly": 0},
        **more,
    }


def story_rows(day: int) -> list[dict[str, Any]]:
    """Return what the story's provider lists on a day: prices fall, a context grows, six models leave, one comes."""
    rows = [row(f"lab/model-{number:02}", _price(number, day), 32_768 if day < 30 else 131_072) for number in range(30)]
    for since, left in ((5, ("03", "04")), (25, ("07", "08")), (43, ("05", "06"))):
        if day >= since:
            rows = [one for one in rows if not one["id"].endswith(left)]
    if day >= 40:
        rows.append(row("lab/newcomer", 0.5))
    return rows


def build_site(home: Path, *, is_hostile: bool = True, database_url: str = "") -> Site:
    """Create the catalog in a folder; unless ``is_hostile``, without the names that are chosen to break pages."""
    settings = Settings(home=home, models_dir=home / "models", database_url=database_url)
    clock = [BEGIN]
    with ModelCatalog.open(settings, clock=lambda: clock[0]) as catalog:

        def submit(provider: str, content: bytes, at: datetime, **more: Any) -> None:
            clock[0] = at
            found = SubmittedListing(provider, f"{provider}_models.json", content, at, **more)
            admitted = catalog.admit(found)
            if not admitted.is_finished:
                catalog.reconcile(admitted.listing_id)

        for provider, content in sample_listings():
            submit(provider, content, BEGIN)
        for day in range(45):
            at = BEGIN + day * DAY
            fetched = ResponseSummary(0.4 + day % 5 / 10, 1, 200)
            submit(STORY_PROVIDER, json.dumps(story_rows(day)).encode(), at, response=fetched, run_id=RUN_ID)
            if day == 12:
                clock[0] = at + timedelta(hours=1)
                catalog.record_failed_attempt(STORY_PROVIDER, "the server answered 503; try again later", clock[0])
                submit(STORY_PROVIDER, b"<html>sorry</html>", at + timedelta(hours=2))
                submit(STORY_PROVIDER, json.dumps(story_rows(day)[:9]).encode(), at + timedelta(hours=3))
            clock[0] = at + timedelta(hours=6)
            catalog.mark_stale_models_inactive(STORY_PROVIDER)
            catalog.delete_old_inactive_models(STORY_PROVIDER)
        for provider, content in sample_listings():
            submit(provider, content, NOW - timedelta(hours=3))
        submit(STORY_PROVIDER, json.dumps(story_rows(45)).encode(), NOW - timedelta(hours=3))
        submit(HELD_PROVIDER, b'{"models": []}', NOW - timedelta(hours=2))
        if is_hostile:
            submit(HOSTILE_PROVIDER, hostile_listing(), NOW - timedelta(hours=2))
        clock[0] = NOW - timedelta(hours=1)
        used = [(STORY_PROVIDER, "lab/model-05"), (STORY_PROVIDER, "lab/model-00"), ("openai", "private-preview")]
        catalog.record_inferences([Inference(*key, clock[0] - DAY / 24, clock[0], metadata=None) for key in used])
        refused = Refusal(STORY_PROVIDER, REFUSED_MODEL, RefusalClass.RETIRED, "together.retired", clock[0], clock[0])
        catalog.record_refusals([replace(refused, words="end of life", replaced_by="lab/newcomer")])
        catalog.add_manual_model("openai", "by-hand", input_price=1.0, output_price=2.0)
        catalog.add_manual_model(STORY_PROVIDER, ADOPTED_MODEL)
        catalog.remove_model(STORY_PROVIDER, "lab/model-29")
        catalog.announce_retirement(
            STORY_PROVIDER, "lab/model-00", NOW + 20 * DAY, "lab/newcomer", "https://example.com/retired"
        )
        clock[0] = NOW
    return Site(home, settings)


def sample_listings() -> Iterator[tuple[str, bytes]]:
    """Yield the provider and the content of each sample, without those that the story has itself."""
    folder = REAL_LISTINGS if REAL_LISTINGS.exists() else REPOSITORY / "latest_models"
    names = {path.name.split("_", maxsplit=1)[0] for path in folder.glob("*_*.json")}
    paths = [*folder.glob("*_*.json")]
    paths += [one for one in (REPOSITORY / "latest_models").glob("*_*.json") if one.name.split("_")[0] not in names]
    for path in sorted(paths):
        provider = path.name.split("_", maxsplit=1)[0]
        if provider not in (STORY_PROVIDER, HOSTILE_PROVIDER):
            yield provider, path.read_bytes()


def hostile_listing() -> bytes:
    """Return a listing whose ids and names are chosen to break pages."""
    rows = [
        {"id": one, "object": "model", "name": HOSTILE_NAME, "homepage": "javascript:alert(1)"} for one in HOSTILE_IDS
    ]
    return json.dumps({"data": rows}).encode()


@contextmanager
def served(site: Site) -> Iterator[str]:
    """Serve the pages on a free port of loopback for the length of a block; yield the address without a slash."""
    with site.opened() as catalog:
        pages = create_application(catalog, clock=lambda: NOW, dagster_url=DAGSTER_URL)
        listener = listen("127.0.0.1", 0)
        server = QuietServer(route_by_prefix(pages, pages), threading.Event())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop()
            thread.join()
            listener.close()
