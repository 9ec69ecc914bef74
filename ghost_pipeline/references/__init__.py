"""References: third parties' data about models, of which facts are read that providers do not state.

A reference is never evidence that a model exists. Every module here but ``reading`` and ``installed`` reads one format.
"""

from collections.abc import Mapping
from datetime import datetime

from ghost_pipeline.references.genai_prices_data import GENAI_PRICES
from ghost_pipeline.references.litellm_map import LITELLM
from ghost_pipeline.references.models_dev import MODELS_DEV
from ghost_pipeline.references.reading import ParsedReference, ReferenceFormat, parse_with

REFERENCE_FORMATS: Mapping[str, ReferenceFormat] = {one.name: one for one in (MODELS_DEV, LITELLM, GENAI_PRICES)}
"""Name of a reference -> its format."""


def parse_reference(name: str, content: bytes, at: datetime) -> ParsedReference:
    """Return what the file of a known reference states. Never raises: see ``ParsedReference.malformed_reason``.

    Of prices with dates those count that hold ``at`` that instant.
    """
    return parse_with(REFERENCE_FORMATS[name], content, at)
