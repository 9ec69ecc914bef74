"""Finding listing files in a folder: whose they are, how old, which is the newest of each provider."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ghost_pipeline.errors import InvalidProvider, NoListings
from ghost_pipeline.listings.names import instant_in_name, is_unfinished_or_hidden, provider_in_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListingFile:
    """A file that may hold a listing."""

    path: Path
    provider_id: str
    stated_at: datetime
    """The instant in the name, else the modification time; aware, UTC."""
    modified_at: datetime
    mtime_ns: int
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class DirectoryScan:
    """What a folder holds."""

    files: tuple[ListingFile, ...]
    """Every candidate, sorted by name."""
    passed_over: tuple[tuple[str, str], ...]
    """File name and reason, for names of which a person may wonder why they were not read."""


class _PassedOver(Exception):
    """Why a file is no candidate."""


def find_listings(directory: Path) -> DirectoryScan:
    """The listing files in ``directory``, not below it.

    Raises NoListings if that is no directory that can be read.
    """
    files: list[ListingFile] = []
    passed_over: list[tuple[str, str]] = []
    for name in sorted(_names_in(directory)):
        if not name.lower().endswith(".json") or is_unfinished_or_hidden(name):
            continue
        try:
            files.append(_listing_file(directory / name))
        except FileNotFoundError:
            continue  # gone since the folder was listed
        except _PassedOver as reason:
            passed_over.append((os.fsencode(name).decode("utf-8", "backslashreplace"), str(reason)))
    return DirectoryScan(tuple(files), tuple(passed_over))


def newest_listings(files: Iterable[ListingFile]) -> dict[str, ListingFile]:
    """The newest file of each provider: by the stated instant, then the modification time, then the name."""
    newest: dict[str, ListingFile] = {}
    for file in sorted(files, key=lambda file: (file.stated_at, file.mtime_ns, file.path.name)):
        newest[file.provider_id] = file
    return dict(sorted(newest.items()))


def _names_in(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        raise NoListings(f"there is no folder {directory}: create it or name another one") from None
    except NotADirectoryError:
        raise NoListings(f"{directory} is no folder: name the folder that holds the listings") from None
    except OSError as error:
        raise NoListings(f"the folder {directory} can't be read ({error.strerror}): check its permissions") from None


def _listing_file(path: Path) -> ListingFile:
    if not _is_utf8(path.name):
        raise _PassedOver("its name is not UTF-8: rename it")
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise _PassedOver("it is a link to a file that does not exist") from None
        raise
    except OSError as error:
        raise _PassedOver(f"it can't be looked at ({error.strerror})") from None
    if not stat.S_ISREG(status.st_mode):
        raise _PassedOver("it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no regular file")
    try:
        provider_id = provider_in_name(path.name)
    except InvalidProvider as error:
        raise _PassedOver(str(error)) from None
    modified_at = _instant(status.st_mtime_ns)
    return ListingFile(
        path=path,
        provider_id=provider_id,
        stated_at=instant_in_name(path.name) or modified_at,
        modified_at=modified_at,
        mtime_ns=status.st_mtime_ns,
        size=status.st_size,
    )


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _instant(mtime_ns: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:  # some file systems keep absurd times
        return _EPOCH
