"""A key on its way from the environment into a request header."""

import re

_SHORTEST_TELLING = 12
"""Characters. Shorter ones are placeholders for servers that ask for any key, and occur in answers by chance."""
_HIDDEN = "[redacted]"


class Secret:
    """The value of a key, which shows itself only to who calls ``reveal``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def reveal(self) -> str:
        """The value, for a request header."""
        return self._value

    def hidden_in(self, text: str) -> str:
        """``text`` without the value, in whatever case (host names lose theirs)."""
        return re.sub(re.escape(self._value), _HIDDEN, text, flags=re.IGNORECASE)

    def hidden_in_content(self, content: bytes) -> bytes:
        """An answer without the value, as it is or as JSON that escapes slashes; unchanged if it is not there."""
        if len(self._value) < _SHORTEST_TELLING:
            return content
        plain = self._value.encode()
        for form in (plain, plain.replace(b"/", b"\\/")):
            content = content.replace(form, _HIDDEN.encode())
        return content
