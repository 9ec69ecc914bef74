"""Drive a real catalog and the oracle side by side, and report where they differ.

Listings are JSON of the tests' own, so that nothing here depends on a provider's wire format.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count, repeat
from typing import Any

import pytest

from ghost_pipeline.catalog.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ListingOutcome, ModelFilter, SubmittedListing, SweepResult
from ghost_pipeline.errors import UnknownProvider, UsageError
from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.lifecycle.records import ListedModel, Listing, ModelRecord
from ghost_pipeline.lifecycle.refusals.evidence import Refusal
from ghost_pipeline.lifecycle.vocabulary import RefusalClass, Source
from ghost_pipeline.listings.parsing import ListingReader
from ghost_pipeline_tests.catalog.oracle import Oracle
from ghost_pipeline_tests.catalog.oracle_values import Event, Key, Metadata, Outcome, Provider, Swept

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PROVIDERS = ("openai", "ollama")
MODEL_IDS = tuple(f"model-{number:02}" for number in range(12))

FACTS: tuple[dict[str, Any], ...] = (
    {},
    {"name": "Listed", "input_price": 0.5, "output_price": 1.5, "context_window": 8192},
    {"name": "Renamed", "input_price": 0.0, "output_price": 0.0, "capabilities": ("json", "text")},
    {"max_output_tokens": 4096, "capabilities": ("text",), "expires_at": EPOCH + timedelta(days=90)},
    {"input_price": 0.5, "prices": {"input": "0.5", "tiers": [{"above_input_tokens": 9, "input": "1"}]}},
    {"prices": {"input": "0", "output": "0", "zero_is_price": True}, "replaced_by": "model-01"},
    {"name": "Repriced", "input_price": 0.6, "output_price": 1.4, "context_window": 4096},
    {"input_price": 6.1, "output_price": 1.4, "context_window": 4095},
)
"""What a row may say of its model, by number."""


def listing_bytes(
    rows: Mapping[str, int], inactive: tuple[str, ...] = (), *, is_cut: bool = False, is_broken: bool = False
) -> bytes:
    """Return a provider's file that lists ``rows``: model id -> number of its facts."""
    return json.dumps({"rows": rows, "inactive": inactive, "is_cut": is_cut, "is_broken": is_broken}).encode()


def parse(provider_id: str, content: bytes) -> Listing:
    """Parse what :func:`listing_bytes` wrote."""
    raw = json.loads(content)
    if raw["is_broken"]:
        return Listing(provider_id, malformed_reason="the file is broken")
    models = tuple(
        ListedModel(model_id, json.dumps({"id": model_id, "facts": number}), Facts(**FACTS[number]))
        for model_id, number in raw["rows"].items()
    )
    gaps = ("more follows",) if raw["is_cut"] else ()
    return Listing(provider_id, models=models, inactive_ids=tuple(raw["inactive"]), incomplete_reasons=gaps)


READER = ListingReader(parse, lambda provider_id: "test/1")
"""For catalogs of such listings."""


def settled(outcome: ListingOutcome) -> Outcome:
    """Return the parts of an outcome on which both sides must agree."""
    assessment = outcome.assessment
    return Outcome(assessment.verdict, assessment.is_late, assessment.is_accepted_empty, outcome.counts)


