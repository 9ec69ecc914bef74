"""What the directory sensor remembers: for each provider, the last file that it asked a run for."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ghost_pipeline.listings import ListingFile


@dataclass(frozen=True, slots=True)
class AskedFile:
    """A file as it was when a run was asked for it. Its age is capped at that instant: no clock of another machine
    may make every later file look old."""

    name: str
    age: str
    """The instant in its name, else its mtime; ISO 8601."""
    mtime_ns: int
    size: int

    @classmethod
    def of(cls, file: ListingFile, now: datetime) -> "AskedFile":
        """What is remembered of ``file``, seen ``now``."""
        return cls(file.path.name, min(file.stated_at, now).isoformat(), file.mtime_ns, file.size)

    def is_same(self, other: "AskedFile") -> bool:
        """Whether it is the same file, unchanged."""
        return (self.name, self.mtime_ns, self.size) == (other.name, other.mtime_ns, other.size)

    def is_older(self, other: "AskedFile") -> bool:
        """Whether ``other`` is the newer statement of the two."""
        return datetime.fromisoformat(self.age) < datetime.fromisoformat(other.age)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Provider -> the last file asked for."""

    asked: dict[str, AskedFile] = field(default_factory=dict)

    def is_news(self, file: ListingFile, now: datetime) -> bool:
        """Whether the file is not the one asked for last, and not older than it."""
        last, this = self.asked.get(file.provider_id), AskedFile.of(file, now)
        return last is None or not (this.is_same(last) or this.is_older(last))

    def after(self, files: Iterable[ListingFile], now: datetime) -> "Cursor":
        """The cursor once runs have been asked for ``files``."""
        return Cursor({**self.asked, **{file.provider_id: AskedFile.of(file, now) for file in files}})

    def to_json(self) -> str:
        """The cursor as Dagster keeps it."""
        return json.dumps(
            {
                provider_id: [asked.name, asked.age, asked.mtime_ns, asked.size]
                for provider_id, asked in sorted(self.asked.items())
            }
        )


def read_cursor(text: str | None) -> Cursor:
    """The cursor that Dagster kept; an empty one at the start, and for a text that a person put there.

    To start over is harmless: what was asked for before has the same run key, and no run key runs twice.
    """
    try:
        return Cursor({provider_id: AskedFile(*asked) for provider_id, asked in json.loads(text or "{}").items()})
    except (ValueError, TypeError, AttributeError):
        return Cursor()
