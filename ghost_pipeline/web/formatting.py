"""How the pages show values: instants, numbers, text that others chose, commands. The filters of every template.

Text from providers and operators is untrusted. The templates escape it; here its control characters become visible, and
``bdi`` keeps its direction from what stands around it. What is built here escapes each of its values by itself: a page
has hundreds of them, and that is three times as fast as ``Markup`` that formats them. A command is quoted for the shell
that it is copied into.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from html import escape
from typing import Any

import msgspec
from markupsafe import Markup

from ghost_pipeline.redaction import printable
from ghost_pipeline.web.links import model_page, provider_page

UNKNOWN = Markup('<span class="unknown">unknown</span>')
NEVER = Markup('<span class="unknown">never</span>')

MOST_SHOWN = 160
"""Characters of a name that a list shows; ids have up to 512."""

MOST_JSON = 20_000
"""Characters of a JSON object that a page shows."""


def format_text(value: object) -> Markup:
    """Return text from elsewhere: its control characters visible, its direction its own."""
    return Markup(f"<bdi>{escape(printable(str(value)))}</bdi>")


def shorten_text(value: object) -> Markup:
    """Return text from elsewhere, cut to MOST_SHOWN characters."""
    text = str(value)
    return format_text(text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…")


def format_number(value: float | None) -> str | Markup:
    """Return a number with separators of thousands and without needless digits."""
    if value is None:
        return UNKNOWN
    return f"{value:,}" if isinstance(value, int) else f"{value:,.10g}"


def format_count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 model", "1,200 models"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def exact_instant(at: datetime) -> str:
    """Return an instant to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


_UNITS = (
    (timedelta(days=730), timedelta(days=365), "year"),
    (timedelta(days=90), timedelta(days=30), "month"),
    (timedelta(days=2), timedelta(days=1), "day"),
    (timedelta(hours=1), timedelta(hours=1), "hour"),
    (timedelta(minutes=1), timedelta(minutes=1), "minute"),
)
"""From this length on -> in this unit."""


