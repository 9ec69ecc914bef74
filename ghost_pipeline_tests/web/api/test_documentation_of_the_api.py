"""The requests and options that docs/web.md shows work."""

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from starlette.testclient import TestClient

from ghost_pipeline.cli import main

PAGE = (Path(__file__).parents[3] / "docs" / "web.md").read_text()


def test_every_request_of_the_page_is_answered(web_client: TestClient) -> None:
    shown = re.findall(r"^curl '(http://127\.0\.0\.1:3001/\S+)'$", PAGE, re.MULTILINE)
    assert len(shown) >= 10
    described = web_client.get("/api/v1/openapi.json").json()["paths"]
    for url in shown:
        address = urlsplit(url.replace("gpt-4o", "gpt-4"))
        assert web_client.get(f"{address.path}?{address.query}").status_code == 200, url
        assert address.path in described


def test_every_command_of_the_page_has_its_options() -> None:
    shown = re.findall(r"^ghost-pipeline (web.*)$", PAGE, re.MULTILINE)
    assert len(shown) >= 2
    for line in shown:
        command, *options = shlex.split(line)
        main.commands[command].make_context(command, options)
