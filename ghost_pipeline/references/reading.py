"""What all formats of references share: how a file is read, and how an entry is matched to a provider's model.

An entry belongs to the model whose provider and canonical id are exactly those of the entry. Names of providers have
other spellings, which are in ``lifecycle/identity.py`` and, for groups of models that a reference lists by themselves,
in SPELLINGS. Ids have none besides the prefix that a format documents: ``gpt-x-2026-01-01`` is not ``gpt-x``.

Two entries that state different numbers or names of one model state nothing of it; their capabilities are united.
"""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ghost_pipeline.errors import InvalidModelId, InvalidProvider
from ghost_pipeline.lifecycle.claims.resolution import CLAIMED_FACTS
from ghost_pipeline.lifecycle.facts import Facts
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug
from ghost_pipeline.listings.decoding import Malformed, decode_json
from ghost_pipeline.providers.price_sheet import BASE, Bounds, PriceSheet
from ghost_pipeline.providers.values import PriceUnit
from ghost_pipeline.providers.wire_format import Fields, FieldWarnings, merge_capabilities

READING_VERSION = 2
"""Raise it whenever the code that all formats share gives another result."""

MAX_BYTES = 64_000_000
"""Of a reference. The largest known one has 3,000,000."""

MAX_ENTRIES = 200_000
"""Entries of a reference that are read. The largest known one has 5,000."""

EXAMPLES = 5
"""Entries that are named of those that were not understood."""

SPELLINGS: Mapping[str, str] = {
    # models.dev lists Anthropic's models on Vertex AI by themselves, LiteLLM each publisher's
    "google-vertex-anthropic": "vertex",
    "vertex-ai-language-models": "vertex",
    "vertex-ai-text-models": "vertex",
    "vertex-ai-embedding-models": "vertex",
    "vertex-ai-video-models": "vertex",
    "vertex-ai-anthropic-models": "vertex",
    "vertex-ai-mistral-models": "vertex",
    "vertex-ai-llama-models": "vertex",
    "vertex-ai-ai21-models": "vertex",
    "vertex-ai-deepseek-models": "vertex",
    "vertex-ai-qwen-models": "vertex",
    "vertex-ai-openai-models": "vertex",
    "vertex-ai-minimax-models": "vertex",
    "vertex-ai-moonshot-models": "vertex",
    "vertex-ai-zai-models": "vertex",
    "fireworks-ai-embedding-models": "fireworks",
    "meta-llama": "meta",
}
"""Slug of a group of models in a reference -> slug of the provider."""

_SAME = (("moonshot", "moonshotai"), ("voyage", "voyageai"))

OTHER_NAMES: Mapping[str, str] = {one: other for pair in _SAME for one, other in (pair, pair[::-1])}
"""Slug of a provider -> the other one of the same provider. LiteLLM has the shorter name, models.dev and genai-prices
the longer one; a catalog has either, so that what is stated of one counts for both."""

Key = tuple[str, str]
"""Provider slug and canonical model id."""


@dataclass(frozen=True, slots=True)
class ParsedReference:
    """What a file states of models, or in ``malformed_reason`` why it can't be read."""

    format_version: str
    entry_count: int = 0
    """Entries of the file, understood or not."""
    facts: Mapping[Key, Facts] = field(default_factory=dict)
    """Model -> the facts that are stated of it."""
    warnings: tuple[str, ...] = ()
    """What was not understood, in one line each."""
    malformed_reason: str | None = None


