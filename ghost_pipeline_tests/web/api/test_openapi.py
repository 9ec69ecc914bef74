"""The OpenAPI document and the API agree, whatever a client sends; a real OpenAI client can use ``/v1/models``."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.settings import Settings
from ghost_pipeline.web.application import create_application
from ghost_pipeline_tests.web.conftest import ODD_IDS

EXAMPLES = 15
"""Requests to each operation."""


def test_every_operation_answers_as_it_is_described_whatever_is_sent(web_settings: Settings) -> None:
    with ModelCatalog.open_read_only(web_settings) as catalog:
        application = create_application(catalog, is_stopping=lambda: True)  # so that nothing waits for a change
        described = schemathesis.openapi.from_asgi("/api/v1/openapi.json", application)
        operations: list[Any] = [found.ok() for found in described.get_all_operations()]  # type: ignore[union-attr]
        assert len(operations) >= 14
        for operation in operations:
            check_operation(operation)


def check_operation(operation: Any) -> None:
    """Send valid and invalid requests, and compare each answer with the document."""
    strategies = [
        operation.as_strategy(generation_mode=mode)
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    ]

    @given(case=st.one_of(strategies))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    def answers(case: Any) -> None:
        # A text can fit its schema and be no instant, no cursor and no provider.
        case.call_and_validate(headers={"Host": "localhost"}, excluded_checks=[positive_data_acceptance])

    answers()


def test_every_operation_and_parameter_is_described(web_client: TestClient) -> None:
    document = web_client.get("/api/v1/openapi.json").json()
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len(operations) >= 14
    assert len({one["operationId"] for one in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert {"200", "401", "403", "422", "500", "503"} <= set(operation["responses"])
        assert all(one.get("description") for one in operation.get("parameters", ())), operation["operationId"]
    assert {method for path in document["paths"].values() for method in path} == {"get"}


def test_the_openai_package_lists_and_retrieves_models(web_client: TestClient) -> None:
    import openai  # noqa: PLC0415 - takes a second, which a worker that gets other tests spares

    http_client: Any = web_client
    client = openai.OpenAI(api_key="unused", base_url="http://localhost/v1", http_client=http_client)
    listed = list(client.models.list())
    assert {one.id for one in listed} == {"gpt-4", "openai/gpt-1", "acme/gpt-1", *ODD_IDS}
    assert {one.owned_by for one in listed} == {"openai", "acme"}
    for model_id in ("gpt-4", "openai/gpt-1", "acme/gpt-1", "a/b:free", "with space", "größe+中文"):
        assert client.models.retrieve(model_id).id == model_id
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-2")
