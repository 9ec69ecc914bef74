"""Read the HTML of pages: elements, visible text, rows of tables."""

import re
from html.parser import HTMLParser


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str]:
        """Return every address that the page refers to."""
        return [value or "" for _, attrs in self.found for name, value in attrs.items() if name in ("href", "src")]


def words(page: str) -> str:
    """Return the visible text of a page, with single spaces."""
    return " ".join(Elements(page).text.split())


def rows(page: str, heading: str = "<tbody>") -> list[list[str]]:
    """Return the text of the cells of the first table after a heading."""
    body = page[page.index(heading) :].split("<tbody>", 1)[-1].split("</tbody>", 1)[0]
    return [
        [words(cell) for cell in re.findall(r"<t[hd][ >].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    ]


# Numbers
