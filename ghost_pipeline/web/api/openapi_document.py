"""The OpenAPI document of the API: what FastAPI derives from the operations, and the schemas of what they return."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ghost_pipeline.web.api.responses import ERRORS
from ghost_pipeline.web.api.schemas import schema_components
from ghost_pipeline.web.problems import MEDIA_TYPE

VERSION = "1"
"""Of the API, as in its paths: nothing is renamed or left out without another one."""

DESCRIPTION = (
    "The models that a gateway's providers have, where each of them came from, and what changed. Everything can be "
    "read, and nothing can be changed. Instants are ISO 8601 in UTC, prices are USD per million tokens, and null is "
    "unknown. The keys are those of the command line with `--json`. Errors are problem details (RFC 9457)."
)

TAGS = (
    {"name": "models", "description": "Models, their history, their prices and their counts."},
    {"name": "providers", "description": "Providers, and the attempts to list their models."},
    {"name": "changes", "description": "What appeared, vanished and came back."},
    {"name": "OpenAI", "description": "The models as OpenAI's API lists them, for clients that know no other."},
    {"name": "health", "description": "Whether the deployment works."},
)

_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "Where the server was started with a token."},
    "password": {"type": "http", "scheme": "basic", "description": "For browsers: any name, the token as password."},
}


def describe_with(application: FastAPI) -> None:
    """Let the application serve this document as its own."""

    def describe() -> dict[str, Any]:
        if application.openapi_schema is None:
            application.openapi_schema = describe_api(application)
        return application.openapi_schema

    application.openapi = describe  # type: ignore[method-assign]  # as FastAPI's documentation extends it


def describe_api(application: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document."""
    document = get_openapi(
        title=application.title,
        version=VERSION,
        summary="The catalog of models, to be read by programs.",
        description=DESCRIPTION,
        routes=application.routes,
        tags=[dict(tag) for tag in TAGS],
    )
    document["components"] = {"schemas": schema_components(), "securitySchemes": _SECURITY}
    document["security"] = [{}, {"token": []}, {"password": []}]
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path in document["paths"].values():
        for operation in path.values():
            for status in (401, 403):
                operation["responses"][str(status)] = {
                    "description": ERRORS[status],
                    "content": {MEDIA_TYPE: problem},
                }
    return document
