"""Read provider files into listings.

This package finds files and parses them. What a listing *means* belongs to ``lifecycle``, what is stored of it to
``catalog``, the formats of rows to ``providers``. The path of a file: ``files`` finds it, ``decoding`` reads the JSON,
``envelope`` finds its rows, ``providers`` read the fields of a row, ``parsing`` builds the listing.
"""

from ghost_pipeline.listings.files import DirectoryScan, ListingFile, find_listings, newest_listings
from ghost_pipeline.listings.parsing import ListingReader, format_version, parse_listing, survey_listing

__all__ = [
    "DirectoryScan",
    "ListingFile",
    "ListingReader",
    "find_listings",
    "format_version",
    "newest_listings",
    "parse_listing",
    "survey_listing",
]
