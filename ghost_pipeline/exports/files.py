"""Writing an export to a file, so that who reads it meanwhile finds the old one or the new one, never half of it."""

from pathlib import Path

from ghost_pipeline.errors import ExportRefused
from ghost_pipeline.whole_files import write_whole as replace_whole


def write_whole(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``: written aside, synced, then renamed. A link stays a link.

    The file keeps its permissions; a new one gets those that new files get. Raises ExportRefused.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise ExportRefused(f"{path} is no file that can be replaced: name another one")
    try:
        replace_whole(target, content)
    except OSError as error:
        raise ExportRefused(
            f"{path} can't be written: {error.strerror}; it is as it was, choose another place or free some space"
        ) from error
