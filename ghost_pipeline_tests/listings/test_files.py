"""Which files are listings, of which provider, and which is the newest."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ghost_pipeline.errors import NoListings
from ghost_pipeline.listings import files
from ghost_pipeline.listings.files import ListingFile, find_listings, newest_listings

MODIFIED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def put(directory: Path, name: str, modified_at: datetime = MODIFIED_AT) -> Path:
    path = directory / name
    path.write_bytes(b"[]")
    os.utime(path, (modified_at.timestamp(), modified_at.timestamp()))
    return path


def found(directory: Path, name: str) -> ListingFile:
    put(directory, name)
    [file] = find_listings(directory).files
    return file


@pytest.mark.parametrize(
    ("name", "provider_id"),
    [
        ("google_models_2025-12-06T07-15-05.json", "google"),
        ("openrouter_models.json", "openrouter"),
        ("ollama_local.json", "ollama"),
        ("groq_2024.json", "groq"),
        ("gemini-models.json", "google"),
        ("x-ai_models.json", "xai"),
        ("lm-studio_models.json", "lmstudio"),
        ("OpenAI.json", "openai"),
        ("openai.JSON", "openai"),
        ("azure.prod.json", "azure"),
        ("my-models-2.json", "my"),
    ],
)
def test_the_provider_is_the_beginning_of_the_name(tmp_path: Path, name: str, provider_id: str) -> None:
    assert found(tmp_path, name).provider_id == provider_id


@pytest.mark.parametrize(
    ("stamp", "stated_at"),
    [
        ("2025-12-06T07-15-05", datetime(2025, 12, 6, 7, 15, 5, tzinfo=UTC)),
        ("2025-12-06T07:15:05", datetime(2025, 12, 6, 7, 15, 5, tzinfo=UTC)),
        ("2025-12-06T07-15-05Z", datetime(2025, 12, 6, 7, 15, 5, tzinfo=UTC)),
        ("2025-12-06T07-15-05.25Z", datetime(2025, 12, 6, 7, 15, 5, 250000, tzinfo=UTC)),
        ("2025-12-06T07:15:05.123456789", datetime(2025, 12, 6, 7, 15, 5, 123456, tzinfo=UTC)),
        ("2025-12-06", datetime(2025, 12, 6, tzinfo=UTC)),
        ("20251206T071505Z", datetime(2025, 12, 6, 7, 15, 5, tzinfo=UTC)),
        ("20251206", datetime(2025, 12, 6, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2025-02-29", MODIFIED_AT),
        ("2025-13-06", MODIFIED_AT),
        ("2025-12-06T25-00-00", MODIFIED_AT),
        ("0000-01-01", MODIFIED_AT),
        ("2024", MODIFIED_AT),
        ("120251206", MODIFIED_AT),
        ("2025-1206", MODIFIED_AT),
        ("latest", MODIFIED_AT),
    ],
)
def test_the_stated_instant_is_that_of_the_name_or_of_the_file(tmp_path: Path, stamp: str, stated_at: datetime) -> None:
    file = found(tmp_path, f"groq_models_{stamp}.json")
    assert file.stated_at == stated_at
    assert file.stated_at.utcoffset() == MODIFIED_AT.utcoffset()


def test_size_and_modification_time_are_those_of_the_file(tmp_path: Path) -> None:
    file = found(tmp_path, "groq.json")
    assert (file.size, file.modified_at, file.path) == (2, MODIFIED_AT, tmp_path / "groq.json")
    assert file.mtime_ns == file.path.stat().st_mtime_ns


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "openai.json.gz",
        ".openai.json",
        "openai.json.tmp",
        "openai.tmp.json",
        "openai.json.part",
        "openai.partial.json",
        "openai.LOCK.json",
        "openai.json.crdownload",
        "openai.swp.json",
        "~$openai.json",
    ],
)
def test_hidden_unfinished_and_other_files_are_left_alone(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    assert find_listings(tmp_path) == files.DirectoryScan((), ())


def test_files_that_look_like_listings_are_skipped_with_a_reason(tmp_path: Path) -> None:
    put(tmp_path, "openai.json")
    put(tmp_path, "_models.json")
    put(tmp_path, "öpenai.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere.json")
    os.mkfifo(tmp_path / "pipe.json")
    scan = find_listings(tmp_path)
    assert [file.path.name for file in scan.files] == ["openai.json"]
    reasons = dict(scan.skipped)
    assert set(reasons) == {"_models.json", "öpenai.json", "folder.json", "link.json", "pipe.json"}
    assert "is not a valid provider name; name the file like openai_models.json" in reasons["_models.json"]
    assert reasons["folder.json"] == "it is a folder"
    assert reasons["link.json"] == "it is a link to a file that does not exist"
    assert reasons["pipe.json"] == "it is not a regular file"


def test_a_name_that_is_not_utf8_is_skipped(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"openai_\xff.json")).write_bytes(b"[]")
    scan = find_listings(tmp_path)
    assert scan.files == ()
    assert scan.skipped == (("openai_\\xff.json", "its name is not UTF-8; rename it"),)


def test_a_link_to_a_listing_is_a_listing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "openai.json").symlink_to(put(tmp_path, "target"))
    assert [file.provider_id for file in find_listings(tmp_path / "in").files] == ["openai"]


def test_a_file_that_vanishes_meanwhile_is_skipped_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "openai.json")
    monkeypatch.setattr("ghost_pipeline.listings.files.os.listdir", lambda _: ["gone.json", "openai.json"])
    scan = find_listings(tmp_path)
    assert [file.path.name for file in scan.files] == ["openai.json"]
    assert scan.skipped == ()


def test_no_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(NoListings, match="does not exist; create it"):
        find_listings(tmp_path / "nowhere")
    with pytest.raises(NoListings, match="is not a folder"):
        find_listings(put(tmp_path, "openai.json"))


def test_an_empty_folder_is_an_empty_scan(tmp_path: Path) -> None:
    assert find_listings(tmp_path).files == ()


def test_the_newest_file_is_the_one_with_the_latest_stated_instant(tmp_path: Path) -> None:
    put(tmp_path, "groq_2025-12-06.json", datetime(2026, 5, 1, tzinfo=UTC))
    newest = put(tmp_path, "groq_2025-12-07.json", datetime(2026, 4, 1, tzinfo=UTC))
    put(tmp_path, "grok.json")
    chosen = newest_listings(find_listings(tmp_path).files)
    assert {provider_id: file.path.name for provider_id, file in chosen.items()} == {
        "groq": newest.name,
        "xai": "grok.json",
    }


def test_equal_instants_are_decided_by_modification_time_then_name(tmp_path: Path) -> None:
    put(tmp_path, "groq_a_2025-12-06.json", datetime(2026, 5, 2, tzinfo=UTC))
    put(tmp_path, "groq_b_2025-12-06.json", datetime(2026, 5, 1, tzinfo=UTC))
    assert newest_listings(find_listings(tmp_path).files)["groq"].path.name == "groq_a_2025-12-06.json"
    put(tmp_path, "groq_c_2025-12-06.json", datetime(2026, 5, 2, tzinfo=UTC))
    assert newest_listings(find_listings(tmp_path).files)["groq"].path.name == "groq_c_2025-12-06.json"


def test_candidates_are_sorted_by_name(tmp_path: Path) -> None:
    for name in ("xai.json", "anthropic.json", "groq.json"):
        put(tmp_path, name)
    names = [file.path.name for file in find_listings(tmp_path).files]
    assert names == ["anthropic.json", "groq.json", "xai.json"]
