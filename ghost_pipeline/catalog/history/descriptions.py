"""What an event changed and why it happened, in the words that changes have."""

from collections.abc import Callable, Mapping
from typing import Any

from ghost_pipeline.lifecycle.events import DOUBTED_VALUES, REBUILT, STATED_VALUES, WITHDRAWN
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

_WITH_VALUES = frozenset((EventKind.CHANGED, EventKind.REFUSED, EventKind.ANSWERS_AGAIN, EventKind.REFUSAL_ENDED))
"""Kinds whose events keep old and new values of columns."""


def changed_values(kind: EventKind, details: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return name -> value before and name -> value after an event, of what it changed; None for arrivals and the like.

    Of ``provider_data``, the top-level keys that changed.
    """
    if kind is EventKind.ADDED and "previous_source" in details:
        return {"source": details["previous_source"]}, {"source": Source.MANUAL.value}
    if kind not in _WITH_VALUES:
        return None, None
    changes = {name: change for name, change in details.items() if name in REBUILT} | details.get(STATED_VALUES, {})
    old = {name: change["old"] for name, change in changes.items()}
    new = {name: change["new"] for name, change in changes.items()}
    if "provider_data" in details:
        keys = details["provider_data"].items()
        old["provider_data"] = {key: sides["old"] for key, sides in keys if "old" in sides}
        new["provider_data"] = {key: sides["new"] for key, sides in keys if "new" in sides}
    return old, new


_VERBS = {
    EventKind.DISCOVERED: {Source.INDEX: "listed", Source.INFERENCE: "used", Source.MANUAL: "added by an operator"},
    EventKind.RESTORED: {
        Source.INDEX: "listed again",
        Source.INFERENCE: "used again",
        Source.MANUAL: "restored by an operator",
    },
    EventKind.REACTIVATED: {
        Source.INDEX: "listed again",
        Source.INFERENCE: "used again",
        Source.MANUAL: "reactivated by an operator",
    },
    EventKind.REMOVED: {Source.MANUAL: "removed by an operator"},
    EventKind.ADDED: {Source.MANUAL: "added by an operator"},
    EventKind.CHANGED: {
        Source.INDEX: "listed with other values",
        Source.INFERENCE: "used",
        Source.MANUAL: "changed by an operator",
    },
    EventKind.ANSWERS_AGAIN: {Source.INFERENCE: "used again", Source.MANUAL: "used again"},
    EventKind.REFUSAL_ENDED: {
        Source.INDEX: "listed again",
        Source.INFERENCE: "used by another account",
        Source.MANUAL: "reactivated by an operator",
    },
}


BY_OPERATOR = {kind: verbs[Source.MANUAL] for kind, verbs in _VERBS.items()}
"""Kind -> what ``describe_event`` returns for an operator's change."""


def describe_event(kind: EventKind, source: Source | None, details: Mapping[str, Any]) -> str:
    """Return why an event happened, in a few words."""
    if "adopted_from" in details or "imported_from" in details:
        verb = "adopted" if "adopted_from" in details else "imported"
        return f"{verb} from {details[f'{verb}_from']}"
    if "is_accepted" in details:
        return "accepted by an operator"
    if WITHDRAWN in details:
        return "withdrawn by an operator"
    of_kind = _DESCRIPTIONS.get(kind)
    if of_kind is not None:
        return of_kind(details)
    if source is None:
        return _describe_without_channel(kind, details)
    words = _VERBS.get(kind, {}).get(source, kind.value)
    return f"{words} ({details['recorded_by']})" if "recorded_by" in details else words


def _describe_deactivation(details: Mapping[str, Any]) -> str:
    seen = f"not seen since {details['last_seen_at']}" if "last_seen_at" in details else "not seen for too long"
    missing = details.get("missing_from_listing_id")
    return seen if missing is None else f"{seen}, missing from listing {missing}"


def _describe_doubts(details: Mapping[str, Any]) -> str:
    stated_by = f"{details['reference']} states" if "reference" in details else "listed as"
    doubts = sorted(details[DOUBTED_VALUES].items())  # PostgreSQL orders keys in its own way
    return "; ".join(describe_doubt(fact, one["old"], one["stated"], one["reason"], stated_by) for fact, one in doubts)


def describe_doubt(fact: str, value: float, doubted_value: float, reason: str, stated_by: str = "listed as") -> str:
    """Return what stands of a fact, which implausible value is stated instead, and why that does not stand."""
    return f"{fact} stays {value:,.10g}, {stated_by} {doubted_value:,.10g}: {reason}"


_DESCRIPTIONS: Mapping[EventKind, Callable[[Mapping[str, Any]], str]] = {
    EventKind.DOUBTED: _describe_doubts,
    EventKind.DEACTIVATED: _describe_deactivation,
    EventKind.REFUSED: lambda details: str(details["refusal_reason"]["new"]),
    EventKind.ANSWERED_BY_ANOTHER: lambda details: (
        f"answered by {details['answered_by']}" + (f", before by {details['before']}" if "before" in details else "")
    ),
}
"""Kinds whose words do not depend on the channel."""


def _describe_without_channel(kind: EventKind, details: Mapping[str, Any]) -> str:
    if STATED_VALUES in details:
        return f"{details['reference']} states other values"
    if kind is EventKind.REFUSAL_ENDED:
        return "not refused for too long"
    if "is_backfilled" in details and "rule" not in details:
        return "different when the recorded history begins"
    if kind is EventKind.PURGED:
        days = details.get("limit_days")
        return "a ghost for too long" if days is None else f"a ghost for more than {days:g} days"
    return "refused for another reason" if "refusal_reason" in details else "instants in the future were corrected"
