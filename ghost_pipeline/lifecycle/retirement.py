"""When a model retires: what listings and operators state, and which statement stands.

The rule is :func:`combine`: the newest statement stands, fact by fact, and a statement without a date states none. So
an announcement stands until a listing states another date; a listing that states nothing leaves it as it is.
``catalog/ingestion/bulk.py`` has its SQL equivalent for listings of any size.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.claims.operator_facts import keep_operator_facts, withdraw_facts
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.lifecycle.records import ModelRecord
from ghost_pipeline.lifecycle.validation import require_in_range, validate_instant, validate_name
from ghost_pipeline.settings import Thresholds


class Retirement(NamedTuple):
    """What one source states of a model's end. None means no statement."""

    at: datetime | None = None
    replaced_by: str | None = None
    """The provider's id of the successor."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A provider's e-mail or page about the end of a model, as an operator recorded it."""

    provider_id: str
    model_id: str
    """Kept as well if the catalog has no such model: e-mails come before listings."""
    retires_at: datetime
    announced_at: datetime
    """When an operator recorded it."""
    replaced_by: str | None = None
    source_url: str | None = None
    recorded_by: str | None = None
    """The operator's name."""
    listed_expires_at: datetime | None = None
    """The date that the newest listing states itself; until there is one, what the model had before."""
    listed_replaced_by: str | None = None
    superseded_at: datetime | None = None
    """When a listing stated another date, which stands since."""
    superseding_listing_id: int | None = None

    @property
    def standing(self) -> Retirement:
        """What still counts of it: the date until a listing states another one, the successor as long as it exists."""
        return Retirement(self.retires_at if self.superseded_at is None else None, self.replaced_by)

    @property
    def listed(self) -> Retirement:
        """What the model has without the announcement."""
        return Retirement(self.listed_expires_at, self.listed_replaced_by)


def combine(newer: Retirement, older: Retirement) -> Retirement:
    """Return what stands after a newer statement: its date and its successor, or the older ones where it has none."""
    return Retirement(
        older.at if newer.at is None else newer.at,
        older.replaced_by if newer.replaced_by is None else newer.replaced_by,
    )


def is_superseded(announcement: Announcement, listed_at: datetime | None) -> bool:
    """Return True if a listing that states ``listed_at`` ends the date of an announcement."""
    return announcement.superseded_at is None and listed_at not in (None, announcement.retires_at)


def apply_announcement(
    current: ModelRecord, announcement: Announcement, earlier: Announcement | None = None
) -> ModelRecord:
    """Return the model after it was announced; nothing of an ``earlier`` announcement stays."""
    return _retiring(current, combine(announcement.standing, _without(current, earlier)))


def apply_earlier_announcement(
    entering: ModelRecord, announcement: Announcement, stated_at: datetime | None
) -> ModelRecord:
    """Return a model that enters the catalog without a listing, and that was announced before.

    ``stated_at`` is when an operator stated the model's date, which stands if it is newer than the announcement. What a
    tombstone or an import has otherwise does not.
    """
    if stated_at is not None and stated_at >= announcement.announced_at:
        after = _retiring(entering, Retirement(entering.expires_at, announcement.replaced_by or entering.replaced_by))
    else:
        free = entering if announcement.standing.at is None else withdraw_facts(entering, {}, ("expires_at",))
        after = _retiring(free, combine(announcement.standing, Retirement(entering.expires_at, entering.replaced_by)))
    # Such a row is not as its listing left it, so the same bytes have to be reconciled again.
    return entering if after == entering else replace(after, listing_id=None)


def apply_withdrawal(current: ModelRecord, announcement: Announcement) -> ModelRecord:
    """Return the model after an announcement was taken back: what came from it is as the listing states it."""
    return keep_operator_facts(current, _retiring(current, _without(current, announcement)))


def _without(current: ModelRecord, announcement: Announcement | None) -> Retirement:
    if announcement is None:
        return Retirement(current.expires_at, current.replaced_by)
    standing, listed = announcement.standing, announcement.listed
    return Retirement(
        listed.at if current.expires_at == standing.at else current.expires_at,
        listed.replaced_by if current.replaced_by == standing.replaced_by else current.replaced_by,
    )


