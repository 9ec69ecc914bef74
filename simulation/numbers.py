"""Every size and rate of the simulated world, with its source.

"Listings" are recorded answers of six providers' list endpoints (9, 9, 63, 91, 108 and 427 models). "Documentation" is
README.md and docs/. Where nothing is known, the value is chosen so that a year of one provider meets each fault often;
such values are marked "chosen".
"""

from datetime import timedelta

# The world

CATALOG_SIZES = (4, 9, 9, 20, 40)
"""Models of a provider at the start. Listings; the large ones are left out, because they add time and no situation."""
LOCAL_SIZES = (0, 1, 3)
"""Models of a local server at the start; such a server may be empty. Documentation."""
LAUNCHES_PER_YEAR = 0.6
"""New models per year and model listed. Listings of one provider two months apart differ by about a tenth."""
RETIREMENTS_PER_YEAR = 0.4
"""Models that end per year and model listed. Chosen a little below the launches, so that catalogs grow."""
ANNOUNCED_SHARE = 0.5
"""Retirements that the listing announces beforehand. Chosen: lists rarely carry the dates, mails and pages do."""
ANNOUNCED_AHEAD = timedelta(days=60)
"""Chosen; providers state between two weeks and a year."""
MASS_RETIREMENTS_PER_YEAR = 1.0
"""Per provider: one of 205 recorded listings had 16 models become 7."""
MASS_RETIREMENT_SHARE = 0.55
"""9 of 16 models, in the listing above."""
RENAMES_PER_YEAR = 2.0
"""Per provider: an id ends and another one begins at the same instant. Chosen."""
CLEARED_PER_YEAR = 2.0
"""Times a local server has no model for a few days. Chosen."""
RETURNS_SHARE = 0.1
"""Retired models that the provider brings back under the same id. Chosen: withdrawn releases do return."""
RETURNS_AFTER = (timedelta(days=5), timedelta(days=70))
"""From when until when after the retirement: before and after the catalog deletes a ghost. Chosen."""
PRICE_CHANGES_PER_YEAR = 6.0
"""Per provider. Chosen."""
UNLISTED_SHARE = 0.15
"""Models that answer and are never listed: betas and fine-tunes. Chosen."""
USED_SHARE = 0.4
"""Models that some gateway uses. Chosen."""

# What happens how often

FETCH_EVERY = timedelta(hours=12)
"""Documentation: fetched every six hours unless set otherwise. A setting that is twice as long halves what a
provider-day costs, and leaves one failed fetch before the models are stale instead of three."""
FETCH_JITTER = timedelta(minutes=40)
INFERENCES_EVERY = timedelta(hours=20)
"""One delivery of a gateway's tracker for a provider, with all that it used since the last."""
USED_AT_A_TIME = 0.7
"""Share of the used models that are used in between. Chosen."""
INBOX_EVERY = timedelta(hours=40)
"""From one line of a model to its next."""
INBOX_READ_EVERY = timedelta(hours=24)
STALE_SWEEP_EVERY = timedelta(hours=6)
"""Documentation: hourly. Less often, because a sweep that finds nothing shows nothing."""
PURGE_SWEEP_EVERY = timedelta(days=1)
"""Documentation."""
REFUSALS_EVERY = timedelta(hours=48)
"""One report, for a provider, of the retired models that somebody requested all the same. Chosen."""
REQUESTED_FOR = timedelta(days=90)
"""How long retired models are requested by those who used them. Chosen."""
MISTAKEN_REFUSAL_SHARE = 0.3
"""Reports in which an account without access was also refused models that answer others. Chosen."""
OPERATOR_ACTIONS_PER_YEAR = 20.0
"""Per provider: add, remove, restore, release, reactivate. Chosen."""
STATED_PRICE_SHARE = 0.5
"""Additions with which an operator states a price. Chosen."""

# Faults

BAD_FETCH_SHARE = 0.15
"""Fetches that do not bring the true listing. Chosen."""
BAD_SPELLS_PER_YEAR = 5.0
"""Per provider: times in which every fetch is bad. Chosen."""
BAD_SPELL = timedelta(days=4)
"""At most; shorter than the seven days for which a hold protects. Documentation."""
LONG_BAD_SPELLS_PER_YEAR = 1.0
LONG_BAD_SPELL = timedelta(days=60)
"""At most; longer than any protection. Chosen."""
DOWNTIMES_PER_YEAR = 1.0
"""Times in which nothing of ours runs: months, at worst. Chosen."""
DOWNTIME = timedelta(days=60)
CLOCK_JUMPS_PER_YEAR = 4.0
"""Times in which the clock of this host is wrong. Chosen."""
CLOCK_ERROR = timedelta(days=40)
"""At most, in either direction."""
CLOCK_ERRORS = (-1.0, 1.0)
"""Between which shares of it."""
CLOCK_WRONG_FOR = timedelta(hours=6)
WRONG_CLIENT_CLOCK_SHARE = 0.05
"""Sightings of a client whose clock is years or hours off, in either direction. Chosen."""
CRASH_SHARE = 0.02
"""Steps at which the process dies at a commit, after it, between two statements or at the archive. Chosen."""
DATABASE_FAULT_SHARE = 0.02
"""Steps during which the disk is full, the database is locked or its connection breaks. Chosen."""
SECOND_PROCESS_SHARE = 0.1
"""Steps that another process, with a catalog of its own, carries out. Chosen."""
JUNK_SHARE = 0.3
"""Files of the inbox with lines that are not sightings. Chosen."""
