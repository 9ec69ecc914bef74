"""Faults: incorrect listings, processes that die, databases that fail."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from typing import Any

from ghost_pipeline import ModelCatalog
from simulation.world import Period, TrueModel, TrueProvider

LISTING_FAULTS = (
    "empty",
    "cut_off",
    "error_page",
    "error_envelope",
    "partial",
    "shrunken",
    "duplicated",
    "reordered",
    "late",
    "replaced",
)
"""The last is one of the archive: the bytes are replaced between admission and reconciliation."""
HARMLESS = frozenset({"duplicated", "reordered"})
"""Faults that leave a listing as true as it was."""
LAST_STATEMENT = 40
"""Of a fetch: admission and reconciliation of a listing with new models, new facts and ghosts."""
CRASHES = ("before_commit", "after_commit", "statement", "archive")
DATABASE_FAULTS = ("full", "locked", "broken", "restarted")


@dataclass(frozen=True, slots=True)
class Delivered:
    """One answer of a provider as it arrives here."""

    content: bytes
    model_ids: frozenset[str]
    """Models that the answer shows, whatever else is wrong with it."""
    is_true: bool
    """Whether it shows exactly what the provider lists."""
    prices: Mapping[str, float] = field(default_factory=dict)
    """What it states of each model, in USD per million tokens."""


def deliver(provider: TrueProvider, at: datetime, fault: str | None, seed: int) -> Delivered:
    """Return the provider's answer at ``at``, as ``fault`` leaves it."""
    period = provider.period(at)
    if fault in (None, "late", "replaced"):
        return _answer(period)
    models = period.listed
    if fault in ("cut_off", "error_page", "error_envelope"):
        return Delivered(_unreadable(period, fault, Random(seed)), frozenset(), is_true=False)
    shown: Sequence[TrueModel] = models
    if fault == "empty":
        shown = ()
    elif fault == "partial":
        shown = models[: len(models) // 2]
    elif fault == "shrunken":
        random = Random(seed)
        shown = random.sample(models, len(models) * random.randint(10, 60) // 100)
        if len(models) - len(shown) <= max(5, len(models) // 5):
            shown = ()  # too few to be noticed as shrunken: an empty answer instead
    elif fault == "reordered":
        shown = Random(seed).sample(models, len(models))
    rows = [*shown, *shown[:3]] if fault == "duplicated" else shown
    is_true = fault in HARMLESS or (len(shown) == len(models) and fault != "partial")
    return _delivered(period, shown, _encode(period, rows, has_more=fault == "partial"), is_true=is_true)


@lru_cache(maxsize=1_000)
def _answer(period: Period) -> Delivered:
    """Return a flawless answer of the period."""
    return _delivered(period, period.listed, _encode(period, period.listed), is_true=True)


def _delivered(period: Period, shown: Sequence[TrueModel], content: bytes, *, is_true: bool) -> Delivered:
    priced = shown if period.provider_id == "openrouter" else ()  # the unit of other providers' prices is not known
    prices = {model.model_id: _per_million(model.price(period.at)) for model in priced}
    return Delivered(content, frozenset(model.model_id for model in shown), is_true, prices)


def _unreadable(period: Period, fault: str, random: Random) -> bytes:
    if fault == "error_page":
        return b"<!doctype html><title>502 Bad Gateway</title>"
    if fault == "error_envelope":
        return b'{"error": {"message": "The server had an error", "type": "server_error"}}'
    content = _answer(period).content
    return content[: random.randint(1, len(content) - 1)]


def _encode(period: Period, models: Sequence[TrueModel], *, has_more: bool = False) -> bytes:
    if period.is_local:
        return f'{{"models": [{", ".join(_local_row(model.model_id) for model in models)}]}}'.encode()
    rows = [_row(model.model_id, model.price(period.at), model.announced_end(period.at)) for model in models]
    return f'{{"data": [{", ".join(rows)}], "has_more": {json.dumps(has_more)}}}'.encode()


@cache
def _local_row(model_id: str) -> str:
    return json.dumps({"name": model_id, "model": model_id})


@cache
def _row(model_id: str, price: str, expires_at: datetime | None) -> str:
    row: dict[str, Any] = {
        "id": model_id,
        "name": model_id.title(),
        "pricing": {"prompt": price, "completion": price},
    }
    if expires_at is not None:
        row["expiration_date"] = expires_at.isoformat()
    return json.dumps(row)


@cache
def _per_million(price: str) -> float:
    return float(Decimal(price) * 1_000_000)


class Crash(BaseException):
    """The process dies here. Not an Exception, so that no code of the catalog can handle it."""


@contextmanager
def crash_at(catalog: ModelCatalog, where: str, seed: int) -> Iterator[None]:
    """Raise Crash at a commit, after one, at a statement or around the archive; at most once.

    Reaches into the catalog's engine and archive, as a power failure does.
    """
    random = Random(seed)
    engine, archive = catalog._database.engine, catalog._archive
    if where == "archive":
        store, is_before = archive.store, random.random() < 0.5

        def dying_store(content: bytes, digest: str) -> None:
            if is_before:
                raise Crash(where)
            store(content, digest)
            raise Crash(where)

        with _replaced(archive, "store", dying_store):
            yield
    elif where == "statement":
        left = [random.randint(1, LAST_STATEMENT)]
        execute = engine.dialect.do_execute

        def dying_execute(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Crash(where)
            return execute(*arguments, **options)

        with _replaced(engine.dialect, "do_execute", dying_execute):
            yield
    else:
        commit, left = engine.dialect.do_commit, [random.randint(1, 2)]

        def dying_commit(connection: Any) -> None:
            left[0] -= 1
            if left[0] == 0 and where == "before_commit":
                raise Crash(where)
            commit(connection)
            if left[0] == 0:
                raise Crash(where)

        with _replaced(engine.dialect, "do_commit", dying_commit):
            yield


@contextmanager
def failing_database(catalog: ModelCatalog, kind: str, seed: int) -> Iterator[None]:
    """Make every statement from one on fail, as a full disk, a lock or a lost server does; a restart only once."""
    engine, left = catalog._database.engine, [Random(seed).randint(1, LAST_STATEMENT // 2)]
    execute = engine.dialect.do_execute
    messages = {"full": "database or disk is full", "locked": "database is locked", "broken": "disk I/O error"}
    error_class: Any = engine.dialect.dbapi.OperationalError if engine.dialect.dbapi else sqlite3.OperationalError

    def failing_execute(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if kind == "restarted":
            if left[0] == 0:
                _drop_connection(arguments[0].connection)
            return execute(*arguments, **options)
        if left[0] <= 0:
            raise error_class(messages[kind])
        return execute(*arguments, **options)

    begin = engine.dialect.do_begin

    def failing_begin(connection: Any) -> None:
        left[0] -= 1
        if left[0] <= 0 and kind != "restarted":
            raise error_class(messages[kind])
        begin(connection)

    with _replaced(engine.dialect, "do_execute", failing_execute), _replaced(engine.dialect, "do_begin", failing_begin):
        yield


def _drop_connection(connection: Any) -> None:
    """Close a connection from outside, as a restarted server does; SQLite has no server but the same effect."""
    if isinstance(connection, sqlite3.Connection):
        connection.close()
        return
    administrator = type(connection)(connection.dsn)
    try:
        with administrator.cursor() as cursor:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            cursor.execute(f"{others} AND pid <> pg_backend_pid()")
    finally:
        administrator.close()


PLANTED = "planted"
"""A model that no provider serves."""


@contextmanager
def replace_archived(catalog: ModelCatalog, digest: str, seed: int) -> Iterator[None]:
    """Replace the archived listing by another one, or by a part of itself; afterwards delete it, as the error asks."""
    path = Path(str(catalog.settings.archive_location)) / catalog._archive.name_of(digest)
    content = json.dumps({"data": [{"id": PLANTED}], "models": [{"name": PLANTED}]}).encode()
    path.write_bytes(content if seed % 2 else path.read_bytes()[:-1])
    try:
        yield
    finally:
        path.unlink()


@contextmanager
def _replaced(target: Any, name: str, value: Any) -> Iterator[None]:
    original = getattr(target, name)
    setattr(target, name, value)
    try:
        yield
    finally:
        setattr(target, name, original)
