"""``notifications.toml``: the destinations of notifications. All problems are reported together, each with its line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from ghost_pipeline.errors import InvalidProvider, SettingsError
from ghost_pipeline.fetching.urls import address_defect
from ghost_pipeline.lifecycle.identity import provider_slug
from ghost_pipeline.notifications.digest import Filter, Section
from ghost_pipeline.settings import Settings, parse_toml, read_configuration

NOTIFICATIONS_FILE = "notifications.toml"

AT_ONCE = "at once"
DAILY = "daily"

MAX_DESTINATIONS = 100


@dataclass(frozen=True, slots=True)
class Destination:
    """Where messages go, which and how often. Holds the name of a secret's variable and no secret."""

    name: str
    kind: str
    """A key of ``KEYS_OF_KIND``."""
    url: str = ""
    """Of a webhook."""
    secret_variable: str = ""
    """The variable with the key that signs the messages of a webhook, or with the whole URL of an apprise service."""
    path: Path | None = None
    """The file of a feed."""
    is_plain_http_allowed: bool = False
    cadence: str = AT_ONCE
    """``at once``, ``daily``, or a length of time as it was written."""
    every: timedelta | None = None
    """The least time between two messages of a digest; None for one at once or daily."""
    filter: Filter = field(default_factory=Filter)

    @property
    def is_digest(self) -> bool:
        """True if messages wait for a time, and do not follow each change."""
        return self.cadence != AT_ONCE


KEYS_OF_KIND: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "webhook": (("url", "secret_variable"), ("allow_http",)),
    "apprise": (("secret_variable",), ("allow_http",)),
    "atom": (("path",), ()),
}
"""Kind -> the keys that it requires, and those that it may have besides the common ones."""

