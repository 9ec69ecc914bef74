"""Tests of each way to send."""
