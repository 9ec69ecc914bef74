"""What ``deploy/docker-compose.yml`` says, read the way Compose reads it."""

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
    """A YAML file of ``deploy/``."""
    return yaml.safe_load((DEPLOY / name).read_text())


SERVICES: dict[str, dict[str, Any]] = parsed("docker-compose.yml")["services"]


def command(service: str) -> list[str]:
    """The words that the service is started with."""
    return list(SERVICES[service]["command"])


def health_check(service: str) -> list[str]:
    """The words of the service's health check."""
    form, *words = SERVICES[service]["healthcheck"]["test"]
    words = [word.replace("$$", "$") for word in words]
    return ["/bin/sh", "-c", *words] if form == "CMD-SHELL" else words


def environment(service: str) -> dict[str, str]:
    """The variables that the service is given, interpolation not yet done."""
    return dict(SERVICES[service]["environment"])
