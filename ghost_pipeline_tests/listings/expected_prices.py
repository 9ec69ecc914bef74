"""Prices in the real listings, read by hand: which models are free, and single prices."""

from typing import Any

OPENROUTER_FREE = (
    "cognitivecomputations/dolphin-mistral-24b-venice-edition:free",
    "google/gemma-4-26b-a4b-it:free",
    "google/gemma-4-31b-it:free",
    "liquid/lfm-2.5-1.2b-instruct:free",
    "liquid/lfm-2.5-1.2b-thinking:free",
    "meta-llama/llama-3.2-3b-instruct:free",
    "meta-llama/llama-3.3-70b-instruct:free",
    "moonshotai/kimi-k2.6:free",
    "nousresearch/hermes-3-llama-3.1-405b:free",
    "nvidia/llama-nemotron-embed-vl-1b-v2:free",
    "nvidia/nemotron-3-nano-30b-a3b:free",
    "nvidia/nemotron-3-nano-omni-30b-a3b-reasoning:free",
    "nvidia/nemotron-3-super-120b-a12b:free",
    "nvidia/nemotron-3-ultra-550b-a55b:free",
    "nvidia/nemotron-3.5-content-safety:free",
    "nvidia/nemotron-nano-12b-v2-vl:free",
    "nvidia/nemotron-nano-9b-v2:free",
    "openai/gpt-oss-120b:free",
    "openai/gpt-oss-20b:free",
    "openrouter/free",
    "openrouter/owl-alpha",
    "poolside/laguna-m.1:free",
    "poolside/laguna-xs.2:free",
    "qwen/qwen3-coder:free",
    "qwen/qwen3-next-80b-a3b-instruct:free",
    "sourceful/riverflow-v2.5-fast:free",
    "sourceful/riverflow-v2.5-pro:free",
    "z-ai/glm-4.5-air:free",
)
"""Every amount is "0", and the id ends in ``:free`` or the output is only text."""

OPENROUTER_UNKNOWN = (
    "alibaba/wan-2.6",
    "alibaba/wan-2.7",
    "black-forest-labs/flux.2-flex",
    "black-forest-labs/flux.2-klein-4b",
    "black-forest-labs/flux.2-max",
    "black-forest-labs/flux.2-pro",
    "bytedance-seed/seedream-4.5",
    "bytedance/seedance-1-5-pro",
    "bytedance/seedance-2.0",
    "bytedance/seedance-2.0-fast",
    "cohere/rerank-4-fast",
    "cohere/rerank-4-pro",
    "cohere/rerank-v3.5",
    "google/lyria-3-clip-preview",
    "google/lyria-3-pro-preview",
    "google/veo-3.1",
    "google/veo-3.1-fast",
    "google/veo-3.1-lite",
    "kwaivgi/kling-v3.0-pro",
    "kwaivgi/kling-v3.0-std",
    "kwaivgi/kling-video-o1",
    "minimax/hailuo-2.3",
    "openai/sora-2-pro",
    "openrouter/auto",
    "openrouter/bodybuilder",
    "openrouter/fusion",
    "openrouter/pareto-code",
    "recraft/recraft-v3",
    "recraft/recraft-v4",
    "recraft/recraft-v4-pro",
    "recraft/recraft-v4-pro-vector",
    "recraft/recraft-v4-vector",
    "recraft/recraft-v4.1",
    "recraft/recraft-v4.1-pro",
    "recraft/recraft-v4.1-pro-vector",
    "recraft/recraft-v4.1-utility",
    "recraft/recraft-v4.1-utility-pro",
    "recraft/recraft-v4.1-vector",
    "sourceful/riverflow-v2-fast",
    "sourceful/riverflow-v2-fast-preview",
    "sourceful/riverflow-v2-max-preview",
    "sourceful/riverflow-v2-pro",
    "sourceful/riverflow-v2-standard-preview",
    "x-ai/grok-imagine-video",
)
"""Every amount is "0" though the model is not billed by tokens, or "-1"."""

ZENMUX_FREE = (
    "google/gemini-3-flash-preview-free",
    "kuaishou/kat-coder-pro-v1-free",
    "xiaomi/mimo-v2-flash",
    "xiaomi/mimo-v2-flash-free",
    "z-ai/glm-4.6v-flash-free",
)
"""Every amount of every tier is 0, searches and cache too."""

PRICES: dict[str, dict[str, Any]] = {
    "openrouter": {
        "openai/gpt-4.1-mini": (
            0.4,
            1.6,
            {"input": "0.4", "output": "1.6", "cache_read": "0.1", "per_web_search": "0.01"},
        ),
        "microsoft/mai-transcribe-1.5": (None, None, {"other": {"prompt": "0.36"}}),
        "openai/whisper-1": (None, None, {"other": {"prompt": "0.006"}}),
        "microsoft/mai-voice-2": (None, None, {"input_characters": "22"}),
        "hexgrad/kokoro-82m": (None, None, {"input_characters": "0.62"}),
        "x-ai/grok-imagine-image-quality": (None, None, {"per_input_image": "0.01"}),
        "microsoft/mai-image-2.5": (5.0, None, {"input": "5"}),
        "google/lyria-3-pro-preview": (None, None, None),
        "google/veo-3.1": (None, None, None),
        "sourceful/riverflow-v2.5-pro:free": (0.0, 0.0, {"input": "0", "output": "0", "zero_is_price": True}),
        "mistralai/voxtral-small-24b-2507": (
            0.1,
            0.3,
            {"input": "0.1", "output": "0.3", "cache_read": "0.01", "other": {"audio": "0.0001"}},
        ),
        "openrouter/auto": (None, None, {"other": {"prompt": "-1", "completion": "-1"}}),
    },
    "zenmux": {
        "google/gemini-2.5-pro": (
            1.25,
            10.0,
            {
                "input": "1.25",
                "output": "10",
                "cache_read": "0.31",
                "cache_storage": "4.5",
                "per_web_search": "0.035",
                "tiers": [{"above_input_tokens": 200000, "input": "2.5", "output": "15", "cache_read": "0.625"}],
            },
        ),
        "stepfun/step-3": (
            0.21,
            0.57,
            {
                "input": "0.21",
                "output": "0.57",
                "tiers": [
                    {"above_output_tokens": 3999, "input": "0.21", "output": "1.14"},
                    {"above_input_tokens": 3999, "input": "0.57", "output": "1.42"},
                ],
            },
        ),
        "volcengine/doubao-seed-1.8": (
            0.11,
            0.28,
            {
                "input": "0.11",
                "output": "0.28",
                "cache_read": "0.023",
                "cache_storage": "0.0024",
                "tiers": [
                    {"above_input_tokens": 32000, "input": "0.17", "output": "2.27"},
                    {"above_input_tokens": 127999, "input": "0.17", "output": "3.41"},
                    {"above_input_tokens": 128000, "input": "0.34", "output": "3.41"},
                ],
            },
        ),
    },
}
"""Provider -> id -> input price, output price and ``prices``."""
