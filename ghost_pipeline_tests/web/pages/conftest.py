"""One catalog with everything that pages show, for all tests of pages."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.web.application import create_application
from ghost_pipeline_tests.web.pages.site import DAGSTER_URL, NOW, Site, build_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def catalog(site: Site) -> Iterator[ModelCatalog]:
    with site.opened() as catalog:
        yield catalog


@pytest.fixture(scope="session")
def client(catalog: ModelCatalog) -> TestClient:
    return TestClient(create_application(catalog, clock=lambda: NOW, dagster_url=DAGSTER_URL))
