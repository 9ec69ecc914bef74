"""``/health`` for probes: whether this process can do its work. Bounded in time, and not repeated for each probe.

The checks are passed in: under ``ghost-pipeline ui`` they are those of ``doctor``. Without any, the catalog alone is
checked, which is all that the web page needs. A client without the token, where one is needed, gets the status alone:
findings name folders and providers.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ghost_pipeline.catalog import ModelCatalog
from ghost_pipeline.errors import GhostPipelineError
from ghost_pipeline.web.api.responses import describe_answers
from ghost_pipeline.web.context import ContextOfRequest
from ghost_pipeline.web.security import HAS_TOKEN

CACHE_SECONDS = 10.0
"""How long an answer is given again."""

LONGEST_SECONDS = 8.0
"""How long a probe waits for the checks."""

Check = Callable[[], Sequence[Any]]
"""Returns findings, each with ``check``, ``status``, ``detail`` and ``advice``; a wrong one has the status "wrong"."""


class HealthCheck:
    """Runs the checks, one run at a time, and keeps the result for a moment. Safe to share between threads."""

    def __init__(self, check: Check, clock: Callable[[], datetime]) -> None:
        self._check = check
        self._clock = clock
        self._lock = threading.Lock()
        self._running: Future[dict[str, Any]] | None = None
        self._ended_at = 0.0

    def read(self) -> dict[str, Any]:
        """Return ``is_ok``, ``checked_at`` and ``findings``, as ``doctor --json`` does."""
        with self._lock:
            running = self._running
            if running is None or (running.done() and time.monotonic() - self._ended_at > CACHE_SECONDS):
                running = self._running = Future()
                # A daemon, so that a check which hangs does not keep the process from ending.
                threading.Thread(target=self._run, args=(running,), daemon=True).start()
        try:
            return running.result(LONGEST_SECONDS)
        except LateError:
            late = _finding("health", "wrong", f"the checks take longer than {LONGEST_SECONDS:g} s", "see 'doctor'")
            return {"is_ok": False, "checked_at": self._clock(), "findings": [late]}

    def _run(self, running: Future[dict[str, Any]]) -> None:
        now = self._clock()
        try:
            findings = msgspec.to_builtins(self._check())
        except Exception as error:  # noqa: BLE001 - a probe must get an answer; the type has no secret
            findings = [_finding("health", "wrong", f"the checks ended with {type(error).__name__}", "see 'doctor'")]
        self._ended_at = time.monotonic()
        is_ok = all(one["status"] != "wrong" for one in findings)
        running.set_result({"is_ok": is_ok, "checked_at": now, "findings": findings})


def check_catalog(catalog: ModelCatalog) -> Check:
    """Return the check of a catalog alone: it can be read, and its schema is this program's."""

    def check() -> list[dict[str, str]]:
        try:
            catalog.require_schema()
        except GhostPipelineError as error:
            return [_finding("database", "wrong", error.reason, error.advice)]
        return [_finding("database", "ok", "the catalog can be read")]

    return check


def _finding(check: str, status: str, detail: str, advice: str = "") -> dict[str, str]:
    return {"check": check, "status": status, "detail": detail, "advice": advice}


router = APIRouter(tags=["health"])


@router.get(
    "/health",
    operation_id="getHealth",
    summary="Check whether the deployment works",
    responses={
        **describe_answers("Health", "Nothing is wrong."),
        503: {
            "description": "Something is wrong, or the checks take too long.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}},
        },
    },
)
def get_health(request: Request, context: ContextOfRequest) -> Response:
    """Return what was found at most 10 seconds ago: by the checks of ``doctor`` under ``ghost-pipeline ui``.

    Served alone, the page needs the catalog and checks nothing else. Without the token there are no findings.
    """
    document = context.health.read()
    if not request.scope.get(HAS_TOKEN, True):
        document = {name: value for name, value in document.items() if name != "findings"}
    status = 200 if document["is_ok"] else 503
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(document), status, headers, "application/json")
