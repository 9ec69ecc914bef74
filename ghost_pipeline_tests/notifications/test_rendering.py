"""Messages as text, Markdown and HTML: nothing that a provider sends means anything in them."""

import html
from datetime import UTC, datetime
from html.parser import HTMLParser

import markdown
import pytest

from ghost_pipeline.notifications.digest import Entry, Section
from ghost_pipeline.notifications.message import Message, read_message
from ghost_pipeline.notifications.rendering import MOST_ENTRIES, to_html, to_markdown, to_text
from ghost_pipeline.redaction import printable

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "**bold** _x_ [click](https://evil.example) ![x](https://evil.example/x.png)",
    "`code` ``` # heading",
    "@everyone @here <!channel> <@123> <@&5> <#1>",
    "line\r\nBcc: all@example.org\n\nbody",
    "\x1b[31mred\x1b]0;title\x07 \x9b2J",
    "\u202egnp.exe \u2066x \ufeff",
    "]]> <!-- --> &amp; &#x3c; <?xml?>",
    "lone \ud800 surrogate \x00 \ufffe",
    "$(rm -rf ~) {{ 7*7 }} {app_id} %s",
    "x" * 5_000,
]


def hostile_message(*texts: str) -> Message:
    """Return a message whose entries have a text wherever a provider's text may be."""
    entries = [Entry(Section.NEW, "openai", text, f"name {text}", AT, f"evidence {text}") for text in texts]
    return Message("msg_1", "hook", AT, [*entries, Entry(Section.UNCLEAR, "openai", None, None, AT, texts[0])])


class Tags(HTMLParser):
    """Collects tags and text of HTML."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[str] = []
        self.text = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_inert_in_each_form(text: str) -> None:
    message = hostile_message(text)
    plain = to_text(message)
    assert printable(plain, keep="\n") == plain
    assert len(plain.splitlines()) == 5
    shown = Tags(to_html(message))
    assert shown.tags == {"h3", "ul", "li", "code"}
    assert shown.attributes == []
    rendered = Tags(markdown.markdown(to_markdown(message)))
    assert rendered.tags <= {"p", "strong", "ul", "li", "code"}
    assert rendered.attributes == []
    for mention in ("@everyone", "@here", "<!channel>", "<@123>", "<#1>"):
        assert mention not in to_markdown(message)


def test_harmless_names_are_not_changed() -> None:
    message = hostile_message("@cf/meta/llama-3.1-8b_instruct")
    for form in (to_text, to_markdown, to_html):
        assert "@cf/meta/llama-3.1-8b_instruct" in form(message)


def test_a_long_section_is_cut_and_counted() -> None:
    message = hostile_message(*(f"m-{number}" for number in range(MOST_ENTRIES + 1_500)))
    for form in (to_text, to_markdown, to_html):
        text = form(message)
        assert "and 1,500 more" in html.unescape(text)
        assert f"m-{MOST_ENTRIES - 1}" in text
        assert f"m-{MOST_ENTRIES}\n" not in text
        assert len(text) < 20_000


def test_a_title_counts_by_section_and_a_test_is_marked() -> None:
    assert hostile_message("a", "b").title == "Ghost Pipeline: 1 unclear, 2 new"
    test = Message("msg_1", "hook", AT, is_test=True)
    assert test.title == "Ghost Pipeline: test message"
    assert all("test message" in form(test) for form in (to_text, to_markdown, to_html))


def test_a_stored_message_is_the_same_message() -> None:
    message = hostile_message("a")
    assert read_message(message.to_json()) == message
