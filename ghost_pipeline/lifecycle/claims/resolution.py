"""Which of several statements of a fact counts, and where sources contradict each other.

The rule is :func:`resolve`, fact by fact: an operator counts before the provider's own listing, that before what was
reported with an inference, and references come last, in the configured order. A fact that no source states stays
unknown. A reference's price of 0 fills no gap: there 0 is filler or a subscription as often as a price, and a model
must not appear free because a third party has no price for it. For the same reason nothing states ``is_free``.

Capabilities are resolved word by word, because a list seldom has all of them: each source adds the words that it
states, and an absent word is not a "no". There are two exceptions. An operator's list is complete, so that a word can
be corrected. A provider's listing decides those words that its format always states (``Claim.decided_words``): what it
lacks of them, it denies. Both count if the list is known and not empty of all words. Aliases are united in the same
way, and no source denies one: an id that one source states is not contradicted by another that another one states.

The order in which claims arrive never matters, and without a reference's claims the result is what it was before them.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ghost_pipeline.lifecycle.claims.operator_facts import manual_facts
from ghost_pipeline.lifecycle.facts import FACTS, FactKind
from ghost_pipeline.lifecycle.records import FilledRecord, ModelRecord
from ghost_pipeline.lifecycle.vocabulary import CAPABILITIES, Source

REFERENCE_PREFIX = "reference:"

ANSWERS = "inference"
"""What stands in place of the name of a reference for what responses state: its source is that of inferences."""

STATED_SOURCES: Mapping[Source, str] = {
    Source.MANUAL: "manual",
    Source.INDEX: "listing",
    Source.INFERENCE: "inference",
}
"""The channel of evidence -> the source of a claim, the strongest first."""

_MANUAL, _LISTED, _USED = (STATED_SOURCES[one] for one in (Source.MANUAL, Source.INDEX, Source.INFERENCE))
_RANKS = {name: rank for rank, name in enumerate(STATED_SOURCES.values())}

REFERENCE_FACTS = (
    *("name", "context_window", "max_output_tokens", "input_price", "output_price", "capabilities"),
    *("aliases", "family"),
)
"""Facts that references fill."""

UNITED_FACTS = ("capabilities", "aliases")
"""Facts that are lists of words, to which several sources contribute."""

SHOWN_FACTS = ("expires_at", "prices")
"""Facts that references state and do not fill: a date of retirement would start what only an announcement of the
provider starts, and the amounts of ``prices`` belong to the two columns of the same source."""

CLAIMED_FACTS = (*REFERENCE_FACTS, *SHOWN_FACTS)
"""Facts that a reference can state."""

SOURCE_SUFFIX = "_source"

SOURCE_COLUMNS = tuple(f"{fact}{SOURCE_SUFFIX}" for fact in REFERENCE_FACTS)
"""Columns of tables and exports that name the source of a fact of a model."""

_KINDS = {fact.name: fact.kind for fact in FACTS}

_COMPARED = (FactKind.TOKENS, FactKind.PRICE, FactKind.INSTANT)

COMPARED_FACTS = tuple(name for name in CLAIMED_FACTS if _KINDS[name] in _COMPARED)
"""Facts on which sources can contradict each other: numbers and days. Names differ in style, and an absent capability
is not a "no"."""

SAME_WITHIN = 1e-6
"""Two numbers that differ by less, relative to the larger one, are the same number in different units."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source states of one fact of a model."""

    fact: str
    value: Any
    """As ``Facts`` has it: tokens, USD per million tokens, an instant."""
    source: str
    """``manual``, ``listing``, ``inference``, or ``reference:`` and the name of the reference."""
    first_stated_at: datetime | None = None
    """Since when the source states this value; None if that is not recorded."""
    last_stated_at: datetime | None = None
    """None for a value of a listing of which the newest listing states another, implausible one."""
    sha256: str | None = None
    """Digest of the bytes that state it: the newest listing that does, or the file in which a reference stated it
    first. None for operators, uses and responses, which state without a file, and for a listing that the model does not
    have."""
    decided_words: Collection[str] = ()
    """Capabilities that the source denies where its value lacks them, besides an operator, who decides all."""
    word_sources: Mapping[str, str] | None = None
    """Capability or alias -> its source, in a result of ``resolve`` to which several sources contribute; ``source`` is
    the strongest of them."""


