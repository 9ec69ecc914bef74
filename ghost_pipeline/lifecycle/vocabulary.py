"""The closed sets of words that rules, tables, files and the command line share."""

from enum import StrEnum


class Source(StrEnum):
    """The channel of a model's first sighting."""

    INDEX = "INDEX"
    INFERENCE = "INFERENCE"
    MANUAL = "MANUAL"


class Verdict(StrEnum):
    """What is said of an attempt to have a listing. All but the first are admission's, in the order it tries them."""

    FAILED = "failed"
    """The attempt brought no listing."""
    MALFORMED = "malformed"
    EMPTY = "empty"
    PARTIAL = "partial"
    SHRUNKEN = "shrunken"
    COMPLETE = "complete"

    @property
    def lists_models(self) -> bool:
        """Whether such a listing contains models, so that it is reconciled with the catalog's."""
        return self in (Verdict.PARTIAL, Verdict.SHRUNKEN, Verdict.COMPLETE)

    @property
    def is_readable(self) -> bool:
        """Whether such a listing says anything of models, be it that there are none."""
        return self not in (Verdict.FAILED, Verdict.MALFORMED)


class EventKind(StrEnum):
    """What can happen to a model, as the audit trail records it."""

    DISCOVERED = "discovered"
    REACTIVATED = "reactivated"
    DEACTIVATED = "deactivated"
    PURGED = "purged"
    REMOVED = "removed"
    RESTORED = "restored"
    ADDED = "added"
    CHANGED = "changed"

    @property
    def is_tombstone(self) -> bool:
        """Whether the event keeps a whole row that has left the catalog."""
        return self in (EventKind.PURGED, EventKind.REMOVED)


TOMBSTONE_KINDS = tuple(kind for kind in EventKind if kind.is_tombstone)

CAPABILITIES = (
    "text",
    "vision",
    "audio",
    "speech",
    "image_generation",
    "video",
    "embedding",
    "rerank",
    "moderation",
    "tools",
    "reasoning",
    "json",
    "streaming",
)
"""Every capability the catalog knows. ``vision`` and ``audio`` are inputs, ``speech`` and ``video`` are outputs."""