class EntryCollector:
    """Collects the entries of a reference by provider and model, and what was not understood of them."""

    def __init__(self) -> None:
        self.entry_count = 0
        self._facts: dict[Key, dict[str, Any]] = {}
        self._ambiguous: dict[str, set[Key]] = {}
        self._unusable: dict[str, list[str]] = {}
        self._fields = FieldWarnings()

    def fields(self, entry: Mapping[str, Any], name: str) -> Fields:
        """Return the fields of an entry; those that can't be read are noted under its name."""
        return Fields(entry, name[:80], self._fields)

    def note(self, problem: str, name: object) -> None:
        """Note that an entry is not used, and why."""
        self._unusable.setdefault(problem, []).append(str(name)[:80])

    def count_entry(self) -> None:
        """Count an entry of the file. Raises Malformed if there are too many."""
        self.entry_count += 1
        if self.entry_count > MAX_ENTRIES:
            raise Malformed(f"the file has more than {MAX_ENTRIES:,} entries", "check that it is the right file")

    def add(self, provider: object, model_id: object, facts: Facts) -> None:
        """Add what an entry states of a model, whatever the spelling of its provider."""
        try:
            slug = provider_slug(provider)  # type: ignore[arg-type]  # anything but a string raises InvalidProvider
            slug = SPELLINGS.get(slug, slug)
            canonical = canonical_model_id(slug, model_id)  # type: ignore[arg-type]
        except InvalidProvider:
            self.note("entries without a usable provider", model_id)
            return
        except InvalidModelId:
            self.note("entries without a usable id", provider)
            return
        self._state((slug, canonical), facts)
        if slug in OTHER_NAMES:
            self._state((OTHER_NAMES[slug], canonical), facts)

    def _state(self, key: Key, facts: Facts) -> None:
        stated = self._facts.setdefault(key, {})
        for name in CLAIMED_FACTS:
            value = getattr(facts, name)
            if name == "capabilities":
                value = merge_capabilities(value or (), stated.get(name, ()))  # an absent one is not a "no"
                stated |= {} if value is None else {name: value}
            elif value is not None and stated.setdefault(name, value) != value:
                self._ambiguous.setdefault(name, set()).add(key)

    def parsed(self, format_version: str) -> ParsedReference:
        """Return what was collected."""
        for name, keys in self._ambiguous.items():
            for key in keys:
                del self._facts[key][name]
        facts = {key: Facts(**stated) for key, stated in self._facts.items() if stated}
        return ParsedReference(format_version, self.entry_count, facts, self._warnings())

    def _warnings(self) -> tuple[str, ...]:
        problems = {problem: names for problem, names in self._unusable.items() if names}
        problems |= {
            f"{name} differs between entries and counts as unknown": [key[1] for key in sorted(keys)]
            for name, keys in self._ambiguous.items()
        }
        sentences = (f"{problem}: {len(names):,} ({_examples(names)})" for problem, names in sorted(problems.items()))
        return (*sentences, *self._fields.sentences())


def _examples(names: list[str]) -> str:
    shown = ", ".join(names[:EXAMPLES])
    return f"{shown}, …" if len(names) > EXAMPLES else shown


def state_price(sheet: PriceSheet, fields: Fields, name: str, unit: PriceUnit, *path: str, tier: Bounds = BASE) -> None:
    """Record the price in a field, if there is one that can be read."""
    amount = fields.price(unit, *path)
    if amount is not None:
        sheet.state(name, amount, tier)


def priced_facts(sheet: PriceSheet) -> dict[str, Any]:
    """Return the facts that a sheet states; ``prices`` only if it has more than the two columns."""
    prices = sheet.prices() or {}
    return {
        "input_price": sheet.column("input"),
        "output_price": sheet.column("output"),
        "prices": prices if prices.keys() - {"input", "output"} else None,
    }


@dataclass(frozen=True, slots=True)
class ReferenceFormat:
    """One format of references."""

    name: str
    version: int
    """Raise it whenever ``read`` gives another result."""
    read: Callable[[Any, datetime, EntryCollector], None]
    """(JSON value, instant, collector) -> adds every entry. Raises Malformed for another shape."""
    description: str
    """For people: where its file comes from."""

    @property
    def full_version(self) -> str:
        """Name and version of what reads the format. The same bytes and the same version give the same claims."""
        return f"{self.name}/{READING_VERSION}.{self.version}"


def parse_with(reference_format: ReferenceFormat, content: bytes, at: datetime) -> ParsedReference:
    """Return what a file of the format states. Never raises: see ``ParsedReference.malformed_reason``."""
    collector = EntryCollector()
    was_enabled = gc.isenabled()
    gc.disable()  # parsing creates many objects and no cycles
    try:
        if len(content) > MAX_BYTES:
            raise Malformed(f"the file has more than {MAX_BYTES:,} bytes", "check that it is the right file")
        reference_format.read(_decode(content), at, collector)
    except Malformed as error:
        return ParsedReference(reference_format.full_version, malformed_reason=str(error))
    except RecursionError:
        reason = "the JSON is nested too deeply to be a reference"
        return ParsedReference(reference_format.full_version, malformed_reason=reason)
    finally:
        if was_enabled:
            gc.enable()
    return collector.parsed(reference_format.full_version)


def _decode(content: bytes) -> Any:
    try:
        return decode_json(content)
    except Malformed as error:
        raise Malformed(error.reason, "check the file, or download it again") from None


def wrong_shape(expected: str) -> Malformed:
    """Return the error for a document of another shape."""
    return Malformed(f"the file is not {expected}", "check that it belongs to the reference that --as names")
