"""The rules of the catalog, as pure functions over frozen values.

What belongs here: the vocabulary (sources, verdicts, event kinds), facts and identities, the validation of input, the
verdict on a listing, how a sighting or an operator changes one model, and when a model is stale or purgeable.
What does not: SQL, files, Dagster and clocks. Every instant is an argument.
"""
