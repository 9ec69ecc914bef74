"""Tests of ghost_pipeline.listings: what providers said."""
