"""The body of an answer, never more of it in memory than is allowed.

httpx unpacks a whole chunk at once, and 64 kB of gzip can be 64 MB of zeros; so the unpacking is done here, in bounded
steps.
"""

import zlib
from collections.abc import AsyncIterator

import httpx

from ghost_pipeline.fetching.faults import Fault, PassingFault

ACCEPTED_ENCODING = "gzip"
_GZIP = 16 + zlib.MAX_WBITS
_PLAIN_NAMES = frozenset({"", "identity"})
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})


async def read_whole(response: httpx.Response, max_bytes: int) -> bytes:
    """The unpacked body.

    Raises Fault for one of more than ``max_bytes``, PassingFault for one that ends early.
    """
    stated = response.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    async for part in _unpacked(response, max_bytes):
        body += part
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


async def read_beginning(response: httpx.Response, max_bytes: int) -> bytes:
    """The first ``max_bytes`` of a body that is only to be quoted; empty if it can't be read."""
    body = bytearray()
    try:
        async for part in _unpacked(response, max_bytes):
            body += part
            if len(body) >= max_bytes:
                break
    except (Fault, httpx.TransportError):
        return b""
    return bytes(body[:max_bytes])


def _too_large(max_bytes: int) -> Fault:
    return Fault(f"the answer is larger than {max_bytes:,} bytes; if that is right, raise GHOST_FETCH_MAX_BYTES")


async def _unpacked(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN_NAMES:
        async for part in response.aiter_raw():
            yield part
    elif encoding in _GZIP_NAMES:
        async for part in _from_gzip(response, max_bytes):
            yield part
    else:
        raise Fault("the answer is packed in a way that was not asked for (only gzip was)")


async def _from_gzip(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    unpacking = zlib.decompressobj(_GZIP)
    try:
        async for packed in response.aiter_raw():
            rest = packed
            while rest:
                part = unpacking.decompress(rest, max_bytes + 1)
                rest = unpacking.unconsumed_tail
                if part:
                    yield part
                if unpacking.unused_data:
                    raise Fault("more follows after the end of the gzip-packed answer")
    except zlib.error:
        raise Fault("the answer says that it is gzip-packed and is not") from None
    if not unpacking.eof:
        raise PassingFault("the gzip-packed answer ends early")
