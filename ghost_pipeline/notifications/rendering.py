"""A message as plain text, Markdown or HTML. Text from providers is escaped for each."""

import html
import re
from collections.abc import Sequence

from ghost_pipeline.notifications.digest import Entry, Section
from ghost_pipeline.notifications.message import Message, by_section
from ghost_pipeline.redaction import printable

MOST_ENTRIES = 25
"""Entries of a section that are shown; the rest is counted. Chats refuse long messages."""

MAX_TEXT = 300
"""Characters of a name or of evidence."""

HEADINGS = {
    Section.GONE: "Gone",
    Section.RETIRING: "Retiring",
    Section.REFUSED: "Refused by their providers",
    Section.ANSWERS: "Not refused any more",
    Section.UNLISTED: "Used, but not listed any more",
    Section.UNCLEAR: "Unclear providers",
    Section.DEARER: "Dearer",
    Section.CHEAPER: "Cheaper",
    Section.NEW: "New",
    Section.BACK: "Back",
}

TEST_TEXT = "This is a test message. Nothing changed."
WHERE_MORE_IS = "'ghost-pipeline changes' shows all of them"


def to_text(message: Message) -> str:
    """Return the message as plain text without control characters."""
    lines = [TEST_TEXT] if message.is_test else []
    for section, entries in by_section(message.entries):
        lines += ["", HEADINGS[section]] if lines else [HEADINGS[section]]
        lines += [f"- {_subject(one)}: {_clean(one.text)}" for one in entries[:MOST_ENTRIES]]
        lines += [f"- {rest}" for rest in _describe_rest(entries)]
    return "\n".join(lines) + "\n"


def to_markdown(message: Message) -> str:
    """Return the message in Markdown that chats understand too. What may come from a provider is code."""
    lines = [TEST_TEXT] if message.is_test else []
    for section, entries in by_section(message.entries):
        lines += ["", f"**{HEADINGS[section]}**", ""]
        lines += [f"- {_code(_subject(one))} {_code(_clean(one.text))}" for one in entries[:MOST_ENTRIES]]
        lines += [f"- {rest}" for rest in _describe_rest(entries)]
    return "\n".join(lines).strip() + "\n"


def to_html(message: Message) -> str:
    """Return the message as an HTML fragment."""
    parts = [f"<p>{TEST_TEXT}</p>"] if message.is_test else []
    for section, entries in by_section(message.entries):
        items = [
            f"<li><code>{html.escape(_subject(one))}</code>: {html.escape(_clean(one.text))}</li>"
            for one in entries[:MOST_ENTRIES]
        ]
        items += [f"<li>{html.escape(rest)}</li>" for rest in _describe_rest(entries)]
        parts.append(f"<h3>{HEADINGS[section]}</h3>\n<ul>\n{chr(10).join(items)}\n</ul>")
    return "\n".join(parts) + "\n"


def _subject(entry: Entry) -> str:
    """Return the provider and the model, with its name if that is another."""
    if entry.model_id is None:
        return _clean(entry.provider_id)
    name = f" ({entry.name})" if entry.name and entry.name != entry.model_id else ""
    return _clean(f"{entry.provider_id}/{entry.model_id}{name}")


def _clean(text: str) -> str:
    """Return text on one line, without control characters, cut to MAX_TEXT."""
    line = printable(" ".join(text[: 4 * MAX_TEXT].split()))
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…"


def _describe_rest(entries: Sequence[Entry]) -> list[str]:
    rest = len(entries) - MOST_ENTRIES
    return [f"and {rest:,} more; {WHERE_MORE_IS}"] if rest > 0 else []


_MENTION = re.compile(r"@(?=everyone|here|channel|all\b|[!&]?\d)|<(?=[@#!:])", re.IGNORECASE)
_ZERO_WIDTH_SPACE = "\u200b"


def _code(text: str) -> str:
    """Return a code span, in which neither Markdown nor a chat's own marks mean anything.

    A backtick would end it and becomes another quotation mark. Chats look for mentions of people in code too; a
    character without width breaks them.
    """
    return "`" + _MENTION.sub(lambda found: found[0] + _ZERO_WIDTH_SPACE, text.replace("`", "'")) + "`"
