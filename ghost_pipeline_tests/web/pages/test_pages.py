"""What the pages contain, read from their HTML: numbers, links, downloads."""

import csv
import html
import io
import re
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import feedparser
import pytest
import yaml
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.browsing import attempt_pages
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.lifecycle.vocabulary import EventKind
from ghost_pipeline_tests.web.pages.page_reader import rows, words
from ghost_pipeline_tests.web.pages.site import (
    ADOPTED_MODEL,
    DAGSTER_URL,
    HELD_PROVIDER,
    MODEL,
    NOW,
    REFUSED_MODEL,
    RUN_ID,
    STORY_PROVIDER,
    Site,
)


def query(site: Site, sql: str, *parameters: object) -> list[Any]:
    """Return the rows of a query on the file itself, with nothing of the package between."""
    with closing(sqlite3.connect(f"file:{site.home / 'catalog.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, parameters).fetchall()


def test_the_overview_counts_what_stats_and_sql_count(client: TestClient, catalog: ModelCatalog, site: Site) -> None:
    page = client.get("/").text
    stats = catalog.get_discovery_stats()
    numbers = re.findall(r"<strong>([\d,]+)</strong> ([a-z ,]+)</a>", page)
    tiles = {label: int(number.replace(",", "")) for number, label in numbers}
    assert tiles["models"] == stats["total"] == query(site, "SELECT count(*) FROM models")[0][0]
    assert tiles["active"] == stats["active"] == query(site, "SELECT sum(is_active) FROM models")[0][0]
    assert tiles["ghosts"] == stats["inactive"] > 0
    assert tiles["used, not listed"] == stats["unlisted"] > 0
    assert tiles["found in listings"] == stats["by_source"]["INDEX"]
    by_provider = {row[0]: row[1:] for row in rows(page, 'id="by-provider"')}
    counted = query(site, "SELECT provider_id, sum(is_active), sum(1 - is_active) FROM models GROUP BY provider_id")
    assert {name: [int(cell) for cell in cells[:2]] for name, cells in by_provider.items()} == {
        name: [active, ghosts] for name, active, ghosts in counted
    }


def test_the_overview_counts_the_changes_of_a_day_as_changes_does(client: TestClient, catalog: ModelCatalog) -> None:
    page = client.get("/").text
    shown = {kind: int(count) for count, kind in re.findall(r">([\d,]+) ([a-z]+)</a>", page) if kind in set(EventKind)}
    expected = Counter(one.kind.value for one in catalog.list_changes(NOW - timedelta(hours=24)).changes)
    assert shown == expected


@pytest.mark.parametrize(
    ("parameters", "condition"),
    [
        ("", "1 = 1"),
        ("state=ghost", "is_active = 0"),
        ("state=active&source=MANUAL", "is_active = 1 AND source = 'MANUAL'"),
        ("cost=paid", "is_free = 0"),
        ("cost=free", "is_free = 1"),
        ("cost=unknown", "is_free IS NULL"),
        ("mark=retiring", "expires_at IS NOT NULL"),
        ("mark=refused", "refused_since IS NOT NULL"),
        ("min_context=100,000&max_input=2", "context_window >= 100000 AND input_price <= 2"),
        ("capability=tools&capability=text", "capabilities LIKE '%\"tools\"%' AND capabilities LIKE '%\"text\"%'"),
        ("provider=together&provider=openai&search=MODEL", "provider_id IN ('together', 'openai') AND (model_id LIKE"
         " '%model%' OR name LIKE '%model%')"),
    ],
)  # fmt: skip
def test_the_list_counts_what_sql_counts(client: TestClient, site: Site, parameters: str, condition: str) -> None:
    expected = query(site, f"SELECT count(*) FROM models WHERE {condition}")[0][0]
    page = client.get(f"/models?{parameters}").text
    count = re.search(r'id="count"[^>]*>\s*(.*?)</p>', page, re.DOTALL)
    assert count is not None
    if expected:
        assert f" of {expected:,} model" in count[1]
    else:
        assert count[1].strip().startswith("No model")


def test_every_heading_sorts_both_ways_with_unknown_values_last(client: TestClient, catalog: ModelCatalog) -> None:
    for key, column in (("context", "context_window"), ("input", "input_price"), ("model", "model_id")):
        for sign in ("", "-"):
            page = client.get(f"/models?provider=together&sort={sign}{key}").text
            expected = catalog.find_models(ModelFilter(["together"], is_active=None, sort=f"{sign}{column}", limit=50))
            shown = re.findall(r'class="model" href="/model\?provider=together&amp;id=([^"]*)"', page)
            assert shown == [one.model_id.replace("/", "%2F") for one in expected]
            assert f'aria-sort="{"descending" if sign else "ascending"}"' in page


def test_pages_of_the_list_follow_each_other_without_a_gap(client: TestClient, catalog: ModelCatalog) -> None:
    found: list[str] = []
    path: str | None = "/models"
    while path is not None:
        page = client.get(path).text
        found += re.findall(r'<tr[^>]*>\s*<th scope="row"><span class="id"><a class="model" href="([^"]*)"', page)
        following = re.search(r'rel="next" href="([^"]*)"', page)
        path = html.unescape(following[1]) if following else None
    models = catalog.find_models(ModelFilter(is_active=None))
    keys = [parse_qs(urlsplit(html.unescape(one)).query, keep_blank_values=True) for one in found]
    assert [(one["provider"][0], one["id"][0]) for one in keys] == [(one.provider_id, one.model_id) for one in models]


def test_a_ghost_shows_when_it_was_seen_and_when_it_is_purged(client: TestClient) -> None:
    [row] = [one for one in rows(client.get("/models?state=ghost").text) if one[0].startswith("lab/model-07")]
    assert "last seen 21 days ago, purge in 10 days" in row[1]
    page = words(client.get(f"/model?provider={STORY_PROVIDER}&id=lab/model-07").text)
    assert "It became a ghost 19 days ago: not seen for more than 24 hours" in page
    assert "It comes back with a new listing that contains it, a successful use, the command add or the command" in page
    assert "ghost-pipeline reactivate together lab/model-07" in page


def test_a_model_that_refuses_to_answer_shows_since_when_and_why(client: TestClient) -> None:
    warning = "has refused to answer for 1 hour: retired: end of life"
    assert warning in words(client.get("/").text)
    [row] = rows(client.get("/models?mark=refused").text)
    assert row[0].startswith(REFUSED_MODEL)
    assert warning in row[1]
    page = words(client.get(f"/model?provider={STORY_PROVIDER}&id={REFUSED_MODEL}").text)
    assert "has refused requests for it for 1 hour, the last one 1 hour ago: retired: end of life" in page
    assert "ghost-pipeline reactivate together lab/model-10" in page
    assert f"/model?provider={STORY_PROVIDER}&amp;id=lab%2Fmodel-10" in client.get("/changes?kind=refused").text


def test_the_downloads_have_the_whole_selection(client: TestClient, catalog: ModelCatalog) -> None:
    wanted = ModelFilter(["openai"], is_active=None)
    expected = [one.model_id for one in catalog.find_models(wanted)]
    answer = client.get("/models/download?to=csv&provider=openai&page=2")
    assert [one["model_id"] for one in csv.DictReader(io.StringIO(answer.text))] == expected
    assert answer.headers["content-disposition"] == 'attachment; filename="models.csv"'
    assert [one["model_id"] for one in client.get("/models/download?to=json&provider=openai").json()] == expected
    config = yaml.safe_load(client.get("/models/download?to=litellm&provider=openai&sort=-seen").text)
    assert [one["model_name"] for one in config["model_list"]] == [f"openai/{name}" for name in expected]
    assert client.get("/models/download?to=exe").status_code == 422


def test_the_downloads_for_gateways_have_what_can_be_used(client: TestClient, catalog: ModelCatalog) -> None:
    def downloaded(query: str) -> set[str]:
        document = client.get(f"/models/download?to=openai&provider={STORY_PROVIDER}{query}").json()
        config = yaml.safe_load(client.get(f"/models/download?to=litellm&provider={STORY_PROVIDER}{query}").text)
        ids = {one["id"] for one in document["data"]}
        assert {one["model_name"] for one in config["model_list"]} == {f"{STORY_PROVIDER}/{one}" for one in ids}
        return ids

    everything = catalog.find_models(ModelFilter([STORY_PROVIDER], is_active=None))
    active = {one.model_id for one in everything if one.is_active}
    ghosts = {one.model_id for one in everything} - active
    assert ghosts
    assert downloaded("") == active - {"lab/model-10"}
    assert downloaded("&state=ghost") == ghosts
    assert downloaded("&state=all") == (active | ghosts) - {"lab/model-10"}
    assert downloaded("&mark=refused") == {"lab/model-10"}


# One model, one provider, one listing


def test_a_model_shows_since_when_facts_hold_and_the_evidence_of_each_event(client: TestClient) -> None:
    page = client.get(MODEL).text
    facts = {row[0]: row[1:] for row in rows(page, 'id="facts"')}
    assert facts["input_price"] == ["1.25", "listing", "10 days ago"]
    assert facts["context_window"] == ["131,072", "listing", "15 days ago"]
    assert facts["replaced_by"] == ["lab/newcomer", "manual", "1 hour ago"]
    assert f'href="{DAGSTER_URL}/runs/{RUN_ID}"' in page
    assert "input_price 1.5 → 1.25" in words(page)
    assert re.search(r"listing.\d+ together_models.json, digest [0-9a-f]{12}", words(page))


def test_a_model_that_was_added_after_it_was_listed_is_manual_since_then(client: TestClient) -> None:
    page = client.get(f"/model?provider={STORY_PROVIDER}&id={ADOPTED_MODEL}").text
    facts = {row[0]: row[1:] for row in rows(page, 'id="facts"')}
    assert facts["source"] == ["MANUAL", "", "1 hour ago"]
    assert "ghost-pipeline remove" in words(page)
    assert "ghost-pipeline add" not in words(page)


def test_a_model_that_left_shows_how_to_bring_it_back(client: TestClient) -> None:
    page = words(client.get(f"/model?provider={STORY_PROVIDER}&id=lab/model-03").text)
    assert "It was purged 8 days ago: a ghost for more than 30 days" in page
    assert "ghost-pipeline restore together lab/model-03" in page
    listed = rows(client.get("/removed").text)
    assert [row[0] for row in listed] == [f"lab/model-{one}together" for one in ("29", "04", "03")]
    assert "ghost-pipeline restore together lab/model-29" in listed[0][-1]
    assert len(rows(client.get("/removed?kind=removed").text)) == 1


def test_the_charts_have_the_prices_and_context_windows_of_the_history(
    client: TestClient, catalog: ModelCatalog
) -> None:
    page = client.get(MODEL).text
    periods = catalog.history.list_prices(STORY_PROVIDER, "lab/model-00")
    assert [float(one) for one in drawn(page, "input")] == [one.input_price for one in periods] == [2.0, 1.5, 1.25]
    assert [float(one) for one in drawn(page, "output")] == [8.0, 6.0, 5.0]
    assert drawn(page, "context window") == ["32768", "131072"]


def drawn(page: str, series: str) -> list[str]:
    """Return the values of the points of a line."""
    group = page[page.index(f'data-series="{series}"') :].split("</g>", maxsplit=1)[0]
    return re.findall(r'data-value="([^"]*)"', group)


def test_a_provider_shows_its_verdicts_and_counts_over_time(client: TestClient, site: Site) -> None:
    page = client.get(f"/providers/{STORY_PROVIDER}").text
    attempts = query(
        site, "SELECT id, verdict, model_count, missing_count FROM listings WHERE provider_id = ? ORDER BY observed_at",
        STORY_PROVIDER,
    )  # fmt: skip
    strip = re.findall(r'class="bar verdict-(\w+)" href="/listings/(\d+)"', page)
    assert strip == [(verdict, str(number)) for number, verdict, *_ in attempts]
    listed = [one for one in attempts if one[1] in ("complete", "partial", "shrunken")]
    assert drawn(page, "models") == [str(one[2]) for one in listed]
    assert drawn(page, "missing") == [str(one[3]) for one in listed]
    assert len(drawn(page, "duration")) == 45


def test_a_held_provider_shows_why_how_long_and_the_command(client: TestClient) -> None:
    for path in ("/", f"/providers/{HELD_PROVIDER}"):
        page = words(client.get(path).text)
        assert "Held for 2 hours: its absences do not count, because empty: the listing contains no models" in page
        assert "Its listed models stay active for 6 days more" in page
        assert f"ghost-pipeline release {HELD_PROVIDER}" in page


def test_attempts_of_a_provider_are_paged_to_the_oldest(client: TestClient, site: Site) -> None:
    path: str | None = f"/providers/{STORY_PROVIDER}"
    found: list[str] = []
    while path is not None:
        page = client.get(path).text
        found += re.findall(r'<th scope="row"><a href="/listings/(\d+)">', page)
        following = re.search(r'href="([^"]*)">Older listings', page)
        path = html.unescape(following[1]) if following else None
    expected = query(site, "SELECT id FROM listings WHERE provider_id = ? ORDER BY observed_at DESC", STORY_PROVIDER)
    assert [int(one) for one in found] == [one for (one,) in expected]


def test_a_listing_shows_what_it_changed_and_lacked_and_sends_its_bytes_as_a_file(
    client: TestClient, site: Site, catalog: ModelCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(shrunken,)] = query(site, "SELECT id FROM listings WHERE verdict = 'shrunken' AND provider_id = 'together'")
    page = client.get(f"/listings/{shrunken}").text
    assert "Missing: 19 models" in words(page)
    assert page.count("id=lab%2Fmodel-") == 19
    lacking = query(
        site, "SELECT id, missing_count FROM listings WHERE verdict = 'complete' AND missing_count AND NOT is_late"
    )
    assert lacking
    for number, missing in lacking:
        lacked = client.get(f"/listings/{number}").text.split('id="missing"')[1]
        assert lacked.count("/model?provider=") == missing
    monkeypatch.setattr(attempt_pages, "MOST_BYTES", 0)
    assert "Their names are not known" in client.get(f"/listings/{lacking[0][0]}").text
    [(changing,)] = query(site, "SELECT id FROM listings WHERE updated_count = 26 ORDER BY id DESC LIMIT 1")[:1]
    assert "Changed: 26 models" in words(client.get(f"/listings/{changing}").text)
    [(malformed,)] = query(site, "SELECT id FROM listings WHERE verdict = 'malformed'")
    raw = client.get(f"/listings/{malformed}/raw")
    assert raw.content == b"<html>sorry</html>"
    assert raw.headers["content-type"] == "application/octet-stream"
    assert raw.headers["content-disposition"].startswith("attachment;")
    assert raw.headers["x-content-type-options"] == "nosniff"
    [(failed,)] = query(site, "SELECT id FROM listings WHERE verdict = 'failed'")
    assert client.get(f"/listings/{failed}/raw").status_code == 404
    assert client.get("/listings/99999").status_code == 404
    digest = catalog.browsing.get_attempt(changing).sha256 or ""
    archived = site.home / "archive" / digest[:2] / f"{digest}.json"
    assert client.get(f"/listings/{changing}/raw").content == archived.read_bytes()


# Changes


def test_the_changes_of_a_day_are_those_of_the_catalog(client: TestClient, catalog: ModelCatalog) -> None:
    begin = NOW.replace(hour=0)
    every = catalog.list_changes(begin, begin + timedelta(days=1)).changes
    usual = [one for one in every if one.kind is not EventKind.CHANGED]
    page = client.get("/changes").text
    assert f"{len(usual)} changes" in words(page)
    assert [row[1] for row in rows(page)] == [one.kind.value for one in usual[::-1]]
    facts = client.get("/changes?kind=changed&day=2026-06-20").text
    assert "input_price 1.5 → 1.25" in words(facts)
    document = client.get("/changes.json?day=2026-06-30").json()
    assert [one["id"] for one in document["changes"]] == [one.id for one in usual]
    following = client.get(f"/changes.json?since={document['cursor']}").json()
    assert following["changes"] == []


def test_chosen_kinds_decide_the_day_its_bars_and_its_neighbours(client: TestClient, site: Site) -> None:
    [(day, count)] = query(
        site, "SELECT substr(recorded_at, 1, 10), count(*) FROM model_events WHERE kind = 'purged' GROUP BY 1"
    )
    page = client.get("/changes?kind=purged").text
    assert f"{day} {count} changes" in words(page)
    assert [row[1] for row in rows(page)] == ["purged"] * count
    assert f"{day}: {count} changes" in page
    assert "Earlier" not in page
    elsewhere = client.get("/changes?kind=purged&day=2026-06-30").text
    assert f"Earlier: {day}" in elsewhere
    assert "changed facts”" not in elsewhere
    usual = client.get("/changes").text
    shown = re.search(r'aria-current="date" title="2026-06-30: (\d+) changes"', usual)
    assert shown
    assert f"{shown[1]} changes:" in words(usual)


def test_links_of_the_overview_lead_to_all_that_it_counts(client: TestClient) -> None:
    page = client.get("/").text
    pills = re.findall(r'href="(/changes[^"]+)">([\d,]+) ([a-z]+)</a>', page)
    assert len(pills) > 2
    for path, count, kind in pills:
        shown = words(client.get(html.unescape(path)).text)
        assert f"The last 24 hours {count} change" in shown, kind


def test_the_feed_is_valid_atom_with_a_link_to_each_model(client: TestClient) -> None:
    answer = client.get("/changes.atom")
    feed: Any = feedparser.parse(answer.content)
    assert not feed.bozo, feed.get("bozo_exception")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    assert feed.entries[0].title == "together/lab/model-29: removed"
    assert feed.entries[0].link == "http://testserver/model?provider=together&id=lab%2Fmodel-29"
    assert len({one.id for one in feed.entries}) == len(feed.entries) > 10
    assert client.get("/changes.atom").content == answer.content


def test_the_difference_of_two_dates_is_that_of_the_catalog(client: TestClient, catalog: ModelCatalog) -> None:
    before = NOW - timedelta(days=29, hours=12)
    counts = Counter(one.difference for one in catalog.history.compare(before))
    page = client.get(f"/changes/difference?before={before:%Y-%m-%d}").text
    assert before.hour == 0
    expected = f"{counts['appeared']} appeared, {counts['vanished']} vanished, {counts['changed']} changed"
    assert expected in words(page)
    assert counts["changed"]
    [link] = re.findall(r'href="([^"]*/api/v1/difference[^"]*)"', page)
    document = client.get(html.unescape(link)).json()
    assert Counter(one["difference"] for one in document["differences"]) == counts
    refused = client.get("/changes/difference?before=soon")
    assert (refused.status_code, "soon" in refused.text) == (422, True)
