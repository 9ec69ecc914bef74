"""When a model is refused: the verdict on all refusals of it that the catalog keeps.

The verdict is a pure function of aggregates that merge by minimum, maximum, union and sum, so the order in which
refusals and successes arrive never matters. A refused model is only marked: whether it is active does not depend on it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ghost_pipeline.lifecycle.records import ModelRecord, ProviderRecord
from ghost_pipeline.lifecycle.refusals.evidence import begin_of_bucket
from ghost_pipeline.lifecycle.transitions import latest_known
from ghost_pipeline.lifecycle.vocabulary import RefusalClass, Source
from ghost_pipeline.settings import Thresholds


@dataclass(frozen=True, slots=True)
class RefusalSpan:
    """The refusals of one model by one rule, from one account and within one hour."""

    refusal_class: RefusalClass
    rule_id: str
    first_at: datetime
    last_at: datetime
    minutes: int = 0
    """Bit n is set if there was a refusal in minute n of the hour."""
    count: int = 1
    account: str = ""
    """The label of the account that was refused; empty if none was given."""
    words: str = ""
    """Our own words for what the provider stated; nothing of its text."""
    replaced_by: str = ""
    """The provider's id of the successor; empty if none was named."""


@dataclass(frozen=True, slots=True)
class RefusalEvidence:
    """What the catalog keeps about the refusals of one model, beside the model itself."""

    spans: Sequence[RefusalSpan] = ()
    uses: Mapping[str, datetime] = field(default_factory=dict)
    """The label of an account -> its latest success. Successes without a label are in ``last_used_at`` alone."""
    cleared_at: datetime | None = None
    """When an operator reactivated the model, or a listing brought it back after a complete one without it."""


@dataclass(frozen=True, slots=True)
class RefusedState:
    """A model that is refused, as the columns of ``models`` have it."""

    since: datetime
    """The first refusal that counts."""
    last_at: datetime
    """The latest refusal that counts."""
    reason: str
    """The class, our own words, the successor if the provider named one, and the rule."""


def state_of(model: ModelRecord) -> RefusedState | None:
    """Return the state that the columns of a model have."""
    if model.refused_since is None or model.last_refused_at is None:
        return None
    return RefusedState(model.refused_since, model.last_refused_at, model.refusal_reason or "")


def is_kept_from_gateways(model: ModelRecord) -> bool:
    """Return True if the model is refused, so that no gateway should route to it; not if an operator added it."""
    return model.refused_since is not None and model.source is not Source.MANUAL


RETIRED_PREFIX = f"{RefusalClass.RETIRED.value}: "
"""How the reason of a model begins whose provider states that it has withdrawn it."""


def is_refused_as_retired(model: ModelRecord) -> bool:
    """Return True if the model's provider answers requests with the statement that it has withdrawn the model."""
    return model.refusal_reason is not None and model.refusal_reason.startswith(RETIRED_PREFIX)


def refused_state(
    evidence: RefusalEvidence, model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds
) -> RefusedState | None:
    """Return since when and why the model is refused; None if it is not.

    It is after one ``retired``; after two ``not_found`` that are ``refused_after`` apart; or after ``ambiguous``
    answers over ``refused_ambiguous_after`` while the provider's latest complete listing lacks the model. Refusals up
    to the last success, reactivation or return to the listings do not count. ``not_found`` and ``ambiguous`` expire,
    do not count while another account had a success, and ``not_found`` not in the first days of a model.
    """
    if not evidence.spans:
        return _carried_state(evidence, model, now, thresholds)
    state = _state_of_spans(evidence, model, provider, now, thresholds)
    return None if state is None else _with_older_beginning(state, evidence, model, now, thresholds)


def _state_of_spans(
    evidence: RefusalEvidence, model: ModelRecord, provider: ProviderRecord, now: datetime, thresholds: Thresholds
) -> RefusedState | None:
    floor = counting_from(evidence, model)
    uses = _uses_by_account(evidence, model)
    expires_after = thresholds.refusal_expires_after

    def is_new_evidence(_account: str, at: datetime) -> bool:
        return floor is None or at > floor

    def is_unprotected(account: str, at: datetime) -> bool:
        others = (used for label, used in uses.items() if label != account)
        return is_new_evidence(account, at) and not any(at - used <= expires_after for used in others)

    def is_unprotected_and_known(account: str, at: datetime) -> bool:
        return is_unprotected(account, at) and at - model.first_seen_at >= thresholds.refused_not_before

    retired = _of_class(evidence, RefusalClass.RETIRED, now, is_new_evidence)
    if retired:
        return _state(retired)
    run = _latest_run(_of_class(evidence, RefusalClass.NOT_FOUND, now, is_unprotected_and_known), now, expires_after)
    if run and _duration(run) >= thresholds.refused_after:
        return _state(run)
    run = _latest_run(_of_class(evidence, RefusalClass.AMBIGUOUS, now, is_unprotected), now, expires_after)
    if run and _duration(run) >= thresholds.refused_ambiguous_after and is_absent_from_listing(model, provider):
        return _state(run)
    return None


def counting_from(evidence: RefusalEvidence, model: ModelRecord) -> datetime | None:
    """Return the instant up to which refusals do not count any more; None if all do."""
    return latest_known(model.last_used_at, evidence.cleared_at)


