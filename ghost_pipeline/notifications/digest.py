"""What a message contains: changes of the catalog, folded into their net effect. Pure: no clock, files or network."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import inf
from typing import Any, Literal

import msgspec

from ghost_pipeline.catalog.history.changes import Change
from ghost_pipeline.catalog.history.descriptions import BY_OPERATOR
from ghost_pipeline.lifecycle.absence import (
    ProviderHealth,
    is_complete_listing_overdue,
    is_protection_ending,
    protection_ends_at,
)
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline.settings import Thresholds


class Section(StrEnum):
    """The kinds of entries, in the order in which a message has them."""

    GONE = "gone"
    RETIRING = "retiring"
    REFUSED = "refused"
    ANSWERS = "answers"
    UNLISTED = "unlisted"
    UNCLEAR = "unclear"
    DEARER = "dearer"
    CHEAPER = "cheaper"
    NEW = "new"
    BACK = "back"


class Entry(msgspec.Struct, frozen=True):
    """One thing that a message reports: of a model, or of a provider if ``model_id`` is None."""

    section: Section
    provider_id: str
    model_id: str | None
    name: str | None
    at: datetime
    """When it happened, by its evidence."""
    text: str
    """The evidence, or old and new values, in a few words. It may quote a provider."""
    old: dict[str, Any] | None = None
    """Fact -> value before, of prices and dates."""
    new: dict[str, Any] | None = None


class UnclearProvider(msgspec.Struct, frozen=True):
    """What messages had of a provider that is held or overdue."""

    held_since: datetime | None
    is_ending_sent: bool = False
    """A message had that its protection ends."""


class Notices(msgspec.Struct, frozen=True):
    """What earlier messages had of states that are no changes of a model."""

    unclear: dict[str, UnclearProvider] = {}
    unlisted: dict[str, list[str]] = {}
    """Provider -> models that are used and not listed."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries a destination gets."""

    provider_ids: frozenset[str] = frozenset()
    """Slugs; empty for all."""
    sections: frozenset[Section] = frozenset(Section)
    is_used_only: bool = False
    """Only models that were used within 24 hours before the change."""
    minimum_price_move: float = 0.0
    """The smallest change of a price that counts, as a share of the old one."""

    def includes(self, entry: Entry) -> bool:
        """Return True if an entry is of a wanted provider and section."""
        return entry.section in self.sections and self.includes_provider(entry.provider_id)

    def includes_provider(self, provider_id: str) -> bool:
        """Return True if a provider is wanted."""
        return not self.provider_ids or provider_id in self.provider_ids


@dataclass(frozen=True, slots=True)
class CurrentState:
    """What is not in the changes: the health of the providers and which models are used without being listed."""

    providers: Sequence[ProviderHealth]
    delisted: Sequence[ModelRecord]
    thresholds: Thresholds
    now: datetime


def compose(
    changes: Iterable[Change], state: CurrentState, notices: Notices, wanted: Filter
) -> tuple[list[Entry], Notices]:
    """Return the entries of the next message, and what messages have of the state then.

    An effect that a later change undid is left out: a model that went and came back between two messages is in none.
    """
    entries = [*fold_changes(changes, wanted), *_unlisted(state, notices), *_unclear(state, notices)]
    order = list(Section)
    chosen = [entry for entry in entries if wanted.includes(entry)]
    chosen.sort(key=lambda one: (order.index(one.section), one.provider_id, one.model_id or ""))
    return chosen, _following_notices(state, notices)


def first_notices(state: CurrentState) -> Notices:
    """Return the notices of a destination at its first use: everything that is so already counts as reported."""
    return _following_notices(state, Notices())


Presence = Literal["active", "ghost", "absent", "either"]
"""``either`` is active or a ghost."""


@dataclass(slots=True)
class _Model:
    """The net effect of consecutive changes of one model."""

    before: Presence | None = None
    """None if the changes do not show it."""
    after: Presence | None = None
    cause: Change | None = None
    """The change that led to ``after``."""
    is_first_sight: bool = False
    old: dict[str, Any] = field(default_factory=dict)
    new: dict[str, Any] = field(default_factory=dict)
    last_fact: Change | None = None
    refusals: list[Change] = field(default_factory=list)
    """Its first and its latest change between refused and not refused."""
    name: str | None = None
    is_used: bool = False

    def add(self, change: Change) -> None:
        if change.was_used_within_24h is not False:
            self.is_used = True
        self.name = change.name or self.name
        before, after = _presences(change)
        if self.before is None and self.after is None:
            self.before = before
            self.is_first_sight = change.kind in (EventKind.DISCOVERED, EventKind.ADDED)
        if after is not None and after != self.after:
            self.after, self.cause = after, change
        if change.kind in _REFUSALS:
            self.refusals = [*self.refusals[:1], change]
        if change.kind is EventKind.CHANGED:
            for fact in _REPORTED_FACTS & (change.new or {}).keys():
                self.old.setdefault(fact, (change.old or {}).get(fact))
                self.new[fact] = (change.new or {})[fact]
                self.last_fact = change


