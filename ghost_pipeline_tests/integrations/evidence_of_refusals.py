"""What the catalog kept of refusals, and what it should have kept of the answers that providers were seen to give."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta

from ghost_pipeline import ModelCatalog
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.vocabulary import RefusalClass
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import Seen

Evidence = Counter[tuple[str, str, str]]
"""(Provider, model, class of refusals) -> how many the catalog counted."""


def know(settings: Settings, models: Iterable[tuple[str, str]]) -> None:
    """Put models into the catalog that were used three days ago, so that nothing about them is new."""
    at = utc_now() - timedelta(days=3)
    with ModelCatalog.open(settings) as catalog:
        catalog.record_inferences([Inference(*model, at, at) for model in dict.fromkeys(models)])


def kept(settings: Settings) -> Evidence:
    """Return all refusals of known models."""
    with closing(sqlite3.connect(settings.home / "catalog.db")) as database:
        rows = database.execute(
            "SELECT provider_id, model_id, refusal_class, sum(count) FROM refusals GROUP BY 1, 2, 3"
        )
        return Counter({(provider, model, kind): count for provider, model, kind, count in rows})


def refused(settings: Settings) -> set[tuple[str, str]]:
    """Return the models that are refused."""
    with ModelCatalog.open(settings) as catalog:
        return {(one.provider_id, one.model_id) for one in catalog.find_models() if one.refused_since is not None}


def expected(seen: Iterable[Seen]) -> Evidence:
    """Return what a catalog that knows the models keeps of these answers."""
    return Counter(
        (one.provider_id, one.model_id, one.expected.value)
        for one in seen
        if one.expected is not RefusalClass.NOT_EVIDENCE
    )


def retired(seen: Iterable[Seen]) -> set[tuple[str, str]]:
    """Return the models of which one answer is enough."""
    return {(one.provider_id, one.model_id) for one in seen if one.expected is RefusalClass.RETIRED}
