"""Ingestion of listings: admission, recorded attempts, reconciliation."""
