"""What can be set from outside. The only reader of the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from ghost_pipeline.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers in the lifecycle rules; lifecycle/ says what each one does."""

    stale_after: timedelta = timedelta(hours=24)
    """Unseen for longer than this, a model becomes a ghost."""
    purge_after: timedelta = timedelta(days=30)
    """A ghost for longer than this, a model is purged."""
    hold_protects_for: timedelta = timedelta(days=7)
    """How long a hold keeps the stale sweep from a provider's listed models."""
    hold_warns_before: timedelta = timedelta(days=1)
    """How long before the end of that protection people are warned."""
    complete_within: timedelta = timedelta(hours=48)
    """How long a provider may be without a complete listing before a check turns red."""
    confirm_after: timedelta = timedelta(hours=1)
    """How much later than a shrunken listing another one must be to confirm it."""
    shrunken_above_percent: int = 20
    """More than this share of the expected models missing, and ..."""
    shrunken_above_count: int = 5
    """... more than this many of them, makes a listing shrunken."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long, how often and how much a provider is asked. Spans are in seconds."""

    connect_timeout: float = 10
    read_timeout: float = 30
    """The longest silence in an answer."""
    total_timeout: float = 120
    """One provider, with all pages and repetitions."""
    attempts: int = 4
    """For each page."""
    initial_backoff: float = 1
    """Before the second attempt, on average half of it; doubles with each further one."""
    max_bytes: int = 32_000_000
    """Of all pages of one provider, unpacked."""
    max_pages: int = 100
    concurrency: int = 32
    """Providers asked at the same time."""
    keep_files: int = 10
    """Fetched listings of each provider that stay in the folder, the newest ones."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are, and the thresholds. Relative paths count from the current folder."""

    home: Path = Path(".ghost")
    """Holds the embedded catalog, the archive of raw listings, and Dagster's own files."""
    home_url: str = ""
    """Set where GHOST_HOME is an fsspec URL, which several machines share: the archive is there then, and the catalog
    and Dagster's own files are where GHOST_DATABASE_URL and DAGSTER_HOME say."""
    models_dir: Path = Path("latest_models")
    """Where the provider files are."""
    inbox: Path | None = None
    """Where other programs append what worked; unless given, ``inbox`` under ``home``."""
    database_url: str = ""
    """SQLAlchemy URL of the catalog; empty for the embedded default under ``home``."""
    providers_file: Path | None = None
    """The user's own words on providers; None for ``providers.toml`` in the current folder, if there is one."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    fetch_limits: FetchLimits = field(default_factory=FetchLimits)

    @property
    def catalog_url(self) -> str:
        """The SQLAlchemy URL of the catalog, the embedded default resolved. Raises SettingsError if there is none."""
        if self.home_url and not self.database_url:
            raise SettingsError("GHOST_HOME is a URL, which can't hold the embedded catalog: set GHOST_DATABASE_URL")
        return self.database_url or f"sqlite:///{self.home.absolute() / 'catalog.db'}"

    @property
    def archive_location(self) -> str:
        """Where the bytes of every listing are kept: a path, or a URL."""
        return f"{self.home_url.rstrip('/')}/archive" if self.home_url else str(self.home.absolute() / "archive")

    @property
    def inbox_dir(self) -> Path:
        """The folder of JSON Lines that other programs append to. Raises SettingsError if there is none."""
        if self.home_url and self.inbox is None:
            raise SettingsError("GHOST_HOME is a URL, which can't hold the inbox: set GHOST_INBOX_DIR to a folder")
        return (self.inbox or self.home / "inbox").absolute()

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps its runs, unless DAGSTER_HOME says otherwise. Raises SettingsError if there is none."""
        if self.home_url and not os.environ.get("DAGSTER_HOME"):
            raise SettingsError(
                "GHOST_HOME is a URL, which can't hold Dagster's own files: set DAGSTER_HOME to a folder"
            )
        return Path(os.environ.get("DAGSTER_HOME") or self.home / "dagster").absolute()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings that ``GHOST_*`` variables give; unset and empty ones mean the default.

        Raises SettingsError for a number that is none, or below the smallest that makes sense.
        """
        env = os.environ if environ is None else environ
        default = cls()
        return cls(
            models_dir=Path(env.get("GHOST_MODELS_DIR") or default.models_dir).expanduser(),
            inbox=Path(env["GHOST_INBOX_DIR"]).expanduser() if env.get("GHOST_INBOX_DIR") else None,
            database_url=env.get("GHOST_DATABASE_URL") or default.database_url,
            providers_file=Path(env["GHOST_PROVIDERS_FILE"]).expanduser() if env.get("GHOST_PROVIDERS_FILE") else None,
            thresholds=_thresholds(env),
            fetch_limits=_fetch_limits(env),
        ).at_home(env.get("GHOST_HOME") or str(default.home))

    def at_home(self, home: str) -> "Settings":
        """These settings with another GHOST_HOME: a folder, or an fsspec URL."""
        local = home.removeprefix("file://")
        if "://" in local:
            return replace(self, home_url=local)
        return replace(self, home=Path(local).expanduser(), home_url="")


def read_secret(variable: str) -> str | None:
    """The value of an environment variable that holds a key. Read when it is needed, and kept nowhere."""
    return os.environ.get(variable)


def _thresholds(env: Mapping[str, str]) -> Thresholds:
    default = Thresholds()
    return replace(
        default,
        stale_after=_duration(env, "GHOST_STALE_AFTER_HOURS", "hours", default.stale_after),
        purge_after=_duration(env, "GHOST_PURGE_AFTER_DAYS", "days", default.purge_after),
        hold_protects_for=_duration(env, "GHOST_HOLD_PROTECTS_DAYS", "days", default.hold_protects_for),
        complete_within=_duration(env, "GHOST_COMPLETE_WITHIN_HOURS", "hours", default.complete_within),
        confirm_after=_duration(env, "GHOST_CONFIRM_AFTER_HOURS", "hours", default.confirm_after),
        shrunken_above_percent=int(
            _number(env, "GHOST_SHRUNKEN_ABOVE_PERCENT", default.shrunken_above_percent, highest=100)
        ),
        shrunken_above_count=int(_number(env, "GHOST_SHRUNKEN_ABOVE_COUNT", default.shrunken_above_count)),
    )


def _fetch_limits(env: Mapping[str, str]) -> FetchLimits:
    default = FetchLimits()
    return replace(
        default,
        total_timeout=_number(env, "GHOST_FETCH_FINISH_SECONDS", default.total_timeout, highest=86_400, lowest=1),
        max_bytes=int(_number(env, "GHOST_FETCH_MAX_BYTES", default.max_bytes, lowest=1)),
        max_pages=int(_number(env, "GHOST_FETCH_MAX_PAGES", default.max_pages, highest=10_000, lowest=1)),
        concurrency=int(_number(env, "GHOST_FETCH_CONCURRENCY", default.concurrency, highest=256, lowest=1)),
        keep_files=int(_number(env, "GHOST_FETCH_KEEP_FILES", default.keep_files, lowest=1)),
    )


def _duration(env: Mapping[str, str], variable: str, unit: str, default: timedelta) -> timedelta:
    one = timedelta(**{unit: 1})
    return _number(env, variable, default / one, highest=1_000_000) * one


def _number(
    env: Mapping[str, str], variable: str, default: float, highest: float = 1_000_000_000, lowest: float = 0
) -> float:
    text = env.get(variable, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not lowest <= number <= highest:
        raise SettingsError(f"{variable}={text!r} is not a number from {lowest} to {highest:,.0f}: correct or unset it")
    return number
