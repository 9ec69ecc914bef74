"""The health of the deployment itself: each check returns what it found and what to do. Nothing is changed.

Models and providers have checks of their own in Dagster (``provider_health``).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import dagster as dg

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.claims.references import ReferenceState
from ghost_pipeline.defs.local_runs import open_instance
from ghost_pipeline.errors import GhostPipelineError
from ghost_pipeline.fetching.configuration import configured_providers, read_reference_endpoints
from ghost_pipeline.listings.files import find_listings, newest_listings
from ghost_pipeline.references import REFERENCE_FORMATS
from ghost_pipeline.settings import Settings

MIN_FREE_BYTES = 200_000_000
LOW_FREE_BYTES = 2_000_000_000
CLOCK_TOLERANCE = timedelta(minutes=5)
DAEMON_TIMEOUT = timedelta(minutes=5)
"""The daemon reports every 30 seconds; one that is busy with a tick misses a few reports."""


class Status(Enum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    """Works, and may be as intended."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    check: str
    status: Status
    detail: str
    advice: str = ""


def diagnose(settings: Settings, definitions: dg.Definitions, now: datetime) -> list[Finding]:
    """Run every check. A check that fails with an error is a finding too, never an exception."""
    findings: list[Finding] = []
    for name, check in _LOCAL_CHECKS.items():
        findings += _guarded(name, lambda check=check: check(settings, now))  # type: ignore[misc]
    with ExitStack() as stack:
        opened: list[dg.DagsterInstance] = []

        def open_existing() -> Iterator[Finding]:
            home = settings.dagster_home
            if not (home / "dagster.yaml").exists():
                yield Finding("daemon", Status.WRONG, f"Dagster has never run in {home}", "run 'ghost-pipeline ui'")
            else:
                opened.append(stack.enter_context(open_instance(settings)))
                yield from _check_daemon(opened[0], now)

        findings += _guarded("daemon", open_existing)
        if opened:
            findings += _guarded("sensors", lambda: _check_sensors(opened[0], definitions, now))
            findings += _guarded("schedules", lambda: _check_schedules(opened[0], definitions))
    return findings


_UNKNOWN_CAUSE = "correct it, or restore the file from a backup as docs/backup-and-restore.md describes"


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except GhostPipelineError as error:
        found.append(Finding(name, Status.WRONG, error.reason, error.advice or _UNKNOWN_CAUSE))
    except Exception as error:  # noqa: BLE001 - a damaged part must not hide the state of the others
        detail = " ".join(f"{type(error).__name__}: {error}".split())
        found.append(Finding(name, Status.WRONG, detail, _UNKNOWN_CAUSE))
    return found


def _check_home(settings: Settings, _now: datetime) -> Iterator[Finding]:
    if settings.home_url:
        yield Finding("home", Status.OK, f"{settings.home_url} (not looked into)")
        return
    home = settings.home.absolute()
    if not home.is_dir():
        yield Finding("home", Status.WRONG, f"{home} does not exist", "run 'ghost-pipeline ingest' or set GHOST_HOME")
    elif not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("home", Status.WRONG, f"{home} can't be written", "change its owner or its permissions")
    else:
        yield Finding("home", Status.OK, str(home))


def _check_database(settings: Settings, _now: datetime) -> Iterator[Finding]:
    is_new = not settings.database_url and not (settings.home.absolute() / "catalog.db").exists()
    if is_new:
        yield Finding("database", Status.WRONG, "there is no catalog yet", "run 'ghost-pipeline ingest'")
        return
    version = ModelCatalog.get_schema_version(settings)
    yield Finding("database", Status.OK, version.catalog)
    if version.current != version.head:
        detail = f"the catalog has version {version.current or 'none'}, this program needs {version.head}"
        yield Finding("schema", Status.WRONG, detail, "run 'ghost-pipeline db upgrade', or install the newer program")
        return
    yield Finding("schema", Status.OK, f"version {version.current}")


def _check_disk(settings: Settings, _now: datetime) -> Iterator[Finding]:
    folder = settings.home.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail, advice = f"{free / 1e9:,.1f} GB free for {folder}", "free some, or run 'ghost-pipeline db prune-runs'"
    if free < MIN_FREE_BYTES:
        yield Finding("disk", Status.WRONG, detail, advice)
    elif free < LOW_FREE_BYTES:
        yield Finding("disk", Status.WARNING, detail, advice)
    else:
        yield Finding("disk", Status.OK, detail)


