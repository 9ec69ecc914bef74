"""Writing a file so that who reads it meanwhile finds the old one or the new one, never half of it."""

import os
import secrets
import shutil
from pathlib import Path


def atomic_write(path: Path, content: bytes, aside: Path | None = None, *, is_private: bool = False) -> None:
    """Put ``content`` at ``path``: written aside, synced, then renamed. A file that was there keeps its permissions.

    ``aside`` is in the same folder, a hidden name of its own unless given. With ``is_private`` only its owner can read
    the file. Raises OSError, and then leaves nothing.
    """
    # Not tempfile, whose files only their owner can read: who reads them may run as somebody else.
    aside = aside or path.with_name(f".{path.name[:50]}.{secrets.token_hex(8)}.part")
    try:
        with open(aside, "wb", opener=_open_private if is_private else None) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not is_private:
            shutil.copymode(path, aside)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    """Make the new name last; a system that can't open folders keeps it when it likes."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
