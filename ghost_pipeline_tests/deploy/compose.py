"""Read ``deploy/docker-compose.yml`` as Compose does."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
TARGETS = {  # the image's copies of the files in deploy/, as the Dockerfile makes them
    "dagster-postgres.yaml": "dagster/dagster.yaml",
    "workspace-grpc.yaml": "workspace.yaml",
}


def parsed(name: str) -> Any:
    """Load a YAML file of ``deploy/``."""
    return yaml.safe_load((DEPLOY / name).read_text())


SERVICES: dict[str, dict[str, Any]] = parsed("docker-compose.yml")["services"]


def command(service: str) -> list[str]:
    """Return the arguments that start the service."""
    return list(SERVICES[service]["command"])


def health_check(service: str) -> list[str]:
    """Return the arguments of the service's health check."""
    form, *arguments = SERVICES[service]["healthcheck"]["test"]
    arguments = [argument.replace("$$", "$") for argument in arguments]
    return ["/bin/sh", "-c", *arguments] if form == "CMD-SHELL" else arguments


def environment(service: str) -> dict[str, str]:
    """Return the service's environment variables before interpolation."""
    return dict(SERVICES[service]["environment"])
