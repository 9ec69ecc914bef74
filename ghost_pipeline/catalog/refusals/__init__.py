"""Refusals: what providers refuse, and which models are refused because of it."""
