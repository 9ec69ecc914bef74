"""A message to one destination, and the error of a delivery."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ghost_pipeline.errors import AdvisedError
from ghost_pipeline.notifications.digest import Entry, Section

TITLE_PREFIX = "Ghost Pipeline: "


class Message(msgspec.Struct, frozen=True):
    """What is sent, the same on every attempt. The catalog keeps it as JSON until it is delivered."""

    id: str
    """Stays the same on every attempt, so that a receiver can drop what it has already."""
    destination: str
    created_at: datetime
    entries: list[Entry] = []
    is_test: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the message as JSON values."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values

    @property
    def title(self) -> str:
        """One line of plain text with what the message contains: counts, and the unclear providers."""
        if self.is_test:
            return f"{TITLE_PREFIX}test message"
        counts = Counter(entry.section for entry in self.entries)
        parts = [f"{counts[section]:,} {_NOUNS.get(section, section)}" for section in Section if counts[section]]
        return TITLE_PREFIX + (", ".join(parts) or "nothing")


_NOUNS: Mapping[Section, str] = {
    Section.UNLISTED: "used but unlisted",
    Section.ANSWERS: "not refused any more",
}


def read_message(values: Mapping[str, Any]) -> Message:
    """Return the message that ``to_json`` returned. Raises msgspec.ValidationError."""
    return msgspec.convert(values, Message)


def by_section(entries: Sequence[Entry]) -> list[tuple[Section, list[Entry]]]:
    """Return the entries by section, in the order of ``Section``."""
    found: dict[Section, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.section, []).append(entry)
    return [(section, found[section]) for section in Section if section in found]


class DeliveryError(AdvisedError):
    """A message was not delivered. Contains no secret and nothing that a server sent."""

    def __init__(self, reason: str, advice: str = "", retry_after: float | None = None, *, is_local: bool = False):
        super().__init__(reason, advice)
        self.retry_after = retry_after
        """Seconds that the server asks to wait; None if it does not."""
        self.is_local = is_local
        """Nothing was sent, because of the configuration of this machine."""
