"""Who acts on the catalog: fetches, gateways, the inbox, sweeps and operators, with the faults of each step."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from ghost_pipeline import CatalogError, ModelCatalog, UsageError
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.validation import validate_inference
from ghost_pipeline.reported_sightings import InboxCursor, Sighting, read_inbox
from ghost_pipeline.settings import Settings
from simulation.faults import Crash, Delivered, crash_at, deliver, failing_database
from simulation.plan import Step
from simulation.world import TrueModel, TrueProvider

PAGE = 100


@dataclass(slots=True)
class Happened:
    """The result of a step, as its actor observed it."""

    provider_id: str | None
    """None if the step concerns all providers."""
    is_acknowledged: bool
    """Whether the catalog answered that it is done. Otherwise it may be done or not."""
    delivered: Delivered | None = None
    listed_at: datetime | None = None
    """When a fetched listing was observed, by the clock of this host."""
    used: list[tuple[str, str, datetime]] = field(default_factory=list)
    """Provider, model and instant of every inference."""
    model_id: str | None = None
    """Whom an operator meant."""
    error: str | None = None


class Actors:
    """Two processes with a catalog each on one database, an inbox and its cursor."""

    moves_cursor_first = False
    """The order that loses lines; see ``mutants``."""

    def __init__(self, world: list[TrueProvider], settings: Settings) -> None:
        self.world = world
        self._settings = settings
        self._now = datetime.min.replace(tzinfo=UTC)
        self._catalogs: dict[int, ModelCatalog] = {}
        self._inbox = settings.inbox_dir
        self._inbox.mkdir(parents=True, exist_ok=True)
        self._cursor: str | None = None
        self._written: list[tuple[str, str, datetime]] = []
        """Lines that were written and are not known to be recorded."""

    def catalog(self, process: int = 0) -> ModelCatalog:
        """Return the catalog of a process, opened anew after a crash."""
        if process not in self._catalogs:
            self._catalogs[process] = ModelCatalog.open(self._settings, clock=lambda: self._now)
        return self._catalogs[process]

    def close(self) -> None:
        """Close both catalogs."""
        for catalog in self._catalogs.values():
            catalog.close()
        self._catalogs.clear()

    def carry_out(self, step: Step) -> Happened:
        """Carry out the step. A crash ends the process, an error of the database leaves the rest to later steps."""
        self._now = step.host_time
        happened = Happened(None, is_acknowledged=False)
        try:
            catalog = self.catalog(step.process)
            with self._faults(catalog, step):
                getattr(self, f"_{step.action}")(catalog, step, happened)
            happened.is_acknowledged = True
        except Crash as crash:
            happened.error = f"crash: {crash}"
            self._catalogs.pop(step.process).close()
        except CatalogError as error:
            happened.error = type(error).__name__
        except UsageError as error:
            happened.error = type(error).__name__
        return happened

    @contextmanager
    def _faults(self, catalog: ModelCatalog, step: Step) -> Iterator[None]:
        with ExitStack() as stack:
            if step.crash is not None:
                stack.enter_context(crash_at(catalog, step.crash, step.seed))
            if step.database_fault is not None:
                stack.enter_context(failing_database(catalog, step.database_fault, step.seed))
            yield

    def _fetch(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        provider = self.world[step.provider]
        happened.provider_id = provider.provider_id
        lateness = timedelta(hours=Random(step.seed).randint(1, 60)) if step.fault == "late" else timedelta()
        delivered = deliver(provider, step.at - lateness, step.fault, step.seed)
        happened.delivered, happened.listed_at = delivered, step.host_time - lateness
        name = f"{provider.provider_id}_models.json"
        submitted = SubmittedListing(provider.provider_id, name, delivered.content, happened.listed_at)
        outcome = catalog.admit(submitted)
        if not outcome.is_refused:
            catalog.reconcile(outcome.listing_id)

    def _infer(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        provider = self.world[step.provider]
        happened.provider_id = provider.provider_id
        at = _client_time(step)
        used = provider.used(step.at)
        happened.used = [(provider.provider_id, model.model_id, _evidence_at(at, step)) for model in used]
        catalog.record_inferences([self._inference(provider, model, at) for model in used])

    def _inference(self, provider: TrueProvider, model: TrueModel, at: datetime) -> Inference:
        return validate_inference(provider.provider_id, model.model_id, at, at, None, None, self._now)

    def _write_inbox(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        provider, random = self.world[step.provider], Random(step.seed)
        happened.provider_id = provider.provider_id
        lines = []
        for model in provider.used(step.at):
            line = {"provider": provider.provider_id, "model": model.model_id, "last_at": step.at.isoformat()}
            lines.append(json.dumps(line))
            self._written.append((provider.provider_id, model.model_id, step.at))
        if step.fault == "junk":
            junk = ("", "{", "\x00" * 50, '{"provider": "lab-2"}', "x" * 2_000)
            lines = [*lines, *random.sample(junk, 2)]
        path = self._inbox / f"gateway-{step.provider}.jsonl"
        if random.random() < 0.3 and path.exists():
            path.rename(self._inbox / f"gateway-{step.provider}-{step.at:%Y%m%d%H%M%S}.jsonl")
        with path.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def _read_inbox(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        taken = list(self._written)
        while True:
            page = read_inbox(self._inbox, InboxCursor.from_json(self._cursor), PAGE, step.host_time)
            if self.moves_cursor_first:
                self._cursor = page.cursor.to_json()
            sightings = [sighting for sighting in page.sightings if isinstance(sighting, Sighting)]
            if sightings:
                catalog.record_reported([sighting.inference for sighting in sightings])
            # At least once: the cursor moves on after the catalog has answered, so a crash in between repeats a page.
            is_done = page.is_empty and page.cursor.to_json() == self._cursor
            self._cursor = page.cursor.to_json()
            if is_done:
                break
        happened.used = [(provider, model, _evidence_at(at, step)) for provider, model, at in taken]
        self._written = self._written[len(taken) :]

    def _sweep(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        catalog.mark_stale_models_inactive()

    def _purge(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        catalog.delete_old_inactive_models()

    def _add(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        self._target(step, happened)
        catalog.add_manual_model(str(happened.provider_id), str(happened.model_id))

    def _remove(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        self._target(step, happened)
        catalog.remove_model(str(happened.provider_id), str(happened.model_id))

    def _restore(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        self._target(step, happened)
        catalog.restore_model(str(happened.provider_id), str(happened.model_id))

    def _reactivate(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        self._target(step, happened)
        catalog.reactivate_model(str(happened.provider_id), str(happened.model_id))

    def _release(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        happened.provider_id = self.world[step.provider].provider_id
        catalog.release_provider(happened.provider_id)

    def _target(self, step: Step, happened: Happened) -> None:
        provider = self.world[step.provider]
        happened.provider_id = provider.provider_id
        happened.model_id = Random(step.seed).choice(sorted(provider.models) or ["nothing"])


def _client_time(step: Step) -> datetime:
    random = Random(step.seed)
    if step.fault == "ahead":
        return step.at + timedelta(days=random.choice((1, 400, 4000)))
    if step.fault == "behind":
        return step.at - timedelta(hours=random.choice((1, 30, 2000)))
    if step.fault == "unset":
        return datetime(1970, 1, 1, tzinfo=UTC)
    return step.at


def _evidence_at(stated: datetime, step: Step) -> datetime:
    """Return when a sighting was at the latest: as stated if plausible, and not after it arrived by either clock."""
    arrived_at = min(step.at, step.host_time)
    return arrived_at if stated.year < 2020 else min(stated, arrived_at)
