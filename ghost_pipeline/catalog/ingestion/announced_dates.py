"""What operators announced, applied to the rows of a listing before they meet the models.

SQL equivalent of ``lifecycle.retirement.combine`` and ``is_superseded`` for listings of any size: afterwards a staged
row has the date that stands, so that creating, restoring and refreshing models need not know of announcements. A test
proves that both agree. The number of statements is fixed; a provider without announcements costs one look-up.
"""

from typing import Any

import sqlalchemy as sa

from ghost_pipeline.catalog.ingestion.bulk import staged
from ghost_pipeline.catalog.results import ListingAttempt
from ghost_pipeline.catalog.storage.announcement_rows import IS_CURRENT, has_announcements
from ghost_pipeline.catalog.storage.tables import announcements


def apply_announcements(connection: sa.Connection, attempt: ListingAttempt, *, is_late: bool) -> None:
    """Record in the provider's announcements what the staged listing states, and complete the staged rows from them.

    A late listing ends no announcement and states nothing against one.
    """
    if not has_announcements(connection, attempt.provider_id):
        return
    of_staged = (
        announcements.c.provider_id == attempt.provider_id,
        announcements.c.model_id == staged.c.model_id,
        IS_CURRENT,
    )
    if not is_late:
        _record_statements(connection, attempt, of_staged)
    standing = sa.case((announcements.c.superseded_at.is_(None), announcements.c.retires_at))
    expires_at, replaced_by = (staged.c.expires_at, standing), (staged.c.replaced_by, announcements.c.replaced_by)
    connection.execute(
        sa.update(staged)
        .where(*of_staged)
        .values(
            expires_at=sa.func.coalesce(*(reversed(expires_at) if is_late else expires_at)),
            replaced_by=sa.func.coalesce(*(reversed(replaced_by) if is_late else replaced_by)),
        )
    )


def _record_statements(
    connection: sa.Connection, attempt: ListingAttempt, of_staged: tuple[sa.ColumnElement[bool], ...]
) -> None:
    ends = sa.and_(
        announcements.c.superseded_at.is_(None),
        staged.c.expires_at.is_not(None),
        staged.c.expires_at != announcements.c.retires_at,
    )
    superseded: dict[str, Any] = {"superseded_at": attempt.observed_at, "superseding_listing_id": attempt.id}
    connection.execute(
        sa.update(announcements)
        .where(*of_staged)
        .values(
            listed_expires_at=staged.c.expires_at,
            listed_replaced_by=staged.c.replaced_by,
            **{
                name: sa.case((ends, sa.literal(value, announcements.c[name].type)), else_=announcements.c[name])
                for name, value in superseded.items()
            },
        )
    )
