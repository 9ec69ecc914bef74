"""What a file's name says: whose listing it is and when it was fetched."""

import re
from datetime import UTC, datetime

from ghost_pipeline.errors import InvalidProvider
from ghost_pipeline.lifecycle.identity import provider_slug

_END_OF_PROVIDER = re.compile(r"[_.]|-models")
_UNFINISHED = frozenset({"tmp", "part", "partial", "lock", "crdownload", "swp"})
_INSTANT = re.compile(
    r"(?<![0-9])"
    r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})"
    r"(?:[Tt]([0-9]{2})[-:]?([0-9]{2})[-:]?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(?![0-9])"
)


def is_unfinished_or_hidden(name: str) -> bool:
    """Whether the name is one that programs give to files that are being written, locked, or not for people."""
    return name.startswith((".", "~$")) or not _UNFINISHED.isdisjoint(name.lower().split("."))


def provider_in_name(name: str) -> str:
    """The provider slug in a file name: everything up to the first ``_``, ``.`` or ``-models``.

    Raises InvalidProvider if that is no provider name.
    """
    provider = _END_OF_PROVIDER.split(name.lower(), maxsplit=1)[0]
    try:
        return provider_slug(provider)
    except InvalidProvider:
        raise InvalidProvider(f"{provider[:80]!r} is no provider name: call the file like openai_models.json") from None


def instant_in_name(name: str) -> datetime | None:
    """The UTC instant in a name such as ``google_models_2025-12-06T07-15-05.json``; None if there is no real one."""
    found = _INSTANT.search(name)
    if found is None:
        return None
    year, _, month, day, hour, minute, second, fraction = found.groups()
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0").ljust(6, "0")[:6]),
            tzinfo=UTC,
        )
    except ValueError:
        return None
