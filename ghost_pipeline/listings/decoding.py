"""Decode the bytes of a file as JSON, or report why they are not JSON and what to do about it.

msgspec is strict and keeps integers exact. What its errors describe poorly (a compressed file, an HTML page, another
encoding) is detected here, before or after it.
"""

import re
from typing import Any

import msgspec

from ghost_pipeline.errors import AdvisedError
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

FETCH_AGAIN = "fetch the listing again"
_SAVE_AS_UTF8 = f"save the listing as UTF-8 or {FETCH_AGAIN}"


class Malformed(AdvisedError):
    """A listing that can't be read: what is wrong, and where."""

    def __init__(self, reason: str, advice: str = FETCH_AGAIN) -> None:
        super().__init__(reason, advice)


def decode_json(content: bytes) -> Any:
    """Return the JSON value in ``content``.

    Raises Malformed if it is not JSON, RecursionError if it is nested too deeply.
    """
    text = content.removeprefix(_UTF8_BOM)
    _reject_non_json(text)
    try:
        return _decode(text)
    except UnicodeDecodeError:
        raise _encoding_error(text) or Malformed("the file is not UTF-8", _SAVE_AS_UTF8) from None
    except msgspec.ValidationError as error:
        raise Malformed(f"the JSON contains a number that can't be read ({str(error)[:_MAX_DETAIL]})") from None
    except msgspec.DecodeError as error:
        raise _syntax_error(str(error), text) from None


def _reject_non_json(text: bytes) -> None:
    if not text:
        raise Malformed("the file is empty (0 bytes of content)")
    for magic, compression in _COMPRESSIONS.items():
        if text.startswith(magic):
            raise Malformed(f"the file is {compression}-compressed", "decompress it")
    for boms, encoding in ((_UTF32_BOMS, "UTF-32"), (_UTF16_BOMS, "UTF-16")):
        if text.startswith(boms):
            raise Malformed(f"the file is {encoding}, not UTF-8", _SAVE_AS_UTF8)
    start = text[:_HEAD].lstrip()
    if not start and not text.strip():
        raise Malformed("the file contains only white space")
    if start.startswith(b"<"):
        raise Malformed(f"the file is an HTML or XML page{_title_of(start)}, not JSON")


def _title_of(markup: bytes) -> str:
    title = _MARKUP_TITLE.search(markup)
    return f" titled {quote_redacted(title.group(1).decode('utf-8', 'replace'))}" if title else ""


def _encoding_error(text: bytes) -> Malformed | None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        return Malformed(f"the file is not UTF-8 (byte {error.start})", _SAVE_AS_UTF8)
    if text.find(b"\x00", 0, _HEAD) >= 0:
        return Malformed("the file is not UTF-8 text (it contains NUL bytes)", _SAVE_AS_UTF8)
    return None


_SYNTAX_ERROR = re.compile(r"(?:JSON is malformed: )?(.*)", re.DOTALL)
"""msgspec's error, without the words that the reason has already."""


def _syntax_error(report: str, text: bytes) -> Malformed:
    if "truncated" in report:
        return Malformed(f"the JSON is cut off after {len(text)} bytes")
    if "trailing characters" in report:
        position = report[report.rfind("(") :]
        reason = f"unexpected data after the end of the JSON {position}"
        return Malformed(reason, f"keep one JSON document per file or {FETCH_AGAIN}")
    detail = _SYNTAX_ERROR.fullmatch(report)
    return _encoding_error(text) or Malformed(f"the file is not valid JSON: {detail[1] if detail else report}")
