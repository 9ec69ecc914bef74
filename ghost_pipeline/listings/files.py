"""Find the providers' files in their folder, read provider and instant from a name, and read files and sidecars."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ghost_pipeline.errors import InvalidProvider, NoListings
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.lifecycle.records import ResponseSummary

FUTURE_TOLERANCE = timedelta(minutes=5)
"""How far the clock of the machine that named or wrote a file may be ahead."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListingFile:
    """A file that may hold a listing."""

    path: Path
    provider_id: str
    stated_at: datetime
    """The instant in the name unless it is in the future, else the modification time, at most now; aware, UTC."""
    modified_at: datetime
    mtime_ns: int
    size: int
    """Bytes."""
    warning: str | None = None
    """Why an instant of the file is not trusted."""
    is_from_future: bool = False
    """True if nothing states when the file was written but instants in the future."""


@dataclass(frozen=True, slots=True)
class DirectoryScan:
    """The content of a folder."""

    files: tuple[ListingFile, ...]
    """Every candidate, sorted by name."""
    skipped: tuple[tuple[str, str], ...]
    """File name and reason, of files that look like listings but are not read."""


class _Skipped(Exception):
    """The reason why a file is not a candidate."""


def find_listings(directory: Path) -> DirectoryScan:
    """Return the listing files in ``directory``, without its subfolders.

    Raises NoListings if it is not a readable directory.
    """
    files: list[ListingFile] = []
    skipped: list[tuple[str, str]] = []
    for name in sorted(_names_in(directory)):
        if not name.lower().endswith(".json") or is_unfinished_or_hidden(name):
            continue
        try:
            files.append(_listing_file(directory / name))
        except FileNotFoundError:
            continue  # gone since the folder was listed
        except _Skipped as reason:
            skipped.append((os.fsencode(name).decode("utf-8", "backslashreplace"), str(reason)))
    return DirectoryScan(tuple(files), tuple(skipped))


def newest_listings(files: Iterable[ListingFile]) -> dict[str, ListingFile]:
    """Return the newest file of each provider: by the stated instant, then the modification time, then the name."""
    newest: dict[str, ListingFile] = {}
    # A file from the future is the newest only where no other is: it must not shadow what is written later.
    for file in sorted(
        files, key=lambda file: (not file.is_from_future, file.stated_at, file.mtime_ns, file.path.name)
    ):
        newest[file.provider_id] = file
    return dict(sorted(newest.items()))


def _names_in(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        raise NoListings(f"the folder {directory} does not exist", "create it or choose another one") from None
    except NotADirectoryError:
        raise NoListings(f"{directory} is not a folder", "choose the folder of the listings") from None
    except OSError as error:
        raise NoListings(f"the folder {directory} can't be read: {error.strerror}", "check its permissions") from None


def _listing_file(path: Path) -> ListingFile:
    if not _is_utf8(path.name):
        raise _Skipped("its name is not UTF-8; rename it")
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise _Skipped("it is a link to a file that does not exist") from None
        raise
    except OSError as error:
        raise _Skipped(f"it can't be read ({error.strerror})") from None
    if not stat.S_ISREG(status.st_mode):
        raise _Skipped("it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file")
    try:
        provider_id = provider_in_name(path.name)
    except InvalidProvider as error:
        raise _Skipped(str(error)) from None
    modified_at = _instant(status.st_mtime_ns)
    latest = datetime.now(UTC) + FUTURE_TOLERANCE  # noqa: TID251 - the folder is read as of now
    named_at = instant_in_name(path.name)
    warning = None
    if named_at is not None and named_at > latest:
        warning = "the instant in its name is in the future, so its modification time counts"
        named_at = None
    elif named_at is None and modified_at > latest:
        warning = "its modification time is in the future: set it with 'touch'"
    return ListingFile(
        path=path,
        provider_id=provider_id,
        stated_at=named_at or min(modified_at, latest),
        modified_at=modified_at,
        mtime_ns=status.st_mtime_ns,
        size=status.st_size,
        warning=warning,
        is_from_future=named_at is None and modified_at > latest,
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
    except OverflowError:  # some file systems store absurd times
        return _EPOCH


_END_OF_PROVIDER = re.compile(r"[_.]|-models")
_UNFINISHED = frozenset({"tmp", "part", "partial", "lock", "crdownload", "swp"})
_INSTANT = re.compile(
    r"(?<![0-9])"
    r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})"
    r"(?:[Tt]([0-9]{2})[-:]?([0-9]{2})[-:]?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(?![0-9])"
)


