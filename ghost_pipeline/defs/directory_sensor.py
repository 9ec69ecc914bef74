"""The sensor that ingests new files of ``latest_models/``, and its cursor."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

import dagster as dg

from ghost_pipeline.defs.ingestion import ingest_listing, listing_run_config
from ghost_pipeline.defs.resource import GhostCatalog, providers
from ghost_pipeline.errors import NoListings
from ghost_pipeline.listings.files import ListingFile, find_listings, newest_listings


@dataclass(frozen=True, slots=True)
class RequestedFile:
    """A file as it was when a run was asked for it. Its age is capped at that instant: no clock of another machine
    may make every later file look old."""

    name: str
    age: str
    """The instant in its name, else its mtime; ISO 8601."""
    mtime_ns: int
    size: int

    @classmethod
    def of(cls, file: ListingFile, now: datetime) -> "RequestedFile":
        """What is remembered of ``file``, seen ``now``."""
        return cls(file.path.name, min(file.stated_at, now).isoformat(), file.mtime_ns, file.size)

    def is_same(self, other: "RequestedFile") -> bool:
        """Whether it is the same file, unchanged."""
        return (self.name, self.mtime_ns, self.size) == (other.name, other.mtime_ns, other.size)

    def is_older(self, other: "RequestedFile") -> bool:
        """Whether ``other`` is the newer statement of the two."""
        return datetime.fromisoformat(self.age) < datetime.fromisoformat(other.age)


@dataclass(frozen=True, slots=True)
class DirectoryCursor:
    """Provider -> the last file asked for."""

    asked: dict[str, RequestedFile] = field(default_factory=dict)

    def is_news(self, file: ListingFile, now: datetime) -> bool:
        """Whether the file is not the one asked for last, and not older than it."""
        last, this = self.asked.get(file.provider_id), RequestedFile.of(file, now)
        return last is None or not (this.is_same(last) or this.is_older(last))

    def after(self, files: Iterable[ListingFile], now: datetime) -> "DirectoryCursor":
        """The cursor once runs have been asked for ``files``."""
        return DirectoryCursor({**self.asked, **{file.provider_id: RequestedFile.of(file, now) for file in files}})

    def to_json(self) -> str:
        """The cursor as Dagster keeps it."""
        return json.dumps(
            {
                provider_id: [asked.name, asked.age, asked.mtime_ns, asked.size]
                for provider_id, asked in sorted(self.asked.items())
            }
        )


def read_directory_cursor(text: str | None) -> DirectoryCursor:
    """The cursor that Dagster kept; an empty one at the start, and for a text that a person put there.

    To start over is harmless: what was asked for before has the same run key, and no run key runs twice.
    """
    try:
        return DirectoryCursor(
            {provider_id: RequestedFile(*asked) for provider_id, asked in json.loads(text or "{}").items()}
        )
    except (ValueError, TypeError, AttributeError):
        return DirectoryCursor()


SETTLING_SECONDS = 0.3
"""A file whose size and mtime stay the same for that long is taken to be written."""


@dg.sensor(
    job=ingest_listing,
    minimum_interval_seconds=4,  # the daemon looks every 5 seconds; 5 here would drift to 10
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="One run for each provider whose newest file in the models folder changed.",
)
def models_directory_sensor(
    context: dg.SensorEvaluationContext, ghost: GhostCatalog
) -> dg.SensorResult | dg.SkipReason:
    try:
        newest = newest_listings(find_listings(ghost.settings().models_dir).files)
    except NoListings as error:
        return dg.SkipReason(str(error))
    cursor = read_directory_cursor(context.cursor)
    now = datetime.now(UTC)
    changed = [file for file in newest.values() if cursor.is_news(file, now)]
    settled = _settled(changed)
    if not settled:
        waiting = "; ".join(f"{file.path.name} is still being written" for file in changed)
        return dg.SkipReason(waiting or f"{len(newest)} providers, no newer file")
    return dg.SensorResult(
        run_requests=[_request(file, digest, now) for file, digest in settled],
        dynamic_partitions_requests=[providers.build_add_request([file.provider_id for file, _ in settled])],
        cursor=cursor.after([file for file, _ in settled], now).to_json(),
    )


def _request(file: ListingFile, digest: str, asked_at: datetime) -> dg.RunRequest:
    # The mtime is in the key, or a file that goes back to what it was would never run again, and the same bytes
    # fetched anew would not count as evidence.
    return dg.RunRequest(
        run_key=f"{file.provider_id}:{digest}:{file.mtime_ns}",
        partition_key=file.provider_id,
        run_config=listing_run_config(file.path, min(file.modified_at, asked_at)),
    )


def _settled(changed: list[ListingFile]) -> list[tuple[ListingFile, str]]:
    """Those that are not being written just now, with their digests. One wait serves them all."""
    if not changed:
        return []
    time.sleep(SETTLING_SECONDS)
    return [(file, digest) for file in changed if (digest := _digest_if_unchanged(file)) is not None]


def _digest_if_unchanged(file: ListingFile) -> str | None:
    try:
        stat = file.path.stat()
        if (stat.st_mtime_ns, stat.st_size) != (file.mtime_ns, file.size):
            return None
        return sha256(file.path.read_bytes()).hexdigest()
    except OSError:  # gone or not readable yet: the next tick sees
        return None
