"""The facts of a model: what listings and operators state about it, in the units of the catalog."""

FACTS = (
    "name",
    "is_free",
    "context_window",
    "max_output_tokens",
    "input_price",
    "output_price",
    "capabilities",
    "expires_at",
    "provider_data",
)
"""The fields that a listing refreshes."""


def is_free(input_price: float | None, output_price: float | None) -> bool | None:
    """True if both prices are 0, False if either is positive, else unknown."""
    if (input_price or 0) > 0 or (output_price or 0) > 0:
        return False
    return True if input_price == 0 and output_price == 0 else None


ADDITION_COLUMNS = (
    "provider_id",
    "model_id",
    "name",
    "context_window",
    "max_output_tokens",
    "input_price",
    "output_price",
    "capabilities",
    "expires_at",
)
"""Everything that can be said. Tokens, USD per million tokens, words of the vocabulary, an aware instant."""
