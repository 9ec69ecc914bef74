"""``models_directory_sensor``: files that arrive in the models folder become runs."""

import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import dagster as dg

from ghost_pipeline.defs.directory_cursor import read_cursor
from ghost_pipeline.defs.model_catalog import model_catalog
from ghost_pipeline.defs.partitions import providers
from ghost_pipeline.defs.raw_provider_models import NAME, raw_provider_models
from ghost_pipeline.defs.resource import GhostCatalog
from ghost_pipeline.errors import NoListings
from ghost_pipeline.listings import ListingFile, find_listings, newest_listings

SETTLING_SECONDS = 0.3
"""A file whose size and mtime stay the same for that long is taken to be written."""

ingest_listing = dg.define_asset_job(
    "ingest_listing",
    selection=dg.AssetSelection.assets(raw_provider_models, model_catalog),
    description="One provider's listing: admitted, then reconciled.",
)


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
    cursor = read_cursor(context.cursor)
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


def listing_run_config(path: Path, observed_at: datetime) -> dict[str, object]:
    """The config of a run of ``ingest_listing`` on one file."""
    return {"ops": {NAME: {"config": {"file": str(path.absolute()), "observed_at": observed_at.isoformat()}}}}


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
