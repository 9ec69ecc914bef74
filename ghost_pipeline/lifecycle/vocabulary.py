"""The closed sets of words that rules, tables, files and the command line share."""

from collections.abc import Sequence
from enum import StrEnum


class Source(StrEnum):
    """The channel of a model's first sighting."""

    INDEX = "INDEX"
    INFERENCE = "INFERENCE"
    MANUAL = "MANUAL"


class Verdict(StrEnum):
    """The verdict on an attempt to get a listing. All but FAILED are assessed at admission, in this order."""

    FAILED = "failed"
    """The attempt produced no listing."""
    MALFORMED = "malformed"
    EMPTY = "empty"
    PARTIAL = "partial"
    SHRUNKEN = "shrunken"
    COMPLETE = "complete"

    @property
    def lists_models(self) -> bool:
        """True if such a listing contains models, so that it is reconciled with the catalog."""
        return self in (Verdict.PARTIAL, Verdict.SHRUNKEN, Verdict.COMPLETE)

    @property
    def is_readable(self) -> bool:
        """True if such a listing can be read, even if it contains no model."""
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
    REFUSED = "refused"
    """The provider lists the model and refuses requests for it."""
    ANSWERS_AGAIN = "answers_again"
    """A request succeeded after the model was refused."""
    REFUSAL_ENDED = "refusal_ended"
    """The model is not refused any more, without a success."""
    ANSWERED_BY_ANOTHER = "answered_by_another"
    """A request for the model was answered by another model."""
    DOUBTED = "doubted"
    """A listing or a reference states an implausible value, which does not stand yet."""

    @property
    def is_tombstone(self) -> bool:
        """True if the event keeps the whole row of a model that has left the catalog."""
        return self in (EventKind.PURGED, EventKind.REMOVED)


class RefusalClass(StrEnum):
    """How much an error answer to an inference request states about the requested model."""

    RETIRED = "retired"
    """The provider states that it has withdrawn the model. One answer is enough."""
    NOT_FOUND = "not_found"
    """The provider states that it has no model of exactly this id. A new model may look the same for hours."""
    AMBIGUOUS = "ambiguous"
    """One text for several causes: the model is gone, the account has no access to it, or the request was wrong."""
    NOT_EVIDENCE = "not_evidence"
    """The answer is about something else than the model, or no rule recognises it."""


def choose_kinds(kinds: Sequence[str], *, has_facts: bool) -> list[EventKind]:
    """Return the kinds of changes that are wanted: those given, or all; changes of facts only where asked for."""
    if kinds:
        wanted = [EventKind(kind) for kind in kinds]
        return [*wanted, EventKind.CHANGED] if has_facts else wanted
    return [kind for kind in EventKind if has_facts or kind is not EventKind.CHANGED]


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
