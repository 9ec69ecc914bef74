"""What we remember: tables, admission and reconciliation of listings, sightings, sweeps, statistics, migrations.

In here: SQL, and the archive of raw bytes. ``ModelCatalog`` is the door for everything outside.
Not in here: wire formats, Dagster, and rules that ``lifecycle/`` does not say as well.
"""

from ghost_pipeline.catalog.catalog import ModelCatalog

__all__ = ["ModelCatalog"]
