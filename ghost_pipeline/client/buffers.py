"""Where calls note sightings: one buffer a thread, so that no call ever waits for another.

A buffer is written by its own thread alone. The one that collects takes notes out with ``dict.pop``, and each step of
either is one indivisible operation on a dictionary. So nothing is lost between them and nobody holds a lock; at worst
a note is collected twice, which says the same twice.
"""

import threading
import weakref

from ghost_pipeline.client.drops import Drops
from ghost_pipeline.client.notes import Notes
from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.identity import canonical_model_id, provider_slug


class Buffer:
    """What one thread noted and dropped."""

    def __init__(self, max_models: int) -> None:
        self.drops = Drops()
        self.notes = Notes(max_models, self.drops)
        self.generation = 0


class _Life:
    """Ends with the thread in whose locals it is."""


class Mine(threading.local):
    """In each thread, the buffer of that thread; it joins ``buffers`` at its first use."""

    def __init__(self, buffers: "Buffers") -> None:
        self._life = _Life()
        self.buffer = buffers.join(self._life)
        self.by_model = self.buffer.notes.by_model


class Buffers:
    """The buffers of all threads. Collecting is for one thread at a time."""

    def __init__(self, max_models: int) -> None:
        self._max_models = max_models
        self._all: list[tuple[weakref.ref[_Life], Buffer]] = []
        self.drops = Drops()
        """What was dropped while collecting and writing, and by threads that are over."""
        self.generation = 0
        """How often was collected."""

    def __len__(self) -> int:
        return len(self._all)

    def join(self, life: _Life) -> Buffer:
        """A buffer that is collected until ``life`` ends."""
        buffer = Buffer(self._max_models)
        self._all.append((weakref.ref(life), buffer))
        return buffer

    def collect(self, waiting: Notes) -> None:
        """Move everything that is noted into ``waiting``, under the catalog's names."""
        for entry in list(self._all):
            life, buffer = entry
            is_over = life() is None  # asked first: after that its thread notes nothing more
            for provider_id, model_id in list(buffer.notes.by_model):
                noted = buffer.notes.by_model.pop((provider_id, model_id))
                try:
                    slug = provider_slug(provider_id)
                    waiting.fold((slug, canonical_model_id(slug, model_id)), noted)
                except UsageError as error:
                    self.drops.add("invalid", str(error))
            if is_over:
                self._all.remove(entry)
                self.drops.absorb(buffer.drops)
        self.generation += 1

    def uncollected(self) -> int:
        """How many notes are in the buffers."""
        return sum(len(buffer.notes.by_model) for _, buffer in list(self._all))

    def all_drops(self) -> Drops:
        """What was dropped so far, in all threads."""
        total = Drops()
        total.absorb(self.drops)
        for _, buffer in list(self._all):
            total.absorb(buffer.drops)
        return total
