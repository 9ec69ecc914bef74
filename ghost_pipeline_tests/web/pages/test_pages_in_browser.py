"""The pages in a real browser: search, filters, order, history, charts, without scripts, sizes, colours, accessibility.

One server and one browser serve the whole module. Nothing here depends on how long anything takes.
"""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, expect

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.redaction import printable
from ghost_pipeline_tests.ui.browser import INSTALL_COMMAND, find_browser, opened_browser
from ghost_pipeline_tests.web.pages.site import DAGSTER_URL, HOSTILE_IDS, HOSTILE_PROVIDER, STORY_PROVIDER, Site, served
from ghost_pipeline_tests.web.pages.test_every_page import PAGES

pytestmark = pytest.mark.skipif(find_browser() is None, reason=f"no browser; install one with {INSTALL_COMMAND}")

MODEL = f"/model?provider={STORY_PROVIDER}&id=lab/model-00"
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1600, "height": 900}


@pytest.fixture(scope="module")
def url(site: Site) -> Iterator[str]:
    with served(site) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=60_000)  # milliseconds; a busy machine must not fail a test
    with opened_browser() as browser:
        yield browser


class Watched:
    """A page on which nothing may go wrong: no error, no dialog, nothing loaded from elsewhere."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.errors: list[str] = []
        self.page = context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", self._check)

    def _dismiss(self, dialog: Dialog) -> None:
        self.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _check(self, request: Request) -> None:
        if not request.url.startswith(f"{self.url}/"):
            self.errors.append(f"loaded from elsewhere: {request.url}")

    def _note(self, message: ConsoleMessage) -> None:
        # The browser reports each answer with an error status, which some pages are meant to have.
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            self.errors.append(message.text)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page


@pytest.fixture
def watched(browser: Browser, url: str) -> Iterator[Watched]:
    with browser.new_context(viewport=WIDE, permissions=["clipboard-read", "clipboard-write"]) as context:  # type: ignore[arg-type]
        watched = Watched(context, url)
        yield watched
        assert watched.errors == []


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def shown_ids(page: Page) -> list[str]:
    """Return the ids that the links of the list lead to."""
    links = page.locator("table.models tbody th a.model").evaluate_all("all => all.map(one => one.href)")
    return [parse_qs(urlsplit(one).query, keep_blank_values=True)["id"][0] for one in links]


def test_typing_searches_and_the_address_follows(watched: Watched) -> None:
    page = watched.open(f"/models?provider={STORY_PROVIDER}")
    entries = page.evaluate("history.length")
    page.get_by_label("Search").press_sequentially("MODEL-07")
    expect(page.locator("#count")).to_have_text("1 to 1 of 1 model")
    assert shown_ids(page) == ["lab/model-07"]
    assert query_of(page) == {"provider": [STORY_PROVIDER], "search": ["MODEL-07"]}
    assert page.evaluate("history.length") == entries + 1  # however many letters were typed
    expect(page.get_by_label("Search")).to_be_focused()
    assert page.locator("#count").get_attribute("role") == "status"
    address = page.url
    page.goto(address)
    assert shown_ids(page) == ["lab/model-07"]
    assert page.get_by_label("Search").input_value() == "MODEL-07"


def test_back_undoes_the_last_filter_and_forward_applies_it_again(watched: Watched) -> None:
    page = watched.open("/providers")
    page.goto(f"{watched.url}/models?provider={STORY_PROVIDER}")
    whole = page.inner_text("#count")
    search, state, count = page.get_by_label("Search"), page.get_by_label("State"), page.locator("#count")
    search.press_sequentially("model-0")
    expect(count).to_contain_text("of 8 models")
    search.press_sequentially("7")
    expect(count).to_have_text("1 to 1 of 1 model")
    state.select_option("active")
    expect(count).to_have_text("No model")
    page.get_by_label("end was announced").check()
    page.wait_for_url("**mark=retiring**")
    page.go_back()
    expect(page.get_by_label("end was announced")).not_to_be_checked()
    page.go_back()
    expect(count).to_have_text("1 to 1 of 1 model")
    assert (search.input_value(), state.input_value()) == ("model-07", "")
    page.go_back()
    expect(count).to_have_text(whole)
    assert (search.input_value(), query_of(page)) == ("", {"provider": [STORY_PROVIDER]})
    page.go_forward()
    expect(count).to_have_text("1 to 1 of 1 model")
    assert shown_ids(page) == ["lab/model-07"]
    assert search.input_value() == "model-07"
    page.go_back()
    page.go_back()
    assert urlsplit(page.url).path == "/providers"


def test_a_server_that_is_away_is_reported_and_the_page_stays(watched: Watched) -> None:
    page = watched.open(f"/models?provider={STORY_PROVIDER}")
    address, ids = page.url, shown_ids(page)
    page.route("**/models?*", lambda route: route.abort())
    page.get_by_label("Search").press_sequentially("model-07")
    expect(page.locator("#count")).to_contain_text("The server can't be reached: try again.")
    assert (page.url, shown_ids(page)) == (address, ids)
    page.unroute("**/models?*")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("1 to 1 of 1 model")
    assert all("net::ERR_FAILED" in one for one in watched.errors)
    watched.errors.clear()


def test_what_is_typed_wrongly_is_named_and_can_be_corrected(watched: Watched) -> None:
    page = watched.open("/models")
    page.get_by_label("Context from").fill("many")
    expect(page.locator("#count")).to_contain_text("'many' is not a whole number")
    page.get_by_label("Context from").fill("100,000,000,000")
    expect(page.locator("#count")).to_contain_text("No model")
    expect(page.locator("#results .empty")).to_contain_text("No model matches")


def test_filters_order_and_history_keep_the_state(watched: Watched, catalog: ModelCatalog) -> None:
    page = watched.open("/models")
    page.get_by_label("State").select_option("ghost")
    ghosts = catalog.find_models(ModelFilter(is_active=False))
    expect(page.locator("#count")).to_contain_text(f"of {len(ghosts)} models")
    expect(page.locator("tr.ghost").first).to_contain_text("purge in")
    page.get_by_role("link", name="Last seen").click()
    expect(page.locator('th[aria-sort="descending"]')).to_contain_text("Last seen")
    page.get_by_role("link", name="Last seen").click()
    expect(page.locator('th[aria-sort="ascending"]')).to_contain_text("Last seen")
    assert query_of(page) == {"state": ["ghost"], "sort": ["seen"]}
    expected = [one.model_id for one in catalog.find_models(ModelFilter(is_active=False, sort="last_seen_at"))]
    assert shown_ids(page) == expected
    page.locator("a.model").first.click()
    expect(page.locator("h1")).to_have_text(expected[0])
    page.go_back()
    assert shown_ids(page) == expected
    assert page.get_by_label("State").input_value() == "ghost"


def test_checked_boxes_filter_at_once(watched: Watched, catalog: ModelCatalog) -> None:
    page = watched.open("/models")
    page.get_by_text("Capabilities", exact=True).first.click()
    page.get_by_label("tools").check()
    page.get_by_label("end was announced").check()
    wanted = ModelFilter(is_active=None, capabilities=["tools"], is_retiring=True)
    count = len(catalog.find_models(wanted))
    expect(page.locator("#count")).to_contain_text(f"of {count} model" if count else "No model")
    assert query_of(page) == {"capability": ["tools"], "mark": ["retiring"]}


def test_the_charts_are_drawn_as_the_numbers_are(watched: Watched, catalog: ModelCatalog) -> None:
    page = watched.open(MODEL)
    periods = catalog.history.list_prices(STORY_PROVIDER, "lab/model-00")
    dots = page.locator('g[data-series="input"] circle')
    assert [float(dot.get_attribute("data-value") or "") for dot in dots.all()] == [one.input_price for one in periods]
    boxes = [dot.bounding_box() for dot in dots.all()]
    places = [(box["x"], box["y"]) for box in boxes if box is not None]
    assert len(places) == len(periods) == 3
    assert places == sorted(places)  # later to the right, and cheaper further down
    svg = page.locator("figure.chart svg").first
    frame = svg.bounding_box()
    assert frame is not None
    assert frame["width"] > 300
    page.locator("figure.chart summary").first.click()
    cells = page.locator("figure.chart").first.locator("tbody tr td:last-child").all_inner_texts()
    assert cells == ["2", "1.5", "1.25", "8", "6", "5"]


def test_without_scripts_the_forms_and_links_do_the_same(browser: Browser, url: str) -> None:
    with browser.new_context(java_script_enabled=False, viewport=WIDE) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{url}/models")
        page.get_by_label("Search").fill("model-07")
        page.get_by_label("State").select_option("ghost")
        page.get_by_role("button", name="Show").click()
        assert shown_ids(page) == ["lab/model-07"]
        assert page.get_by_label("Search").input_value() == "model-07"
        assert not page.locator("button.copy").first.is_visible()
        page.locator("a.model").first.click()
        assert "ghost-pipeline reactivate together lab/model-07" in page.inner_text("main")
        page.goto(f"{url}/changes")
        page.get_by_role("link", name="Earlier").click()
        assert "2026-06-28" in page.inner_text("h2")


def test_hostile_names_are_text_lead_to_their_page_and_are_copied_as_they_are(watched: Watched) -> None:
    page = watched.open(f"/models?provider={HOSTILE_PROVIDER}")
    ids = shown_ids(page)
    assert set(ids) == {one.strip() for one in HOSTILE_IDS}
    for number, model_id in enumerate(ids):
        cell = page.locator("table.models tbody th").nth(number)
        assert printable(model_id)[:100] in cell.inner_text()
    assert page.title() == "Models · Ghost Pipeline"
    page.locator("button.copy").nth(ids.index(HOSTILE_IDS[5])).click()
    assert page.evaluate("navigator.clipboard.readText()") == HOSTILE_IDS[5]
    for number, model_id in enumerate(ids):
        page.locator("a.model").nth(number).click()
        assert page.locator("h1").inner_text() == printable(model_id)
        assert page.title().endswith("· Ghost Pipeline")
        page.go_back()


def test_the_keyboard_reaches_the_content_first_and_sees_where_it_is(watched: Watched) -> None:
    page = watched.open("/models")
    page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    search = page.get_by_label("Search")
    expect(search).to_be_focused()
    assert search.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def is_painted_dark(page: Page) -> bool:
    return bool(page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)")


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (WIDE, "light")], ids=["phone-dark", "wide-light"])
def test_no_page_is_wider_than_the_screen_or_has_a_barrier(
    browser: Browser, url: str, size: dict[str, int], scheme: str
) -> None:
    axe = Axe()
    found: dict[str, object] = {}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type]
        watched = Watched(context, url)
        for number, path in enumerate(PAGES):
            page = watched.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
            assert is_painted_dark(page) is (scheme == "dark")
            if number % 2 != (scheme == "dark"):  # every page is checked once, every style in both schemes
                continue
            page.locator("main details").evaluate_all("all => all.forEach(one => { one.open = true; })")
            violations = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
            if violations:
                found[path] = [(one["id"], [node["html"][:150] for node in one["nodes"][:3]]) for one in violations]
        assert found == {}
        assert watched.errors == []


def test_links_lead_to_dagster_only_where_it_is_configured(watched: Watched) -> None:
    page = watched.open(MODEL)
    links = page.locator("main a").evaluate_all("all => all.map(one => one.href)")
    outside = {one for one in links if not one.startswith(f"{watched.url}/")}
    assert outside
    assert all(one.startswith((f"{DAGSTER_URL}/runs/", f"{DAGSTER_URL}/assets/")) for one in outside)
