"""What the catalog recorded: changes with a cursor, the catalog as it was, and what a model cost when.

Everything is read from ``model_events``; ``storage/event_log.py`` explains their order and instants. The way in is
``ModelCatalog.history``.
"""
