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
    confirm_after: timedelta = timedelta(hours=1)
    """How much later than a shrunken listing another one must be to confirm it."""
    shrunken_above_percent: int = 20
    """More than this share of the expected models missing, and ..."""
    shrunken_above_count: int = 5
    """... more than this many of them, makes a listing shrunken."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are, and the thresholds. Relative paths count from the current folder."""

    home: Path = Path(".ghost")
    """Holds the embedded catalog, the archive of raw listings, and Dagster's own files."""
    models_dir: Path = Path("latest_models")
    """Where the provider files are."""
    database_url: str = ""
    """SQLAlchemy URL of the catalog; empty for the embedded default under ``home``."""
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def catalog_url(self) -> str:
        """The SQLAlchemy URL of the catalog, the embedded default resolved."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'catalog.db'}"

    @property
    def archive_dir(self) -> Path:
        """Where the bytes of every listing are kept."""
        return self.home.absolute() / "archive"

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps its runs, unless DAGSTER_HOME says otherwise."""
        return Path(os.environ.get("DAGSTER_HOME") or self.home / "dagster").absolute()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings that ``GHOST_*`` variables give; unset and empty ones mean the default.

        Raises SettingsError for a number that is none, or below the smallest that makes sense.
        """
        env = os.environ if environ is None else environ
        default = cls()
        return cls(
            home=Path(env.get("GHOST_HOME") or default.home).expanduser(),
            models_dir=Path(env.get("GHOST_MODELS_DIR") or default.models_dir).expanduser(),
            database_url=env.get("GHOST_DATABASE_URL") or default.database_url,
            thresholds=_thresholds(env),
        )


def _thresholds(env: Mapping[str, str]) -> Thresholds:
    default = Thresholds()
    return replace(
        default,
        stale_after=_duration(env, "GHOST_STALE_AFTER_HOURS", "hours", default.stale_after),
        purge_after=_duration(env, "GHOST_PURGE_AFTER_DAYS", "days", default.purge_after),
        hold_protects_for=_duration(env, "GHOST_HOLD_PROTECTS_DAYS", "days", default.hold_protects_for),
        confirm_after=_duration(env, "GHOST_CONFIRM_AFTER_HOURS", "hours", default.confirm_after),
        shrunken_above_percent=int(
            _number(env, "GHOST_SHRUNKEN_ABOVE_PERCENT", default.shrunken_above_percent, highest=100)
        ),
        shrunken_above_count=int(_number(env, "GHOST_SHRUNKEN_ABOVE_COUNT", default.shrunken_above_count)),
    )


def _duration(env: Mapping[str, str], variable: str, unit: str, default: timedelta) -> timedelta:
    one = timedelta(**{unit: 1})
    return _number(env, variable, default / one, highest=1_000_000) * one


def _number(env: Mapping[str, str], variable: str, default: float, highest: float = 1_000_000_000) -> float:
    text = env.get(variable, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= highest:
        raise SettingsError(f"{variable}={text!r} is not a number from 0 to {highest:,.0f}: correct or unset it")
    return number