class Pair:
    """A catalog and the oracle, given the same operations."""

    def __init__(
        self,
        open_catalog: Callable[[Callable[[], datetime], ListingReader], ModelCatalog],
        *,
        has_distinct_bytes: bool = False,
    ) -> None:
        self.now = EPOCH
        self._lengths = count(1) if has_distinct_bytes else repeat(0)
        """How many blanks follow a listing, which mean nothing."""
        self.catalog = open_catalog(lambda: self.now, READER)
        self.oracle = Oracle()
        self.submitted: dict[str, list[bytes]] = {provider_id: [] for provider_id in PROVIDERS}
        self.listing_ids: list[int] = []
        self._events_seen = 0

    def admit(self, provider_id: str, content: bytes, observed_at: datetime) -> ListingOutcome:
        """Admit a listing on both sides, at its instant or later: the catalog trusts no instant in the future."""
        self.now = max(self.now, observed_at)
        self.submitted[provider_id].append(content)
        content += b" " * next(self._lengths)
        submission = SubmittedListing(provider_id, f"{provider_id}.json", content, observed_at)
        outcome = self.catalog.admit(submission)
        assert outcome.listing_id not in self.listing_ids
        self.listing_ids.append(outcome.listing_id)
        expected = self.oracle.admit(outcome.listing_id, parse(provider_id, content), observed_at, self.now)
        _agree({"admitted": settled(outcome)}, {"admitted": expected})
        assert (outcome.provider_id, outcome.attempt.sha256, outcome.attempt.observed_at) == (
            provider_id,
            submission.sha256,
            observed_at,
        )
        return outcome

    def fail(self, provider_id: str, attempted_at: datetime) -> ListingOutcome:
        """Record a fetch without a listing on both sides; no attempt lies in the future."""
        outcome = self.catalog.record_failed_attempt(provider_id, "no connection", attempted_at)
        assert outcome.listing_id not in self.listing_ids
        self.listing_ids.append(outcome.listing_id)
        clamped_at = min(attempted_at, self.now)
        expected = self.oracle.fail(outcome.listing_id, provider_id, clamped_at, self.now)
        _agree({"failed": settled(outcome)}, {"failed": expected})
        assert (outcome.attempt.file_name, outcome.attempt.sha256, outcome.reason) == (None, None, "no connection")
        return outcome

    def reconcile(self, listing_id: int) -> ListingOutcome:
        """Reconcile an admitted listing on both sides."""
        outcome = self.catalog.reconcile(listing_id)
        _agree({"reconciled": settled(outcome)}, {"reconciled": self.oracle.reconcile(listing_id, self.now)})
        assert outcome.listing_id == listing_id
        return outcome

    def submit(self, provider_id: str, content: bytes, observed_at: datetime) -> ListingOutcome:
        """Admit and reconcile."""
        return self.reconcile(self.admit(provider_id, content, observed_at).listing_id)

    def track(
        self,
        key: Key,
        name: str | None = None,
        metadata: Metadata | None = None,
        observed_at: datetime | None = None,
        account: str = "",
    ) -> str:
        """Record a successful inference on both sides, an instant in the future as now."""
        result = self.catalog.track_successful_inference(*key, name, metadata, observed_at, account=account)
        clamped_at = min(observed_at or self.now, self.now)
        assert result.effect == self.oracle.track(key, name, metadata, clamped_at, self.now, account)
        assert (result.provider_id, result.model_id) == key
        return result.effect

    def refuse(self, key: Key, refusal_class: RefusalClass, account: str, observed_at: datetime) -> str:
        """Record a refused request on both sides, an instant in the future as now."""
        at = min(observed_at, self.now)
        refusal = Refusal(*key, refusal_class, "rule", at, at, account=account, words="gone")
        [result] = self.catalog.record_refusals([refusal])
        assert result.effect == self.oracle.refuse(key, refusal_class, account, at, self.now)
        return result.effect

    def add(
        self,
        key: Key,
        name: str | None = None,
        facts: Mapping[str, Any] | None = None,
        observed_at: datetime | None = None,
    ) -> None:
        """Add a model by hand on both sides."""
        self.catalog.add_manual_model(*key, name, **(facts or {}), observed_at=observed_at)
        self.oracle.add(key, name, facts or {}, observed_at or self.now, self.now)

    def withdraw_facts(self, key: Key, facts: Collection[str] = ()) -> None:
        """Take back what operators stated on both sides."""
        self._say(
            lambda: self.catalog.withdraw_facts(*key, tuple(facts)),
            lambda: self.oracle.withdraw_facts(key, facts, self.now),
        )

    def reactivate(self, key: Key) -> None:
        """Reactivate on both sides."""
        self._say(lambda: self.catalog.reactivate_model(*key), lambda: self.oracle.reactivate(key, self.now))

    def remove(self, key: Key) -> None:
        """Remove a model on both sides."""
        self._say(lambda: self.catalog.remove_model(*key), lambda: self.oracle.remove(key, self.now))

    def remove_provider(self, provider_id: str) -> None:
        """Remove a provider's models on both sides."""
        self._say(
            lambda: self.catalog.remove_provider(provider_id),
            lambda: self.oracle.remove_provider(provider_id, self.now),
        )

    def restore(self, key: Key) -> None:
        """Restore on both sides."""
        self._say(lambda: self.catalog.restore_model(*key), lambda: self.oracle.restore(key, self.now))

    def announce(self, key: Key, retires_at: datetime, replaced_by: str | None = None) -> str:
        """Announce a retirement on both sides."""
        result = self.catalog.announce_retirement(*key, retires_at, replaced_by)
        self.oracle.announce(key, retires_at, replaced_by, self.now)
        return result.effect

    def withdraw(self, key: Key) -> None:
        """Take an announcement back on both sides."""
        self._say(lambda: self.catalog.withdraw_retirement(*key), lambda: self.oracle.withdraw(key, self.now))

    def release(self, provider_id: str) -> None:
        """Release on both sides."""
        self._say(
            lambda: self.catalog.release_provider(provider_id), lambda: self.oracle.release(provider_id, self.now)
        )

    def sweep_stale(self, provider_id: str | None = None, hours: float | None = None, *, is_dry: bool = False) -> Swept:
        """Deactivate stale models on both sides."""
        return self._swept(
            lambda: self.catalog.mark_stale_models_inactive(provider_id, hours, is_dry_run=is_dry),
            lambda: self.oracle.sweep_stale(provider_id, hours or 24, self.now, is_dry=is_dry),
        )

    def sweep_purgeable(
        self, provider_id: str | None = None, days: float | None = None, *, is_dry: bool = False
    ) -> Swept:
        """Purge on both sides."""
        return self._swept(
            lambda: self.catalog.delete_old_inactive_models(provider_id, days, is_dry_run=is_dry),
            lambda: self.oracle.sweep_purgeable(provider_id, days or 30, self.now, is_dry=is_dry),
        )

    def compare(self) -> None:
        """Fail where the catalog and the oracle differ."""
        records = self.catalog.find_models(ModelFilter(is_active=None))
        _agree({(record.provider_id, record.model_id): record for record in records}, self.oracle.models)
        assert len(records) == len(self.oracle.models)
        free = self.catalog.find_models(ModelFilter(is_free=True, capabilities=("text",)))
        assert [model for model in records if model.is_active and model.is_free and _writes_text(model)] == free
        self._compare_statements()
        self._compare_providers()
        self._compare_events()
        self._compare_statistics()

    def _compare_statements(self) -> None:
        for key in self.oracle.models:
            rows = self.oracle.stated[key].rows
            if rows:
                claims = self.catalog.references.list_claims(*key)
                stated = {one.fact: one.value for one in claims if one.source == "manual" and one.fact in rows}
                _agree(stated, {fact: row.value for fact, row in rows.items()})
                listed = {one.fact: one.value for one in claims if one.source == "listing" and one.fact in rows}
                _agree(listed, {fact: row.listed for fact, row in rows.items() if row.listed is not None})

    def _compare_providers(self) -> None:
        records = self.catalog.list_providers()
        _agree(
            {
                record.id: Provider(record.held_since, record.last_listing_at, record.last_complete_at)
                for record in records
            },
            self.oracle.providers,
        )
        for record in records:
            assert bool(record.held_reason) == (record.held_since is not None)

    def _compare_events(self) -> None:
        actual = [
            Event(event.provider_id, event.model_id, event.kind, event.at, event.source)
            for event in self.catalog.list_events()[self._events_seen :]
        ]
        _agree(Counter(actual), Counter(self.oracle.events[self._events_seen :]))
        self._events_seen += len(actual)

    def _compare_statistics(self) -> None:
        stats = self.catalog.get_discovery_stats()
        by_provider = stats.pop("by_provider")
        models = self.oracle.models.values()
        of_each = {name: [model for model in models if model.provider_id == name] for name in self.oracle.providers}
        unlisted = self.oracle.unlisted(self.now)
        found = self.catalog.find_models(ModelFilter(is_active=None, is_unlisted=True))
        assert {(model.provider_id, model.model_id) for model in found} == unlisted
        _agree({"stats": stats}, {"stats": _statistics(models, unlisted)})
        _agree(by_provider, {name: _statistics(of_it, unlisted) for name, of_it in of_each.items()})

    def _say(self, real: Callable[[], object], expected: Callable[[], object]) -> None:
        assert _error_type(real) == _error_type(expected)

    def _swept(self, real: Callable[[], SweepResult], expected: Callable[[], Swept]) -> Swept:
        reasons = {provider.id: provider.held_reason for provider in self.catalog.list_providers()}
        try:
            swept = expected()
        except UnknownProvider:
            with pytest.raises(UnknownProvider):
                real()
            return Swept(set(), set())
        result = real()
        assert Counter(result.models) == Counter(swept.models)
        assert result.changed == len(swept.models)
        assert result.held == {provider_id: reasons[provider_id] for provider_id in swept.held}
        return swept


def _writes_text(model: ModelRecord) -> bool:
    return model.capabilities is not None and "text" in model.capabilities


def _statistics(models: Collection[ModelRecord], unlisted: Collection[Key]) -> dict[str, object]:
    active = sum(model.is_active for model in models)
    return {
        "total": len(models),
        "by_source": {source.value: sum(model.source is source for model in models) for source in Source},
        "active": active,
        "inactive": len(models) - active,
        "unlisted": sum((model.provider_id, model.model_id) in unlisted for model in models),
        "refused": sum(model.refused_since is not None for model in models),
    }


def _agree(actual: Mapping[Any, object], expected: Mapping[Any, object]) -> None:
    differences = [
        f"{what}:\n  catalog {actual.get(what)}\n  oracle  {expected.get(what)}"
        for what in actual.keys() | expected.keys()
        if actual.get(what) != expected.get(what)
    ]
    assert not differences, "\n".join(differences)


def _error_type(action: Callable[[], object]) -> type[UsageError] | None:
    try:
        action()
    except UsageError as error:
        return type(error)
    return None
