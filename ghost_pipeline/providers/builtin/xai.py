"""xAI: ``GET /v1/models`` (``data[]``) and the fuller ``GET /v1/language-models`` (``models[]``), API reference.

Token prices are in "USD cents per 100 million tokens".
"""

from ghost_pipeline.providers.values import cents_per_100_million
from ghost_pipeline.providers.wire_format import INPUTS, OUTPUTS, Facts, Fields, Format, capabilities, meaning


def _read(fields: Fields) -> Facts:
    return Facts(
        context_window=fields.tokens("context_length"),
        input_price=fields.price(cents_per_100_million, "prompt_text_token_price"),
        output_price=fields.price(cents_per_100_million, "completion_text_token_price"),
        capabilities=capabilities(
            meaning(fields.words("input_modalities"), INPUTS),
            meaning(fields.words("output_modalities"), OUTPUTS),
        ),
    )


XAI = Format("xai", 1, _read, rows_at=("data", "models"))
