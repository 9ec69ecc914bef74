"""The checks on a listing, one for each way to fall short. Admission has judged it; nothing is parsed here."""

import warnings
from collections.abc import Iterator

import dagster as dg

from ghost_pipeline.catalog.results import ListingOutcome
from ghost_pipeline.defs.listing_metadata import listing_metadata
from ghost_pipeline.defs.partitions import providers
from ghost_pipeline.lifecycle.vocabulary import Verdict

_CHECKS = {
    Verdict.MALFORMED: (
        "listing_is_well_formed",
        "It can be read, is no error answer and holds at least one model.",
        True,
    ),
    Verdict.EMPTY: ("listing_is_not_empty", "It lists models; a provider without any is not believed.", True),
    Verdict.PARTIAL: ("listing_is_complete", "No page and no readable row is missing.", False),
    Verdict.SHRUNKEN: ("listing_has_not_shrunk", "It does not miss suspiciously many of the expected models.", False),
}
"""Verdict -> the check that it fails, what that check says, and whether failing it blocks the catalog."""


def check_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """The declarations, for the asset that admits."""
    return [
        _check_spec(name, asset, description, is_blocking=is_blocking)
        for name, description, is_blocking in _CHECKS.values()
    ]


def _check_spec(name: str, asset: str, description: str, *, is_blocking: bool) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # partitions_def is marked preview; without it an evaluation does not say which provider it is about.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=is_blocking, partitions_def=providers
        )


def check_results(outcome: ListingOutcome) -> Iterator[dg.AssetCheckResult]:
    """One result a check: failed for the verdict that was passed, by ERROR if it is refused, else by WARN.

    Verdicts are tried in order and the first that fits is passed, so the checks after it pass for want of a finding.
    """
    for verdict, (name, _, _) in _CHECKS.items():
        is_failed = verdict is outcome.verdict
        yield dg.AssetCheckResult(
            check_name=name,
            passed=not is_failed,
            severity=dg.AssetCheckSeverity.ERROR if outcome.is_refused else dg.AssetCheckSeverity.WARN,
            description=outcome.reason if is_failed else None,
            metadata=listing_metadata(outcome),
        )
