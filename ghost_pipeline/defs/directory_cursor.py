"""What the directory sensor remembers: for each provider, the last file that it asked a run for."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ghost_pipeline.listings import ListingFile


@dataclass(frozen=True, slots=True)
class AskedFile:
    """A file as it was when a run was asked for it."""

    name: str
    stated_at: str
    mtime_ns: int
    size: int

    @classmethod
    def of(cls, file: ListingFile) -> "AskedFile":
        """What is remembered of ``file``."""
        return cls(file.path.name, file.stated_at.isoformat(), file.mtime_ns, file.size)

    @property
    def age_order(self) -> tuple[datetime, int]:
        """Files sort by this from old to new."""
        return datetime.fromisoformat(self.stated_at), self.mtime_ns


@dataclass(frozen=True, slots=True)
class Cursor:
    """Provider -> the last file asked for."""

    asked: dict[str, AskedFile] = field(default_factory=dict)

    def is_news(self, file: ListingFile) -> bool:
        """Whether the file is not the one asked for last, and not older than it."""
        last, this = self.asked.get(file.provider_id), AskedFile.of(file)
        return last is None or (this != last and this.age_order >= last.age_order)

    def after(self, files: Iterable[ListingFile]) -> "Cursor":
        """The cursor once runs have been asked for ``files``."""
        return Cursor({**self.asked, **{file.provider_id: AskedFile.of(file) for file in files}})

    def to_json(self) -> str:
        """The cursor as Dagster keeps it."""
        return json.dumps(
            {
                provider_id: [asked.name, asked.stated_at, asked.mtime_ns, asked.size]
                for provider_id, asked in sorted(self.asked.items())
            }
        )


def read_cursor(text: str | None) -> Cursor:
    """The cursor that Dagster kept; an empty one at the start."""
    return Cursor({provider_id: AskedFile(*asked) for provider_id, asked in json.loads(text or "{}").items()})
