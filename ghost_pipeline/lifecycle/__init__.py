"""What we conclude: the rules of the catalog as pure functions over frozen values.

In here: the words (sources, verdicts, events), identities, verdicts on listings, what a sighting or a person's word
does to one model, when a model is stale or purgeable, how long a hold lasts.
Not in here: SQL, files, Dagster, a clock. Every instant is an argument.
"""
