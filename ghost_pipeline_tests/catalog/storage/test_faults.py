"""Database failures: one clear line, nothing half-written, no password anywhere."""

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.ingestion.bulk import stage, staged
from ghost_pipeline.catalog.results import ListingOutcome, SubmittedListing
from ghost_pipeline.catalog.storage.database import Database
from ghost_pipeline.errors import CatalogConflict, CatalogError, CatalogSchemaError, CatalogUnavailable
from ghost_pipeline.lifecycle.records import ListedModel, Listing
from ghost_pipeline.listings.parsing import ListingReader
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.catalog.oracle_driver import MODEL_IDS, READER, listing_bytes, parse
from ghost_pipeline_tests.command_line import Run
from ghost_pipeline_tests.postgres import Server, server

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIVE = listing_bytes(dict.fromkeys(MODEL_IDS[:5], 1))
WHOLE = listing_bytes(dict.fromkeys(MODEL_IDS, 2))
LONG = listing_bytes({f"model-{number:03}": 2 for number in range(500)})
PASSWORD = "hunter2"


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """Provide a server that these tests may break."""
    own = Server(is_durable=True)
    own.ask_for_password("guarded", PASSWORD)
    yield own
    own.stop()


@pytest.fixture
def broken(own: Server, tmp_path: Path) -> Iterator[Place]:
    """Provide a catalog on the server that may be broken."""
    url = own.new_url()
    yield Place(tmp_path, url)
    own.drop(url)


def ingest(catalog: ModelCatalog, content: bytes) -> ListingOutcome:
    admitted = catalog.admit(SubmittedListing("openai", "openai.json", content, NOON))
    return catalog.reconcile(admitted.listing_id)


def guarded(url: str, password: str) -> str:
    return sa.make_url(url).set(username="guarded", password=password).render_as_string(hide_password=False)


