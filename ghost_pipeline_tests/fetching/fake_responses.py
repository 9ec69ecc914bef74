"""Each provider's list endpoint as it is documented: path, header of the key, paging. Written without the registry."""

from collections.abc import Callable
from typing import Any

from ghost_pipeline_tests.fetching.server import Asked, Reply, Script, json_reply
from ghost_pipeline_tests.providers.samples import fixture, rows_of

Paged = Callable[[list[Any], Asked], dict[str, Any]]

BEARER = ("authorization", "Bearer {}")
PATHS = {
    "anthropic": ("/v1/models", ("x-api-key", "{}")),
    "azure": ("/openai/models", ("api-key", "{}")),
    "bedrock": ("/foundation-models", BEARER),
    "cerebras": ("/v1/models", BEARER),
    "cloudflare": ("/client/v4/accounts/acme/ai/models/search", BEARER),
    "cohere": ("/v1/models", BEARER),
    "deepseek": ("/models", BEARER),
    "fireworks": ("/v1/accounts/fireworks/models", BEARER),
    "github": ("/catalog/models", BEARER),
    "google": ("/v1beta/models", ("x-goog-api-key", "{}")),
    "groq": ("/openai/v1/models", BEARER),
    "huggingface": ("/v1/models", BEARER),
    "lmstudio": ("/api/v1/models", BEARER),
    "mistral": ("/v1/models", BEARER),
    "nvidia": ("/v1/models", BEARER),
    "ollama": ("/api/tags", BEARER),
    "openai": ("/v1/models", BEARER),
    "openrouter": ("/api/v1/models", BEARER),
    "perplexity": ("/v1/models", BEARER),
    "together": ("/v1/models", BEARER),
    "vllm": ("/v1/models", BEARER),
    "xai": ("/v1/models", BEARER),
    "zenmux": ("/api/v1/models", BEARER),
}
REQUIRED = {
    "anthropic": ("anthropic-version", "2023-06-01"),
    "github": ("x-github-api-version", "2022-11-28"),
}


def _from_token(rows: list[Any], token: str | None) -> tuple[list[Any], str | None]:
    """Pages of one row; the token is the row's number."""
    start = int(token or 0)
    return rows[start : start + 1], str(start + 1) if start + 1 < len(rows) else None


def _anthropic(rows: list[Any], asked: Asked) -> dict[str, Any]:
    assert asked.parameters["limit"] == "1000"
    ids = [row["id"] for row in rows]
    start = ids.index(asked.parameters["after_id"]) + 1 if "after_id" in asked.parameters else 0
    page = rows[start : start + 1]
    last_id = page[-1]["id"]
    return {"data": page, "has_more": start + 1 < len(rows), "first_id": page[0]["id"], "last_id": last_id}


def _google(rows: list[Any], asked: Asked) -> dict[str, Any]:
    assert asked.parameters["pageSize"] == "1000"
    page, following = _from_token(rows, asked.parameters.get("pageToken"))
    return {"models": page} | ({"nextPageToken": following} if following else {})


def _fireworks(rows: list[Any], asked: Asked) -> dict[str, Any]:
    assert asked.parameters["pageSize"] == "200"
    page, following = _from_token(rows, asked.parameters.get("pageToken"))
    return {"models": page, "nextPageToken": following or "", "totalSize": len(rows)}


def _cohere(rows: list[Any], asked: Asked) -> dict[str, Any]:
    assert asked.parameters["page_size"] == "1000"
    page, following = _from_token(rows, asked.parameters.get("page_token"))
    return {"models": page, "next_page_token": following}


def _openrouter(rows: list[Any], asked: Asked) -> dict[str, Any]:
    page, following = _from_token(rows, asked.parameters.get("cursor"))
    return {"data": page, "links": {"next": f"/api/v1/models?cursor={following}" if following else None}}


def _cloudflare(rows: list[Any], asked: Asked) -> dict[str, Any]:
    number = int(asked.parameters.get("page", "1"))
    info = {"count": 1, "page": number, "per_page": 1, "total_count": len(rows), "total_pages": len(rows)}
    return {"success": True, "errors": [], "messages": [], "result": rows[number - 1 : number], "result_info": info}


PAGED: dict[str, Paged] = {
    "anthropic": _anthropic,
    "cloudflare": _cloudflare,
    "cohere": _cohere,
    "fireworks": _fireworks,
    "google": _google,
    "openrouter": _openrouter,
}


def page_of(provider_id: str, asked: Asked) -> dict[str, Any]:
    """One page, of one row, of a provider that pages."""
    return PAGED[provider_id](rows_of(fixture(provider_id)), asked)


def play(provider_id: str, key: str) -> Script:
    """Return the provider, configured with a key."""
    path, (header, form) = PATHS[provider_id]

    def script(asked: Asked) -> Reply:
        if asked.path != path:
            return json_reply({"error": {"message": f"no such path: {asked.path}"}}, 404)
        if asked.headers.get(header) != form.format(key):
            return json_reply({"error": {"message": "no valid key"}}, 401)
        name, value = REQUIRED.get(provider_id, ("host", asked.headers["host"]))
        if asked.headers.get(name) != value:
            return json_reply({"error": {"message": f"{name} is missing"}}, 400)
        return json_reply(page_of(provider_id, asked) if provider_id in PAGED else fixture(provider_id))

    return script
