"""Quoting what a provider said without showing a secret.

Providers repeat keys in their complaints ("Incorrect API key provided: sk-…"), and defects are logged and stored. So
anything that may be a secret goes; a harmless long word may go with it.
"""

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


def quoted(text: str, limit: int = MAX_QUOTE) -> str:
    """``text`` in quotation marks, on one line, without secrets, at most ``limit`` characters of it."""
    text = " ".join(text[:_READ_AT_MOST].split())
    text = _UNNAMED_SECRETS.sub(_HIDDEN, text)
    text = _NAMED_SECRET.sub(rf"\1{_HIDDEN}", text)
    text = "".join(character if character.isprintable() else "?" for character in text)
    return f'"{text[: limit - 1]}…"' if len(text) > limit else f'"{text}"'
