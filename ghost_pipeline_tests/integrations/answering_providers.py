"""Every provider's API on loopback: an HTTP proxy that answers for their real host names.

A client that uses ``HTTP_PROXY`` sends the whole URL of ``http://api.openai.com/…`` here, so the host, the path and the
body of a request are those that the provider would get. A model gets the answer that was registered for it, and any
other model a completion.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from ghost_pipeline_tests.lifecycle.refusals.seen_refusals import Seen

BASES = {
    "anthropic": "http://api.anthropic.com",
    "azure": "http://acme.openai.azure.com",
    "bedrock": "http://bedrock-runtime.us-east-1.amazonaws.com",
    "cerebras": "http://api.cerebras.ai/v1",
    "cloudflare": "http://api.cloudflare.com/client/v4/accounts/1/ai/v1",
    "cohere": "http://api.cohere.com/v2/chat",
    "deepseek": "http://api.deepseek.com/v1",
    "fireworks": "http://api.fireworks.ai/inference/v1",
    "github": "http://models.github.ai/inference",
    "google": "http://generativelanguage.googleapis.com/v1beta",
    "groq": "http://api.groq.com/openai/v1",
    "huggingface": "http://router.huggingface.co/v1",
    "lmstudio": "http://localhost.test:1234/v1",
    "mistral": "http://api.mistral.ai/v1",
    "nvidia": "http://integrate.api.nvidia.com/v1",
    "ollama": "http://localhost.test:11434",
    "openai": "http://api.openai.com/v1",
    "openrouter": "http://openrouter.ai/api/v1",
    "perplexity": "http://api.perplexity.ai/v1",
    "together": "http://api.together.ai/v1",
    "vllm": "http://localhost.test:8000/v1",
    "xai": "http://api.x.ai/v1",
    "zenmux": "http://zenmux.ai/api/v1",
}
"""Provider -> the base URL that its clients are given."""

UNKNOWN_STATUS = 404
"""For an answer whose source shows no status."""


def error_body(seen: Seen) -> str:
    """Return an answer in the envelope of its provider. A text that is JSON or HTML is the whole body."""
    if seen.text.startswith(("{", "<")) or seen.text == "404 page not found":
        return seen.text
    status, code, text = seen.status or UNKNOWN_STATUS, seen.code, seen.text
    number = int(code) if code and code.isdigit() else code
    envelopes: dict[str, dict[str, Any]] = {
        "anthropic": {"type": "error", "error": {"type": code, "message": text}},
        "bedrock": {"message": text},
        "cerebras": {"message": text, "type": "not_found_error", "param": "model", "code": code},
        "cloudflare": {"success": False, "errors": [{"code": number, "message": text}], "result": {}},
        "cohere": {"message": text},
        "google": {"error": {"code": status, "message": text, "status": code}},
        "mistral": {"object": "error", "message": text, "type": code, "code": "1500", "raw_status_code": status},
        "nvidia": {"type": "about:blank", "title": "Gone" if status == 410 else "Error", "detail": text},
        "ollama": {"error": text},
        "openrouter": {"error": {"message": text, "code": status}},
        "xai": {"code": code, "error": text},
    }
    kind = code if code in ("invalid_model", "invalid_params") else "invalid_request_error"
    openai = {"error": {"message": text, "type": kind, "param": "model", "code": code}}
    return json.dumps(envelopes.get(seen.provider_id, openai))


def completion_body(path: str, model: str) -> str:
    """Return a completion in the protocol that the path belongs to, which names ``model``."""
    if path.endswith("/messages"):
        usage: dict[str, Any] = {"input_tokens": 1, "output_tokens": 1}
        content = [{"type": "text", "text": "hi"}]
        return json.dumps(
            {
                "id": "1",
                "type": "message",
                "role": "assistant",
                "model": model,
                "content": content,
                "stop_reason": "end_turn",
                "usage": usage,
            }
        )
    if ":generateContent" in path:
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        candidate = {"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP"}
        return json.dumps({"candidates": [candidate], "modelVersion": model, "usageMetadata": usage})
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    service = {"object": "chat.completion", "created": 1, "service_tier": "default"}
    return json.dumps({"id": "1", "model": model, **service, "choices": [choice], "usage": usage})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet: two would wait for each other's acknowledgement
    server: "AnsweringProviders"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urlsplit(self.path)
        status, body = self.server.answer(url.hostname or "", unquote(url.path), content)
        encoded = body.encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if body.startswith("<") else "application/json")
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


class AnsweringProviders(ThreadingHTTPServer):
    """The server: what is registered by host and model, and the requests that it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[tuple[str, str], tuple[int, str]] = {}
        """(Host, model) -> status and body."""
        self.answered_by: dict[tuple[str, str], str] = {}
        """(Host, model) -> the model that its completions name, where that is another."""
        self.requested: list[tuple[str, str]] = []

    def forget(self) -> None:
        """Answer every request with a completion, and forget the requests."""
        self.answers.clear()
        self.answered_by.clear()
        self.requested.clear()

    def refuse(self, seen: Seen) -> None:
        """Give this answer to requests for its model from now on."""
        self.answers[host_of(seen.provider_id), seen.model_id] = seen.status or UNKNOWN_STATUS, error_body(seen)

    def answer(self, host: str, path: str, content: bytes) -> tuple[int, str]:
        """Return status and body of the answer to a request."""
        model = _requested_model(path, content)
        self.requested.append((host, model))
        refusal = self.answers.get((host, model))
        named = self.answered_by.get((host, model), model)
        return refusal or (200, completion_body(path, named))


def host_of(provider_id: str) -> str:
    """Return the host of a provider's API."""
    return urlsplit(BASES[provider_id]).hostname or ""


def _requested_model(path: str, content: bytes) -> str:
    try:
        model = json.loads(content).get("model")
    except ValueError:
        model = None
    if isinstance(model, str):
        return model
    for before in ("/models/", "/model/", "/deployments/"):
        if before in path:
            rest = path.partition(before)[2]
            return rest.removesuffix("/converse").removesuffix("/chat/completions").removesuffix(":generateContent")
    return ""


@contextmanager
def serving_providers() -> Iterator[AnsweringProviders]:
    """Serve until the block ends."""
    with AnsweringProviders() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
