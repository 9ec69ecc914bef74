"""From the bytes of a file to a JSON value, or a reason that a person can act on.

msgspec reads strictly and keeps integers exact. What it reports poorly (a compressed file, a page of HTML, another
encoding) is recognised here before or after it.
"""

import re
from typing import Any

import msgspec

from ghost_pipeline.redaction import quote_redacted

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF32_BOMS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
_MARKUP_TITLE = re.compile(rb"<title[^>]*>(.{0,300}?)</title>", re.IGNORECASE | re.DOTALL)
_HEAD = 4096
_MAX_DETAIL = 120  # the path of a deeply nested value is long

_decode = msgspec.json.Decoder().decode


def decode_json(content: bytes) -> Any:
    """The JSON value in ``content``.

    Raises Malformed where there is none, and RecursionError where it is nested too deeply.
    """
    text = content.removeprefix(_UTF8_BOM)
    _reject_non_json(text)
    try:
        return _decode(text)
    except UnicodeDecodeError:
        raise Malformed(_encoding_complaint(text) or "the file is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise Malformed(
            f"the JSON holds a number that can't be read ({str(error)[:_MAX_DETAIL]}); {FETCH_AGAIN}"
        ) from None
    except msgspec.DecodeError as error:
        raise Malformed(_syntax_complaint(str(error), text)) from None


def _reject_non_json(text: bytes) -> None:
    if not text:
        raise Malformed(f"the file is empty (0 bytes of content); {FETCH_AGAIN}")
    for magic, compression in _COMPRESSIONS.items():
        if text.startswith(magic):
            raise Malformed(f"the file is {compression}-compressed; unpack it and keep plain JSON")
    for boms, encoding in ((_UTF32_BOMS, "UTF-32"), (_UTF16_BOMS, "UTF-16")):
        if text.startswith(boms):
            raise Malformed(f"the file is {encoding}, not UTF-8; save the listing as UTF-8 or {FETCH_AGAIN}")
    start = text[:_HEAD].lstrip()
    if not start and not text.strip():
        raise Malformed(f"the file holds only white space; {FETCH_AGAIN}")
    if start.startswith(b"<"):
        raise Malformed(f"the file is an HTML or XML page{_title_of(start)}, not JSON; {FETCH_AGAIN}")


def _title_of(markup: bytes) -> str:
    title = _MARKUP_TITLE.search(markup)
    return f" titled {quote_redacted(title.group(1).decode('utf-8', 'replace'))}" if title else ""


def _encoding_complaint(text: bytes) -> str | None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"the file is not UTF-8 (byte {error.start}); save the listing as UTF-8 or {FETCH_AGAIN}"
    if text.find(b"\x00", 0, _HEAD) >= 0:
        return f"the file is not UTF-8 text (it holds NUL bytes); save the listing as UTF-8 or {FETCH_AGAIN}"
    return None


def _syntax_complaint(complaint: str, text: bytes) -> str:
    if "truncated" in complaint:
        return f"the JSON is cut off: the file ends early, after {len(text)} bytes; {FETCH_AGAIN}"
    if "trailing characters" in complaint:
        where = complaint[complaint.rfind("(") :]
        return f"more follows after the end of the JSON {where}; keep one JSON document per file or {FETCH_AGAIN}"
    encoding_complaint = _encoding_complaint(text)
    if encoding_complaint:
        return encoding_complaint
    return f"the file is not valid JSON: {complaint.removeprefix('JSON is malformed: ')}; {FETCH_AGAIN}"


FETCH_AGAIN = "fetch the listing again"


class Malformed(Exception):
    """The listing is malformed; the message says what is wrong, where, and what to do."""
