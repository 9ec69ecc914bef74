"""WHAT PROVIDERS SAID: from a file to a listing.

Here belongs what knows a provider's wire format. What a listing *means* belongs to ``lifecycle``, what is kept of it
to ``catalog``. The way of a file: ``files`` finds it, ``decoding`` reads the JSON, ``envelope`` finds its rows,
``formats`` read the fields of a row, ``parsing`` puts it all together.
"""

from ghost_pipeline.listings.files import DirectoryScan, ListingFile, find_listings, newest_listings
from ghost_pipeline.listings.parsing import format_version, parse_listing, survey_listing

__all__ = [
    "DirectoryScan",
    "ListingFile",
    "find_listings",
    "format_version",
    "newest_listings",
    "parse_listing",
    "survey_listing",
]