def reference_source(name: str) -> str:
    """Return the source of the claims of a reference, or of ``ANSWERS``."""
    return name if name == ANSWERS else f"{REFERENCE_PREFIX}{name}"


def is_reference(source: str) -> bool:
    """Return True if the source of a claim is a reference."""
    return source.startswith(REFERENCE_PREFIX)


def stated_source(model: ModelRecord, fact: str) -> str | None:
    """Return the source of a fact of REFERENCE_FACTS, as far as the model alone shows it; None for an unknown one.

    Only what an operator stated is an operator's, whatever else a MANUAL model has. A listing that contains a model
    states all its other facts but the name anew, and a use states the name alone. Who stated a name exactly follows
    from the events of the model.
    """
    if getattr(model, fact) is None:
        return None
    filled = model.facts_from_references if type(model) is FilledRecord else {}
    if fact in filled:
        return filled[fact]
    own = _own_source(model, fact)
    return own if fact not in UNITED_FACTS else name_word_sources(fact, own, words_of(getattr(model, fact)), filled)


def _own_source(model: ModelRecord, fact: str) -> str:
    """Return who states a known fact that no reference fills."""
    if fact in manual_facts(model):
        return _MANUAL
    is_listed = model.listing_id is not None or model.last_listed_at is not None
    if model.source is Source.INFERENCE:
        return _LISTED if is_listed and fact != "name" else _USED
    is_only_used = model.source is Source.MANUAL and not is_listed and model.last_used_at is not None
    return _USED if is_only_used and fact == "name" else _LISTED


def price_source(model: ModelRecord) -> str | None:
    """Return who states the prices: one source, or that of the input price and then that of the output price."""
    sources = (stated_source(model, fact) for fact in ("input_price", "output_price"))
    return ", ".join(dict.fromkeys(one for one in sources if one is not None)) or None


def rank_source(source: str, order: Sequence[str]) -> int:
    """Return the place of a source in the order in which sources count, 0 for the first.

    ``order`` has the names of references. Those that it lacks come last.
    """
    if not is_reference(source):
        return _RANKS.get(source, len(_RANKS))
    name = source.removeprefix(REFERENCE_PREFIX)
    return len(_RANKS) + 1 + (order.index(name) if name in order else len(order))


def sort_claims(claims: Iterable[Claim], order: Sequence[str]) -> list[Claim]:
    """Return the claims by the order in which their sources count; equal ranks by name."""
    return sorted(claims, key=lambda claim: (rank_source(claim.source, order), claim.source, repr(claim.value)))


def fills_gap(claim: Claim) -> bool:
    """Return True if the claim counts where no stronger source states the fact."""
    if claim.value is None:
        return False
    if not is_reference(claim.source):
        return True
    if claim.fact == "capabilities":
        return bool(claim.value)
    is_price = _KINDS[claim.fact] is FactKind.PRICE
    return claim.fact in REFERENCE_FACTS and not (is_price and claim.value == 0)


def resolve(claims: Iterable[Claim], order: Sequence[str]) -> dict[str, Claim]:
    """Return fact -> the claim that counts, of the facts that any source states."""
    found: dict[str, Claim] = {}
    counting = [claim for claim in sort_claims(claims, order) if fills_gap(claim)]
    for claim in counting:
        found.setdefault(claim.fact, claim)
    for fact in UNITED_FACTS:
        words = find_word_sources(claim for claim in counting if claim.fact == fact)
        strongest = found.get(fact)
        if strongest is not None and words.keys() != set(words_of(strongest.value)):
            found[fact] = replace(strongest, value=join_words(fact, words), word_sources=words)
    return {name: found[name] for name in _KINDS if name in found}


def find_word_sources(claims: Iterable[Claim]) -> dict[str, str]:
    """Return each word that counts, sorted, with the strongest source that states it.

    The claims are of one fact of UNITED_FACTS of one model, and the strongest comes first.
    """
    found: dict[str, str] = {}
    decided: set[str] = set()
    for claim in claims:
        words = words_of(claim.value)
        found |= {word: claim.source for word in words if word not in found and word not in decided}
        if claim.fact == "capabilities":
            decided |= set(CAPABILITIES if claim.source == _MANUAL else claim.decided_words)
    return dict(sorted(found.items()))


