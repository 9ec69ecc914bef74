"""Every error that Ghost Pipeline raises on purpose.

    GhostPipelineError
    ├── UsageError            wrong input: nothing was done                       (exit code 2)
    │   ├── SettingsError         an environment variable or option that can't be used
    │   ├── InvalidProvider       not a provider name
    │   ├── InvalidModelId        not a model id
    │   ├── InvalidName           not a name that can be kept
    │   ├── InvalidMetadata       not a small JSON object
    │   ├── InvalidAdditions      models to add by hand that can't all be added
    │   ├── ExportRefused         models that can't be written as asked for, or not there
    │   ├── UnknownProvider       no such provider in the catalog
    │   ├── UnknownModel          no such model in the catalog
    │   ├── ModelExists           there is nothing to restore: the model is in the catalog
    │   ├── NoListings            no listing file where one was looked for
    │   ├── NoInbox               no folder of reports that can be read
    │   ├── NotConfigured         a provider that can't be asked: unknown, or no key or address
    │   ├── UnknownTable          no table, or no column of it, that can be adopted
    │   └── InvalidExport         not an export that can be imported
    ├── FolderError           fetched listings can't be written                    (exit code 3)
    └── CatalogError          the catalog could not be reached or changed         (exit code 3)
        ├── CatalogUnavailable    may pass: locked, full, gone away; worth a retry
        │   └── CatalogConflict       others undid the transaction, or the connection broke; a retry at once may do
        ├── CatalogSchemaError    the schema is missing, older or newer than this program
        └── ArchiveError          the archive of raw listings can't be read or written

Each message is one line that says what, where and what to do, and holds no secret.
"""


class GhostPipelineError(Exception):
    """Base of all of them."""


class UsageError(GhostPipelineError, ValueError):
    """Wrong input: nothing was done."""


class SettingsError(UsageError):
    """An environment variable or option that can't be used."""


class InvalidProvider(UsageError):
    """Not a provider name."""


class InvalidModelId(UsageError):
    """Not a model id."""


class InvalidName(UsageError):
    """Not a name that can be kept."""


class InvalidMetadata(UsageError):
    """Not a small JSON object."""


class InvalidAdditions(UsageError):
    """Models to add by hand that can't all be added: none was."""


class ExportRefused(UsageError):
    """Models that can't be written as asked for, or not to that place: nothing was written."""


class UnknownProvider(UsageError):
    """No such provider in the catalog."""


class UnknownModel(UsageError):
    """No such model in the catalog."""


class ModelExists(UsageError):
    """There is nothing to restore: the model is in the catalog."""


class NotConfigured(UsageError):
    """A provider that can't be asked: nobody said where it is, or its key is not there."""


class NoListings(UsageError):
    """No listing file where one was looked for."""


class NoInbox(UsageError):
    """No folder of reports that can be read."""


class UnknownTable(UsageError):
    """No table, or no column of it, that can be adopted."""


class InvalidExport(UsageError):
    """Not an export that can be imported."""


class FolderError(GhostPipelineError):
    """The folder of listings can't be written."""


class CatalogError(GhostPipelineError):
    """The catalog could not be reached or changed."""


class CatalogUnavailable(CatalogError):
    """The catalog can't be reached or changed now; the same may work later."""


class CatalogConflict(CatalogUnavailable):
    """The transaction was undone by what others did, or its connection broke; the same may work at once."""


class CatalogSchemaError(CatalogError):
    """The schema is missing, older or newer than this program."""


class ArchiveError(CatalogError):
    """The archive of raw listings can't be read or written."""
