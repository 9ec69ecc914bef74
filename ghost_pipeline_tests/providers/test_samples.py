"""The sample listings that come with the project."""

import pytest

from ghost_pipeline.listings.files import ListingFile, find_listings, instant_in_name, newest_listings
from ghost_pipeline.listings.parsing import parse_listing
from ghost_pipeline.providers import BUILTIN
from ghost_pipeline_tests.providers.samples import REPOSITORY

SAMPLES = [
    file
    for file in find_listings(REPOSITORY / "latest_models").files
    if instant_in_name(file.path.name) is None  # a user's own files may lie beside them
]


def test_there_are_samples_of_at_least_ten_known_providers() -> None:
    assert len(set(newest_listings(SAMPLES)) & set(BUILTIN)) >= 10


@pytest.mark.parametrize("file", SAMPLES, ids=[file.path.name for file in SAMPLES])
def test_a_sample_is_complete_and_readable(file: ListingFile) -> None:
    listing = parse_listing(file.provider_id, file.path.read_bytes())
    assert (listing.malformed_reason, listing.incomplete_reasons, listing.warnings) == (None, (), ())
    assert 2 <= len(listing.models) <= 15
