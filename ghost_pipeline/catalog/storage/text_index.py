"""The index of ids and names by which a search finds rare texts without reading all models; on SQLite alone.

It is a table of FTS5, which has the runs of three characters of each id and name, in any case. Triggers keep it: they
run where a model is created, deleted or renamed, so that confirming a listing costs nothing. They also state that the
index is complete. A program whose SQLite lacks FTS5 or its trigrams could not write with them, so it drops them, and
searches read all models until ``db upgrade`` fills the index again.

What the index finds is a superset: the caller still compares the ids and names.
"""

import sqlite3
from functools import cache

import sqlalchemy as sa

MOST_CANDIDATES = 10_000
"""Models that a search looks up by the index. If more have the text, reading all models finds a page of them soon."""

MOST_RUNS = 30
"""Runs of a text that are looked up; a longer text is compared as a whole where these are found."""

_CREATE = """
CREATE VIRTUAL TABLE model_texts USING
fts5(model_id, name, content='models', content_rowid='id', tokenize='trigram', detail=none, columnsize=0)
"""
_FILL = "INSERT INTO model_texts(model_texts) VALUES ('rebuild')"
_TRIGGERS = {
    "model_texts_insert": """
AFTER INSERT ON models BEGIN
INSERT INTO model_texts(rowid, model_id, name) VALUES (new.id, new.model_id, new.name);
END""",
    "model_texts_delete": """
AFTER DELETE ON models BEGIN
INSERT INTO model_texts(model_texts, rowid, model_id, name) VALUES ('delete', old.id, old.model_id, old.name);
END""",
    "model_texts_update": """
AFTER UPDATE OF model_id, name ON models WHEN old.model_id IS NOT new.model_id OR old.name IS NOT new.name BEGIN
INSERT INTO model_texts(model_texts, rowid, model_id, name) VALUES ('delete', old.id, old.model_id, old.name);
INSERT INTO model_texts(rowid, model_id, name) VALUES (new.id, new.model_id, new.name);
END""",
}
_COUNT_TRIGGERS = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'model_texts_*'"
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM model_texts WHERE model_texts MATCH ? LIMIT ?)"
_FIND = "SELECT json_group_array(rowid) FROM model_texts WHERE model_texts MATCH ?"


def is_own_table(name: str) -> bool:
    """Return True for the index and the tables that SQLite keeps it in."""
    return name == "model_texts" or name.startswith("model_texts_")


@cache
def is_supported() -> bool:
    """Return True if this program's SQLite has FTS5 with trigrams: 3.34, unless it was built without."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text, tokenize='trigram', detail=none, columnsize=0)")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def ensure(connection: sa.Connection) -> None:
    """Create and fill the index unless it is complete or can't be; part of every upgrade of the schema."""
    if connection.dialect.name != "sqlite" or not is_supported() or is_complete(connection):
        return
    drop(connection)
    connection.exec_driver_sql(_CREATE)
    connection.exec_driver_sql(_FILL)
    for name, definition in _TRIGGERS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {definition}")


def drop(connection: sa.Connection) -> None:
    """Remove the index. Without FTS5 its table stays, which nothing else can remove, but is not used any more."""
    if connection.dialect.name != "sqlite":
        return
    disable(connection)
    if is_supported():
        connection.exec_driver_sql("DROP TABLE IF EXISTS model_texts")


def disable(connection: sa.Connection) -> None:
    """Drop the triggers, so that a program without FTS5 can write models."""
    for name in _TRIGGERS:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")


def is_complete(connection: sa.Connection) -> bool:
    """Return True if the index has every model: all its triggers are there."""
    return bool(connection.exec_driver_sql(_COUNT_TRIGGERS).scalar_one() == len(_TRIGGERS))


def find_candidates(connection: sa.Connection, text: str) -> str | None:
    """Return the numbers of the rows that may have a text, as JSON, if they are few; None if all rows must be read.

    ``text`` is folded as ``identity.fold_case`` does. Only its runs of ASCII characters are looked up: SQLite folds
    these as this program does, whatever its version, and no other letter is equal to one of them.
    """
    if connection.dialect.name != "sqlite" or not is_supported():
        return None
    runs = dict.fromkeys(text[begin : begin + 3] for begin in range(len(text) - 2))
    usable = [run for run in runs if run.isascii() and "\0" not in run]
    if not usable or not is_complete(connection):
        return None
    query = " AND ".join(f'"{run}"' for run in (run.replace('"', '""') for run in usable[:MOST_RUNS]))
    if connection.exec_driver_sql(_COUNT, (query, MOST_CANDIDATES + 1)).scalar_one() > MOST_CANDIDATES:
        return None
    return str(connection.exec_driver_sql(_FIND, (query,)).scalar_one())
