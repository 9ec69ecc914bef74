"""Conditional requests: "only if it is another one than this" (RFC 9110, 13.1).

Asked only where a 304 would say something about the newest file of the provider: one that was fetched here, from the
same URL, as a single whole page, and has not been touched since.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ghost_pipeline.fetching.folder import ResponseFacts, read_facts
from ghost_pipeline.listings import ListingFile


@dataclass(frozen=True, slots=True)
class Validator:
    """What a 304 would confirm."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the request; empty if nothing can be confirmed."""
    path: Path | None = None
    facts: ResponseFacts | None = None


def validator(newest: ListingFile | None, url: str) -> Validator:
    """What to ask ``url`` with, given the provider's newest file in the folder."""
    facts = read_facts(newest.path) if newest else None
    if newest is None or facts is None or facts.is_partial or facts.pages != 1:
        return Validator()
    if facts.request_sha256 != request_sha256(url):
        return Validator()
    offered = {"If-None-Match": facts.etag, "If-Modified-Since": facts.last_modified}
    headers = {name: value for name, value in offered.items() if value}
    return Validator(headers, newest.path, facts) if headers else Validator()


def request_sha256(url: str) -> str:
    """What tells one request from another."""
    return hashlib.sha256(url.encode()).hexdigest()
