"""The settings, each declared once, and the only reader of the environment.

A setting is a field of ``Settings``, ``Thresholds`` or ``FetchLimits``: its declaration holds the variable, the unit,
the bounds, the description and the default. Reading it and its line of ``docs/settings.md`` follow from that.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from ghost_pipeline.errors import SettingsError

T = TypeVar("T")

_DECLARATION = "declaration"
_TYPE_NAMES = {int: "whole number", float: "number", timedelta: "number", Path: "path", str: "text"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is known of one setting besides its attribute, its type and its default."""

    description: str
    variable: str | None
    """The environment variable; None for a setting that only a program can change."""
    unit: str
    """Of a number. ``hours`` or ``days`` for a timedelta."""
    minimum: float
    maximum: float
    default_text: str
    """Describes a default that the value alone does not."""


def setting(
    default: T,
    description: str,
    variable: str | None = None,
    unit: str = "",
    minimum: float = 0,
    maximum: float = 1_000_000,
    default_text: str = "",
) -> T:
    """Declare a field that an environment variable sets. Bounds are inclusive and in ``unit``."""
    declaration = Declaration(description, variable, unit, minimum, maximum, default_text)
    declared: T = field(default=default, metadata={_DECLARATION: declaration})
    return declared


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers in the rules of ``lifecycle``."""

    stale_after: timedelta = setting(
        timedelta(hours=24), "A model unseen for longer becomes a ghost.", "GHOST_STALE_AFTER_HOURS", "hours"
    )
    purge_after: timedelta = setting(
        timedelta(days=30), "A ghost for longer is purged.", "GHOST_PURGE_AFTER_DAYS", "days", maximum=100_000
    )
    hold_protects_for: timedelta = setting(
        timedelta(days=7),
        "How long a hold keeps the listed models of a provider from becoming stale.",
        "GHOST_HOLD_PROTECTS_DAYS",
        "days",
        maximum=100_000,
    )
    hold_warns_before: timedelta = setting(
        timedelta(days=1), "How long before the end of that protection a warning appears.", unit="days"
    )
    complete_within: timedelta = setting(
        timedelta(hours=48),
        "Without a complete listing of a provider for longer, its check fails.",
        "GHOST_COMPLETE_WITHIN_HOURS",
        "hours",
    )
    retiring_within: timedelta = setting(
        timedelta(days=14),
        "A check warns of a used model so long before its announced end.",
        "GHOST_RETIRING_DAYS",
        "days",
        maximum=100_000,
    )
    confirm_after: timedelta = setting(
        timedelta(hours=1),
        "How much later than a shrunken listing, or an implausible value, another one must be to confirm it.",
        "GHOST_CONFIRM_AFTER_HOURS",
        "hours",
    )
    refused_after: timedelta = setting(
        timedelta(minutes=10),
        "How far apart two answers must be that a provider has no such model, before it counts as refused.",
        "GHOST_REFUSED_AFTER_MINUTES",
        "minutes",
    )
    refused_ambiguous_after: timedelta = setting(
        timedelta(hours=24),
        "The same for answers that may also mean that the account has no access. The provider's latest complete "
        "listing must lack the model too.",
        "GHOST_REFUSED_AMBIGUOUS_HOURS",
        "hours",
    )
    refused_not_before: timedelta = setting(
        timedelta(hours=48),
        "Answers that a provider has no such model do not count so long after its first sighting: on the days of a "
        "release, new models look like missing ones.",
        "GHOST_REFUSED_NOT_BEFORE_HOURS",
        "hours",
    )
    refusal_expires_after: timedelta = setting(
        timedelta(days=7),
        "A refusal that does not state the end of the model expires after that time without another one. For so long, "
        "a success of one account outweighs refusals of others.",
        "GHOST_REFUSAL_EXPIRES_DAYS",
        "days",
        maximum=100_000,
    )
    shrunken_above_percent: int = setting(
        20,
        "A listing is shrunken if more than this share of the expected models is missing ...",
        "GHOST_SHRUNKEN_ABOVE_PERCENT",
        "percent",
        maximum=100,
    )
    shrunken_above_count: int = setting(
        5,
        "... and more than this many of them.",
        "GHOST_SHRUNKEN_ABOVE_COUNT",
        "models",
        maximum=1_000_000_000,
    )
    implausible_price_factor: float = setting(
        10,
        "A price of a listing or reference that moves by a larger factor, or to or from 0, is doubted until a later "
        "one repeats it.",
        "GHOST_IMPLAUSIBLE_PRICE_FACTOR",
        "times",
        minimum=1,
    )
    implausible_context_percent: int = setting(
        50,
        "A context window that shrinks by more is doubted as well ...",
        "GHOST_IMPLAUSIBLE_CONTEXT_PERCENT",
        "percent",
        maximum=100,
    )
    implausible_repriced_percent: int = setting(
        50,
        "... and so are prices, if those of a larger share of a provider's models change at once.",
        "GHOST_IMPLAUSIBLE_REPRICED_PERCENT",
        "percent",
        maximum=100,
    )


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """The limits of a fetch in time, size and number."""

    connect_timeout: float = setting(10, "The longest wait for a connection.", unit="seconds")
    read_timeout: float = setting(30, "The longest silence within a response.", unit="seconds")
    total_timeout: float = setting(
        120,
        "The longest fetch of one provider, with all pages and retries.",
        "GHOST_FETCH_FINISH_SECONDS",
        "seconds",
        minimum=1,
        maximum=86_400,
    )
    attempts: int = setting(4, "Attempts for each page.", unit="attempts")
    initial_backoff: float = setting(
        1, "The wait before the second attempt, on average half of it; doubles with each attempt.", unit="seconds"
    )
    max_bytes: int = setting(
        32_000_000,
        "The largest listing of one provider: all pages, uncompressed.",
        "GHOST_FETCH_MAX_BYTES",
        "bytes",
        minimum=1,
        maximum=1_000_000_000,
    )
    max_pages: int = setting(
        100, "The largest number of pages of one provider.", "GHOST_FETCH_MAX_PAGES", "pages", 1, 10_000
    )
    concurrency: int = setting(
        32, "Providers that are fetched at the same time.", "GHOST_FETCH_CONCURRENCY", "providers", 1, 256
    )
    keep_files: int = setting(
        10,
        "Fetched listings of each provider that stay in the folder, newest first.",
        "GHOST_FETCH_KEEP_FILES",
        "files",
        minimum=1,
        maximum=1_000_000_000,
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Locations, thresholds and limits. Relative paths start at the current folder."""

    home: Path = setting(
        Path(".ghost"),
        "Holds the embedded catalog, the archive of raw listings, the inbox and Dagster's files. A URL such as "
        "`s3://bucket/ghost` holds the archive only: also set `GHOST_DATABASE_URL`, `GHOST_INBOX_DIR` and "
        "`DAGSTER_HOME` then.",
        "GHOST_HOME",
    )
    home_url: str = ""
    """GHOST_HOME if it is an fsspec URL, which several machines can share; else empty."""
    models_dir: Path = setting(Path("latest_models"), "The folder of the provider files.", "GHOST_MODELS_DIR")
    inbox: Path | None = setting(
        None,
        "The folder to which other programs append JSON Lines.",
        "GHOST_INBOX_DIR",
        default_text="`inbox` under `GHOST_HOME`",
    )
    database_url: str = setting(
        "",
        "The SQLAlchemy URL of the catalog: `postgresql://…` or `sqlite:///…`.",
        "GHOST_DATABASE_URL",
        default_text="SQLite under `GHOST_HOME`",
    )
    providers_file: Path | None = setting(
        None,
        "Adds providers and changes how they are fetched.",
        "GHOST_PROVIDERS_FILE",
        default_text="`providers.toml` in the current folder, if it exists",
    )
    notifications_file: Path | None = setting(
        None,
        "The destinations of notifications.",
        "GHOST_NOTIFICATIONS_FILE",
        default_text="`notifications.toml` in the current folder, if it exists",
    )
    dagster_dir: Path | None = setting(
        None,
        "The folder of Dagster's configuration and, unless that names another place, of its runs.",
        "DAGSTER_HOME",
        default_text="`dagster` under `GHOST_HOME`",
    )
    model_partitions: int = setting(
        2_000,
        "The largest number of models that Dagster's asset `models` shows with a page each. A larger catalog has none; "
        "0 turns it off.",
        "GHOST_MODEL_PARTITIONS",
        "models",
        maximum=100_000,
    )
    ui_url: str = setting(
        "http://127.0.0.1:3000", "The address of Dagster's UI, for the links that `show` prints.", "GHOST_UI_URL"
    )
    dagster_url: str = setting(
        "",
        "The address of Dagster's UI, for the links of the web page to its runs. Not needed under `ghost-pipeline ui`.",
        "GHOST_DAGSTER_URL",
        default_text="unset",
    )
    web_url: str = setting(
        "",
        "The address of the web page, such as `http://127.0.0.1:3000/ghost`. Assets in Dagster's UI link to its pages "
        "then.",
        "GHOST_WEB_URL",
        default_text="unset",
    )
    repository_url: str = setting(
        "",
        "The web address of the repository with this code. Assets in Dagster's UI link to their source then.",
        "GHOST_REPOSITORY_URL",
    )
    keep_runs_for: timedelta = setting(
        timedelta(days=30),
        "Finished runs that are older are deleted with their files, except those that hold the newest event of an "
        "asset's partition or of a check; 0 keeps all.",
        "GHOST_KEEP_RUNS_DAYS",
        "days",
        maximum=100_000,
    )
    keep_listings_for: timedelta | None = setting(
        None,
        "The raw bytes of listings that are older, and that no model, no event and no later listing needs, are deleted "
        "from the archive every day.",
        "GHOST_KEEP_LISTINGS_DAYS",
        "days",
        minimum=1,
        maximum=100_000,
        default_text="unlimited",
    )
    references: str = setting(
        "models-dev,litellm,genai-prices",
        "The order in which references count where a provider states no fact; those that are left out come last.",
        "GHOST_REFERENCES",
    )
    thresholds: Thresholds = field(default_factory=Thresholds)
    fetch_limits: FetchLimits = field(default_factory=FetchLimits)

    @property
    def catalog_url(self) -> str:
        """The SQLAlchemy URL of the catalog. Raises SettingsError if GHOST_HOME is a URL and none is set."""
        if self.home_url and not self.database_url:
            raise SettingsError("GHOST_HOME is a URL, which can't hold the embedded catalog", "set GHOST_DATABASE_URL")
        return self.database_url or f"sqlite:///{self.home.absolute() / 'catalog.db'}"

    @property
    def reference_order(self) -> tuple[str, ...]:
        """The names of references in the order in which they count."""
        return tuple(name.strip().lower() for name in self.references.split(",") if name.strip())

    @property
    def archive_location(self) -> str:
        """The path or URL of the archive of raw listings."""
        return f"{self.home_url.rstrip('/')}/archive" if self.home_url else str(self.home.absolute() / "archive")

    @property
    def inbox_dir(self) -> Path:
        """The folder of the inbox. Raises SettingsError if GHOST_HOME is a URL and none is set."""
        return self._local_folder(self.inbox, "inbox", "the inbox", "GHOST_INBOX_DIR")

    @property
    def dagster_home(self) -> Path:
        """The folder of Dagster's files. Raises SettingsError if GHOST_HOME is a URL and none is set."""
        return self._local_folder(self.dagster_dir, "dagster", "Dagster's own files", "DAGSTER_HOME")

    def _local_folder(self, configured: Path | None, name: str, content: str, variable: str) -> Path:
        if self.home_url and configured is None:
            raise SettingsError(f"GHOST_HOME is a URL, which can't hold {content}", f"set {variable} to a folder")
        return (configured or self.home / name).absolute()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from ``environ``, by default the variables of this process.

        Unset and empty variables mean the default. Raises SettingsError for a value that is not a number or out of
        bounds.
        """
        env = os.environ if environ is None else environ
        home = env.get("GHOST_HOME", "")
        settings = read_settings(cls, {name: value for name, value in env.items() if name != "GHOST_HOME"})
        return settings.at_home(home) if home else settings

    def at_home(self, home: str) -> "Settings":
        """Return these settings with another GHOST_HOME: a folder, or an fsspec URL."""
        local = home.removeprefix("file://")
        if "://" in local:
            return replace(self, home_url=local)
        return replace(self, home=Path(local).expanduser(), home_url="")


def read_secret(variable: str) -> str | None:
    """Return the value of an environment variable that holds a key. It is read when it is needed and never stored."""
    return os.environ.get(variable)


def read_configuration(file: Path, setting: str) -> str:
    """Return the text of a configuration file, whose path is in ``setting``. Raises SettingsError."""
    try:
        if file.exists() and not file.is_file():  # reading from a pipe would not end
            raise SettingsError(f"{file} is not a file", f"correct {setting}")
        return file.read_bytes().decode()
    except OSError as error:
        raise SettingsError(f"{file} can't be read ({error.strerror})", f"correct {setting}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not UTF-8", "save it as UTF-8") from None


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """Return what the text of a TOML file contains. Raises SettingsError, with the name of the file."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}", "correct it") from None
    except RecursionError:
        raise SettingsError(f"{file} is nested too deeply", "correct it") from None