_OF_ANY_KIND = tuple(dict.fromkeys(key for keys in KEYS_OF_KIND.values() for group in keys for key in group))
_COMMON = ("kind", "cadence", "providers", "kinds", "only_used", "minimum_price_move")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "allow_http": (bool,),
    "only_used": (bool,),
    "providers": (list,),
    "kinds": (list,),
    "minimum_price_move": (int, float),
}
_TYPE_NAMES = {str: "a string", bool: "true or false", list: "a list of strings", int: "a number of percent"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""In capitals only, so that a secret that stands there by mistake is refused and never shown as a name."""
_DURATION = re.compile(r"([1-9]\d{0,4})\s*([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def find_file(settings: Settings) -> Path | None:
    """Return the file that is in use; None if none is configured and the current folder has none."""
    if settings.notifications_file is not None:
        return settings.notifications_file
    default = Path(NOTIFICATIONS_FILE)
    return default if default.exists() else None


def read_destinations(settings: Settings) -> list[Destination]:
    """Return the destinations in the order of the file; none without a file.

    Raises SettingsError with every problem and its line, and without the value of a URL or a secret.
    """
    file = find_file(settings)
    if file is None:
        return []
    found = parse_destinations(read_configuration(file, "GHOST_NOTIFICATIONS_FILE"), str(file))
    # Not from the current folder: Dagster's processes have another one.
    return [one if one.path is None else replace(one, path=file.absolute().parent / one.path) for one in found]


def parse_destinations(text: str, file: str = NOTIFICATIONS_FILE) -> list[Destination]:
    """Return the destinations of a file's text. Raises SettingsError."""
    document = parse_toml(text, file)
    reader = _Reader(_find_lines(text))
    found = reader.read(document)
    if reader.problems:
        problems = "; ".join(f"line {line}: {problem}" for line, problem in sorted(set(reader.problems)))
        count = len(set(reader.problems))
        raise SettingsError(f"{file} has {count} problem{'' if count == 1 else 's'}: {problems}", "correct the file")
    return found


_HEADER = re.compile(r"\s*\[\s*destinations\s*\.\s*[\"']?([^\]\"']*?)[\"']?\s*\]")
_OTHER_HEADER = re.compile(r"\s*\[([^\]]*)\]")
_KEY = re.compile(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*[=.]")


def _find_lines(text: str) -> dict[tuple[str, str], int]:
    """Return (destination, key) -> its line; key "" is the table, and destination "" the rest of the file.

    TOML's own reader gives no lines. A table in another notation has none, and its problems those of line 1.
    """
    lines: dict[tuple[str, str], int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), 1):
        header = _HEADER.match(line)
        if header or _OTHER_HEADER.match(line):
            other = _OTHER_HEADER.match(line)
            table = header[1] if header else ""
            key = "" if header else (other[1].split(".")[0].strip(" \"'") if other else "")
            lines.setdefault((table, key), number)
        elif key_match := _KEY.match(line):
            lines.setdefault((table, key_match[1]), number)
    return lines


class _Reader:
    """Reads tables and collects their problems."""

    def __init__(self, lines: Mapping[tuple[str, str], int]) -> None:
        self._lines = lines
        self.problems: list[tuple[int, str]] = []

    def read(self, document: Mapping[str, Any]) -> list[Destination]:
        for key in document.keys() - {"destinations"}:
            self._report("", key, f"{_shown(key)} is unknown; name tables like [destinations.chat]")
        tables = document.get("destinations", {})
        if not isinstance(tables, dict):
            self._report("", "destinations", "'destinations' is not a table; name tables like [destinations.chat]")
            return []
        if len(tables) > MAX_DESTINATIONS:
            self._report("", "", f"there are {len(tables)} destinations, and {MAX_DESTINATIONS} are the most")
            return []
        found = [one for name, values in tables.items() if (one := self._destination(name, values)) is not None]
        self._reject_shared_paths(found)
        return found

    def _report(self, name: str, key: str, problem: str) -> None:
        line = self._lines.get((name, key)) or self._lines.get((name, ""), 1)
        self.problems.append((line, f"[destinations.{_plain(name)}] {problem}" if name else problem))

    def _destination(self, name: str, values: Any) -> Destination | None:
        before = len(self.problems)
        if not _NAME.fullmatch(name):
            self._report(name, "", "is not a name of 1 to 64 letters, digits, '_' and '-'")
        if not isinstance(values, dict):
            self._report("", name, f"{_shown(name)} is not a table; name tables like [destinations.chat]")
            return None
        kind = self._kind(name, values)
        self._check_keys(name, kind, values)
        usable = {key: value for key, value in values.items() if self._has_type(name, key, value)}
        every = self._duration(name, usable)
        wanted = self._filter(name, usable)
        if kind is None:
            return None
        for check in (self._check_address, self._check_variable, self._check_path):
            check(name, kind, usable)
        if len(self.problems) > before:
            return None
        return Destination(
            name=name,
            kind=kind,
            url=usable.get("url", ""),
            secret_variable=usable.get("secret_variable", ""),
            path=Path(usable["path"]).expanduser() if "path" in usable else None,
            is_plain_http_allowed=usable.get("allow_http", False),
            cadence=usable.get("cadence", AT_ONCE),
            every=every,
            filter=wanted,
        )

    def _kind(self, name: str, values: Mapping[str, Any]) -> str | None:
        kind = values.get("kind")
        if isinstance(kind, str) and kind in KEYS_OF_KIND:
            return kind
        problem = "is required" if "kind" not in values else f"{_shown(kind)} is unknown"
        self._report(name, "kind", f"kind {problem}; use one of {', '.join(KEYS_OF_KIND)}")
        return None

    def _check_keys(self, name: str, kind: str | None, values: Mapping[str, Any]) -> None:
        """Report keys that the kind does not have, or that no kind has if it is None, and those that are missing."""
        required, optional = ((), _OF_ANY_KIND) if kind is None else KEYS_OF_KIND[kind]
        allowed = (*required, *optional, *_COMMON)
        of_kind = "for any kind of destination" if kind is None else f"for a destination of kind {kind}"
        for key in values:
            if key not in allowed:
                advice = "put a URL or a key into the environment" if key in ("url", "secret", "key", "token") else ""
                advice = advice or f"there are {', '.join(allowed)}"
                self._report(name, key, f"{_shown(key)} is unknown {of_kind}; {advice}")
        for key in required:
            if key not in values:
                self._report(name, "", f"{key} is required for a destination of kind {kind}")

    def _has_type(self, name: str, key: str, value: Any) -> bool:
        kinds = _TYPES.get(key, (str,))
        is_right = type(value) in kinds and (kinds != (list,) or all(type(one) is str for one in value))
        if not is_right:
            self._report(name, key, f"{_plain(key)} must be {_TYPE_NAMES[kinds[0]]}")
        return is_right

    def _check_address(self, name: str, kind: str, values: Mapping[str, Any]) -> None:
        if kind != "webhook" or "url" not in values:
            return
        defect = address_defect(values["url"], values.get("allow_http", False), "set allow_http = true for it")
        if defect:
            self._report(name, "url", f"url {defect}")

    def _check_variable(self, name: str, _kind: str, values: Mapping[str, Any]) -> None:
        if "secret_variable" in values and not _VARIABLE.fullmatch(values["secret_variable"]):
            # Not quoted: it may be the secret itself.
            self._report(
                name,
                "secret_variable",
                "secret_variable is not the name of an environment variable, in capitals; put the secret into one and "
                "set secret_variable to its name",
            )

    def _check_path(self, name: str, _kind: str, values: Mapping[str, Any]) -> None:
        if "path" in values and (not values["path"].strip() or not values["path"].isprintable()):
            self._report(name, "path", "path is empty or has control characters")

    def _duration(self, name: str, values: Mapping[str, Any]) -> timedelta | None:
        cadence = values.get("cadence", AT_ONCE)
        if cadence in (AT_ONCE, DAILY):
            return None
        match = _DURATION.fullmatch(cadence)
        if match is None:
            self._report(name, "cadence", f"cadence {_shown(cadence)} is not 'at once', 'daily', or a time such as 6h")
            return None
        return int(match[1]) * timedelta(**{_UNITS[match[2]]: 1})

    def _filter(self, name: str, values: Mapping[str, Any]) -> Filter:
        slugs, sections = [], []
        for provider in values.get("providers", ()):
            try:
                slugs.append(provider_slug(provider))
            except InvalidProvider:
                self._report(name, "providers", f"providers: {_shown(provider)} is not a valid provider name")
        for kind in values.get("kinds", ()):
            if kind in tuple(Section):
                sections.append(Section(kind))
            else:
                self._report(name, "kinds", f"kind {_shown(kind)} is unknown; there are {', '.join(Section)}")
        move = values.get("minimum_price_move", 0)
        if not 0 <= move <= 1_000_000:
            self._report(name, "minimum_price_move", "minimum_price_move is not a percentage from 0 up")
        return Filter(
            provider_ids=frozenset(slugs),
            sections=frozenset(sections) if "kinds" in values else frozenset(Section),
            is_used_only=values.get("only_used", False),
            minimum_price_move=float(move) / 100,
        )

    def _reject_shared_paths(self, found: list[Destination]) -> None:
        seen: dict[Path, str] = {}
        for one in found:
            if one.path is None:
                continue
            first = seen.setdefault(one.path.absolute(), one.name)
            if first != one.name:
                self._report(one.name, "path", f"path is that of [destinations.{first}]; give each feed a file")


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _plain(text: str) -> str:
    return text[:64] if text.isprintable() else _shown(text)
