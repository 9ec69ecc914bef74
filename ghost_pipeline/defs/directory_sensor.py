"""The sensor that requests a run for each new file of the models folder, and its cursor."""

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.defs.ingestion import ingest_listing, listing_run_config
from ghost_pipeline.defs.resource import GhostCatalog, providers
from ghost_pipeline.errors import CatalogError, NoListings, SettingsError
from ghost_pipeline.lifecycle.validation import cap_instant, parse_instant
from ghost_pipeline.listings.files import ListingFile, find_listings, newest_listings


@dataclass(frozen=True, slots=True)
class RequestedFile:
    """A file as it was when a run was requested for it."""

    name: str
    stated_at: str
    """The instant in its name, else its mtime, capped at the time of the request; ISO 8601. Without the cap, one file
    from a machine whose clock is ahead would make every later file look old."""
    mtime_ns: int
    size: int

    @classmethod
    def of(cls, file: ListingFile, now: datetime) -> "RequestedFile":
        """Return what the cursor keeps of ``file`` if its run is requested ``now``."""
        return cls(file.path.name, cap_instant(file.stated_at, now).isoformat(), file.mtime_ns, file.size)

    def is_same(self, other: "RequestedFile") -> bool:
        """Return True if ``other`` is the same file, unchanged."""
        return (self.name, self.mtime_ns, self.size) == (other.name, other.mtime_ns, other.size)

    def is_older(self, other: "RequestedFile") -> bool:
        """Return True if ``other`` states the later instant."""
        return parse_instant(self.stated_at) < parse_instant(other.stated_at)


@dataclass(frozen=True, slots=True)
class DirectoryCursor:
    """The last file of each provider for which a run was requested."""

    requested: dict[str, RequestedFile] = field(default_factory=dict)
    """By provider slug."""

    def is_new(self, file: ListingFile, now: datetime) -> bool:
        """Return True if ``file`` differs from its provider's last requested file and is not older than that."""
        last, this = self.requested.get(file.provider_id), RequestedFile.of(file, now)
        if last is None:
            return True
        is_from_future = datetime.fromisoformat(last.stated_at) > now  # of a request while this clock was ahead
        return not this.is_same(last) and (is_from_future or not this.is_older(last))

    def advanced(self, files: Iterable[ListingFile], now: datetime) -> "DirectoryCursor":
        """Return the cursor after runs were requested for ``files``."""
        return DirectoryCursor({**self.requested, **{file.provider_id: RequestedFile.of(file, now) for file in files}})

    def to_json(self) -> str:
        """Return the cursor as the text that Dagster stores."""
        return json.dumps(
            {
                provider_id: [file.name, file.stated_at, file.mtime_ns, file.size]
                for provider_id, file in sorted(self.requested.items())
            }
        )


def read_directory_cursor(text: str | None) -> DirectoryCursor:
    """Return the cursor that Dagster stored; an empty one at the start and for an unparseable text.

    Starting over is harmless: the run keys are the same again, and Dagster starts no second run for a run key.
    """
    try:
        return DirectoryCursor(
            {provider_id: RequestedFile(*values) for provider_id, values in json.loads(text or "{}").items()}
        )
    except (ValueError, TypeError, AttributeError):
        return DirectoryCursor()


SETTLING_SECONDS = 0.3
"""A file whose size and mtime stay the same for this long is complete."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the models folder found."""

    provider_count: int
    new: list[ListingFile]
    at: datetime


WATCH_SECONDS = 3.9
"""How long a tick looks for a changed file. The daemon begins ticks every 5 seconds and leaves one out while the last
is not over; a tick takes half a second longer than this, and more on a busy machine. Other sensors wait as long unless
the daemon has threads for them (``sensors: {use_threads: true}`` in ``dagster.yaml``), so that without threads a tick
looks once.
"""

LOOK_INTERVAL_SECONDS = 0.2


def _watch(context: dg.SensorEvaluationContext, ghost: GhostCatalog, cursor: DirectoryCursor) -> _Look:
    """Look for changed files until there is one or the time of the tick is over. Raises NoListings, SettingsError."""
    ends_at = time.monotonic()
    if context.instance.get_settings("sensors").get("use_threads"):
        ends_at += WATCH_SECONDS
    while True:
        now = datetime.now(UTC)
        newest = newest_listings(find_listings(ghost.settings().models_dir).files)
        new = [file for file in newest.values() if cursor.is_new(file, now)]
        if new or time.monotonic() >= ends_at:
            return _Look(len(newest), new, now)
        time.sleep(LOOK_INTERVAL_SECONDS)


