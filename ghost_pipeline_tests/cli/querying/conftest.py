"""A catalog with listed, tracked and added models of two providers, some of them ghosts."""

import json

import pytest

from ghost_pipeline_tests.cli.run_cli import Shell, list_models, listing_bytes

MODEL_KEYS = {
    *("provider_id", "model_id", "name", "source", "is_active", "first_seen_at", "last_seen_at", "last_listed_at"),
    *("last_used_at", "deactivated_at", "is_free", "context_window", "max_output_tokens", "input_price"),
    *("output_price", "capabilities", "expires_at", "provider_data", "inference_metadata", "listing_id"),
}
PRICED = {
    "data": [
        {
            "id": "acme/free",
            "name": "Acme [bold]free[/bold]",
            "context_length": 8192,
            "pricing": {"prompt": "0", "completion": "0"},
            "supported_parameters": ["tools"],
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
        },
        {"id": "acme/paid", "pricing": {"prompt": "0.000001", "completion": "0.000002"}},
        {"id": "acme/unpriced"},
    ]
}


@pytest.fixture
def stocked(shell: Shell) -> Shell:
    list_models("openrouter", json.dumps(PRICED).encode())
    list_models("openai", listing_bytes(["gpt-a", "gpt-b"]))
    shell.run("sweep", "--provider", "openai")
    shell.run("track", "openai", "gpt-secret")
    shell.run("add", "openai", "gpt-tuned")
    return shell
