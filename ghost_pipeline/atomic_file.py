"""Atomic file writes: a concurrent reader sees the old file or the new one, never a part of it."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def atomic_write(path: Path, content: bytes, temporary: Path | None = None, *, is_private: bool = False) -> None:
    """Write ``content`` to ``path`` as a whole; see ``atomic_file``."""
    with atomic_file(path, temporary, is_private=is_private) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path, temporary: Path | None = None, *, is_private: bool = False) -> Iterator[BinaryIO]:
    """Yield a temporary file to write to, which replaces ``path`` when the block ends without an error.

    ``temporary`` must be in the same folder; by default it is a unique hidden name. An existing file keeps its
    permissions; one that ``is_private`` can be read by its owner only. After an error, OSError included, the temporary
    file is deleted and ``path`` is as it was.
    """
    # Not tempfile, whose files only their owner can read: readers may run as another user.
    temporary = temporary or path.with_name(f".{path.name[:50]}.{secrets.token_hex(8)}.part")
    try:
        with open(temporary, "wb", opener=_open_private if is_private else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not is_private:
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    """Write the new directory entry to disk, where the system can open folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
