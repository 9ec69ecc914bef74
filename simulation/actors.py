"""Who acts on the catalog: fetches, gateways, the inbox, sweeps and operators, with the faults of each step."""

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from ghost_pipeline import CatalogError, ModelCatalog, UsageError
from ghost_pipeline.catalog.results import ModelFilter, SubmittedListing
from ghost_pipeline.client import writer as client_writer
from ghost_pipeline.client.drops import Drops
from ghost_pipeline.client.pending import Sighting as Use
from ghost_pipeline.client.pending import SightingBuffer
from ghost_pipeline.client.writer import Writer, open_writers
from ghost_pipeline.lifecycle.refusals.classification import Classification
from ghost_pipeline.lifecycle.refusals.evidence import classify, refusal_of
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline.reported_sightings import InboxCursor, Sighting, read_inbox
from ghost_pipeline.settings import Settings
from simulation import numbers
from simulation.connections import close_kept, execute_directly, executed_compiled
from simulation.faults import Crash, Delivered, crash_at, deliver, failing_database, replace_archived
from simulation.plan import Step
from simulation.world import TrueProvider

logging.getLogger("ghost_pipeline.client").addHandler(logging.NullHandler())

PAGE = 100
PENDING = 10_000
"""Models that a tracker keeps in memory."""
CONNECTS_EVERY, OPENS_EVERY = 8, 40
"""After so many restarts a process connects anew, and opens the catalog anew."""
_NO_FAULT = nullcontext()


class Used(NamedTuple):
    """One inference that the catalog acknowledged."""

    provider_id: str
    model_id: str
    at: datetime
    """When it was at the latest: as stated if plausible, and not after it arrived by either clock."""
    stamped_at: datetime
    """The same by the clock of this host."""


class Refused(NamedTuple):
    """One refusal that was reported."""

    model_id: str
    at: datetime
    """As the catalog stores it."""
    is_retired: bool
    """The provider stated that it has withdrawn the model; otherwise that there is no such model."""
    is_mistaken: bool
    """An account without access was refused, and the model answers others."""


@dataclass(slots=True)
class Happened:
    """The result of a step, as its actor observed it."""

    provider_id: str | None
    """None if the step concerns all providers."""
    is_acknowledged: bool
    """Whether the catalog answered that it is done. Otherwise it may be done or not."""
    is_admitted: bool = False
    """Whether the catalog answered that it admitted a listing."""
    delivered: Delivered | None = None
    listed_at: datetime | None = None
    """When a fetched listing was observed, by the clock of this host."""
    used: list["Used"] = field(default_factory=list)
    """Every inference, also if the catalog did not acknowledge it."""
    refused: list["Refused"] = field(default_factory=list)
    """Every refusal, also if the catalog did not acknowledge it."""
    model_id: str | None = None
    """Whom an operator meant."""
    stated_price: float | None = None
    """The price that an operator stated with an addition."""
    is_withdrawn: bool = False
    """Whether the operator withdrew everything that was stated of the model before."""
    error: str | None = None


