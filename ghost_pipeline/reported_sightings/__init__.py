"""What other programs report: sightings as JSON, in the inbox or sent to Dagster.

In here: syntax, where each sighting stands, and how far the inbox is read. What a sighting does to a model is for
``lifecycle``. No SQL and no Dagster.
"""

from ghost_pipeline.reported_sightings.inbox import InboxPage, read_inbox
from ghost_pipeline.reported_sightings.inbox_files import InboxCursor
from ghost_pipeline.reported_sightings.report import DeadLetter, Sighting, dead_letter_files, read_report

__all__ = ["DeadLetter", "InboxCursor", "InboxPage", "Sighting", "dead_letter_files", "read_inbox", "read_report"]
