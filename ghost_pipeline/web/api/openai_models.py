"""``/v1/models`` in the shape of OpenAI's API, for clients that know no other: the active models of every provider."""

import hashlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated

import msgspec
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.catalog.results import ModelFilter
from ghost_pipeline.errors import UnknownModel
from ghost_pipeline.exports.gateways import openai_entry
from ghost_pipeline.lifecycle.identity import is_usable_text
from ghost_pipeline.web.api.responses import (
    TAG_BYTES,
    describe_answers,
    iterate_file,
    json_response,
    not_modified,
    tag_headers,
)
from ghost_pipeline.web.context import CatalogOfRequest

ACTIVE = ModelFilter()

FLUSH_SIZE = 1_000
"""Models in a part of the answer."""

SPOOLED_BYTES = 4 * 2**20
"""A longer list is written to a file before it is sent: its entity tag, which comes first, needs all of it."""

router = APIRouter(prefix="/v1", tags=["OpenAI"])


@router.get(
    "/models",
    operation_id="listOpenAiModels",
    summary="List the active models as OpenAI's API does",
    responses=describe_answers("OpenAiModels", "Every active model."),
)
def list_openai_models(request: Request, catalog: CatalogOfRequest) -> Response:
    """Return every active model. An id that several providers have begins with its provider."""
    file: IO[bytes] = SpooledTemporaryFile(SPOOLED_BYTES)  # noqa: SIM115 - closed when it is sent
    try:
        digest = hashlib.blake2b(digest_size=TAG_BYTES)
        for part in _write_list(catalog, catalog.find_shared_ids(ACTIVE)):
            file.write(part)
            digest.update(part)
        headers = tag_headers(digest.hexdigest())
        known = not_modified(request, headers)
        if known is not None:
            file.close()
            return known
        headers["content-length"] = str(file.tell())
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return StreamingResponse(iterate_file(file), media_type="application/json", headers=headers)


def _write_list(catalog: ModelCatalog, shared: set[str]) -> Iterator[bytes]:
    """Yield the list part by part, so that the answer is never in memory as a whole."""
    part: list[bytes] = [b'{"object":"list","data":[']
    for number, model in enumerate(catalog.iterate_models(ACTIVE)):
        entry = msgspec.json.encode(openai_entry(model, is_shared=model.model_id in shared))
        part.append(b"," + entry if number else entry)
        if len(part) > FLUSH_SIZE:
            yield b"".join(part)
            part = []
    yield b"".join([*part, b"]}"])


@router.get(
    "/models/{model:path}",
    operation_id="getOpenAiModel",
    summary="Get one active model as OpenAI's API does",
    responses=describe_answers("OpenAiModel", "The model.", 404),
)
def get_openai_model(
    request: Request,
    catalog: CatalogOfRequest,
    model: Annotated[str, Path(description="An id of the list.", max_length=2_000)],
) -> Response:
    """Return one active model, by an id as the list has it."""
    _require_storable(model)
    found = catalog.find_active_models_by_id(model)
    if not found:  # perhaps with its provider, as an id is shown that several of them have
        provider, _, model_id = model.partition("/")
        named = catalog.find_active_models_by_id(model_id) if model_id else []
        found = [one for one in named if one.provider_id == provider]
        if not found:
            raise UnknownModel(f"the catalog has no active model {model[:200]!r}", "list them at /v1/models")
        return json_response(request, openai_entry(found[0], is_shared=len(named) > 1))
    return json_response(request, openai_entry(found[0], is_shared=len(found) > 1))


def _require_storable(model_id: str) -> None:
    """Raise UnknownModel for a text that no id is, which PostgreSQL would refuse."""
    if not is_usable_text(model_id):
        raise UnknownModel("the id contains control characters", "list the models at /v1/models")
