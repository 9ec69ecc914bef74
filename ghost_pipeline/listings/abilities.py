"""From providers' words for what a model can do to the one vocabulary (lifecycle.vocabulary.CAPABILITIES).

A word that is in no table says nothing: only what the fields say is mapped. Answers are cached, because the rows of a
listing mostly repeat the same few lists of words.
"""

from collections.abc import Mapping
from functools import lru_cache


class Meanings:
    """The capabilities that the words of one field stand for."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self.table = dict(table)


INPUTS = Meanings({"image": "vision", "images": "vision", "audio": "audio", "speech": "audio"})
"""Input modalities. Text and files as input are no capability of their own, and there is no word for video input."""

OUTPUTS = Meanings(
    {
        "text": "text",
        "transcription": "text",
        "image": "image_generation",
        "images": "image_generation",
        "audio": "speech",
        "speech": "speech",
        "video": "video",
        "embedding": "embedding",
        "embeddings": "embedding",
        "rerank": "rerank",
    }
)
"""Output modalities."""


@lru_cache(maxsize=4096)
def meaning(words: tuple[str, ...] | None, meanings: Meanings) -> tuple[str, ...]:
    """The capabilities that ``words`` stand for."""
    return tuple([meanings.table[word] for word in words if word in meanings.table]) if words else ()


def flagged(*flags: tuple[bool | None, str]) -> tuple[str, ...]:
    """The capabilities whose flag is true."""
    return tuple([capability for is_said, capability in flags if is_said])


@lru_cache(maxsize=4096)
def capabilities(*found: tuple[str, ...]) -> tuple[str, ...] | None:
    """All of ``found``, sorted and once each; None if there is nothing, because silence is no "can't"."""
    return tuple(sorted({capability for part in found for capability in part})) or None