_REFUSALS = (EventKind.REFUSED, EventKind.ANSWERS_AGAIN, EventKind.REFUSAL_ENDED)
_PRICES = ("input_price", "output_price")
_REPORTED_FACTS = frozenset({*_PRICES, "expires_at", "replaced_by"})

_PRESENCES: Mapping[EventKind, tuple[Presence | None, Presence | None]] = {
    EventKind.DISCOVERED: ("absent", "active"),
    EventKind.RESTORED: ("absent", "active"),
    EventKind.REACTIVATED: ("ghost", "active"),
    EventKind.DEACTIVATED: ("active", "ghost"),
    EventKind.PURGED: ("ghost", "absent"),
    EventKind.REMOVED: ("active", "absent"),
    EventKind.CHANGED: (None, None),
}
"""Kind -> where the model was before and after. A ghost that an operator removes counts as gone all the same."""


def _presences(change: Change) -> tuple[Presence | None, Presence | None]:
    if change.kind is EventKind.ADDED:
        # With an earlier source it was in the catalog; whether it was a ghost shows in the next change.
        return ("absent", "active") if change.old is None else (None, None)
    if change.kind is EventKind.RESTORED and change.reason == BY_OPERATOR[EventKind.RESTORED]:
        return "absent", "either"  # of a whole provider, each model is what it was
    return _PRESENCES.get(change.kind, (None, None))


def fold_changes(changes: Iterable[Change], wanted: Filter) -> list[Entry]:
    """Return the net effect of consecutive changes, the oldest first, on each model."""
    models: dict[tuple[str, str], _Model] = {}
    for change in changes:
        if wanted.includes_provider(change.provider_id):
            models.setdefault((change.provider_id, change.model_id), _Model()).add(change)
    entries = []
    for key, model in models.items():
        if model.is_used or not wanted.is_used_only:
            entries += _presence_entries(key, model)
            if model.after != "absent" and not model.is_first_sight:
                entries += _fact_entries(key, model, wanted)
            entries += _refusal_entries(key, model)
    return entries


def _presence_entries(key: tuple[str, str], model: _Model) -> list[Entry]:
    if model.after is None or model.cause is None:
        return []
    if model.after == "active":
        if model.before == "active" or model.before is None:
            return []
        section = Section.NEW if model.is_first_sight else Section.BACK
    elif model.before == "active" and model.after != "either":
        section = Section.GONE
    else:
        return []
    return [Entry(section, *key, model.name, model.cause.at, model.cause.reason)]


def _refusal_entries(key: tuple[str, str], model: _Model) -> list[Entry]:
    """Return an entry if the model is refused now and was not before, or the reverse."""
    if not model.refusals or model.after == "absent":
        return []
    first, last = model.refusals[0], model.refusals[-1]
    is_refused = last.kind is EventKind.REFUSED
    if (first.kind is EventKind.REFUSED) is not is_refused:
        return []
    return [Entry(Section.REFUSED if is_refused else Section.ANSWERS, *key, model.name, last.at, last.reason)]


def _fact_entries(key: tuple[str, str], model: _Model, wanted: Filter) -> list[Entry]:
    if model.last_fact is None:
        return []
    at, entries = model.last_fact.at, []
    moved = {name: _relative_move(model.old[name], model.new[name]) for name in _PRICES if name in model.new}
    moves = [move for move in moved.values() if move and abs(move) >= wanted.minimum_price_move]
    if model.after != "ghost" and moves:
        section = Section.DEARER if max(moves) > 0 else Section.CHEAPER
        entries.append(_fact_entry(section, key, model, at, [name for name, move in moved.items() if move]))
    dates = [name for name in ("expires_at", "replaced_by") if model.new.get(name) != model.old.get(name)]
    if "expires_at" in dates or (dates and model.new["replaced_by"] is not None):
        entries.append(_fact_entry(Section.RETIRING, key, model, at, dates))
    return entries