def _check_clock(settings: Settings, now: datetime) -> Iterator[Finding]:
    future = list(_future_instants(settings, now + CLOCK_TOLERANCE))
    if future:
        advice = "set the clock by NTP on every machine; the next listing corrects what is stored"
        yield Finding("clock", Status.WRONG, f"in the future: {', '.join(future[:3])}", advice)
    else:
        yield Finding("clock", Status.OK, f"{now:%Y-%m-%d %H:%M} UTC; no stored timestamp is later")


def _future_instants(settings: Settings, limit: datetime) -> Iterator[str]:
    if settings.models_dir.is_dir():
        for path in settings.models_dir.glob("*.json"):
            if path.lstat().st_mtime > limit.timestamp():  # also of a link that leads nowhere
                yield f"the time of {path.name}"
    if _has_catalog(settings):
        version = ModelCatalog.get_schema_version(settings)
        if version.current == version.head:
            with ModelCatalog.open(settings) as catalog:
                for provider in catalog.list_providers():
                    if provider.last_listing_at is not None and provider.last_listing_at > limit:
                        yield f"the last listing of {provider.id}"


def _check_inbox(settings: Settings, _now: datetime) -> Iterator[Finding]:
    folder = settings.inbox_dir
    if not folder.exists():
        yield Finding("inbox", Status.OK, f"{folder} does not exist; nothing is reported there")
    elif not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        yield Finding("inbox", Status.WRONG, f"{folder} can't be read", "make it a folder that this user can read")
    else:
        yield Finding("inbox", Status.OK, f"{folder}: {sum(1 for _ in folder.iterdir()):,} files")


def _check_keys(settings: Settings, _now: datetime) -> Iterator[Finding]:
    enabled = [one for one in configured_providers(settings) if one.is_enabled]
    for one in enabled:
        if one.blocked_reason is not None:
            yield Finding("keys", Status.WRONG, f"{one.provider_id} can't be fetched", one.blocked_reason)
    usable = sorted(one.provider_id for one in enabled if one.blocked_reason is None)
    if usable:
        yield Finding("keys", Status.OK, f"can be fetched: {', '.join(usable)}")
    elif not enabled:
        yield Finding("keys", Status.WARNING, "no provider can be fetched", "set a key, such as OPENAI_API_KEY")


def _check_files(settings: Settings, now: datetime) -> Iterator[Finding]:
    scan = find_listings(settings.models_dir)
    newest = newest_listings(scan.files).values()
    if not newest:
        advice = "run 'ghost-pipeline fetch', or set GHOST_MODELS_DIR"
        yield Finding("files", Status.WRONG, f"{settings.models_dir.absolute()} contains no provider file", advice)
        return
    limit = settings.thresholds.complete_within
    old = sorted(file.provider_id for file in newest if now - file.modified_at > limit)
    detail = f"{len(newest)} providers in {settings.models_dir.absolute()}"
    if old:
        detail = f"older than {limit / timedelta(hours=1):g} hours: {', '.join(old)}"
        yield Finding("files", Status.WARNING, detail, "run 'ghost-pipeline fetch', or check what writes them")
    else:
        yield Finding("files", Status.OK, detail)


