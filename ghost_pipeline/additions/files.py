"""From a file to the models that it states."""

from collections.abc import Callable, Mapping
from pathlib import Path

from ghost_pipeline.additions.csv_rows import read_csv
from ghost_pipeline.additions.json_rows import read_json
from ghost_pipeline.additions.yaml_rows import read_yaml
from ghost_pipeline.errors import InvalidAdditions
from ghost_pipeline.lifecycle.additions import Addition

READERS: Mapping[str, Callable[[str], list[Addition]]] = {
    ".csv": read_csv,
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
}
"""The end of a file's name -> what reads its text."""


def read_additions(path: Path) -> list[Addition]:
    """The models that the file states, in its order, each with its line.

    Raises InvalidAdditions for a file that can't be read as what its name says, or that states nothing.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidAdditions(f"{path} is of no kind that can be read: name it {', '.join(READERS)}")
    try:
        additions = reader(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InvalidAdditions(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidAdditions(f"{path} line {line} is no UTF-8 text: save the file as UTF-8") from error
    except InvalidAdditions as error:
        raise InvalidAdditions(f"{path} {error}") from error
    if not additions:
        raise InvalidAdditions(f"{path} states no model: give at least one")
    return additions
