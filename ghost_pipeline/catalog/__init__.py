"""The catalog: storage, admission and reconciliation of listings, sightings, sweeps, queries, migrations.

What belongs here: SQL, and the archive of raw bytes. Other packages use ``ModelCatalog`` and its results only.
What does not: wire formats, Dagster, and rules that ``lifecycle/`` does not have.
"""

from ghost_pipeline.catalog.catalog import ModelCatalog

__all__ = ["ModelCatalog"]
