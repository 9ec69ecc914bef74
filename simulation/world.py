"""The truth: which models each provider serves, lists and changes, and when."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from random import Random

from simulation import numbers

FOREVER = timedelta(days=100_000)
AFTER_ALL = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True, eq=False)
class TrueModel:
    """One model as the provider serves it."""

    model_id: str
    born_at: datetime
    retired_at: datetime
    is_listed: bool
    is_used: bool
    returns_at: datetime | None = None
    """From when on it is served again after its retirement; None if it never is."""
    announced_at: datetime | None = None
    """From when on the listing states ``retired_at``; None if it never does."""
    prices: list[tuple[datetime, str]] = field(default_factory=list)
    """From when on which price, oldest first."""

    def is_served(self, at: datetime) -> bool:
        """Return True if the model answers requests at ``at``."""
        is_back = self.returns_at is not None and at >= self.returns_at
        return self.born_at <= at < self.retired_at or is_back

    def served_alike_until(self, at: datetime) -> datetime:
        """Return until when ``is_served`` returns what it returns at ``at``."""
        if at < self.retired_at:
            return self.born_at if at < self.born_at else self.retired_at
        return self.returns_at if self.returns_at is not None and at < self.returns_at else AFTER_ALL

    def price(self, at: datetime) -> str:
        """Return what the listing states at ``at``, in USD per token."""
        if len(self.prices) == 1:
            return self.prices[0][1]
        return next((price for since, price in reversed(self.prices) if since <= at), self.prices[0][1])

    def announced_end(self, at: datetime) -> datetime | None:
        """Return the retirement that the listing states at ``at``; None if it states none."""
        is_announced = self.announced_at is not None and self.announced_at <= at < self.retired_at
        return self.retired_at if is_announced else None

    def is_requested_in_vain(self, at: datetime) -> bool:
        """Return True if it is requested at ``at`` although it is not served any more."""
        return self.is_used and self.retired_at <= at < self._requested_until() and not self.is_served(at)

    def turns(self) -> Iterator[datetime]:
        """Yield the instants at which an answer of the methods above may change."""
        yield from (self.born_at, self.retired_at, self._requested_until())
        yield from (since for since, _ in self.prices)
        yield from (at for at in (self.returns_at, self.announced_at) if at is not None)

    def _requested_until(self) -> datetime:
        return self.retired_at + numbers.REQUESTED_FOR


@dataclass(frozen=True, slots=True, eq=False)
class Period:
    """A time in which nothing changes at a provider."""

    provider_id: str
    is_local: bool
    at: datetime
    """Some instant of it."""
    listed: tuple[TrueModel, ...]
    """What a flawless listing holds, sorted by id."""
    used: tuple[TrueModel, ...]
    """What gateways use."""
    requested_in_vain: tuple[TrueModel, ...]
    """What is requested although the provider does not serve it any more."""


@dataclass(slots=True)
class TrueProvider:
    """One provider with every model that it ever serves."""

    provider_id: str
    is_local: bool
    models: dict[str, TrueModel]
    _turns: list[datetime] = field(default_factory=list)
    """The instants at which anything changes, sorted."""
    _periods: dict[int, Period] = field(default_factory=dict)
    """By the number of turns before them. Many steps fall into the same period."""

    def complete(self) -> None:
        """Find the periods, when all that ever happens to the models is decided."""
        for model in self.models.values():
            model.prices.sort()
        self._turns = sorted({at for model in self.models.values() for at in model.turns()})

    def period(self, at: datetime) -> Period:
        """Return the period that ``at`` lies in."""
        number = bisect_right(self._turns, at)
        period = self._periods.get(number)
        if period is None:
            models = self.models.values()
            period = self._periods[number] = Period(
                self.provider_id,
                self.is_local,
                at,
                listed=tuple(sorted(_listed(self, at), key=attrgetter("model_id"))),
                used=tuple(model for model in models if model.is_used and model.is_served(at)),
                requested_in_vain=tuple(model for model in models if model.is_requested_in_vain(at)),
            )
        return period

    def listed(self, at: datetime) -> tuple[TrueModel, ...]:
        """Return what a flawless listing holds at ``at``, sorted by id."""
        return self.period(at).listed

    def used(self, at: datetime) -> tuple[TrueModel, ...]:
        """Return what gateways use at ``at``."""
        return self.period(at).used

    def requested_in_vain(self, at: datetime) -> tuple[TrueModel, ...]:
        """Return what is requested at ``at`` although the provider does not serve it any more."""
        return self.period(at).requested_in_vain


def _listed(provider: TrueProvider, at: datetime) -> list[TrueModel]:
    return [model for model in provider.models.values() if model.is_listed and model.is_served(at)]


def make_world(random: Random, begin: datetime, days: int, providers: int) -> list[TrueProvider]:
    """Return ``providers`` with the history of ``days`` days; the second is a local server."""
    return [_provider(random, number, begin, days) for number in range(providers)]


def _provider(random: Random, number: int, begin: datetime, days: int) -> TrueProvider:
    is_local = number == 1  # one of each wire format that matters, the rest in OpenAI's shape
    name = {0: "openrouter", 1: "ollama"}.get(number, f"lab-{number}")
    provider = TrueProvider(name, is_local, {})
    size = random.choice(numbers.LOCAL_SIZES if is_local else numbers.CATALOG_SIZES)
    serial = iter(range(1_000_000))
    for _ in range(size):
        _launch(random, provider, f"model-{next(serial)}", begin - timedelta(days=1), begin)
    end = begin + timedelta(days=days)
    _change_one_by_one(random, provider, begin, end, max(size, 2), serial)
    if is_local:
        _clear_and_refill(random, provider, begin, end, serial)
    else:
        for at in _instants(random, begin, end, numbers.MASS_RETIREMENTS_PER_YEAR):
            _retire(random, provider, at, int(len(_listed(provider, at)) * numbers.MASS_RETIREMENT_SHARE))
    provider.complete()
    return provider


def _change_one_by_one(
    random: Random, provider: TrueProvider, begin: datetime, end: datetime, size: int, serial: Iterator[int]
) -> None:
    for at in _instants(random, begin, end, numbers.LAUNCHES_PER_YEAR * size):
        _launch(random, provider, f"model-{next(serial)}", at, begin)
    for at in _instants(random, begin, end, numbers.RETIREMENTS_PER_YEAR * size):
        _retire(random, provider, at, 1)
    for at in _instants(random, begin, end, numbers.RENAMES_PER_YEAR):
        if _retire(random, provider, at, 1):
            _launch(random, provider, f"renamed-{next(serial)}", at, begin)
    for at in _instants(random, begin, end, numbers.PRICE_CHANGES_PER_YEAR):
        served = [model for model in provider.models.values() if model.is_served(at)]
        if served:
            random.choice(served).prices.append((at, _price(random)))


def _clear_and_refill(
    random: Random, provider: TrueProvider, begin: datetime, end: datetime, serial: Iterator[int]
) -> None:
    for at in _instants(random, begin, end, numbers.CLEARED_PER_YEAR):
        _retire(random, provider, at, len(_listed(provider, at)))
        _launch(random, provider, f"model-{next(serial)}", at + timedelta(days=random.randint(1, 9)), begin)


def _launch(random: Random, provider: TrueProvider, model_id: str, at: datetime, begin: datetime) -> None:
    provider.models[model_id] = TrueModel(
        model_id,
        born_at=at,
        retired_at=begin + FOREVER,
        is_listed=provider.is_local or random.random() >= numbers.UNLISTED_SHARE,
        is_used=random.random() < numbers.USED_SHARE,
        prices=[(at, _price(random))],
    )


def _retire(random: Random, provider: TrueProvider, at: datetime, count: int) -> int:
    served = [model for model in provider.models.values() if model.is_served(at) and model.returns_at is None]
    chosen = random.sample(served, min(count, len(served)))
    for model in chosen:
        model.retired_at = at
        if random.random() < numbers.RETURNS_SHARE:
            model.returns_at = at + _between(random, *numbers.RETURNS_AFTER)
        if random.random() < numbers.ANNOUNCED_SHARE:
            model.announced_at = at - numbers.ANNOUNCED_AHEAD
    return len(chosen)


def _instants(random: Random, begin: datetime, end: datetime, per_year: float) -> Iterator[datetime]:
    at = begin
    while per_year > 0:
        at += timedelta(days=random.expovariate(per_year / 365))
        if at >= end:
            return
        yield at


def _price(random: Random) -> str:
    return f"0.00000{random.randint(1, 99):02}"


def _between(random: Random, shortest: timedelta, longest: timedelta) -> timedelta:
    return shortest + (longest - shortest) * random.random()
