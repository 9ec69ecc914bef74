"""Fetched listings in the folder: their names, atomic writes, and removal of old ones.

Each ``PROVIDER_models_INSTANT.json`` has a sidecar, ``….json.response``, that describes the response. Readers of the
folder take ``*.json`` only, so they skip it. It is written first: a listing without a sidecar was not fetched, and is
never removed.
"""

import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ghost_pipeline.atomic_file import atomic_write
from ghost_pipeline.errors import FolderError
from ghost_pipeline.listings.files import _SIDECAR, ResponseInfo, sidecar_path

_INSTANT = "%Y-%m-%dT%H-%M-%S.%f"
_UNFINISHED = ".tmp"

ABANDONED_AFTER_SECONDS = 3600
"""Age of an unfinished file that a crash must have left: to write one takes seconds."""


def file_name(provider_id: str, at: datetime) -> str:
    """Return the name of a listing fetched at ``at``, in the form that ``listings.files`` reads."""
    return f"{provider_id}_models_{at.astimezone(UTC).strftime(_INSTANT)}.json"


def prepare(directory: Path) -> None:
    """Create the folder if it is missing. Raises FolderError if it can't be created or written."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"the folder {directory} can't be created ({error.strerror})", "choose another one") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise FolderError(f"the folder {directory} can't be written", "check its permissions or choose another one")


def write(directory: Path, content: bytes, info: ResponseInfo) -> Path:
    """Write a listing and its sidecar into the folder, each atomically. Return the path of the listing.

    Raises FolderError, and then leaves neither.
    """
    path = directory / info.file
    sidecar = sidecar_path(path)
    try:
        _write_file(sidecar, _encode(info))
        try:
            _write_file(path, content)
        except BaseException:
            sidecar.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise FolderError(f"{path} can't be written ({error.strerror})", "free space or check permissions") from None
    return path


def record_not_modified(path: Path, info: ResponseInfo) -> None:
    """Record that the provider confirmed the file: ``info`` becomes its sidecar, and its modification time is now.

    Raises FolderError.
    """
    try:
        _write_file(sidecar_path(path), _encode(info))
        os.utime(path)
    except OSError as error:
        raise FolderError(f"{path} can't be updated ({error.strerror})", "check its permissions") from None


def prune(directory: Path, provider_id: str, keep: int, written: str = "") -> None:
    """Remove the fetched listings of a provider except the newest ``keep`` (at least one), and files of crashed writes.

    The listing named ``written`` stays too, also if the instants of others are later: two fetches at once, or a clock
    that was ahead. Files that another fetch may still be writing stay for ABANDONED_AFTER_SECONDS.

    Raises:
        FolderError: A file can't be removed.
    """
    name = re.compile(
        rf"\.?({re.escape(provider_id)}_models_\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{{6}}\.json)"
        rf"({re.escape(_SIDECAR)})?({re.escape(_UNFINISHED)})?"
    )
    try:
        found = [(path, match.group(1)) for path in directory.iterdir() if (match := name.fullmatch(path.name))]
        names = {path.name for path, _ in found}
        fetched = sorted(one for one in names if one + _SIDECAR in names)
        oldest_kept = fetched[-keep:][0] if fetched else ""
        for path, listing in sorted(found):
            is_whole = listing in names and listing + _SIDECAR in names and not path.name.endswith(_UNFINISHED)
            is_foreign = path.name == listing and not is_whole
            if listing < oldest_kept and listing != written and not is_foreign and (is_whole or _is_abandoned(path)):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise FolderError(
            f"old files in {directory} can't be removed ({error.strerror})", "check permissions"
        ) from None


def _is_abandoned(path: Path) -> bool:
    """Return True if no fetch can still be writing the file."""
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_AFTER_SECONDS
    except FileNotFoundError:  # another fetch renamed it meanwhile
        return False


def _encode(info: ResponseInfo) -> bytes:
    return msgspec.json.format(msgspec.json.encode(info), indent=1)


def _write_file(path: Path, content: bytes) -> None:
    # Under a name that ``prune`` knows, should a crash leave it there.
    atomic_write(path, content, temporary=path.with_name(f".{path.name}{_UNFINISHED}"))