def _check_references(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Yield a finding for each reference that is fetched or was imported."""
    try:
        configured = read_reference_endpoints(settings.providers_file, REFERENCE_FORMATS)
        states = _reference_states(settings)
    except GhostPipelineError:
        return  # an invalid file is a finding of "keys", and a broken catalog of "database"
    for name in sorted(configured.keys() | states.keys()):
        state = states.get(name)
        advice = f"run 'ghost-pipeline references {'fetch' if name in configured else 'import --as'} {name}'"
        if state is None or state.applied is None:
            yield Finding("references", Status.WARNING, f"{name} was never imported", advice)
        elif name in configured and now - state.applied.imported_at > REFERENCE_AGE:
            detail = f"{name} was imported last at {state.applied.imported_at:%Y-%m-%d %H:%M} UTC"
            yield Finding("references", Status.WARNING, detail, advice)
        else:
            detail = f"{name}: {state.claim_count:,} claims of {state.applied.imported_at:%Y-%m-%d %H:%M} UTC"
            yield Finding("references", Status.OK, detail)
    if not configured and not states:
        yield Finding("references", Status.OK, "none")


def _reference_states(settings: Settings) -> dict[str, ReferenceState]:
    if not _has_catalog(settings):
        return {}
    version = ModelCatalog.get_schema_version(settings)
    if version.current != version.head:
        return {}
    with ModelCatalog.open(settings) as catalog:
        return {state.name: state for state in catalog.references.list_states()}


REFERENCE_AGE = timedelta(days=3)
"""References are fetched every day."""


def _has_catalog(settings: Settings) -> bool:
    return bool(settings.database_url) or (settings.home.absolute() / "catalog.db").exists()


_LOCAL_CHECKS: dict[str, Callable[[Settings, datetime], Iterator[Finding]]] = {
    "home": _check_home,
    "database": _check_database,
    "disk": _check_disk,
    "clock": _check_clock,
    "inbox": _check_inbox,
    "keys": _check_keys,
    "files": _check_files,
    "references": _check_references,
}

_START = "start 'ghost-pipeline ui', or restart the service that runs the daemon"


def _check_daemon(instance: dg.DagsterInstance, now: datetime) -> Iterator[Finding]:
    beats = instance.get_daemon_heartbeats()
    if not beats:
        yield Finding("daemon", Status.WRONG, "the daemon has never run", _START)
        return
    last = datetime.fromtimestamp(max(beat.timestamp for beat in beats.values()), UTC)
    detail = f"last heartbeat at {last:%Y-%m-%d %H:%M:%S} UTC"
    if now - last > DAEMON_TIMEOUT:
        yield Finding("daemon", Status.WRONG, detail, _START)
    elif last - now > CLOCK_TOLERANCE:
        yield Finding("daemon", Status.WRONG, f"{detail}, which is in the future", "set the clock by NTP")
    else:
        yield Finding("daemon", Status.OK, detail)
    for name, beat in sorted(beats.items()):
        if beat.errors:
            message = " ".join(beat.errors[0].message.split())
            yield Finding("daemon", Status.WRONG, f"{name}: {message}", "see the daemon's log")


def _check_sensors(instance: dg.DagsterInstance, definitions: dg.Definitions, now: datetime) -> Iterator[Finding]:
    names = [sensor.name for sensor in definitions.get_repository_def().sensor_defs]
    yield from _check_ticks(instance, "sensors", names, now - DAEMON_TIMEOUT)


def _check_schedules(instance: dg.DagsterInstance, definitions: dg.Definitions) -> Iterator[Finding]:
    names = [schedule.name for schedule in definitions.get_repository_def().schedule_defs]
    yield from _check_ticks(instance, "schedules", names, None)


def _check_ticks(
    instance: dg.DagsterInstance, check: str, names: list[str], expected_after: datetime | None
) -> Iterator[Finding]:
    """Yield a finding for each sensor or schedule from its last tick.

    ``expected_after`` is the earliest instant that its last tick may have; None if it may be of any age.
    """
    states = {state.instigator_name: state for state in instance.all_instigator_state()}
    for name in sorted(names):
        state = states.get(name)
        if state is None:
            yield Finding(check, Status.WRONG, f"{name} never ticked", _START)
            continue
        if not state.is_running:
            yield Finding(check, Status.WARNING, f"{name} is stopped", "start it on the page Automation of the UI")
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if not ticks and expected_after is None:
            yield Finding(check, Status.OK, f"{name} was not due yet")
        elif not ticks:
            yield Finding(check, Status.WRONG, f"{name} never ticked", _START)
        else:
            yield _judge_tick(check, name, ticks[0], expected_after)


def _judge_tick(check: str, name: str, tick: Any, expected_after: datetime | None) -> Finding:
    at = datetime.fromtimestamp(tick.timestamp, UTC)
    if tick.error is not None:
        message = " ".join((tick.error.cause or tick.error).message.split())
        return Finding(check, Status.WRONG, f"{name} failed at {at:%Y-%m-%d %H:%M} UTC: {message}", "fix its cause")
    if expected_after is not None and at < expected_after:
        return Finding(check, Status.WRONG, f"{name} did not tick since {at:%Y-%m-%d %H:%M} UTC", _START)
    return Finding(check, Status.OK, f"{name}: {tick.status.value.lower()} at {at:%Y-%m-%d %H:%M:%S} UTC")