def _retiring(current: ModelRecord, retirement: Retirement) -> ModelRecord:
    if (current.expires_at, current.replaced_by) == retirement:
        return current
    return replace(current, expires_at=retirement.at, replaced_by=retirement.replaced_by)


ANNOUNCEMENT_COLUMNS = ("provider_id", "model_id", "retires_at", "replaced_by", "source_url")
"""What operators state of a retirement."""

MAX_URL_LENGTH = 2_000

_UNUSABLE_IN_URL = re.compile(r"[^!-~]")


def validate_announcement(
    provider_id: str,
    model_id: str,
    retires_at: object,
    replaced_by: str | None,
    source_url: str | None,
    recorded_by: str | None,
    announced_at: datetime,
) -> Announcement:
    """Return the announcement with canonical names. A date in the past is accepted. Raises UsageError."""
    slug = provider_slug(provider_id)
    canonical = canonical_model_id(slug, model_id)
    instant = validate_instant("retires_at", retires_at)
    if instant is None:
        raise UsageError("retires_at is missing", "give the date of the retirement, such as 2027-01-31")
    successor = None if replaced_by is None else canonical_model_id(slug, replaced_by)
    if successor == canonical:
        raise UsageError(f"{canonical} can't be replaced by itself", "name its successor or leave it out")
    return Announcement(
        slug,
        canonical,
        require_in_range(instant),
        announced_at,
        successor,
        validate_source_url(source_url),
        validate_name(recorded_by),
    )


def validate_source_url(url: str | None) -> str | None:
    """Return the address of an announcement, or None. Raises UsageError."""
    if url is None:
        return None
    if not isinstance(url, str) or len(url) > MAX_URL_LENGTH or _UNUSABLE_IN_URL.search(url):
        raise UsageError(
            f"source_url {str(url)[:80]!r} can't be stored",
            f"give a URL of at most {MAX_URL_LENGTH:,} characters, spaces and other letters as %XX",
        )
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.path if parts.scheme == "mailto" else parts.scheme in ("http", "https") and parts.netloc)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UsageError(f"source_url {url[:80]!r} is not a URL", "begin it with https://, http:// or mailto:")
    if "@" in parts.netloc:
        raise UsageError("source_url has a user name or a password in it", "leave it out: everyone can read the URL")
    return url


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiringModel:
    """A model with a date of retirement, and what an operator needs to know about it."""

    provider_id: str
    model_id: str
    name: str | None
    expires_at: datetime
    """The date that stands."""
    replaced_by: str | None
    is_past: bool
    is_active: bool | None
    """None for a model that the catalog does not have."""
    is_listed: bool
    """As in ``absence.is_listed``: the newest complete listing contains the model, or a later listing does."""
    last_used_at: datetime | None
    was_used_within_24h: bool
    was_used_within_30d: bool
    moved_from: datetime | None
    """The date that stood before; None for the first one."""
    announced_at: datetime | None
    """When the date that stands was stated first."""
    announced_by: str | None
    """``listing``, ``operator`` or ``import``."""
    recorded_by: str | None = None
    """Which operator."""
    source_url: str | None = None
    listing_id: int | None = None
    """The listing that stated it."""
    announcement: Announcement | None = None
    """What an operator announced, also after a listing stated another date."""

    @property
    def is_gone(self) -> bool:
        """True for a model whose date has passed and that is neither active, listed nor used any more."""
        return self.is_past and not (self.is_active or self.is_listed or self.was_used_within_30d)


DAY = timedelta(days=1)
USED_WITHIN = timedelta(days=30)
"""A model that was used within so long has users whom its retirement concerns: a monthly job is one."""


def was_used_within(last_used_at: datetime | None, now: datetime, span: timedelta) -> bool:
    """Return True if the last use is at most ``span`` before ``now``."""
    return last_used_at is not None and last_used_at >= now - span


def is_retiring_while_used(model: ModelRecord, now: datetime, thresholds: Thresholds) -> bool:
    """Return True if the model was used within USED_WITHIN and retires soon, or should have been gone already."""
    is_due = model.expires_at is not None and model.expires_at <= now + thresholds.retiring_within
    return is_due and was_used_within(model.last_used_at, now, USED_WITHIN)