class VirtualTime(datetime):
    """The clock of this host, for code that takes no clock: a tracker runs in a gateway, on real time."""

    shown = datetime.min.replace(tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        """Return the time of this host's clock."""
        return cls.shown


class Gateway:
    """A tracker of one provider's models without its thread: sightings wait in memory until they are delivered."""

    def __init__(self, settings: Settings) -> None:
        self._buffer = SightingBuffer(PENDING, Drops())
        self._writer = Writer(settings, self._buffer, 1.0, PENDING, PENDING)
        open_writers.discard(self._writer)  # nothing is delivered at the end of this program
        self.used: list[tuple[str, str, datetime]] = []
        """What waits: provider, model and instant as the gateway's clock stated it."""

    def use(self, provider_id: str, model_id: str, at: datetime) -> None:
        """Track one use, as a tracker does."""
        self._buffer.add((provider_id, model_id), Use(at.timestamp(), at.timestamp()), is_current=False)
        self.used.append((provider_id, model_id, at))

    def deliver(self, catalog: ModelCatalog) -> bool:
        """Write what waits. Return True if the catalog has it; otherwise it waits on."""
        self._writer._delivery._catalog = catalog
        client_writer.datetime = VirtualTime  # type: ignore[attr-defined]
        try:
            return self._writer._write_all()
        finally:
            client_writer.datetime = datetime  # type: ignore[attr-defined]


class Actors:
    """Two processes with a catalog each on one database, gateways, an inbox and its cursor."""

    moves_cursor_first = False
    """The order that loses lines; see ``mutants``."""

    def __init__(self, world: list[TrueProvider], settings: Settings) -> None:
        self.world = world
        self._settings = settings
        self._now = datetime.min.replace(tzinfo=UTC)
        self._gateways: dict[int, Gateway] = {}
        self._catalogs: dict[int, ModelCatalog] = {}
        self._inbox = settings.inbox_dir
        self._inbox.mkdir(parents=True, exist_ok=True)
        self._cursor: str | None = None
        self._restarts = 0
        self._written: list[tuple[str, str, datetime]] = []
        """Lines that were written and are not known to be recorded."""

    def catalog(self, process: int = 0) -> ModelCatalog:
        """Return the catalog of a process. After a crash it has forgotten what it had in memory."""
        if process not in self._catalogs:
            self._catalogs[process] = ModelCatalog.open(self._settings, clock=lambda: self._now)
            execute_directly(self._catalogs[process])
        return self._catalogs[process]

    def close(self) -> None:
        """Close both catalogs."""
        for catalog in self._catalogs.values():
            close_kept(catalog)
            catalog.close()
        self._catalogs.clear()

    def restart(self, process: int) -> None:
        """Forget what a process that died had in memory.

        Its transaction was rolled back. Some restarts connect anew, for which every statement is prepared again, and
        some of these open the catalog anew, which checks the schema.
        """
        self._restarts += 1
        self._gateways.clear()
        catalog = self._catalogs[process]
        catalog._admitted = None
        if self._restarts % CONNECTS_EVERY == 0:
            close_kept(catalog)
            catalog.close()
        if self._restarts % OPENS_EVERY == 0:
            del self._catalogs[process]

    def carry_out(self, step: Step) -> Happened:
        """Carry out the step. A crash ends the process, an error of the database leaves the rest to later steps."""
        self._now = VirtualTime.shown = step.host_time
        happened = Happened(None, is_acknowledged=False)
        try:
            catalog = self.catalog(step.process)
            with self._faults(catalog, step):
                happened.is_acknowledged = True
                getattr(self, f"_{step.action}")(catalog, step, happened)
        except Crash as crash:
            happened.is_acknowledged, happened.error = False, f"crash: {crash}"
            self.restart(step.process)
        except (CatalogError, UsageError) as error:
            happened.is_acknowledged, happened.error = False, type(error).__name__
        return happened

    def _faults(self, catalog: ModelCatalog, step: Step) -> AbstractContextManager[None]:
        if step.crash is not None:
            crash = crash_at(catalog, step.crash, step.seed)
            return _failing(catalog, crash) if step.crash == "statement" else crash
        if step.database_fault is not None:
            return _failing(catalog, failing_database(catalog, step.database_fault, step.seed))
        return _NO_FAULT

    def _fetch(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        provider = self.world[step.provider]
        happened.provider_id = provider.provider_id
        lateness = timedelta(hours=Random(step.seed).randint(1, 60)) if step.fault == "late" else timedelta()
        delivered = deliver(provider, step.at - lateness, step.fault, step.seed)
        happened.delivered, happened.listed_at = delivered, step.host_time - lateness
        name = f"{provider.provider_id}_models.json"
        submitted = SubmittedListing(provider.provider_id, name, delivered.content, happened.listed_at)
        outcome = catalog.admit(submitted)
        happened.is_admitted = True
        if step.fault != "replaced":
            if not outcome.is_refused:
                catalog.reconcile(outcome.listing_id)
            return
        self.restart(step.process)
        with replace_archived(catalog, submitted.sha256, step.seed):
            self.catalog(step.process).reconcile(outcome.listing_id)

    def _infer(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        provider = self.world[step.provider]
        happened.provider_id = provider.provider_id
        if step.provider not in self._gateways:
            self._gateways[step.provider] = Gateway(self._settings)
        gateway = self._gateways[step.provider]
        used, at = provider.used(step.at), _client_time(step)
        for model in Random(step.seed).sample(used, round(len(used) * numbers.USED_AT_A_TIME)):
            gateway.use(provider.provider_id, model.model_id, at)
        happened.used = [_used(*one, step) for one in gateway.used]
        happened.is_acknowledged = gateway.deliver(catalog)
        if happened.is_acknowledged:
            gateway.used.clear()
        else:
            happened.error = "waits in the tracker"

    def _refuse(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        """Report what a provider answered to requests for models that it has retired, and to one without access."""
        provider = self.world[step.provider]
        happened.provider_id = provider.provider_id
        asked = [(model.model_id, False) for model in provider.requested_in_vain(step.at)]
        if step.fault == "mistaken":
            used = provider.used(step.at)
            asked += [(model.model_id, True) for model in Random(step.seed).sample(used, len(used) // 4)]
        stated, refusals = _client_time(step), []
        for model_id, is_mistaken in asked:
            found = _classify(provider.provider_id, model_id, is_mistaken=is_mistaken)
            account = "without access" if is_mistaken else None
            refusals.append(refusal_of(provider.provider_id, model_id, found, stated, step.host_time, account))
            at = _used(provider.provider_id, model_id, stated, step).stamped_at
            is_retired = found.refusal_class is RefusalClass.RETIRED
            happened.refused.append(Refused(model_id, at, is_retired, is_mistaken))
        if refusals:
            catalog.record_refusals(refusals)

    def _write_inbox(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        provider, random = self.world[step.provider], Random(step.seed)
        happened.provider_id = provider.provider_id
        lines = []
        begin, end = f'{{"provider": "{provider.provider_id}", "model": "', f'", "last_at": "{step.at.isoformat()}"}}'
        for model in provider.used(step.at):
            lines.append(f"{begin}{model.model_id}{end}")
            self._written.append((provider.provider_id, model.model_id, step.at))
        if step.fault == "junk":
            junk = ("", "{", "\x00" * 50, '{"provider": "lab-2"}', "x" * 2_000)
            lines = [*lines, *random.sample(junk, 2)]
        path = self._inbox / f"gateway-{step.provider}.jsonl"
        if random.random() < 0.3 and path.exists():
            path.rename(self._inbox / f"gateway-{step.provider}-{step.at:%Y%m%d%H%M%S}.jsonl")
        with path.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))
        os.utime(path, (step.host_time.timestamp(), step.host_time.timestamp()))

    def _read_inbox(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        taken, rotated = list(self._written), list(self._inbox.glob("gateway-*-*"))
        happened.used = [_used(*one, step) for one in taken]
        while True:
            page = read_inbox(self._inbox, InboxCursor.from_json(self._cursor), PAGE, step.host_time)
            if self.moves_cursor_first:
                self._cursor = page.cursor.to_json()
            sightings = [sighting for sighting in page.sightings if isinstance(sighting, Sighting)]
            if sightings:
                catalog.record_reported([sighting.inference for sighting in sightings])
            # At least once: the cursor moves on after the catalog has answered, so a crash in between repeats a page.
            cursor = page.cursor.to_json()
            is_done = page.is_empty and cursor == self._cursor
            self._cursor = cursor
            if is_done:
                break
        self._written = self._written[len(taken) :]
        for path in rotated:
            path.unlink()

    def _sweep(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        catalog.mark_stale_models_inactive()

    def _purge(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        catalog.delete_old_inactive_models()

    def _add(self, catalog: ModelCatalog, step: Step, happened: Happened) -> None:
        """Add a model; half of the operators state a price, and some of the others withdraw what was stated of it."""
        self._target(step, happened)
        random = Random(step.seed + 1)  # so that the model is the same as without prices
        if random.random() < numbers.STATED_PRICE_SHARE:
            happened.stated_price = random.choice((0.0, 0.25, 777.0))
        else:
            wanted = ModelFilter(provider_ids=(str(happened.provider_id),), is_active=None)
            stated = [model.model_id for model in catalog.find_models(wanted) if model.manual_facts is not None]
            happened.is_withdrawn = bool(stated)
            happened.model_id = random.choice(stated) if stated else happened.model_id
        key = (str(happened.provider_id), str(happened.model_id))
        facts: dict[str, Any] = {} if happened.stated_price is None else {"input_price": happened.stated_price}
        catalog.add_manual_model(*key, **facts)
        if happened.is_withdrawn:
            catalog.withdraw_facts(*key)

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


@contextmanager
def _failing(catalog: ModelCatalog, fault: AbstractContextManager[None]) -> Iterator[None]:
    with executed_compiled(catalog), fault:
        yield


def _classify(provider_id: str, model_id: str, *, is_mistaken: bool) -> Classification:
    """Return what the answer is: in OpenRouter's words, elsewhere as the text of a provider that states the end."""
    if provider_id == "openrouter":
        return classify(provider_id, model_id, 400, 400, f"{model_id} is not a valid model ID")[2]
    kind = RefusalClass.NOT_FOUND if is_mistaken else RefusalClass.RETIRED
    return Classification(kind, f"simulated.{kind.value}", "simulated")


def _client_time(step: Step) -> datetime:
    if step.fault == "ahead":
        return step.at + timedelta(days=Random(step.seed).choice((1, 400, 4000)))
    if step.fault == "behind":
        return step.at - timedelta(hours=Random(step.seed).choice((1, 30, 2000)))
    if step.fault == "unset":
        return datetime(1970, 1, 1, tzinfo=UTC)
    return step.at


def _used(provider_id: str, model_id: str, stated: datetime, step: Step) -> Used:
    limits = (min(step.at, step.host_time), step.host_time)
    return Used(provider_id, model_id, *(limit if stated.year < 2020 else min(stated, limit) for limit in limits))
