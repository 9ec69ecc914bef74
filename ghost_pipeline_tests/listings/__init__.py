"""Tests of ghost_pipeline.listings: parsing of providers' files."""
