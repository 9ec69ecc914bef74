"""Make text from elsewhere safe to show: redact secrets, and escape characters that control a terminal."""

import base64
import re
from collections.abc import Iterator

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


def contains_secret(text: str) -> bool:
    """Return True if a short text, such as a label, looks like a key or contains one."""
    return _UNNAMED_SECRETS.search(text[:_MAX_READ]) is not None or _NAMED_SECRET.search(text[:_MAX_READ]) is not None


_USER_INFO = re.compile(r"(?<=://)[^/?#]*@")


def redact_url(url: str) -> str:
    """Return ``url`` for a message, without user and password, and without its parameters, which may be secrets too."""
    return redact_user_info(url.partition("?")[0], url)


def redact_user_info(text: str, url: str) -> str:
    """Return ``text`` without the user and password of ``url``."""
    found = _USER_INFO.search(url)
    return text if found is None else text.replace(found[0], "***@")


MIN_SECRET_LENGTH = 12
"""Characters. Shorter keys are placeholders for servers that accept any key, and occur in responses by chance."""


class Secret:
    """The value of a key, which appears in no representation and is available from ``reveal`` only."""

    __slots__ = ("_pattern", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        is_long = len(value) >= MIN_SECRET_LENGTH
        self._pattern = re.compile(_any_encoding(value) if is_long else re.escape(value), re.IGNORECASE)

    def __repr__(self) -> str:
        return "Secret(…)"

    def reveal(self) -> str:
        """Return the value, for a request header."""
        return self._value

    def redact_text(self, text: str) -> str:
        """Replace the value in ``text``: in any case, escaped as in JSON, percent-encoded, in hexadecimal or base64."""
        return self._pattern.sub(_REDACTED, text) if self._is_likely_in(text, text.lower()) else text

    def _is_likely_in(self, text: str, lower: str) -> bool:
        """Return False if the pattern can't match, which takes a hundredth of the time that the pattern takes."""
        if len(self._value) < MIN_SECRET_LENGTH:
            return True
        data, value = self._value.encode(), self._value.lower()
        if value in lower or data.hex() in lower:
            return True
        plain = value.replace("\\", "")
        if any(plain in unescaped for unescaped in _unescaped(lower)):
            return True
        return any(re.search(form, text) for form in _base64_forms(data))

    def redact_bytes(self, content: bytes) -> bytes:
        """Replace the value in a response, in the same encodings."""
        if len(self._value) < MIN_SECRET_LENGTH:
            return content
        # latin-1 maps every byte to one character and back.
        text = content.decode("latin-1")
        if not self._is_likely_in(text, content.lower().decode("latin-1")):
            return content
        return self._pattern.sub(_REDACTED, text).encode("latin-1")


def _any_encoding(value: str) -> str:
    """Return a pattern of the value with each character as it is or escaped, and of its hexadecimal and base64."""
    data = value.encode()
    # Also escapes of escapes, as in JSON inside JSON, or a URL inside a URL.
    escaped = "".join(
        rf"(?:\\*{re.escape(chr(byte))}|\\+u00{byte:02x}|\\+x{byte:02x}|%(?:25)*{byte:02x}|&\#(?:0*{byte}|x0*{byte:x});)"
        for byte in data
    )
    return "|".join([escaped, data.hex(), *(f"(?-i:{form})" for form in _base64_forms(data))])


_ESCAPES = (
    re.compile(r"\\u00([0-9a-f]{2})"),
    re.compile(r"\\x([0-9a-f]{2})"),
    re.compile(r"%(?:25)*([0-9a-f]{2})"),
    re.compile(r"&#(?:x0*([0-9a-f]{1,2})|0*(\d{1,3}));"),
)
"""Each begins with characters of its own, which the search for it skips to."""


def _unescaped(text: str) -> Iterator[str]:
    """Yield lower-case text without the first kind of escapes, then without the second too, and so on.

    Backslashes are dropped, which are the escapes of single characters.
    """
    for escape in _ESCAPES:
        text = escape.sub(_character, text)
        yield text.replace("\\", "")


def _character(found: re.Match[str]) -> str:
    return chr(int(found[found.lastindex or 0], 10 if found.lastindex == 2 else 16)).lower()


def _base64_forms(data: bytes) -> list[str]:
    """Return what of ``data`` stays the same in base64 after any number of other bytes: three alignments."""
    forms = []
    for offset, unstable in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        stable = encoded[unstable:] if (offset + len(data)) % 3 == 0 else encoded[unstable:-1]
        forms.append(re.escape(stable).replace(r"\+", r"[+\-]").replace("/", "(?:\\\\*/|_|%2[fF])"))
    return forms


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""C0 and C1 controls (ESC starts a terminal's commands), line separators, marks that change the direction of text, and
lone surrogates, which can't be encoded."""


def printable(text: str, keep: str = "") -> str:
    """Return ``text`` with every control character except those in ``keep`` as ``\\uXXXX``, the escape of JSON."""
    return _CONTROLS.sub(lambda found: found[0] if found[0] in keep else f"\\u{ord(found[0]):04x}", text)


_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_MARKED_FORMULA = re.compile(rf"'(?={_FORMULA.pattern})")
_FIRST_OF_FORMULA = frozenset("'=+-@\t\r＝＋－＠")


def to_csv_cell(text: str) -> str:
    """Return text for a cell of CSV: behind an apostrophe if a spreadsheet would compute it as a formula."""
    return f"'{text}" if text[:1] in _FIRST_OF_FORMULA and _FORMULA.match(text) else text


def from_csv_cell(cell: str) -> str:
    """Return the text that ``to_csv_cell`` returned this cell for; also that of any other cell."""
    return cell[1:] if cell[:1] == "'" and _MARKED_FORMULA.match(cell) else cell