def test_a_wrong_password_is_an_error_that_does_not_contain_it(
    broken: Place, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Place(broken.home, guarded(broken.url, PASSWORD)).opened().close()
    wrong = guarded(broken.url, "wrong-" + PASSWORD)
    with pytest.raises(CatalogError, match="check the user and the password") as caught:
        Place(broken.home, wrong).opened()
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setenv("GHOST_DATABASE_URL", wrong)
    ran = run("--debug", "stats")
    assert ran.code == 3
    assert PASSWORD not in ran.out + ran.err
    assert "***" in ran.err


def test_a_password_among_the_options_of_the_url_is_hidden_too() -> None:
    database = Database(f"postgresql://u@127.0.0.1:1/none?password={PASSWORD}&connect_timeout=1")
    with pytest.raises(CatalogUnavailable) as caught, database.reading():
        pass
    assert PASSWORD not in str(caught.value)


def test_a_database_that_is_not_there_is_named(broken: Place) -> None:
    url = sa.make_url(broken.url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(CatalogError, match=r'database "nowhere" does not exist; create the database'):
        Place(broken.home, url).opened()


def test_the_error_for_a_missing_schema_names_the_command_that_creates_it(
    database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CatalogSchemaError, match="ghost-pipeline db upgrade"), database.reading() as connection:
        connection.execute(sa.text("SELECT * FROM models"))
    if not database.is_sqlite:  # which makes its schema itself
        monkeypatch.setenv("GHOST_DATABASE_URL", database.url.render_as_string(hide_password=False))
        ran = run("stats")
        assert ran.code == 3
        assert "run 'ghost-pipeline db upgrade'" in ran.err


def test_a_table_in_the_way_of_the_schema_is_named_and_left_alone(
    database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE models (word TEXT)"))
    monkeypatch.setenv("GHOST_DATABASE_URL", database.url.render_as_string(hide_password=False))
    ran = run("db", "upgrade")
    assert ran.code == 3
    assert "already exists" in ran.err
    assert "rename the table ('ghost-pipeline db adopt' imports its rows)" in ran.err
    with database.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["models"]


def test_a_read_only_database_can_be_read_and_writing_to_it_is_an_error(place: Place) -> None:
    with place.opened(reader=READER) as catalog:
        ingest(catalog, FIVE)
    if place.url.startswith("sqlite"):
        place = Place(place.home, place.url.replace("///", "///file:") + "?mode=ro&uri=true")
    else:
        server().execute(f"ALTER DATABASE {sa.make_url(place.url).database} SET default_transaction_read_only = on")
    with place.opened(reader=READER) as catalog:
        assert len(catalog.find_models()) == 5
        with pytest.raises(CatalogError, match="it can't be written"):
            ingest(catalog, WHOLE)
        assert len(catalog.find_models()) == 5
    if not place.url.startswith("sqlite"):
        server().execute(f"ALTER DATABASE {sa.make_url(place.url).database} RESET default_transaction_read_only")


FULL = """
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE UPDATE ON listings FOR EACH ROW EXECUTE FUNCTION fill();
"""
"""A listing's row is completed last: by then its models are written."""


def test_a_disk_that_fills_up_in_the_middle_of_a_listing_leaves_the_catalog_as_it_was(place: Place) -> None:
    with place.opened(reader=READER) as catalog:
        ingest(catalog, FIVE)
        before = catalog.find_models(), catalog.list_providers(), catalog.list_events()
        admitted = catalog.admit(SubmittedListing("openai", "openai.json", LONG, NOON))
        fill_up(place, catalog)
        with pytest.raises(CatalogUnavailable, match="free some space and try again"):
            catalog.reconcile(admitted.listing_id)
        assert (catalog.find_models(), catalog.list_providers(), catalog.list_events()) == before
        free_up(place, catalog)
        outcome = catalog.reconcile(admitted.listing_id)
        assert outcome.counts is not None
        assert outcome.counts.models == 500


def fill_up(place: Place, catalog: ModelCatalog) -> None:
    if place.url.startswith("sqlite"):
        with catalog._database.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    else:
        with place.database().engine.begin() as connection:
            connection.exec_driver_sql(FULL)


def free_up(place: Place, catalog: ModelCatalog) -> None:
    if place.url.startswith("sqlite"):
        with catalog._database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    else:
        with place.database().engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER full_disk ON listings")


def test_a_lost_server_is_an_error_and_the_catalog_is_intact_when_it_is_back(own: Server, broken: Place) -> None:
    crashes = iter([False, True, False])

    def parse_and_crash(provider_id: str, content: bytes) -> Listing:
        if next(crashes):
            own.crash()
        return parse(provider_id, content)

    with broken.opened(reader=ListingReader(parse_and_crash, READER.format_version)) as catalog:
        ingest(catalog, FIVE)
        with pytest.raises(CatalogUnavailable, match="try again") as caught:
            catalog.admit(SubmittedListing("openai", "openai.json", WHOLE, NOON))
        assert "\n" not in str(caught.value)
        own.start_again()
        assert len(catalog.find_models()) == 5
        outcome = ingest(catalog, WHOLE)
        assert outcome.counts is not None
        assert outcome.counts.created == 7


def test_a_connection_that_breaks_in_a_transaction_is_tried_again(broken: Place, own: Server) -> None:
    database = broken.database()
    tries: list[int] = []

    def work(connection: sa.Connection) -> str:
        tries.append(1)
        if len(tries) == 1:
            process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            own.execute(f"SELECT pg_terminate_backend({process})")
        return str(connection.exec_driver_sql("SELECT 'done'").scalar_one())

    assert database.write(work) == "done"
    assert len(tries) == 2
    database.close()


def test_a_connection_that_breaks_while_rows_are_copied_is_tried_again(broken: Place, own: Server) -> None:
    database = broken.database()
    tries: list[int] = []

    class Breaking(tuple[ListedModel, ...]):
        def __iter__(self) -> Iterator[ListedModel]:
            yield ListedModel("first", "{}")
            tries.append(1)
            if len(tries) == 1:
                own.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE starts_with(query, 'COPY staged_models')"
                )
            for number in range(20_000):
                yield ListedModel(f"m{number}", "{}")

    def work(connection: sa.Connection) -> int:
        stage(connection, Breaking())
        return connection.execute(sa.select(sa.func.count()).select_from(staged)).scalar_one()

    assert database.write(work) == 20_001
    assert len(tries) == 2
    database.close()


def test_rows_that_the_server_rejects_are_an_error_like_any_other(broken: Place) -> None:
    database = broken.database()
    with pytest.raises(CatalogError, match="invalid input syntax for type json"), database.writing() as connection:
        stage(connection, [ListedModel("m", "no json")])
    database.close()


def test_a_connection_lost_at_the_commit_is_an_error_and_not_retried(broken: Place, own: Server) -> None:
    database = broken.database()
    tries: list[int] = []

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        own.execute(f"SELECT pg_terminate_backend({process}, 5000)")

    with pytest.raises(CatalogUnavailable, match="it is not known whether the change was made"):
        database.write(work)
    assert len(tries) == 1
    database.close()


def test_a_server_without_a_free_connection_may_pass(broken: Place, own: Server) -> None:
    url = sa.make_url(broken.url)
    own.execute("CREATE USER few CONNECTION LIMIT 0")
    own.execute(f"ALTER DATABASE {url.database} CONNECTION LIMIT 0")
    with pytest.raises(CatalogUnavailable, match="too many connections"):
        Place(broken.home, url.set(username="few").render_as_string(hide_password=False)).opened()
    own.execute("DROP USER few")


def test_a_persistent_conflict_is_an_error_after_some_retries(broken: Place) -> None:
    database = broken.database()
    tries: list[int] = []

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        connection.exec_driver_sql("DO $$ BEGIN RAISE 'no order' USING ERRCODE = 'serialization_failure'; END $$")

    with pytest.raises(CatalogConflict, match="others were writing at the same time"):
        database.write(work)
    assert len(tries) == 4
    database.close()
