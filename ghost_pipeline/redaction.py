"""Make text from elsewhere safe to show: redact secrets, and escape characters that control a terminal."""

import re

MAX_QUOTE = 200
_MAX_READ = 4000  # more can't reach the quote, and a message may be megabytes
_REDACTED = "[redacted]"

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
    """Return ``text`` in quotation marks, on one line, without secrets, cut to ``limit`` characters."""
    text = " ".join(text[:_MAX_READ].split())
    text = _UNNAMED_SECRETS.sub(_REDACTED, text)
    text = _NAMED_SECRET.sub(rf"\1{_REDACTED}", text)
    text = "".join(character if character.isprintable() else "?" for character in text)
    return f'"{text[: limit - 1]}…"' if len(text) > limit else f'"{text}"'


MIN_SECRET_LENGTH = 12
"""Characters. Shorter keys are placeholders for servers that accept any key, and occur in responses by chance."""


class Secret:
    """The value of a key, which appears in no representation and is available from ``reveal`` only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def reveal(self) -> str:
        """Return the value, for a request header."""
        return self._value

    def redact_text(self, text: str) -> str:
        """Replace the value in ``text``, whatever its case (host names lose theirs)."""
        return re.sub(re.escape(self._value), _REDACTED, text, flags=re.IGNORECASE)

    def redact_bytes(self, content: bytes) -> bytes:
        """Replace the value in a response, also in the form of JSON that escapes slashes."""
        if len(self._value) < MIN_SECRET_LENGTH:
            return content
        plain = self._value.encode()
        for form in (plain, plain.replace(b"/", b"\\/")):
            content = content.replace(form, _REDACTED.encode())
        return content


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""C0 and C1 controls (ESC starts a terminal's commands), line separators, marks that change the direction of text, and
lone surrogates, which can't be encoded."""


def printable(text: str, keep: str = "") -> str:
    """Return ``text`` with every control character except those in ``keep`` as ``\\uXXXX``, the escape of JSON."""
    return _CONTROLS.sub(lambda found: found[0] if found[0] in keep else f"\\u{ord(found[0]):04x}", text)
