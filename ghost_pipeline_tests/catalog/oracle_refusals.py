"""The oracle's refusals: an independent, plain reading of when a model is refused."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline_tests.catalog.oracle_values import Key

WEEK = timedelta(days=7)
WORDS = "gone (rule)"
"""What every refusal of these tests has after its class."""


class Row(NamedTuple):
    """What tells apart the refusals that are kept together."""

    refusal_class: RefusalClass
    account: str
    hour: datetime


@dataclass
class Refusals:
    """All refusals, and what speaks against them."""

    rows: dict[Key, dict[Row, list[datetime]]] = field(default_factory=dict)
    """All instants of each, which are whole minutes."""
    uses: dict[Key, dict[str, datetime]] = field(default_factory=dict)
    cleared: dict[Key, datetime] = field(default_factory=dict)

    def add(self, key: Key, refusal_class: RefusalClass, account: str, at: datetime) -> None:
        """Keep one refusal."""
        rows = self.rows.setdefault(key, {})
        rows.setdefault(Row(refusal_class, account, _hour(at)), []).append(at)

    def use(self, key: Key, account: str, at: datetime) -> None:
        """Keep the latest success of an account."""
        if account:
            of_model = self.uses.setdefault(key, {})
            of_model[account] = max(at, of_model.get(account, at))

    def clear(self, key: Key, at: datetime) -> None:
        """Keep that earlier refusals do not count."""
        self.cleared[key] = max(at, self.cleared.get(key, at))

    def forget(self, keys: Iterable[Key], in_catalog: Iterable[Key], now: datetime) -> None:
        """Drop what is too old to count; of the ends of models, the first and the last stay."""
        for key in keys:
            rows = self.rows.get(key, {})
            for row in [row for row, instants in rows.items() if max(instants) < now - 2 * WEEK]:
                hours = [one.hour for one in rows if one[:2] == row[:2]]
                is_end = row.refusal_class is RefusalClass.RETIRED and row.hour in (min(hours), max(hours))
                if not (is_end and key in in_catalog):
                    del rows[row]
            self.uses[key] = {label: at for label, at in self.uses.get(key, {}).items() if at >= now - 3 * WEEK}
            if key in self.cleared and self.cleared[key] < now - 3 * WEEK:
                del self.cleared[key]

    def columns(self, key: Key, model: ModelRecord, complete_at: datetime | None, now: datetime) -> dict[str, Any]:
        """Return the columns that the model has with these refusals."""
        rows = self.rows.get(key)
        if not rows:
            return self._carried(key, model, now)
        uses = self.uses.get(key, {})

        def is_news(_: str, at: datetime) -> bool:
            return not self._is_over(key, model, at)

        def is_fair(account: str, at: datetime) -> bool:
            others = [used for label, used in uses.items() if label != account]
            if account and model.last_used_at is not None and model.last_used_at not in uses.values():
                others.append(model.last_used_at)
            return is_news(account, at) and all(at - used > WEEK for used in others)

        def is_old_enough(account: str, at: datetime) -> bool:
            return is_fair(account, at) and at >= model.first_seen_at + timedelta(days=2)

        is_absent = complete_at is not None and (model.last_listed_at is None or model.last_listed_at < complete_at)
        for refusal_class, counts, least in (
            (RefusalClass.RETIRED, is_news, timedelta(0)),
            (RefusalClass.NOT_FOUND, is_old_enough, timedelta(minutes=10)),
            (RefusalClass.AMBIGUOUS, is_fair, timedelta(days=1)),
        ):
            span = _span(rows, refusal_class, counts, now)
            is_enough = span is not None and span[1] - span[0] >= least
            if span is not None and is_enough and (is_absent or refusal_class is not RefusalClass.AMBIGUOUS):
                return self._continued(key, model, _columns(*span, f"{refusal_class.value}: {WORDS}"), now)
        return _columns(None, None, None)

    def _continued(self, key: Key, model: ModelRecord, columns: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Return the columns with the beginning that they had, if that is too long ago for the rows."""
        known, last, since = model.refused_since, model.last_refused_at, columns["refused_since"]
        if known is None or last is None or model.refusal_reason != columns["refusal_reason"]:
            return columns
        is_older = known < min(since, now - WEEK) and since - last <= WEEK
        return {**columns, "refused_since": known} if is_older and not self._is_over(key, model, known) else columns

    def drop_dead(self, key: Key, model: ModelRecord, now: datetime) -> None:
        """Drop what can't count any more."""
        rows = self.rows.get(key, {})
        ends = [end for end in (model.last_used_at, self.cleared.get(key)) if end is not None]
        for row, instants in list(rows.items()):
            last = min(max(instants), now)
            has_expired = row.refusal_class is not RefusalClass.RETIRED and now - last > 2 * WEEK
            if has_expired or (ends and _hour(last) < _hour(max(ends))):
                del rows[row]

    def _is_over(self, key: Key, model: ModelRecord, at: datetime) -> bool:
        ends = [model.last_used_at, self.cleared.get(key)]
        return any(end is not None and at <= end for end in ends)

    def _carried(self, key: Key, model: ModelRecord, now: datetime) -> dict[str, Any]:
        last = model.last_refused_at
        if last is None or self._is_over(key, model, last) or now - last > WEEK:
            return _columns(None, None, None)
        return _columns(model.refused_since, last, model.refusal_reason)


def _span(
    rows: dict[Row, list[datetime]],
    refusal_class: RefusalClass,
    counts: Callable[[str, datetime], bool],
    now: datetime,
) -> tuple[datetime, datetime] | None:
    """Return the beginning and the end of the latest refusals without a pause of more than a week."""
    found = []
    for row, instants in rows.items():
        counted = [at for at in (min(at, now) for at in instants) if counts(row.account, at)]
        if row.refusal_class is refusal_class and counted:
            found.append((min(counted), max(counted)))
    if not found:
        return None
    found.sort(key=lambda span: span[1], reverse=True)
    if refusal_class is RefusalClass.RETIRED:
        return min(first for first, _ in found), found[0][1]
    begin = end = found[0][1]
    if now - end > WEEK:
        return None
    for first, last in found:
        if begin - last > WEEK:
            break
        begin = min(begin, first)
    return begin, end


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _columns(since: datetime | None, last: datetime | None, reason: str | None) -> dict[str, Any]:
    return {"refused_since": since, "last_refused_at": last, "refusal_reason": reason}
