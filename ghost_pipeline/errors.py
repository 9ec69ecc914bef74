"""Every error that Ghost Pipeline raises on purpose.

    GhostPipelineError
    ├── UsageError            wrong input: nothing was done                       (exit code 2)
    │   ├── SettingsError         an environment variable or option that can't be used
    │   ├── InvalidProvider       not a provider name
    │   ├── InvalidModelId        not a model id
    │   ├── InvalidName           not a name that can be kept
    │   ├── InvalidMetadata       not a small JSON object
    │   ├── UnknownProvider       no such provider in the catalog
    │   ├── UnknownModel          no such model in the catalog
    │   ├── ModelExists           there is nothing to restore: the model is in the catalog
    │   └── NoListings            no listing file where one was looked for
    └── CatalogError          the catalog could not be reached or changed         (exit code 3)
        ├── CatalogUnavailable    may pass: locked, full, gone away; worth a retry
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


class UnknownProvider(UsageError):
    """No such provider in the catalog."""


class UnknownModel(UsageError):
    """No such model in the catalog."""


class ModelExists(UsageError):
    """There is nothing to restore: the model is in the catalog."""


class NoListings(UsageError):
    """No listing file where one was looked for."""


class CatalogError(GhostPipelineError):
    """The catalog could not be reached or changed."""


class CatalogUnavailable(CatalogError):
    """The catalog can't be reached or changed now; the same may work later."""


class CatalogSchemaError(CatalogError):
    """The schema is missing, older or newer than this program."""


class ArchiveError(CatalogError):
    """The archive of raw listings can't be read or written."""
