"""The facts that the fixtures state, as a person reads them: what is not named is unknown."""

from datetime import UTC, datetime
from typing import Any

FACTS: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", "gpt-4.1", {}),
    ("deepseek", "deepseek-chat", {}),
    ("nvidia", "meta/llama-3.3-70b-instruct", {}),
    ("cerebras", "llama3.1-8b", {}),
    ("perplexity", "sonar-pro", {}),
    ("vllm", "meta-llama/Llama-3.1-8B-Instruct", {"context_window": 131072}),
    ("vllm", "sql-lora", {}),
    (
        "anthropic",
        "claude-opus-4-6",
        {
            "name": "Claude Opus 4.6",
            "context_window": 200000,
            "max_output_tokens": 128000,
            "capabilities": ("json", "reasoning", "vision"),
        },
    ),
    ("anthropic", "claude-3-7-sonnet-20250219", {"name": "Claude Sonnet 3.7"}),
    (
        "google",
        "gemini-2.5-flash",
        {
            "name": "Gemini 2.5 Flash",
            "context_window": 1048576,
            "max_output_tokens": 65536,
            "capabilities": ("reasoning", "text"),
        },
    ),
    (
        "google",
        "gemini-embedding-001",
        {
            "name": "Gemini Embedding 001",
            "context_window": 2048,
            "max_output_tokens": 1,
            "capabilities": ("embedding",),
        },
    ),
    (
        "google",
        "gemini-2.0-flash-live-001",
        {
            "name": "Gemini 2.0 Flash 001",
            "context_window": 131072,
            "max_output_tokens": 8192,
            "capabilities": ("streaming",),
        },
    ),
    (
        "google",
        "imagen-4.0-generate-001",
        {"name": "Imagen 4", "context_window": 480, "max_output_tokens": 8192, "capabilities": None},
    ),
    (
        "openrouter",
        "openai/gpt-4.1-mini",
        {
            "name": "OpenAI: GPT-4.1 Mini",
            "is_free": False,
            "context_window": 1047576,
            "max_output_tokens": 32768,
            "input_price": 0.4,
            "output_price": 1.6,
            "capabilities": ("json", "text", "tools", "vision"),
        },
    ),
    (
        "openrouter",
        "deepseek/deepseek-r1:free",
        {
            "name": "DeepSeek: R1 (free)",
            "is_free": True,
            "context_window": 163840,
            "input_price": 0.0,
            "output_price": 0.0,
            "capabilities": ("reasoning", "text"),
            "expires_at": datetime(2026, 6, 19, tzinfo=UTC),
        },
    ),
    ("openrouter", "openrouter/auto", {"name": "Auto Router", "capabilities": ("text",)}),
    ("groq", "llama-3.3-70b-versatile", {"context_window": 131072, "max_output_tokens": 32768}),
    (
        "mistral",
        "mistral-medium-latest",
        {"name": "mistral-medium-2508", "context_window": 131072, "capabilities": ("text", "tools", "vision")},
    ),
    (
        "mistral",
        "open-mistral-7b",
        {
            "name": "open-mistral-7b",
            "context_window": 32768,
            "capabilities": ("text",),
            "expires_at": datetime(2025, 3, 30, 12, tzinfo=UTC),
        },
    ),
    ("ollama", "llama3.2:latest", {}),
    ("ollama", "qwen3:8b", {"context_window": 40960, "capabilities": ("reasoning", "text", "tools")}),
    (
        "xai",
        "grok-4-0709",
        {"is_free": False, "input_price": 3.0, "output_price": 15.0, "capabilities": ("text", "vision")},
    ),
    (
        "xai",
        "grok-3-mini",
        {
            "is_free": False,
            "context_window": 131072,
            "input_price": 0.3,
            "output_price": 0.5,
            "capabilities": ("text",),
        },
    ),
    (
        "together",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        {
            "name": "Meta Llama 3.3 70B Instruct Turbo",
            "is_free": False,
            "context_window": 131072,
            "input_price": 0.88,
            "output_price": 0.88,
            "capabilities": ("text",),
        },
    ),
    (
        "together",
        "black-forest-labs/FLUX.1-schnell",
        {"name": "FLUX.1 Schnell", "is_free": None, "capabilities": ("image_generation",)},
    ),
    (
        "fireworks",
        "accounts/fireworks/models/qwen2-vl-72b-instruct",
        {
            "name": "Qwen2-VL 72B Instruct",
            "context_window": 32768,
            "capabilities": ("vision",),
            "expires_at": datetime(2025, 10, 31, tzinfo=UTC),
        },
    ),
    (
        "fireworks",
        "accounts/fireworks/models/nomic-embed-text",
        {"name": "Nomic Embed Text", "context_window": None, "capabilities": ("embedding",)},
    ),
    ("cohere", "command-a-03-2025", {"context_window": 288000, "capabilities": ("json", "text", "tools")}),
    ("cohere", "embed-v4.0", {"context_window": 128000, "capabilities": ("embedding", "vision")}),
    ("cohere", "rerank-english-v2.0", {"context_window": 512, "capabilities": ("rerank",)}),
    ("huggingface", "openai/gpt-oss-120b", {"context_window": 131072, "capabilities": ("json", "text", "tools")}),
    (
        "huggingface",
        "Qwen/Qwen2.5-VL-7B-Instruct",
        {
            "is_free": False,
            "context_window": 32768,
            "input_price": 0.2,
            "output_price": 0.2,
            "capabilities": ("text", "vision"),
        },
    ),
    ("huggingface", "zai-org/GLM-4.5", {}),
    (
        "github",
        "openai/gpt-4.1",
        {
            "name": "OpenAI GPT-4.1",
            "context_window": 1048576,
            "max_output_tokens": 32768,
            "capabilities": ("audio", "streaming", "text", "tools", "vision"),
        },
    ),
    (
        "github",
        "openai/text-embedding-3-small",
        {"name": "OpenAI Text Embedding 3 (small)", "context_window": 8191, "capabilities": ("embedding",)},
    ),
    ("bedrock", "amazon.nova-pro-v1:0", {"name": "Nova Pro", "capabilities": ("streaming", "text", "vision")}),
    (
        "bedrock",
        "amazon.titan-embed-text-v1",
        {
            "name": "Titan Embeddings G1 - Text",
            "capabilities": ("embedding",),
            "expires_at": datetime(2026, 9, 30, tzinfo=UTC),
        },
    ),
    (
        "azure",
        "gpt-4o-2024-11-20",
        {"capabilities": ("text",), "expires_at": datetime(2026, 12, 31, tzinfo=UTC)},
    ),
    (
        "azure",
        "text-embedding-ada-002",
        {"capabilities": ("embedding",), "expires_at": datetime(2024, 3, 1, 9, 15, 27, tzinfo=UTC)},
    ),
    ("vertex", "publishers/google/models/gemini-2.5-pro", {}),
    (
        "cloudflare",
        "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
        {
            "is_free": False,
            "context_window": 24000,
            "input_price": 0.293,
            "output_price": 2.253,
            "capabilities": ("text", "tools"),
        },
    ),
    (
        "cloudflare",
        "@hf/thebloke/llama-2-13b-chat-awq",
        {"capabilities": ("text",), "expires_at": datetime(2025, 10, 1, tzinfo=UTC)},
    ),
    ("cloudflare", "@cf/openai/whisper", {"capabilities": ("audio", "text")}),
    (
        "lmstudio",
        "openai/gpt-oss-20b",
        {"name": "GPT-OSS 20B", "context_window": 131072, "capabilities": ("reasoning", "text", "tools")},
    ),
    (
        "lmstudio",
        "text-embedding-nomic-embed-text-v1.5",
        {"name": "Nomic Embed Text v1.5", "context_window": 2048, "capabilities": ("embedding",)},
    ),
    ("lmstudio_v0", "qwen2-vl-7b-instruct", {"context_window": 32768, "capabilities": ("text", "vision")}),
    ("lmstudio_v0", "meta-llama-3.1-8b-instruct", {"context_window": 131072, "capabilities": ("text", "tools")}),
    (
        "zenmux",
        "openai/gpt-5-mini",
        {
            "name": "OpenAI: GPT-5 Mini",
            "is_free": False,
            "context_window": 400000,
            "input_price": 0.25,
            "output_price": 2.0,
            "capabilities": ("reasoning", "text", "vision"),
        },
    ),
    (
        "zenmux",
        "anthropic/claude-sonnet-4.5",
        {
            "name": "Anthropic: Claude Sonnet 4.5",
            "is_free": False,
            "context_window": 1000000,
            "input_price": 3.0,
            "output_price": 15.0,
            "capabilities": ("text", "vision"),
        },
    ),
]

INACTIVE = {
    "groq": ("llama3-70b-8192",),
    "mistral": ("ft:open-mistral-7b:587a6b29:20240514:7e773925",),
    "azure": ("curie.ft-573da37c1eb64047850be7c0cb59953d", "davinci"),
    "bedrock": ("anthropic.claude-v1",),
}
