"""Queries for people who look around: pages of models, attempts, events and departures, and counts for charts.

Every query returns one page of rows, the newest first unless an order is given, and never reads more than it needs.
"""
