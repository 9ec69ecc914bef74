"""Models that were known elsewhere: an existing table, or the export of another catalog."""
