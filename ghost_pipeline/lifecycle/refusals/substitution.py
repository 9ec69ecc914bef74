"""Whether the model that a response names is the one that was requested.

What belongs here: which spellings of ids mean the same model for a provider's answer. Providers name a dated snapshot
where a client names the model (``gpt-4o-2024-08-06`` for ``gpt-4o``), add or leave out paths and tags, and some serve a
withdrawn id by its successor. Not here: what is recorded then (``catalog``).
"""

import re
from collections import Counter
from functools import lru_cache

MAX_COMPARED_LENGTH = 512
"""Characters of an id that are compared; the catalog stores no longer ones."""

_DATE = re.compile(
    r"(?<!\d)(?:"
    r"20\d{2}-\d{2}-\d{2}"  # OpenAI: 2024-08-06
    r"|20\d{6}"  # Anthropic and Vertex AI: 20241022
    r"|(?:0[1-9]|1[0-2])-20\d{2}(?!-\d)"  # Gemini: 09-2025
    r"|(?<=preview-)\d{2}-\d{2}|(?<=exp-)\d{2}-\d{2}"  # Gemini: preview-06-05
    r"|\d{4}"  # Mistral, OpenAI, xAI: 2411, 0613
    r"|00\d"  # Gemini, OpenAI's embeddings: 001
    r")(?!\d)"
)
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_VERSION = re.compile(r"v\d{1,2}")
_ALIAS_WORDS = frozenset({"latest", "preview", "exp", "experimental", "stable", "0"})
"""Words that an alias has and the snapshot behind it has not, or the reverse. Anthropic's ``claude-sonnet-4-0`` is
``claude-sonnet-4-20250514``."""
_MOVING = frozenset({"latest", "auto", "router"})
"""Words of an id that means whichever model the provider chooses; none can take the place of another."""


def answers_for(requested: str, answered: str | None) -> bool:
    """Return False if a response that names ``answered`` came from another model than the ``requested`` one.

    In doubt the answer is True: a dated snapshot, an alias, another spelling, a name that is none.

    >>> answers_for("gpt-4o", "gpt-4o-2024-08-06"), answers_for("grok-3", "grok-4.3")
    (True, False)
    """
    if not isinstance(answered, str) or not isinstance(requested, str) or requested == answered:
        return True
    return _is_same(requested[:MAX_COMPARED_LENGTH], answered[:MAX_COMPARED_LENGTH])


@lru_cache(maxsize=1_024)  # a gateway compares the same two names with every response
def _is_same(requested: str, answered: str) -> bool:
    requested, answered = _trim(requested, answered)
    if not answered or requested == answered:
        return True
    asked, got = _read(requested), _read(answered)
    if not asked.words or not got.words or asked.words.keys() & _MOVING:
        return True
    return _has_same_words(asked, got)


def _has_same_words(asked: "_Words", got: "_Words") -> bool:
    """Return True if the ids differ by words of aliases, versions and dates alone."""
    missing, extra = asked.words - got.words, got.words - asked.words
    if any(word not in _ALIAS_WORDS for word in missing):
        return False
    if any(word not in _ALIAS_WORDS and not _VERSION.fullmatch(word) for word in extra):
        return False
    return asked.dates <= got.dates or got.dates <= asked.dates


def is_response_alias(requested: str, answered: str) -> bool:
    """Return True if a response that names ``answered`` states another id of the ``requested`` model.

    Unlike ``answers_for`` it is False in doubt: an id that means whichever model the provider chooses, such as
    ``openrouter/auto``, has no alias. So is another spelling of the same id.

    >>> is_response_alias("gpt-4o", "gpt-4o-2024-08-06"), is_response_alias("openrouter/auto", "openai/gpt-4o")
    (True, False)
    """
    # Between aliases are spaces, so an id with one can't be such.
    return not any(one.isspace() for one in answered) and _is_alias(
        requested[:MAX_COMPARED_LENGTH], answered[:MAX_COMPARED_LENGTH]
    )


@lru_cache(maxsize=1_024)
def _is_alias(requested: str, answered: str) -> bool:
    asked, got = (_read(one) for one in _trim(requested, answered))
    if not asked.words or (asked.words, asked.dates) == (got.words, got.dates):
        return False
    return _has_same_words(asked, got) and not got.words.keys() & _MOVING


class _Words:
    """The words of an id, in whatever order (OpenRouter answers ``claude-4-sonnet`` for ``claude-sonnet-4``)."""

    __slots__ = ("dates", "words")

    def __init__(self, words: Counter[str], dates: frozenset[str]) -> None:
        self.words = words
        self.dates = dates


def _read(model_id: str) -> _Words:
    dates = frozenset(date.replace("-", "") for date in _DATE.findall(model_id))
    return _Words(Counter(word for word in _SEPARATORS.split(_DATE.sub(" ", model_id)) if word), dates)


def _trim(requested: str, answered: str) -> tuple[str, str]:
    """Return both ids in lower case, without the path or the tag that only one of them has."""
    requested, answered = (one.strip().casefold().removeprefix("models/") for one in (requested, answered))
    if requested.count("/") != answered.count("/"):  # a maker's or a provider's prefix, a path of resources
        requested, answered = (one.rsplit("/", 1)[-1] for one in (requested, answered))
    if (":" in requested) != (":" in answered):  # OpenRouter's :free, Ollama's :latest, Bedrock's :0
        requested, answered = (one.split(":", 1)[0] for one in (requested, answered))
    return requested, answered
