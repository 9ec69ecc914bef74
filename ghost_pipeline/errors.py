"""The exceptions of Ghost Pipeline, and the one place where their messages are put together.

    GhostPipelineError
    ├── UsageError            invalid input: nothing was done                     (exit code 2)
    │   ├── SettingsError         an environment variable or option that can't be used
    │   ├── InvalidProvider       not a valid provider name
    │   ├── InvalidModelId        not a valid model id
    │   ├── InvalidName           not a name that can be stored
    │   ├── InvalidMetadata       not a small JSON object
    │   ├── InvalidAdditions      models to add by hand, at least one of which is invalid
    │   ├── ExportRefused         models that can't be written in this format or to this place
    │   ├── UnknownProvider       no such provider in the catalog
    │   ├── UnknownModel          no such model in the catalog
    │   ├── UnknownListing        no such listing in the catalog, or an attempt without one
    │   ├── ModelExists           a model to restore that is in the catalog
    │   ├── NoListings            no listing file where one is expected
    │   ├── NoInbox               no inbox folder that can be read
    │   ├── NotConfigured         a provider that can't be fetched: unknown, or without a key or a base_url
    │   ├── UnknownTable          no such table, or no such column of it
    │   ├── InvalidExport         not an export that can be imported
    │   └── InvalidCursor         not a cursor of this catalog's changes
    ├── FolderError           the folder of listings can't be written             (exit code 3)
    ├── OrchestratorError     Dagster's storage, daemon or web server can't run       (exit code 3)
    └── CatalogError          the catalog can't be reached or changed             (exit code 3)
        ├── CatalogUnavailable    locked, full or disconnected; a later retry may succeed
        │   └── CatalogConflict       the transaction was rolled back by others; an immediate retry may succeed
        ├── CatalogSchemaError    the schema is missing, older or newer than this program
        └── ArchiveError          the archive of raw listings can't be read or written

An exception belongs here if a caller or a user may want to handle it. Its reason names what happened and to what; its
advice names what to do. Together they are one line, which contains no secret.
"""


class AdvisedError(Exception):
    """An exception with a reason and advice.

    ``str(error)`` is ``reason; advice``, or the reason alone if there is no advice.
    """

    def __init__(self, reason: str = "", advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        """What happened, and to what."""
        self.advice = advice
        """What to do about it; may be empty."""

    def __str__(self) -> str:
        return format_message(self.reason, self.advice)


def format_message(reason: str, advice: str = "") -> str:
    """Return the line that shows a reason with its advice."""
    return f"{reason}; {advice}" if advice else reason


class GhostPipelineError(AdvisedError):
    """Base class of all exceptions that leave this package."""


class UsageError(GhostPipelineError, ValueError):
    """Invalid input: nothing was done."""


class SettingsError(UsageError):
    """An environment variable or option that can't be used."""


class InvalidProvider(UsageError):
    """Not a valid provider name."""


class InvalidModelId(UsageError):
    """Not a valid model id."""


class InvalidName(UsageError):
    """Not a name that can be stored."""


class InvalidMetadata(UsageError):
    """Not a small JSON object."""


class InvalidAdditions(UsageError):
    """Models to add by hand, at least one of which is invalid: none was added."""


class InvalidAnnouncements(UsageError):
    """Retirements to announce, at least one of which is invalid: none was recorded."""


class UnknownStatement(UsageError):
    """No operator stated this fact of the model."""


class UnknownAnnouncement(UsageError):
    """A retirement to take back that no operator announced."""


class ExportRefused(UsageError):
    """Models that can't be written in this format or to this place: nothing was written."""


class UnknownProvider(UsageError):
    """No such provider in the catalog."""


class UnknownModel(UsageError):
    """No such model in the catalog."""


class UnknownListing(UsageError):
    """No such listing in the catalog, or an attempt that produced none."""


class ModelExists(UsageError):
    """A model to restore that is in the catalog."""


class NotConfigured(UsageError):
    """A provider that can't be fetched: it has no base_url, or its key is not set."""


class NoListings(UsageError):
    """No listing file where one is expected."""


class NoInbox(UsageError):
    """No inbox folder that can be read."""


class UnknownTable(UsageError):
    """No such table, or no such column of it."""


class InvalidExport(UsageError):
    """Not an export that can be imported."""


class InvalidCursor(UsageError):
    """Not a cursor of this catalog's changes."""


class FolderError(GhostPipelineError):
    """The folder of listings can't be written."""


class OrchestratorError(GhostPipelineError):
    """Dagster's storage, daemon or web server can't run."""


class CatalogError(GhostPipelineError):
    """The catalog can't be reached or changed."""


class CatalogUnavailable(CatalogError):
    """The catalog can't be reached or changed now; a later retry may succeed."""


class CatalogConflict(CatalogUnavailable):
    """The transaction was rolled back by others, or its connection broke; an immediate retry may succeed."""


class CatalogSchemaError(CatalogError):
    """The schema is missing, older or newer than this program."""


class ArchiveError(CatalogError):
    """The archive of raw listings can't be read or written."""
