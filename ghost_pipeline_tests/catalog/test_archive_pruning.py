"""Bytes of old listings leave the archive once nothing needs them, on both databases and both kinds of archive."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import fsspec
import pytest

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import SubmittedListing
from ghost_pipeline.catalog.storage.archive import Archive
from ghost_pipeline.errors import UsageError
from ghost_pipeline.settings import Settings
from ghost_pipeline_tests.catalog.backends import Place
from ghost_pipeline_tests.defs.builders import listing

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
"""Files are written at the time of the test, so that pruning takes place long after it."""


class Kept:
    """An archive, and the catalog that writes to it."""

    def __init__(self, settings: Settings) -> None:
        self.catalog = ModelCatalog.open(settings, clock=lambda: LATER)
        self.location = settings.archive_location
        self.archive = Archive(self.location)

    def ingest(self, hours: float, content: bytes, provider_id: str = "openai") -> str:
        """Admit and reconcile a listing, observed ``hours`` after NOON; return the digest of its bytes."""
        self.admit(hours, content, provider_id, is_reconciled=True)
        return sha256(content).hexdigest()

    def admit(self, hours: float, content: bytes, provider_id: str, *, is_reconciled: bool) -> int:
        """Admit a listing, and reconcile it on request; return its id."""
        at = NOON + timedelta(hours=hours)
        outcome = self.catalog.admit(SubmittedListing(provider_id, f"{provider_id}_models.json", content, at))
        if is_reconciled:
            self.catalog.reconcile(outcome.listing_id)
        return outcome.listing_id

    @property
    def digests(self) -> set[str]:
        """The digests of all stored listings; none is withdrawn."""
        found = list(self.archive.find_listings())
        assert all(file.name == Archive.name_of(digest) for digest, file in found)
        return {digest for digest, _ in found}


@pytest.fixture(params=["folder", "remote"])
def kept(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Iterator[Kept]:
    """Provide an archive in a folder and one behind a URL, for a catalog on each database."""
    settings = place.settings
    if request.param == "remote":
        settings = Settings(home_url=f"memory://{tmp_path.name}/ghost", database_url=place.url)
    kept = Kept(settings)
    yield kept
    kept.catalog.close()


def versions(*extra: str) -> list[bytes]:
    """Return listings of the same models with other bytes, of which no event results."""
    return [listing("a", "b", note=note) for note in extra]


def test_bytes_that_only_confirmed_models_go_and_those_behind_models_and_events_stay(kept: Kept) -> None:
    first = kept.ingest(0, listing("a", "b"))
    confirming = [kept.ingest(number, content) for number, content in enumerate(versions("x", "y", "z"), 1)]
    assert kept.digests == {first, *confirming}
    promised = kept.catalog.prune_listings(30, is_dry_run=True)
    assert kept.digests == {first, *confirming}
    done = kept.catalog.prune_listings(30)
    assert (promised.deleted, promised.kept, promised.deleted_bytes) == (done.deleted, done.kept, done.deleted_bytes)
    assert done.deleted == 2
    assert kept.digests == {first, confirming[-1]}  # the models' discovery, and what confirmed them last
    assert kept.catalog.prune_listings(30).deleted == 0
    again = kept.admit(9, listing("a", "b", note="x"), "openai", is_reconciled=True)
    assert kept.catalog.get_listing(again).counts is not None
    assert confirming[0] in kept.digests


def test_every_reason_that_the_module_names_keeps_bytes(kept: Kept) -> None:
    stays = {
        "discovered a, b": kept.ingest(0, listing("a", "b")),
        "discovered c": kept.ingest(1, listing("a", "b", "c")),
    }
    gone = [kept.ingest(2, listing("a", "b", "c", note="passed"))]
    stays["confirmed c last"] = kept.ingest(3, listing("a", "b", "c", note="last of c"))
    stays["c was missing from it"] = kept.ingest(40, listing("a", "b", note="without c"))
    kept.catalog.mark_stale_models_inactive("openai", now=NOON + timedelta(hours=41))
    gone.append(kept.ingest(50, listing("a", "b", note="passed again")))
    stays["newest complete one"] = kept.ingest(60, listing("a", "b", note="complete"))
    stays["newest reconciled one"] = kept.ingest(61, listing("a", "b", has_more=True))
    gone.append(kept.ingest(62, listing(note="empty")))
    stays["newest"] = kept.ingest(63, listing(note="empty again"))
    kept.admit(64, listing("m"), "mistral", is_reconciled=False)
    stays["not reconciled"] = sha256(listing("m")).hexdigest()
    kept.ingest(65, listing("n"), "mistral")
    kept.catalog.prune_listings(30)
    assert {reason for reason, digest in stays.items() if digest not in kept.digests} == set()
    assert not kept.digests & set(gone)


def test_a_tombstones_last_listing_stays(kept: Kept) -> None:
    kept.ingest(0, listing("a", "b"))
    last = kept.ingest(1, listing("a", "b", note="confirmed"))
    kept.catalog.remove_model("openai", "b")
    kept.ingest(2, listing("a", note="another"))
    kept.ingest(3, listing("a", note="newest"))
    kept.catalog.prune_listings(30)
    assert last in kept.digests


def test_equal_bytes_stay_while_one_listing_needs_them(kept: Kept) -> None:
    shared = listing("a")
    digest = kept.ingest(0, shared, "openai")
    kept.ingest(1, listing("a", note="newer"), "openai")
    kept.ingest(2, listing("a", note="newest"), "openai")
    kept.ingest(0, listing("a", note="mistral's"), "mistral")
    kept.ingest(3, shared, "mistral")
    kept.catalog.prune_listings(30)
    assert digest in kept.digests
    assert kept.archive.load(digest) == shared


def test_young_listings_and_files_and_rejected_input_stay(kept: Kept) -> None:
    for number, content in enumerate(versions("x", "y", "z")):
        kept.ingest(number, content)
    kept.archive.quarantine("inbox/line.jsonl", b"{}")
    young = (LATER - NOON) / timedelta(days=1) + 1
    assert kept.catalog.prune_listings(young).deleted == 0
    orphan = kept.archive.store(b"[]")
    assert kept.catalog.prune_listings(30).deleted == 2  # y, and the one without a row
    assert orphan not in kept.digests
    files, root = fsspec.core.url_to_fs(kept.location)
    assert [path for path in files.find(root) if "rejected" in path]


def test_a_listing_that_arrives_while_its_bytes_are_being_deleted_keeps_them(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = listing("a", "b", note="x")
    for number, content in enumerate((listing("a", "b"), old, listing("a", "b", note="y"))):
        kept.ingest(number, content)
    digest = sha256(old).hexdigest()
    withdraw: Callable[[Archive, str], bool] = Archive.withdraw

    def admit_before(archive: Archive, one: str) -> bool:
        """Admit the same bytes in the moment before they are renamed."""
        monkeypatch.undo()
        kept.admit(9, old, "openai", is_reconciled=False)
        return withdraw(archive, one)

    monkeypatch.setattr(Archive, "withdraw", admit_before)
    kept.catalog.prune_listings(30)
    assert digest in kept.digests


def test_the_admission_writes_bytes_again_that_were_deleted_before_its_row_was_visible(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = listing("a", "b", note="x")
    for number, content in enumerate((listing("a", "b"), old, listing("a", "b", note="y"))):
        kept.ingest(number, content)
    store: Callable[[Archive, bytes, str | None], str] = Archive.store

    def prune_after(archive: Archive, content: bytes, digest: str | None = None) -> str:
        """Prune in the moment between the storing of the bytes and the row."""
        monkeypatch.undo()
        stored = store(archive, content, digest)
        assert kept.catalog.prune_listings(30).deleted == 1
        return stored

    monkeypatch.setattr(Archive, "store", prune_after)
    kept.admit(9, old, "openai", is_reconciled=False)
    assert sha256(old).hexdigest() in kept.digests


@pytest.mark.parametrize("step", ["discard", "withdraw"])
def test_the_next_one_completes_what_a_crash_left(kept: Kept, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    for number, content in enumerate((listing("a", "b"), *versions("x", "y", "z"))):
        kept.ingest(number, content)
    original: Callable[[Archive, str], object] = getattr(Archive, step)
    calls = []

    def crash(archive: Archive, digest: str) -> object:
        calls.append(digest)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(archive, digest)

    monkeypatch.setattr(Archive, step, crash)
    with pytest.raises(KeyboardInterrupt):
        kept.catalog.prune_listings(30)
    monkeypatch.undo()
    again = listing("a", "b", note="x")  # its bytes are needed again, and may be the ones that were renamed
    kept.admit(9, again, "openai", is_reconciled=False)
    kept.catalog.prune_listings(30)
    assert sha256(again).hexdigest() in kept.digests
    assert len(kept.digests) == 3


def test_without_a_limit_nothing_is_deleted(kept: Kept) -> None:
    with pytest.raises(UsageError, match="GHOST_KEEP_LISTINGS_DAYS"):
        kept.catalog.prune_listings()


def test_links_in_the_archive_are_left_alone(tmp_path: Path) -> None:
    kept = Kept(Settings(home=tmp_path / "home"))
    kept.ingest(0, listing("a"))
    outside = tmp_path / "outside"
    outside.mkdir()
    name = "ab" + "0" * 62 + ".json"
    (outside / name).write_bytes(b"precious")
    folder = Path(kept.location)
    (folder / "ab").symlink_to(outside)
    (folder / "cd").mkdir(exist_ok=True)
    (folder / "cd" / f"cd{'0' * 62}.json").symlink_to(outside / name)
    (folder / "cd" / "notes.txt").write_text("not a listing")
    assert kept.catalog.prune_listings(30).deleted == 0
    assert (outside / name).read_bytes() == b"precious"
    assert (folder / "cd" / "notes.txt").exists()
    kept.catalog.close()