@dg.sensor(
    job=ingest_listing,
    minimum_interval_seconds=4,  # the daemon evaluates sensors every 5 seconds; 5 here would drift to 10
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests one run for each provider whose newest file in the models folder has changed.",
)
def models_directory_sensor(
    context: dg.SensorEvaluationContext, ghost: GhostCatalog
) -> dg.SensorResult | dg.SkipReason:
    cursor = read_directory_cursor(context.cursor)
    try:
        look = _watch(context, ghost, cursor)
    except NoListings as error:
        return dg.SkipReason(str(error))
    now = look.at
    settled, blocked = _split_by_readiness(look.new)
    if not settled:
        return dg.SkipReason("; ".join(blocked) or f"{look.provider_count} providers, no newer file")
    for reason in (*blocked, *(f"{file.path.name}: {file.warning}" for file in settled if file.warning)):
        context.log.warning(reason)
    ingested = _ingested_providers(ghost, settled)
    requests = [_run_request(file, now) for file in settled if file.provider_id not in ingested]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(f"already in the catalog: {', '.join(sorted(ingested))}"),
        dynamic_partitions_requests=[providers.build_add_request([file.provider_id for file in settled])],
        cursor=cursor.advanced(settled, now).to_json(),
    )


def _ingested_providers(ghost: GhostCatalog, files: Sequence[ListingFile]) -> set[str]:
    """Return the providers whose file ``ghost-pipeline ingest`` or a run by hand has ingested since it was written.

    A second run would find them late, because ``ingest`` counts a file as seen at its own instant.
    """
    try:
        with ghost.opened() as catalog:
            return {file.provider_id for file in files if _is_ingested(catalog, file)}
    except (CatalogError, SettingsError):  # the runs report it, and are retried
        return set()


def _is_ingested(catalog: ModelCatalog, file: ListingFile) -> bool:
    listing_id = catalog.find_listing(file.provider_id)
    if listing_id is None:
        return False
    listing = catalog.get_listing(listing_id)
    is_same_file = listing.attempt.file_name == file.path.name and listing.attempt.observed_at >= file.modified_at
    if listing.counts is None or not is_same_file:
        return False
    try:  # without a look at the content, another file with this name and an older mtime would never be ingested
        with file.path.open("rb") as content:
            return listing.attempt.sha256 == file_digest(content, "sha256").hexdigest()
    except OSError:
        return False


def _run_request(file: ListingFile, requested_at: datetime) -> dg.RunRequest:
    # With the mtime in the key, a file that returns to an earlier content runs again, and the same bytes fetched anew
    # count as fresh evidence.
    return dg.RunRequest(
        run_key=f"{file.provider_id}:{file.path.name}:{file.mtime_ns}:{file.size}",
        partition_key=file.provider_id,
        run_config=listing_run_config(file.path, min(file.modified_at, requested_at)),
    )


def _split_by_readiness(changed: Sequence[ListingFile]) -> tuple[list[ListingFile], list[str]]:
    """Return the files that a run can read now, and for each of the others why not. One wait serves them all."""
    if changed:
        time.sleep(SETTLING_SECONDS)
    reasons = {file.path: _blocked_reason(file) for file in changed}
    return (
        [file for file in changed if reasons[file.path] is None],
        [reason for reason in reasons.values() if reason is not None],
    )


def _blocked_reason(file: ListingFile) -> str | None:
    """Return why no run can read the file now; None if one can. Opens the file, but reads nothing of it."""
    try:
        with file.path.open("rb") as content:
            status = os.fstat(content.fileno())
    except FileNotFoundError:
        return f"{file.path.name} was removed or renamed just now"
    except OSError as error:
        return f"{file.path.name} can't be read: {error.strerror}; check its permissions"
    if (status.st_mtime_ns, status.st_size) != (file.mtime_ns, file.size):
        return f"{file.path.name} is still being written"
    return None