def words_of(value: Any) -> Sequence[str]:
    """Return the words of a value of UNITED_FACTS: capabilities are a list, aliases a text with spaces between."""
    return value.split() if isinstance(value, str) else tuple(value or ())


def join_words(fact: str, words: Iterable[str]) -> Any:
    """Return the value of a fact of UNITED_FACTS that consists of words; ``words_of`` returns them again."""
    return " ".join(words) if fact == "aliases" else tuple(words)


def group_words(claim: Claim) -> dict[str, list[str]]:
    """Return source -> the words that count of it, the strongest source first, of a result of ``resolve``."""
    found: dict[str, list[str]] = {claim.source: []}
    for word in words_of(claim.value):
        source = claim.source if claim.word_sources is None else claim.word_sources[word]
        found.setdefault(source, []).append(word)
    return found


def word_key(word: str, fact: str = "capabilities") -> str:
    """Return the name of one word among facts, such as ``capabilities.tools`` or ``aliases.openai/gpt-4o``."""
    return f"{fact}.{word}"


def name_word_sources(fact: str, own: str, words: Iterable[str], filled: Mapping[str, str]) -> str:
    """Return the sources of a list of words, the catalog's own first, with commas between.

    Args:
        fact: One of UNITED_FACTS.
        own: Who states the words that no reference adds.
        words: The capabilities or aliases.
        filled: ``word_key`` of a word -> the source that adds it.
    """
    sources = [filled.get(word_key(word, fact), own) for word in words] or [own]
    return ", ".join(sorted(dict.fromkeys(sources), key=lambda source: source != own))


@dataclass(frozen=True, slots=True)
class Conflict:
    """Sources that contradict each other on one fact of a model."""

    provider_id: str
    model_id: str
    fact: str
    winner: Claim
    """The claim that counts."""
    others: tuple[Claim, ...]
    """The claims that contradict it, the strongest first."""
    factor: float | None
    """The largest value divided by the smallest one; None if that is 0 or almost 0, and for dates."""
    since: datetime | None
    """When the newest of these claims was first stated."""
    reason: str
    """Why the winner counts."""


def find_conflicts(provider_id: str, model_id: str, claims: Iterable[Claim], order: Sequence[str]) -> list[Conflict]:
    """Return the facts on which the claims of one model contradict each other, in the order of ``COMPARED_FACTS``."""
    by_fact: dict[str, list[Claim]] = defaultdict(list)
    for claim in sort_claims(claims, order):
        if claim.value is not None:
            by_fact[claim.fact].append(claim)
    outputs = {claim.value for claim in by_fact["max_output_tokens"]}
    found = []
    for fact in COMPARED_FACTS:
        stated = by_fact[fact]
        winner = next((claim for claim in stated if fills_gap(claim)), None)
        if winner is None:
            continue
        others = tuple(
            one for one in stated if one is not winner and not _agree(fact, winner.value, one.value, outputs)
        )
        if others:
            found.append(_conflict(provider_id, model_id, winner, others))
    return found


def _agree(fact: str, one: Any, other: Any, outputs: Collection[float]) -> bool:
    if isinstance(one, datetime):
        return bool(one.date() == other.date())  # most sources have a day and no time
    difference = abs(one - other)
    if difference <= SAME_WITHIN * max(abs(one), abs(other)):
        return True
    # Some sources state the longest input instead, which is the context window without the longest answer.
    return fact == "context_window" and difference in outputs


def _conflict(provider_id: str, model_id: str, winner: Claim, others: tuple[Claim, ...]) -> Conflict:
    values = [winner.value, *(claim.value for claim in others)]
    starts = [claim.first_stated_at for claim in (winner, *others) if claim.first_stated_at is not None]
    return Conflict(
        provider_id,
        model_id,
        winner.fact,
        winner,
        others,
        factor=None if isinstance(winner.value, datetime) else _factor(min(values), max(values)),
        since=max(starts, default=None),
        reason=_REASONS.get(winner.source, "it is the first of the configured references"),
    )


def _factor(smallest: float, largest: float) -> float | None:
    factor = largest / smallest if smallest > 0 else math.inf
    return factor if math.isfinite(factor) else None  # JSON has no infinity


_REASONS = {
    "manual": "an operator counts before every other source",
    "listing": "the provider's own listing counts before references",
    "inference": "what was reported with a use counts before references",
}
