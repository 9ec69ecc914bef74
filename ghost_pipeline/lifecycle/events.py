"""What changed between two states of a model, no more than that."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def changed_facts(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """fact -> {"old", "new"} of the facts that differ; inside ``provider_data``, of its top-level keys that differ."""
    changes = {}
    for fact, value in new.items():
        if old[fact] == value:
            continue
        if fact == "provider_data":
            changes[fact] = _changed_keys(old[fact] or {}, value or {})
        else:
            changes[fact] = {"old": _as_json(old[fact]), "new": _as_json(value)}
    return changes


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: {side: whole[key] for side, whole in (("old", old), ("new", new)) if key in whole}
        for key in sorted(old.keys() | new.keys())
        if key not in old or key not in new or old[key] != new[key]
    }


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