def format_span(span: timedelta) -> str:
    """Return a length of time in its largest useful unit: "3 days", "26 hours"."""
    for least, unit, noun in _UNITS:
        if span >= least:
            return format_count(span // unit, noun)
    return "less than a minute"


def format_relative(at: datetime, now: datetime) -> str:
    """Return when an instant is, from now: "3 days ago", "in 27 days"."""
    if abs(now - at) < timedelta(minutes=1):
        return "just now" if at <= now else "in less than a minute"
    return f"{format_span(now - at)} ago" if at < now else f"in {format_span(at - now)}"


def time_element(at: datetime | None, now: datetime) -> Markup:
    """Return an instant relative to now, with the exact one on hover and for programs."""
    return NEVER if at is None else _relative_time(at, now)


@lru_cache(maxsize=1_000)  # the models of a listing have the same instant
def _relative_time(at: datetime, now: datetime) -> Markup:
    return _time(at, format_relative(at, now))


def lasting_element(since: datetime, now: datetime) -> Markup:
    """Return how long something lasts, with the instant of its beginning on hover."""
    return _time(since, format_span(now - since))


def exact_time_element(at: datetime) -> Markup:
    """Return an instant to the minute, with the exact one on hover and for programs."""
    return _time(at, f"{at.astimezone(UTC):%Y-%m-%d %H:%M}")


def _time(at: datetime, text: str) -> Markup:
    stated = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return Markup(f'<time datetime="{stated}" title="{exact_instant(at)}">{escape(text)}</time>')


def model_link(root: str, provider_id: str, model_id: str) -> Markup:
    """Return the link to a model's page, where the pages are below the path ``root``."""
    address = escape(f"{root}{model_page(provider_id, model_id)}")
    return Markup(f'<a class="model" href="{address}">{shorten_text(model_id)}</a>')


@lru_cache(maxsize=1_000)
def provider_link(root: str, provider_id: str) -> Markup:
    """Return the link to a provider's page, where the pages are below the path ``root``."""
    return Markup(f'<a href="{escape(f"{root}{provider_page(provider_id)}")}">{format_text(provider_id)}</a>')


def ghost_warning(last_seen_at: datetime, purge_at: datetime | None, now: datetime) -> Markup:
    """Return since when a ghost was not seen, and when it is purged; None if it is not."""
    if purge_at is None:
        end = "not purged"
    elif purge_at <= now:
        end = "purged by the next sweep"
    else:
        end = f"purge {time_element(purge_at, now)}"
    return Markup(f'<span class="warning">last seen {time_element(last_seen_at, now)}, {end}</span>')


def refusal_warning(since: datetime, reason: str | None, now: datetime) -> Markup:
    """Return for how long a model has been refused, and why."""
    duration, why = lasting_element(since, now), shorten_text(reason)
    return Markup(f'<span class="warning">has refused to answer for {duration}: {why}</span>')


def copy_button(text: str, label: str) -> Markup:
    """Return a button that copies a text; the script of the pages shows it."""
    copied, name = escape(text), escape(printable(label))
    return Markup(f'<button type="button" class="copy" data-copy="{copied}" aria-label="{name}" hidden>copy</button>')


def check_boxes(name: str, choices: Sequence[tuple[str, str]], chosen: Sequence[str]) -> Markup:
    """Return a box of a form for each value and label, which is text from elsewhere, one a line."""
    return _check_boxes(name, tuple(choices), frozenset(chosen))


@lru_cache(maxsize=20)  # every page of a list has the same, one for each provider
def _check_boxes(name: str, choices: tuple[tuple[str, str], ...], chosen: frozenset[str]) -> Markup:
    return Markup("\n".join([_check_box(name, value, value in chosen, label) for value, label in choices]))


def _check_box(name: str, value: str, is_checked: bool, label: str) -> str:
    box = f'<input type="checkbox" name="{escape(name)}" value="{escape(value)}"{" checked" if is_checked else ""}>'
    return f"<label>{box} {format_text(label)}</label>"


def fact_element(value: Any) -> str | Markup:
    """Return the value of a fact, from a record or from the JSON of an event."""
    shown: str | Markup
    match value:
        case None:
            shown = UNKNOWN
        case bool():
            shown = "yes" if value else "no"
        case int() | float():
            shown = format_number(value)
        case datetime():
            shown = exact_time_element(value)
        case list() | tuple():
            shown = Markup(", ").join(map(shorten_text, value)) if value else "none"
        case Mapping():
            shown = Markup('<code class="wrap">{}</code>').format(format_text(_compact_json(value)))
        case _:
            shown = shorten_text(value)
    return shown


def _compact_json(value: Any) -> str:
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 500 else f"{text[:499]}…"


def format_json(value: Any) -> str:
    """Return a JSON object over several lines, its control characters visible, cut to MOST_JSON characters."""
    text = printable(json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=2, sort_keys=True), keep="\n")
    return text if len(text) <= MOST_JSON else f"{text[:MOST_JSON]}\n… cut: {len(text) - MOST_JSON:,} more characters"


_IN_DOLLAR_QUOTES = re.compile(r"[\\']")


def format_shell_command(*words: str) -> str:
    """Return a command of ``ghost-pipeline`` that a shell reads as these words, whatever they contain.

    A word that begins like an option comes after ``--``. A word with characters that can't be seen is written in bash's
    ``$'…'``, so that what is copied is what is shown.
    """
    quoted = ["ghost-pipeline"]
    for index, word in enumerate(words):
        if index and word.startswith("-") and "--" not in quoted:
            quoted.append("--")
        quoted.append(_quote(word))
    return " ".join(quoted)


def _quote(word: str) -> str:
    if printable(word) == word:
        return shlex.quote(word)
    escaped = printable(_IN_DOLLAR_QUOTES.sub(lambda found: f"\\{found[0]}", word))
    return f"$'{escaped}'"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "text": format_text,
    "short": shorten_text,
    "number": format_number,
    "ago": time_element,
    "lasting": lasting_element,
    "instant": exact_time_element,
    "fact": fact_element,
    "pretty_json": format_json,
    "visible": printable,
}
"""Name in a template -> function."""

GLOBALS: Mapping[str, Callable[..., Any]] = {
    "count": format_count,
    "span": format_span,
    "shell": format_shell_command,
    "check_boxes": check_boxes,
    "copy_button": copy_button,
    "ghost_warning": ghost_warning,
    "refusal_warning": refusal_warning,
}