def read_settings(group: type[T], env: Mapping[str, str]) -> T:
    """Build ``group``, a dataclass with declared settings, from variables; groups within it as well.

    Raises SettingsError for a value that is not a number or out of bounds.
    """
    values: dict[str, Any] = {}
    for name, kind, declaration in _declared(group):
        if isinstance(kind, type) and is_dataclass(kind):
            values[name] = read_settings(kind, env)
        elif declaration is not None and declaration.variable and env.get(declaration.variable, "").strip():
            values[name] = _parse(env[declaration.variable].strip(), kind, declaration)
    return group(**values)


def document_settings(group: type = Settings) -> str:
    """Return ``docs/settings.md``: a table of the settings of ``group`` and of the groups within it."""
    lines = [
        "# Settings",
        "",
        "<!-- Generated by `make docs-reference` from ghost_pipeline/settings.py. -->",
        "",
        "Ghost Pipeline reads its settings from environment variables. An unset or empty variable means the default;",
        "a value of another type or out of bounds is an error.",
        "",
        "Providers' keys have their usual variables, such as `OPENAI_API_KEY`; `ghost-pipeline providers` lists them.",
        "`deploy/dagster-postgres.yaml` reads the URL of Dagster's own storage from `DAGSTER_POSTGRES_URL`.",
        "",
        "| variable | type | default | description |",
        "|---|---|---|---|",
        *_rows(group),
    ]
    return "\n".join(lines) + "\n"


