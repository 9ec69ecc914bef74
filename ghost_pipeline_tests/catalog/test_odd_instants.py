"""Instants at the ends of time, in any time zone: wrong usage or stored as they are, never another error."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ghost_pipeline import ModelCatalog, ModelFilter
from ghost_pipeline.catalog.catalog import utc_now
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.cli import main
from ghost_pipeline.errors import UsageError
from ghost_pipeline.lifecycle.records import Inference
from ghost_pipeline.lifecycle.validation import parse_instant
from ghost_pipeline.reported_sightings.report import Sighting, read_report
from ghost_pipeline_tests.catalog.backends import BACKENDS, POSTGRESQL, Place, new_place
from ghost_pipeline_tests.catalog.ingestion.test_crash_and_concurrency import ingest
from ghost_pipeline_tests.postgres import server


class _NoOffset(tzinfo):
    """A time zone that has no offset, which makes an instant naive although it has a time zone."""

    def utcoffset(self, _at: datetime | None) -> None:
        return None

    def tzname(self, _at: datetime | None) -> str:
        return "none"

    dst = utcoffset


DAY = timedelta(hours=23, minutes=59)
ZONES = st.sampled_from([UTC, timezone(DAY), timezone(-DAY), timezone(timedelta(hours=2)), _NoOffset(), None])
EDGES = [
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(999, 12, 31, tzinfo=UTC),
    datetime(1969, 12, 31, tzinfo=UTC),
    datetime(9999, 1, 1, tzinfo=UTC),
]
INSTANTS = st.builds(lambda at, zone: at.replace(tzinfo=zone), st.one_of(st.sampled_from(EDGES), st.datetimes()), ZONES)
SPANS = st.one_of(st.floats(), st.integers(), st.sampled_from([0, 100_000, 1_000_000, 10**400]))
Call = Callable[[ModelCatalog, datetime], object]


def _admit(catalog: ModelCatalog, at: datetime) -> object:
    content = json.dumps({"data": [{"id": "a"}]}).encode()
    submission = SubmittedListing("openai", "openai.json", content, at)
    return catalog.reconcile(catalog.admit(submission).listing_id)


def _exported(at: datetime) -> dict[str, Any]:
    text = at.isoformat()
    instants = dict.fromkeys(("first_seen_at", "last_seen_at", "last_used_at", "expires_at", "deactivated_at"), text)
    return {"provider_id": "openai", "model_id": "imported", "source": "INDEX", "is_active": False, **instants}


def _report(catalog: ModelCatalog, at: datetime) -> object:
    now = utc_now()
    report = {"provider": "openai", "model": "reported", "first_at": at.isoformat(), "last_at": at.isoformat()}
    [read] = read_report(report, {"report": 1}, now, now)
    return catalog.record_reported([read.inference]) if isinstance(read, Sighting) else read


CALLS: dict[str, Call] = {
    "admit": _admit,
    "failed attempt": lambda catalog, at: catalog.record_failed_attempt("openai", "no answer", at),
    "inference": lambda catalog, at: catalog.track_successful_inference("openai", "used", observed_at=at),
    "report": _report,
    "add": lambda catalog, at: catalog.add_manual_model("openai", "b", observed_at=at, expires_at=at),
    "add many": lambda catalog, at: catalog.add_manual_models(
        [{"provider_id": "openai", "model_id": "c", "expires_at": at}], at
    ),
    "reactivate": lambda catalog, at: catalog.reactivate_model("openai", "m", at),
    "remove and restore": lambda catalog, at: (
        catalog.remove_model("openai", "m", at),
        catalog.restore_model("openai", "m"),
    ),
    "remove and restore all": lambda catalog, at: (
        catalog.remove_provider("openai", at),
        catalog.restore_provider("openai"),
    ),
    "stale": lambda catalog, at: catalog.mark_stale_models_inactive(now=at),
    "purge": lambda catalog, at: catalog.delete_old_inactive_models(now=at),
    "import": lambda catalog, at: catalog.import_models([_exported(at)], now=at),
    "import text": lambda catalog, at: catalog.import_models([_exported(at)]),
    "find": lambda catalog, at: catalog.find_models(ModelFilter(is_unlisted=True), at),
    "iterate": lambda catalog, at: list(catalog.iterate_models(ModelFilter(is_unlisted=True), at)),
    "columns": lambda catalog, at: list(catalog.iterate_columns(ModelFilter(is_unlisted=True), ["name"], at)),
    "statistics": lambda catalog, at: catalog.get_discovery_stats(at),
    "count used": lambda catalog, at: catalog.count_used_models(at),
}


@pytest.fixture(scope="module", params=BACKENDS)
def catalog(request: pytest.FixtureRequest) -> Iterator[ModelCatalog]:
    """Yield a catalog; that of PostgreSQL in a database whose default time zone is far from UTC."""
    home = Path(tempfile.mkdtemp())
    place: Place = new_place(request.param, home)
    if request.param == POSTGRESQL:
        server().execute(f"ALTER DATABASE {sa.make_url(place.url).database} SET timezone = 'Asia/Tokyo'")
    with place.opened() as catalog:
        catalog.add_manual_model("openai", "m")
        yield catalog
    place.remove()
    shutil.rmtree(home)


def _read_all(catalog: ModelCatalog) -> None:
    catalog.find_models(ModelFilter(is_active=None))
    catalog.list_events()
    catalog.list_provider_health()
    catalog.find_delisted_models()
    catalog.get_discovery_stats()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@settings(max_examples=10)
@given(at=INSTANTS)
def test_an_odd_instant_is_wrong_usage_or_handled(catalog: ModelCatalog, call: Call, at: datetime) -> None:
    with suppress(UsageError):
        call(catalog, at)
    _read_all(catalog)


@settings(max_examples=15)
@given(span=SPANS)
def test_an_odd_span_is_wrong_usage_or_handled(catalog: ModelCatalog, span: float) -> None:
    for sweep in (
        partial(catalog.mark_stale_models_inactive, stale_after_hours=span),
        partial(catalog.delete_old_inactive_models, older_than_days=span),
    ):
        with suppress(UsageError):
            sweep(is_dry_run=True)


@pytest.mark.parametrize(
    "stated", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", 10**300]
)
def test_a_listing_with_an_odd_instant_leaves_a_catalog_that_can_be_read(catalog: ModelCatalog, stated: object) -> None:
    content = json.dumps({"data": [{"id": "acme/odd", "name": "Odd", "expiration_date": stated}]}).encode()
    ingest(catalog, content, utc_now(), "openrouter")
    [model] = catalog.find_models(ModelFilter(("openrouter",)))
    assert model.expires_at is None or model.expires_at == parse_instant(str(stated))
    catalog.import_models([_exported(model.expires_at or utc_now())])
    _read_all(catalog)


def test_an_inference_that_no_year_in_utc_can_show_is_wrong_usage(catalog: ModelCatalog) -> None:
    earliest, latest = datetime.min.replace(tzinfo=timezone(DAY)), datetime.max.replace(tzinfo=timezone(-DAY))
    for first_at, last_at in ((earliest, utc_now()), (utc_now(), latest)):
        with pytest.raises(UsageError, match="out of range"):
            catalog.record_inferences([Inference("openai", "edge", first_at, last_at)])
    _read_all(catalog)


TEXTS = st.one_of(
    INSTANTS.map(datetime.isoformat),
    st.sampled_from(["0001-01-01T00:00+23:59", "9999-12-31T23:59-23:59", "99999999999999999999", "-1", "1e400", ""]),
    st.text(max_size=20).map(lambda text: text.replace("\0", "")),
)


@settings(max_examples=5)
@given(text=TEXTS)
def test_an_odd_instant_on_the_command_line_is_exit_code_2_or_handled(text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "openai_models.json").write_text('{"data": [{"id": "a"}]}')
        (folder / "add.json").write_text(json.dumps([{"provider_id": "openai", "model_id": "f", "expires_at": text}]))
        row = {**_exported(utc_now()), "last_seen_at": text, "expires_at": text}
        (folder / "import.json").write_text(json.dumps([row]))
        environment = {"GHOST_HOME": name, "GHOST_MODELS_DIR": name, "GHOST_DATABASE_URL": None, "DAGSTER_HOME": None}
        for arguments in (
            ["ingest", f"--observed-at={text}"],
            ["add", "openai", "b", f"--expires-at={text}"],
            ["add", "--from", str(folder / "add.json")],
            ["db", "import", str(folder / "import.json")],
            ["sweep", f"--now={text}"],
            ["purge", f"--now={text}"],
            ["models"],
            ["export", "--to", "json"],
        ):
            ran = CliRunner().invoke(main, arguments, env=environment)
            assert ran.exception is None or isinstance(ran.exception, SystemExit), (arguments, ran.exception)
            assert ran.exit_code in (0, 1, 2), (arguments, ran.output)
