"""Keep secrets out of text that people see: quoting and redacting what providers send."""

import re

MAX_QUOTE = 200
_READ_AT_MOST = 4000  # more can't reach the quote, and a message may be megabytes
_HIDDEN = "[redacted]"

_NAMED_SECRET = re.compile(
    r"(?i)((?:key|token|secret|passw(?:or)?d|credential|authorization|signature)s?\b[\"']?[^:=\n]{0,30}[:=]\s*)\S+"
)
_UNNAMED_SECRETS = re.compile(
    r"""(?ix)
    \b(?:bearer|basic)\s+\S+  # an Authorization header
    | (?<=://)[^/\s@]+@  # user:password@host
    | \b(?:sk|pk|rk|gsk|csk|xai|pplx|hf|nvapi|fw|tgp|r8|gh[a-z]|github_pat|key)[-_][^\s"',;]{4,}  # API keys
    | \bAIza[\w-]+  # Google API keys
    | \bAKIA\w+  # AWS access keys
    | \beyJ[\w.-]+  # JSON web tokens
    | (?=[\w+*-]{0,99}\d)[\w+*-]{20,}  # long runs with digits
    | [\w+/=*-]{32,}  # very long runs
    """
)


def quote_redacted(text: str, limit: int = MAX_QUOTE) -> str:
    """``text`` in quotation marks, on one line, without secrets, at most ``limit`` characters of it."""
    text = " ".join(text[:_READ_AT_MOST].split())
    text = _UNNAMED_SECRETS.sub(_HIDDEN, text)
    text = _NAMED_SECRET.sub(rf"\1{_HIDDEN}", text)
    text = "".join(character if character.isprintable() else "?" for character in text)
    return f'"{text[: limit - 1]}…"' if len(text) > limit else f'"{text}"'


MIN_SECRET_LENGTH = 12
"""Characters. Shorter ones are placeholders for servers that ask for any key, and occur in answers by chance."""
_REDACTED = "[redacted]"


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

    def redact_text(self, text: str) -> str:
        """``text`` without the value, in whatever case (host names lose theirs)."""
        return re.sub(re.escape(self._value), _REDACTED, text, flags=re.IGNORECASE)

    def redact_bytes(self, content: bytes) -> bytes:
        """An answer without the value, as it is or as JSON that escapes slashes; unchanged if it is not there."""
        if len(self._value) < MIN_SECRET_LENGTH:
            return content
        plain = self._value.encode()
        for form in (plain, plain.replace(b"/", b"\\/")):
            content = content.replace(form, _REDACTED.encode())
        return content
