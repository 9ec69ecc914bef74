"""Notes by model, with a limit to how much memory they take."""

from collections.abc import Iterable

from ghost_pipeline.client.drops import Drops
from ghost_pipeline.client.noted import Noted, learned_bytes, merged

Model = tuple[str, str]
"""Provider and model: as the caller spells them, or as the catalog does."""

MAX_LEARNED_BYTES = 8 * 1024 * 1024


class Notes:
    """At most one note a model, of at most ``max_models`` models, with at most MAX_LEARNED_BYTES of metadata.

    What is over the limits is counted in ``drops``.
    """

    def __init__(self, max_models: int, drops: Drops) -> None:
        self.by_model: dict[Model, Noted] = {}
        self.drops = drops
        self.learned_bytes = 0
        self._max_models = max_models

    def fold(self, model: Model, noted: Noted) -> None:
        """Note ``noted`` besides what is noted of the model already."""
        known = self.by_model.get(model)
        if known is None and len(self.by_model) >= self._max_models:
            self.drops.add("full", f"more than {self._max_models:,} models wait to be written")
            return
        both = noted if known is None else merged(known, noted)
        grown = learned_bytes(both) - learned_bytes(known)
        if grown > 0 and self.learned_bytes + grown > MAX_LEARNED_BYTES:
            self.drops.add("metadata", f"more than {MAX_LEARNED_BYTES:,} bytes of metadata wait to be written")
            both, grown = (both[0], both[1], None if known is None else known[2]), 0
        self.by_model[model] = both
        self.learned_bytes += grown

    def remove(self, models: Iterable[Model]) -> None:
        """Take out the notes of these models."""
        self.learned_bytes -= sum(learned_bytes(self.by_model.pop(model)) for model in models)
