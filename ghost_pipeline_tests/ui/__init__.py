"""Tests that read Dagster's pages in a real browser."""
