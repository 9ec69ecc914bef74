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
_DATE = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z| [+-][0-9]{4}(?: [A-Z]{2,5})?)?)?"
    r"|(?P<name>[A-Z][a-z]{2,8}) (?P<nth>[0-9]{1,2}), (?P<of>[0-9]{4})"
)
_READERS = {
    "{replacement}": re.compile(rf"[A-Za-z0-9@]{_ID_CHARACTER}{{0,511}}(?!{_ID_CHARACTER})"),
    "{word}": re.compile(r"[^\s'\"`/\\]{1,200}"),
    "{date}": _DATE,
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
    position = 0
    values: dict[str, str] = {}
    is_open, parts = _split(template)
    for part, following in parts:
        if part[0] != "{":
            end = position + len(part) if text.startswith(part, position) else None
        elif part == "{phrase}":
            end = _end_of_phrase(text, position, following)
        elif part in _READERS:
            matched = _READERS[part].match(text, position)
            end = matched.end() if matched else None
        else:
            requested = model_id if part == "{model}" else base
            end = position + len(requested) if text.startswith(requested, position) else None
        if end is None:
            return None
        values[part] = text[position:end]
        position = end
    if not is_open and position < len(text):
        return None
    replacement = values.get("{base}") or values.get("{replacement}", "").rstrip("./:")
    return Found(replacement or None, _read_day(values["{date}"]) if "{date}" in values else None)


def _end_of_phrase(text: str, begin: int, following: str) -> int | None:
    """Return where the words end that begin at ``begin`` and that ``following`` follows, or None without such words."""
    end = text.find(following, begin, begin + MAX_PHRASE + len(following))
    return end if end > begin and "\n" not in text[begin:end] else None


@cache
def _split(template: str) -> tuple[bool, tuple[tuple[str, str], ...]]:
    """Return whether anything may follow the template, and its parts: literal texts and places, each with the next."""
    parts = [part for part in _PLACE.split(template.removesuffix(OPEN_END)) if part]
    return template.endswith(OPEN_END), tuple(pairwise((*parts, "")))


def _read_day(text: str) -> date | None:
    """Return the day in the text of a ``{date}``, or None if no calendar has it."""
    matched = _DATE.fullmatch(text)
    if matched is None:
        return None
    try:
        month = int(matched["month"] or _MONTHS.index(matched["name"]) + 1)
        return date(int(matched["year"] or matched["of"]), month, int(matched["day"] or matched["nth"]))
    except ValueError:
        return None
