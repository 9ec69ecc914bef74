"""The JSON API: ``/api/v1/…`` on the queries of the command line, and ``/v1/models`` as OpenAI's API has it.

A model is named by the parameters ``provider`` and ``id``, never by the path (see ``web.links``).
"""

from fastapi import APIRouter

from ghost_pipeline.web.api import changes, models, openai_models, providers

PATH = "/api/v1"

router = APIRouter()
for part in (models.router, providers.router, changes.router):
    router.include_router(part, prefix=PATH)
router.include_router(openai_models.router)
