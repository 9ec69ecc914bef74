"""Translate driver errors into CatalogError and its subclasses, each with advice."""

from types import TracebackType

import sqlalchemy as sa

from ghost_pipeline.errors import CatalogConflict, CatalogError, CatalogSchemaError, CatalogUnavailable
from ghost_pipeline.redaction import redact_url

_Translation = tuple[type[CatalogError], str]
_UPGRADE = "run 'ghost-pipeline db upgrade'"
_NO_SCHEMA = (CatalogSchemaError, f"it has no catalog schema: {_UPGRADE}")
_OTHER_SCHEMA = (CatalogSchemaError, f"its schema is not this program's: {_UPGRADE}")
_TAKEN = (
    CatalogError,
    "it has a table or an index of that name already: rename the table ('ghost-pipeline db adopt' imports its rows), "
    "rename or drop the index, or use another database",
)
_FULL = (CatalogUnavailable, "free some space and try again; nothing was half-written")
_READ_ONLY = (CatalogError, "it can't be written: check its permissions and that it is not a read-only copy")
_CONFLICT = (CatalogConflict, "others were writing at the same time: try again")
_WAITED = (CatalogUnavailable, "another program held it for too long: try again")
_GONE = (CatalogConflict, "the server closed the connection: check that it runs and try again")
_AWAY = (CatalogUnavailable, "check that it can be reached and try again")
_NOT_LET_IN = (CatalogError, "check the user and the password in GHOST_DATABASE_URL")
_NO_DATABASE = (CatalogError, "create the database, or correct its name in GHOST_DATABASE_URL")

_BY_SQLSTATE: dict[str, _Translation] = {
    "42P01": _NO_SCHEMA,
    "42P07": _TAKEN,
    "42703": _OTHER_SCHEMA,
    "53": (CatalogUnavailable, "the server is short of resources: try again"),
    "53100": _FULL,
    "25006": _READ_ONLY,
    "42501": (CatalogError, "give the user the right to do that, or use another"),
    "40": _CONFLICT,
    "55P03": _WAITED,
    "57014": _WAITED,
    "57P": _GONE,
    "08": _GONE,
    "28": _NOT_LET_IN,
    "3D000": _NO_DATABASE,
    "58": (CatalogUnavailable, "the server could not use its files: look at its log, then try again"),
}
"""PostgreSQL's error codes, or their first characters (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_BY_SQLITE_NAME: dict[str, _Translation] = {
    "SQLITE_BUSY": (CatalogUnavailable, "another program is writing: try again"),
    "SQLITE_FULL": _FULL,
    "SQLITE_CANTOPEN": (CatalogError, "check that the folder exists and can be written"),
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_NOTADB": (CatalogError, "the file is not a SQLite database: move it away or set GHOST_DATABASE_URL"),
    "SQLITE_CORRUPT": (CatalogError, "the file is damaged: restore it from a copy"),
}
"""SQLite's primary result codes (https://www.sqlite.org/rescode.html). Extended ones begin with the same two words."""

_SQLITE_WORDS: tuple[tuple[str, _Translation], ...] = (
    ("no such table", _NO_SCHEMA),
    ("no such column", _OTHER_SCHEMA),
    ("already exists", _TAKEN),
)
"""Errors of a statement, which share the code SQLITE_ERROR."""

_POSTGRESQL_WORDS: tuple[tuple[str, _Translation], ...] = (
    ("too many connections", _AWAY),
    ("authentication failed", _NOT_LET_IN),
    ("no password supplied", _NOT_LET_IN),
    ("no pg_hba.conf entry", _NOT_LET_IN),
    ("permission denied for database", (CatalogError, "give the user the right to connect, or use another")),
    ('role "', _NOT_LET_IN),
    ('" does not exist', _NO_DATABASE),
)
"""Messages of failed connections, which have no code. Others are treated as temporary."""


class DriverErrorTranslation:
    """Raise SQLAlchemy's errors in the block as CatalogError and its subclasses."""

    def __init__(self, url: sa.URL) -> None:
        self._url = url

    def __enter__(self) -> None:
        """Do nothing: only errors of the block matter."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Raise the error's translation, if it is one of SQLAlchemy."""
        if isinstance(error, sa.exc.DBAPIError):
            raise self._translated(error) from error
        if isinstance(error, sa.exc.TimeoutError):
            raise CatalogUnavailable(f"catalog {shown_url(self._url)}: no free connection", "try again") from error

    def _translated(self, error: sa.exc.DBAPIError) -> CatalogError:
        kind, advice = _classify(error, self._url)
        return kind(f"catalog {shown_url(self._url)}: {_driver_message(error)}", advice)


class CommitErrorTranslation(DriverErrorTranslation):
    """Translate the errors of a commit. If the connection breaks there, it is unknown whether the commit succeeded."""

    def _translated(self, error: sa.exc.DBAPIError) -> CatalogError:
        translated = super()._translated(error)
        if isinstance(translated, CatalogConflict) and error.connection_invalidated:
            return CatalogUnavailable(
                f"catalog {shown_url(self._url)}: the connection broke at the commit, so it is not known whether the "
                "change was made",
                "check, and repeat it if it was not",
            )
        return translated


def shown_url(url: sa.URL) -> str:
    """Return the URL for a message, without its secrets."""
    return redact_url(url.render_as_string(hide_password=False))


def _classify(error: sa.exc.DBAPIError, url: sa.URL) -> _Translation:
    sqlstate = getattr(error.orig, "pgcode", None) or ""
    for length in (5, 3, 2):
        if sqlstate[:length] in _BY_SQLSTATE:
            return _BY_SQLSTATE[sqlstate[:length]]
    sqlite_name = getattr(error.orig, "sqlite_errorname", None) or ""
    by_name = _BY_SQLITE_NAME.get("_".join(sqlite_name.split("_")[:2]))
    if by_name is not None:
        return by_name
    if error.connection_invalidated:
        return _GONE
    message = _driver_message(error)
    for words, translation in _SQLITE_WORDS if url.get_backend_name() == "sqlite" else _POSTGRESQL_WORDS:
        if words in message:
            return translation
    return _AWAY if isinstance(error, sa.exc.OperationalError) else (CatalogError, "look at the catalog's database")


def _driver_message(error: sa.exc.DBAPIError) -> str:
    lines = [line.strip() for line in str(error.orig).strip().splitlines()]
    # If several addresses were tried, the response of a server is more useful than a refused connection.
    answered = [line for line in lines if "FATAL:" in line]
    return (answered or lines or [type(error.orig).__name__])[0]