def _declared(group: type) -> Iterator[tuple[str, Any, Declaration | None]]:
    """Yield name, type (of an optional one, the type that is not None) and declaration of each field."""
    kinds = get_type_hints(group)
    for one in fields(group):
        kind = kinds[one.name]
        chosen = next((option for option in get_args(kind) if option is not type(None)), kind)
        yield one.name, chosen, one.metadata.get(_DECLARATION)


def _parse(text: str, kind: Any, declaration: Declaration) -> Any:
    if kind is str:
        return text
    if kind is Path:
        return Path(text).expanduser()
    try:
        # Not strict means that numbers are read from text; a fraction is still not an int.
        number = msgspec.convert(text, float if kind is timedelta else kind, strict=False)
    except msgspec.ValidationError:
        number = None
    if number is None or not declaration.minimum <= number <= declaration.maximum:
        what = f"a {_TYPE_NAMES[kind]} from {declaration.minimum:,g} to {declaration.maximum:,.0f}"
        raise SettingsError(f"{declaration.variable}={text!r} is not {what}", "correct or unset it")
    return timedelta(**{declaration.unit: number}) if kind is timedelta else number


def _rows(group: type) -> Iterator[str]:
    defaults = group()
    for name, kind, declaration in _declared(group):
        if isinstance(kind, type) and is_dataclass(kind):
            yield from _rows(kind)
        elif declaration is not None and declaration.variable:
            shown = declaration.default_text or _format_default(getattr(defaults, name), declaration)
            yield f"| `{declaration.variable}` | {_describe(kind, declaration)} | {shown} | {declaration.description} |"


def _describe(kind: Any, declaration: Declaration) -> str:
    if kind in (str, Path):
        return _TYPE_NAMES[kind]
    bounds = f"{declaration.minimum:,g} to {declaration.maximum:,.0f}"
    return f"{_TYPE_NAMES[kind]} ({declaration.unit}), {bounds}"


def _format_default(value: Any, declaration: Declaration) -> str:
    if isinstance(value, timedelta):
        value = value / timedelta(**{declaration.unit: 1})
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else f"`{value}`"
