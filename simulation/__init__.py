"""A seeded world of providers, faults and operators, in virtual time, around the real catalog code.

``numbers`` holds sizes and rates with their sources, ``world`` the truth, ``faults`` what goes wrong, ``plan`` turns a
seed into a list of steps, ``actors`` carries the steps out on a catalog, ``connections`` and ``statements`` shorten
their way to SQLite, ``witness`` remembers what the catalog has acknowledged, ``states`` reads its tables,
``invariants`` compares the catalog with the truth after each of them, ``runner`` runs plans and shrinks failing ones,
``mutants`` switches safeguards off to show that the simulation can fail. Nothing here knows the catalog's rules: it
knows what exists, and what users rely on.
"""
