"""Imports: the models of an existing table, or of another catalog's export."""
