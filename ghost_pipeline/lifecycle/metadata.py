"""What a run-time client may say of a model besides that it answered."""

import json
from collections.abc import Mapping
from typing import Any

from ghost_pipeline.errors import InvalidMetadata

MAX_METADATA_BYTES = 64 * 1024
MAX_METADATA_DEPTH = 32

_encoded = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def checked_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """``metadata`` as plain JSON values, detached from the caller's objects; None if there is none.

    Raises InvalidMetadata for what is no JSON object of at most 64 KiB: NaN, bytes, cycles, lone surrogates, NUL.
    """
    return None if metadata is None else {key: json.loads(text) for key, text in metadata_texts(metadata).items()}


def metadata_texts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Each value of ``metadata`` as JSON text, detached from the caller's objects.

    Costs no more than 64 KiB of it do, whatever its size: the rest is not looked at. Raises InvalidMetadata as
    :func:`checked_metadata` does.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidMetadata(f"metadata must be a JSON object, not {type(metadata).__name__}")
    try:
        plain = _PlainCopy().of_mapping(metadata, MAX_METADATA_DEPTH)
        texts = {key: _encoded(value) for key, value in plain.items()}
        size = sum(map(text_bytes, texts, texts.values()))
    except InvalidMetadata:
        raise
    except Exception as error:  # the objects are the caller's: reading them may raise anything
        raise InvalidMetadata(f"metadata can't be kept as JSON: {type(error).__name__}: {str(error)[:200]}") from error
    if size > MAX_METADATA_BYTES:
        raise _too_large()
    return texts


def text_bytes(key: str, text: str) -> int:
    """How much one value counts against MAX_METADATA_BYTES. Raises UnicodeEncodeError for a lone surrogate."""
    return len(key.encode()) + len(text.encode())


def _too_large() -> InvalidMetadata:
    return InvalidMetadata(f"metadata has more than {MAX_METADATA_BYTES:,} bytes of JSON: keep less of it")


class _PlainCopy:
    """Copies values to plain JSON ones; gives up when what it has met can't fit any more."""

    def __init__(self) -> None:
        self._left = MAX_METADATA_BYTES

    def of_mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copied = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InvalidMetadata(f"a key in metadata must be a string, not {type(key).__name__}")
            copied[self._text(key)] = self._of(inner, depth - 1)
        return copied

    def _of(self, value: object, depth: int) -> object:
        if depth < 0:
            raise InvalidMetadata(f"metadata is nested more than {MAX_METADATA_DEPTH} deep, or holds itself")
        self._spend(1)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self.of_mapping(value, depth)
        if isinstance(value, (list, tuple)):
            return [self._of(inner, depth - 1) for inner in value]
        raise InvalidMetadata(f"metadata holds a value of type {type(value).__name__}, which JSON has not")

    def _text(self, value: str) -> str:
        text = str.__str__(value)
        self._spend(len(text))
        if "\x00" in text:
            raise InvalidMetadata("metadata holds a NUL character, which the catalog can't keep")
        return text

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise _too_large()
