"""Texts with places in them, and their match with a provider's text from its first character.

A template is a text as a provider writes it, with these places:

- ``{model}``: exactly the requested model's id, and ``{base}``: exactly that id without its rule's ending
- ``{replacement}``: the id of another model, and ``{date}``: a day, with or without a time
- ``{word}``: anything without white space, quotes and slashes, and ``{phrase}``: anything on one line

A ``…`` at the end stands for any rest. Without it, the text must end where the template ends. The requested id is
compared, not extracted: a text about ``gpt-4.1`` never matches a request for ``gpt-4``. The time of a match grows with
the length of the text and not faster, whatever the text contains.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise

OPEN_END = "…"
MAX_PHRASE = 2000
"""Characters of a ``{phrase}``, such as a list of accepted models."""

_PLACE = re.compile(r"(\{[a-z]+\})")
_ID_CHARACTER = r"[A-Za-z0-9@_./:+-]"
_READERS = {
    "{replacement}": re.compile(rf"[A-Za-z0-9@]{_ID_CHARACTER}{{0,511}}(?!{_ID_CHARACTER})"),
    "{word}": re.compile(r"[^\s'\"`/\\]{1,200}"),
    "{date}": re.compile(
        r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
        r"(?:[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z| [+-][0-9]{4}(?: [A-Z]{2,5})?)?)?"
        r"|(?P<name>[A-Z][a-z]{2,8}) (?P<nth>[0-9]{1,2}), (?P<of>[0-9]{4})"
    ),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
PLACES = frozenset({"{model}", "{base}", "{phrase}", *_READERS})


@dataclass(frozen=True, slots=True)
class Found:
    """What a text has in its template's places."""

    replacement: str | None = None
    day: date | None = None


def match_template(template: str, text: str, model_id: str, base: str) -> Found | None:
    """Return what ``text`` has in the places of ``template``, or None if it does not match."""
    position, replacement, day = 0, None, None
    is_open, parts = _split(template)
    for part, following in parts:
        if part[0] != "{":
            if not text.startswith(part, position):
                return None
            position += len(part)
        elif part == "{phrase}":
            end = text.find(following, position, position + MAX_PHRASE + len(following))
            if end <= position or "\n" in text[position:end]:
                return None
            position = end
        elif part in _READERS:
            matched = _READERS[part].match(text, position)
            if matched is None:
                return None
            position = matched.end()
            if part == "{replacement}":
                replacement = matched.group().rstrip("./:")
            elif part == "{date}":
                day = _read_day(matched)
        else:
            requested = model_id if part == "{model}" else base
            if not text.startswith(requested, position):
                return None
            position += len(requested)
            if part == "{base}":
                replacement = base
    return Found(replacement, day) if is_open or position == len(text) else None


@cache
def _split(template: str) -> tuple[bool, tuple[tuple[str, str], ...]]:
    """Return whether anything may follow the template, and its parts: literal texts and places, each with the next."""
    parts = [part for part in _PLACE.split(template.removesuffix(OPEN_END)) if part]
    return template.endswith(OPEN_END), tuple(pairwise((*parts, "")))


def _read_day(matched: re.Match[str]) -> date | None:
    """Return the matched day, or None if no calendar has it."""
    try:
        month = int(matched["month"] or _MONTHS.index(matched["name"]) + 1)
        return date(int(matched["year"] or matched["of"]), month, int(matched["day"] or matched["nth"]))
    except ValueError:
        return None