def is_absent_from_listing(model: ModelRecord, provider: ProviderRecord) -> bool:
    """Return True if the provider's latest complete listing, and every listing after it, lacks the model."""
    if provider.last_complete_at is None:
        return False
    return model.last_listed_at is None or model.last_listed_at < provider.last_complete_at


def counts_no_more(
    span: RefusalSpan, evidence: RefusalEvidence, model: ModelRecord, now: datetime, thresholds: Thresholds
) -> bool:
    """Return True if the span can't count for any state of the model from ``now`` on.

    A span of the hour of the last success stays: later refusals of that hour merge with it, and must do so whether
    they arrive before the success or after it. An expired one stays as long again: a refusal that followed it in time
    may arrive so late.
    """
    floor = counting_from(evidence, model)
    last_at = min(span.last_at, now)
    is_over = floor is not None and begin_of_bucket(last_at) < begin_of_bucket(floor)
    is_old = now - last_at > 2 * thresholds.refusal_expires_after
    return is_over or (is_old and span.refusal_class is not RefusalClass.RETIRED)


def is_too_late(at: datetime, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if a refusal arrives so long after it happened that it does not count."""
    return _is_expired(at, now, thresholds)


def _is_expired(last_at: datetime, now: datetime, thresholds: Thresholds) -> bool:
    return now - last_at > thresholds.refusal_expires_after


def _with_older_beginning(
    state: RefusedState, evidence: RefusalEvidence, model: ModelRecord, now: datetime, thresholds: Thresholds
) -> RefusedState:
    """Return the state with the beginning that the model's columns have, if it is older than what the catalog keeps."""
    known, floor = state_of(model), counting_from(evidence, model)
    if known is None or known.reason.partition(":")[0] != state.reason.partition(":")[0]:
        return state
    is_older = known.since < min(state.since, now - thresholds.refusal_expires_after)
    is_continued = state.since - known.last_at <= thresholds.refusal_expires_after
    is_undisputed = floor is None or floor < known.since
    return replace(state, since=known.since) if is_older and is_continued and is_undisputed else state


def _carried_state(
    evidence: RefusalEvidence, model: ModelRecord, now: datetime, thresholds: Thresholds
) -> RefusedState | None:
    """Return the state that a model has from an import or a tombstone, whose refusals the catalog does not keep."""
    state = state_of(model)
    if state is None:
        return None
    floor = counting_from(evidence, model)
    is_over = floor is not None and state.last_at <= floor
    return None if is_over or _is_expired(state.last_at, now, thresholds) else state


def _uses_by_account(evidence: RefusalEvidence, model: ModelRecord) -> dict[str, datetime]:
    """Return the latest success of each account; of those without a label only if it is the latest of all."""
    uses = dict(evidence.uses)
    if model.last_used_at is not None and model.last_used_at not in uses.values():
        uses[""] = model.last_used_at
    return uses


@dataclass(frozen=True, slots=True)
class _Counted:
    """What counts of a span."""

    first_at: datetime
    last_at: datetime
    span: RefusalSpan


def _of_class(
    evidence: RefusalEvidence, wanted: RefusalClass, now: datetime, counts: Callable[[str, datetime], bool]
) -> list[_Counted]:
    """Return what counts of the spans of a class. Instants after ``now`` are of a clock that was ahead: as ``now``."""
    found = []
    for span in evidence.spans:
        last_at = min(span.last_at, now)
        if span.refusal_class is wanted and counts(span.account, last_at):
            first_at = next(at for at in _instants(span, now) if counts(span.account, at))
            found.append(_Counted(first_at, last_at, span))
    return found


def _instants(span: RefusalSpan, now: datetime) -> Iterator[datetime]:
    """Yield what is known of the instants of a span, the earliest first: both ends, and the minutes in between."""
    first_at, last_at = min(span.first_at, now), min(span.last_at, now)
    yield first_at
    hour = begin_of_bucket(span.last_at)
    for minute in range(span.minutes.bit_length()):
        at = hour + timedelta(minutes=minute)
        if span.minutes >> minute & 1 and first_at < at < last_at:
            yield at
    yield last_at


def _latest_run(counted: Iterable[_Counted], now: datetime, expires_after: timedelta) -> list[_Counted]:
    """Return those that lead to the latest one without a longer pause than ``expires_after``; none if it expired."""
    run: list[_Counted] = []
    since = now
    for one in sorted(counted, key=lambda one: one.last_at, reverse=True):
        if since - one.last_at > expires_after:
            break
        run.append(one)
        since = min(since, one.first_at)
    return run


def _duration(run: Sequence[_Counted]) -> timedelta:
    return max(one.last_at for one in run) - min(one.first_at for one in run)


def _state(run: Sequence[_Counted]) -> RefusedState:
    newest = max(run, key=lambda one: (one.last_at, one.span.rule_id, one.span.replaced_by, one.span.words))
    return RefusedState(
        min(one.first_at for one in run), max(one.last_at for one in run), format_refusal_reason(newest.span)
    )


def format_refusal_reason(span: RefusalSpan) -> str:
    """Return why a model is refused, in our own words, such as ``retired: end of life (groq.decommissioned)``."""
    successor = f", replaced by {span.replaced_by}" if span.replaced_by else ""
    return f"{span.refusal_class.value}: {span.words or 'no words'}{successor} ({span.rule_id})"
