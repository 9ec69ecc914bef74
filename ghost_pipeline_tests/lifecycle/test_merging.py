"""Merging histories from elsewhere: nothing is lost, nothing is undone, and a repetition changes nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ghost_pipeline.lifecycle.facts import LISTED_COLUMNS
from ghost_pipeline.lifecycle.merging import adopt_model, import_model
from ghost_pipeline.lifecycle.prices import is_free
from ghost_pipeline.lifecycle.records import ModelRecord, Tombstone
from ghost_pipeline.lifecycle.vocabulary import EventKind, Source

NOW = datetime(2025, 12, 6, 7, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = [NOW - number * DAY for number in range(7)]


@st.composite
def histories(draw: st.DrawFn) -> ModelRecord:
    """One model's record as a catalog may have it; few different instants, so that ties come up."""
    days = st.sampled_from(DAYS)
    maybe = st.none() | days
    first, last = sorted((draw(days), draw(days)))
    is_active = draw(st.booleans())
    prices = st.sampled_from([None, 0.0, 1.5])
    input_price, output_price = draw(prices), draw(prices)
    return ModelRecord(
        provider_id="openai",
        model_id="m",
        source=draw(st.sampled_from(Source)),
        is_active=is_active,
        first_seen_at=first,
        last_seen_at=last,
        name=draw(st.sampled_from([None, "A", "B"])),
        is_name_manual=draw(st.booleans()),
        last_listed_at=draw(maybe),
        last_used_at=draw(maybe),
        deactivated_at=None if is_active else draw(days),
        is_free=is_free(input_price, output_price),
        context_window=draw(st.sampled_from([None, 1000, 2000])),
        input_price=input_price,
        output_price=output_price,
        provider_data=draw(st.sampled_from([None, {"id": "m"}, {"id": "M"}])),
        inference_metadata=draw(st.sampled_from([None, {"a": 1}, {"a": 2, "b": 3}])),
        listing_id=draw(st.sampled_from([None, 7])),
    )


def merged(known: ModelRecord, imported: ModelRecord) -> ModelRecord:
    record = import_model(known, imported)
    assert record is not None
    return record


@given(histories(), histories())
def test_an_import_done_again_changes_nothing(known: ModelRecord, imported: ModelRecord) -> None:
    once = merged(known, imported)
    assert merged(once, imported) == once
    assert merged(imported, imported) == imported


@given(histories(), histories())
def test_an_import_loses_nothing_of_either_catalog(known: ModelRecord, imported: ModelRecord) -> None:
    record = merged(known, imported)
    for one in (known, imported):
        assert record.first_seen_at <= one.first_seen_at
        assert record.last_seen_at >= one.last_seen_at
        assert one.source is not Source.MANUAL or record.source is Source.MANUAL
        assert set(one.inference_metadata or {}) <= set(record.inference_metadata or {})
        facts = [fact for fact in LISTED_COLUMNS if fact != "is_free" and getattr(one, fact) is not None]
        assert all(getattr(record, fact) is not None for fact in facts)
    for fact in set(LISTED_COLUMNS) - {"name", "is_free"}:
        assert getattr(known, fact) in (None, getattr(record, fact)), "what is known stays"
    assert record.is_active or not known.is_active, "no active model becomes a ghost by it"
    assert (record.deactivated_at is None) == record.is_active
    assert record.is_free == is_free(record.input_price, record.output_price)


@given(histories(), histories())
def test_a_ghost_is_reactivated_only_if_it_was_seen_after_it_became_one_or_is_added(
    known: ModelRecord, imported: ModelRecord
) -> None:
    record = merged(known, imported)
    if known.deactivated_at is None or not record.is_active:
        return
    assert imported.is_active
    is_added = imported.source is Source.MANUAL and known.source is not Source.MANUAL
    assert imported.last_seen_at > known.deactivated_at or is_added


@given(histories(), histories())
def test_the_source_is_that_of_the_earlier_first_sighting_unless_it_is_manual(
    known: ModelRecord, imported: ModelRecord
) -> None:
    if Source.MANUAL not in (known.source, imported.source):
        expected = imported.source if imported.first_seen_at < known.first_seen_at else known.source
        assert merged(known, imported).source is expected


@given(histories(), histories())
def test_filled_in_facts_are_not_attributed_to_the_last_listing(known: ModelRecord, imported: ModelRecord) -> None:
    for record in (merged(known, imported), adopt_model(known, imported)):
        assert record is not None
        is_filled = any(getattr(known, fact) is None and getattr(record, fact) is not None for fact in LISTED_COLUMNS)
        assert record.listing_id == (None if is_filled else known.listing_id)


@given(histories(), histories())
def test_adoption_changes_no_instant_no_source_and_no_state_of_a_model_that_is_known(
    known: ModelRecord, row: ModelRecord
) -> None:
    record = adopt_model(known, row)
    assert record is not None
    facts = {fact: getattr(known, fact) for fact in LISTED_COLUMNS}
    assert replace(record, **facts, listing_id=known.listing_id) == known
    assert adopt_model(record, row) == record


@given(histories(), histories(), st.sampled_from([EventKind.PURGED, EventKind.REMOVED]))
def test_what_has_left_the_catalog_stays_out_of_an_adoption(
    gone: ModelRecord, row: ModelRecord, kind: EventKind
) -> None:
    assert adopt_model(None, row, Tombstone(kind, gone)) is None


@given(histories(), histories())
def test_a_removed_model_stays_out_of_an_import(gone: ModelRecord, imported: ModelRecord) -> None:
    assert import_model(None, imported, Tombstone(EventKind.REMOVED, gone)) is None


def ghost(deactivated_at: datetime) -> ModelRecord:
    return ModelRecord(
        "openai", "m", Source.INDEX, False, NOW - 9 * DAY, NOW - 8 * DAY, name="A", deactivated_at=deactivated_at
    )


def seen(last_seen_at: datetime, source: Source = Source.INFERENCE) -> ModelRecord:
    return ModelRecord("openai", "m", source, True, NOW - 3 * DAY, last_seen_at)


def test_what_was_purged_is_back_with_its_past_if_it_was_seen_after_it_became_a_ghost() -> None:
    past = Tombstone(EventKind.PURGED, ghost(NOW - 2 * DAY))
    assert import_model(None, seen(NOW - 2 * DAY), past) is None
    back = import_model(None, seen(NOW - DAY), past)
    assert back is not None
    assert (back.is_active, back.source, back.name, back.first_seen_at) == (True, Source.INDEX, "A", NOW - 9 * DAY)


def test_a_purged_model_is_back_if_it_was_added_elsewhere() -> None:
    back = import_model(None, seen(NOW - 3 * DAY, Source.MANUAL), Tombstone(EventKind.PURGED, ghost(NOW)))
    assert back is not None
    assert (back.is_active, back.source) == (True, Source.MANUAL)


def test_a_manual_name_from_elsewhere_outweighs_a_listed_one() -> None:
    named = replace(seen(NOW), name="Ours", is_name_manual=True)
    assert merged(replace(ghost(NOW), name="Theirs"), named).name == "Ours"
    assert merged(replace(ghost(NOW), name="Theirs", is_name_manual=True), named).name == "Theirs"
