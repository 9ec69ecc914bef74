"""Upkeep of the deployment itself: pruning of old runs, and a diagnosis. Nothing here concerns models."""