def is_unfinished_or_hidden(name: str) -> bool:
    """Return True for a name that programs give to unfinished, locked or hidden files."""
    return name.startswith((".", "~$")) or not _UNFINISHED.isdisjoint(name.lower().split("."))


def provider_in_name(name: str) -> str:
    """Return the provider slug in a file name: everything up to the first ``_``, ``.`` or ``-models``.

    Raises InvalidProvider if that is not a provider name.
    """
    provider = _END_OF_PROVIDER.split(name.lower(), maxsplit=1)[0]
    try:
        return provider_slug(provider)
    except InvalidProvider:
        raise InvalidProvider(
            f"{provider[:80]!r} is not a valid provider name", "name the file like openai_models.json"
        ) from None


def instant_in_name(name: str) -> datetime | None:
    """Return the UTC instant in a name such as ``google_models_2025-12-06T07-15-05.json``; None if it has none."""
    found = _INSTANT.search(name)
    if found is None:
        return None
    year, _, month, day, hour, minute, second, fraction = found.groups()
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")[:6]),
            tzinfo=UTC,
        )
    except ValueError:
        return None


_SIDECAR = ".response"


class ResponseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The sidecar of a fetched file: the response that is in it."""

    provider: str
    file: str
    sha256: str
    bytes: int
    models: int
    pages: int
    is_partial: bool
    reason: str | None
    attempted_at: datetime
    duration_seconds: float
    url: str
    """Without parameters."""
    request_sha256: str
    """Of the URL with them."""
    status: int
    etag: str | None
    """Of a single page; several have none together."""
    last_modified: str | None
    request_id: str | None

    @property
    def summary(self) -> ResponseSummary:
        """What the catalog keeps of it."""
        return ResponseSummary(self.duration_seconds, self.pages, self.status)


@dataclass(frozen=True, slots=True)
class ListingContent:
    """What one read of a listing's file returned."""

    content: bytes = field(repr=False)
    sha256: str
    """Of the content, as 64 hex digits."""
    info: ResponseInfo | None
    """The sidecar; None if there is none that describes this content."""

    @property
    def response(self) -> ResponseSummary:
        """How the response was fetched; empty without a sidecar."""
        return ResponseSummary() if self.info is None else self.info.summary


def read_listing_file(path: Path) -> ListingContent:
    """Read a listing's file once, and the sidecar beside it. Raises NoListings if the file can't be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NoListings(f"{path} can't be read: {error.strerror}", "restore it or choose another file") from error
    digest = hashlib.sha256(content).hexdigest()
    info = _read_sidecar(path)
    return ListingContent(content, digest, info if info is not None and info.sha256 == digest else None)


def read_response_info(path: Path) -> ResponseInfo | None:
    """Return the sidecar of a listing; None if it is absent or unreadable, or if the listing has changed since."""
    if _read_sidecar(path) is None:  # most listings have none, and some are large
        return None
    try:
        return read_listing_file(path).info
    except NoListings:
        return None


def _read_sidecar(path: Path) -> ResponseInfo | None:
    try:
        return msgspec.json.decode(sidecar_path(path).read_bytes(), type=ResponseInfo)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def sidecar_path(path: Path) -> Path:
    """Return the path of a listing's sidecar."""
    return path.with_name(path.name + _SIDECAR)


def find_newest_file(models_dir: Path, provider_id: str) -> Path:
    """Return the provider's newest file in the folder. Raises NoListings."""
    newest = newest_listings(find_listings(models_dir).files)
    if provider_id not in newest:
        raise NoListings(f"{models_dir} has no listing of {provider_id}", f"put {provider_id}_models.json there")
    return newest[provider_id].path