def _relative_move(old: float | None, new: float | None) -> float | None:
    """Return the change of a price as a share of the old one; None if one of them is unknown."""
    if old is None or new is None:
        return None
    if old == 0:
        return 0.0 if new == 0 else inf
    return (new - old) / old


def _fact_entry(section: Section, key: tuple[str, str], model: _Model, at: datetime, names: Sequence[str]) -> Entry:
    old, new = ({name: side[name] for name in names} for side in (model.old, model.new))
    text = ", ".join(_WORDS[name](old[name], new[name]) for name in names)
    return Entry(section, *key, model.name, at, text, old, new)


def _describe_price(name: str, old: float, new: float) -> str:
    move = _relative_move(old, new)
    share = "" if move is None or move == inf else f" ({move:+.0%})"
    return f"{name} {old:g} -> {new:g} USD per million tokens{share}"


def _describe_date(old: str | None, new: str | None) -> str:
    if new is None:
        return f"no longer retires on {_day(old)}"
    return f"retires on {_day(new)}" if old is None else f"retires on {_day(new)} instead of {_day(old)}"


def _describe_successor(_old: str | None, new: str | None) -> str:
    return "without a replacement" if new is None else f"replaced by {new}"


def _day(instant: str | None) -> str:
    return str(instant)[:10]


_WORDS: Mapping[str, Any] = {
    "input_price": lambda old, new: _describe_price("input", old, new),
    "output_price": lambda old, new: _describe_price("output", old, new),
    "expires_at": _describe_date,
    "replaced_by": _describe_successor,
}


def _unlisted(state: CurrentState, notices: Notices) -> list[Entry]:
    """Return an entry for each model that is used without being listed and was not in a message yet."""
    return [
        Entry(
            Section.UNLISTED,
            model.provider_id,
            model.model_id,
            model.name,
            model.last_used_at or state.now,
            f"used {_minute(model.last_used_at)}, last listed {_minute(model.last_listed_at)}",
        )
        for model in state.delisted
        if model.model_id not in notices.unlisted.get(model.provider_id, ())
    ]


def _unclear(state: CurrentState, notices: Notices) -> list[Entry]:
    """Return an entry for each provider that became unclear, whose protection ends, or that is clear again."""
    return [
        Entry(Section.UNCLEAR, health.provider.id, None, health.provider.label, state.now, text)
        for health in state.providers
        if (text := _describe_turn(health, state, notices.unclear.get(health.provider.id))) is not None
    ]


def is_unclear(health: ProviderHealth, state: CurrentState) -> bool:
    """Return True if a provider's absences do not count for now, or if it has had no complete listing for too long."""
    is_overdue = is_complete_listing_overdue(health, state.now, state.thresholds)
    return health.provider.held_since is not None or is_overdue


def _describe_turn(health: ProviderHealth, state: CurrentState, known: UnclearProvider | None) -> str | None:
    """Return what is new about a provider; None if nothing is."""
    provider = health.provider
    if not is_unclear(health, state):
        return None if known is None else "clear again: its absences count"
    ends_at = protection_ends_at(provider, state.thresholds)
    is_ending = is_protection_ending(provider, state.now, state.thresholds)
    end = f"; from {_minute(ends_at)} on its models become ghosts unless its listing is fixed" if ends_at else ""
    if known is None:
        if provider.held_since is None:
            return f"no complete listing since {_minute(provider.last_complete_at)}"
        return f"its absences don't count since {_minute(provider.held_since)}, because {provider.held_reason}{end}"
    if is_ending and not (known.is_ending_sent and known.held_since == provider.held_since):
        return f"still unclear, because {provider.held_reason}{end}"
    return None


def _following_notices(state: CurrentState, notices: Notices) -> Notices:
    unlisted: dict[str, list[str]] = {}
    for model in state.delisted:
        unlisted.setdefault(model.provider_id, []).append(model.model_id)
    unclear = {}
    for health in state.providers:
        if is_unclear(health, state):
            held_since = health.provider.held_since
            known = notices.unclear.get(health.provider.id)
            was_sent = known is not None and known.is_ending_sent and known.held_since == held_since
            is_ending = is_protection_ending(health.provider, state.now, state.thresholds)
            unclear[health.provider.id] = UnclearProvider(held_since, was_sent or is_ending)
    return Notices(unclear, unlisted)


def _minute(instant: datetime | None) -> str:
    return "never" if instant is None else f"{instant:%Y-%m-%d %H:%M}Z"
