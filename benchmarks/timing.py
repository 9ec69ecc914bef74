"""Medians and sample rows that the measurements share."""

import json
import statistics
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def median_seconds(action: Callable[[], object], times: int = 3) -> float:
    """Return the median duration of several runs of ``action``."""
    spans = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        spans.append(time.perf_counter() - begun)
    return statistics.median(spans)


def median(spans: Iterable[float]) -> float:
    """Return the middle value."""
    return statistics.median(spans)


def cpu_ratio(
    action: Callable[[], object],
    baseline: Callable[[], object],
    times: int,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Return the median ratio of CPU seconds, of runs one after the other: both read what is in memory."""
    ratios = []
    for _ in range(times):
        begun = clock()
        action()
        between = clock()
        baseline()
        ratios.append((between - begun) / (clock() - between))
    return median(ratios)


def listing(count: int, prefix: str = "lab/model") -> bytes:
    """Return a listing of ``count`` models in OpenRouter's shape, about 1 KB of JSON each."""
    return json.dumps({"data": [_row(f"{prefix}-{number}") for number in range(count)]}).encode()


def _row(model_id: str) -> dict[str, object]:
    return {
        "id": model_id,
        "name": f"Lab: {model_id}",
        "created": 1_700_000_000,
        "description": "A model that answers questions about the weather. " * 10,
        "context_length": 131_072,
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"], "tokenizer": "Other"},
        "pricing": {"prompt": "0.00000015", "completion": "0.0000006", "image": "0", "request": "0"},
        "top_provider": {"context_length": 131_072, "max_completion_tokens": 16_384, "is_moderated": False},
        "supported_parameters": ["max_tokens", "temperature", "tools", "reasoning", "response_format"],
    }
