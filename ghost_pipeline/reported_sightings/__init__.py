"""Sightings and refusals that other programs report as JSON, in the inbox or over HTTP.

Here: the syntax of a sighting, where each one is found, how far the inbox is read. Not here: what a sighting does to a
model (``lifecycle``), SQL, Dagster.
"""

from ghost_pipeline.reported_sightings.inbox import InboxPage, read_inbox
from ghost_pipeline.reported_sightings.inbox_files import InboxCursor
from ghost_pipeline.reported_sightings.report import (
    DeadLetter,
    RefusedSighting,
    Sighting,
    dead_letter_files,
    read_report,
)

__all__ = [
    "DeadLetter",
    "InboxCursor",
    "InboxPage",
    "RefusedSighting",
    "Sighting",
    "dead_letter_files",
    "read_inbox",
    "read_report",
]
