"""The files of the inbox."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ghost_pipeline.errors import NoInbox

SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A file as the folder shows it."""

    path: Path
    inode: int
    mtime_ns: int

    @contextmanager
    def opened(self) -> Iterator[tuple[os.stat_result, BinaryIO]]:
        """Its content. Raises OSError, also if another file has its name by now."""
        with self.path.open("rb") as content:
            state = os.fstat(content.fileno())
            if state.st_ino != self.inode:
                raise FileNotFoundError(f"{self.path.name} was replaced just now")
            yield state, content


def find_files(folder: Path) -> list[InboxFile]:
    """Every regular file in the folder, the one that was written longest ago first. Raises NoInbox."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    state = entry.stat()
                except OSError:  # gone meanwhile, or a link to nowhere
                    continue
                if stat.S_ISREG(state.st_mode):
                    found.append(InboxFile(Path(entry.path), state.st_ino, state.st_mtime_ns))
    except FileNotFoundError:
        raise NoInbox(f"there is no {folder}: make it and append to any {folder / '*'}{SUFFIX}") from None
    except OSError as error:
        raise NoInbox(f"{folder} can't be read: {error.strerror}; mend that or set GHOST_INBOX_DIR") from error
    return sorted(found, key=lambda file: (file.mtime_ns, file.path.name))
