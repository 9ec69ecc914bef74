"""An integration whose library is missing is an error with advice that works."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("library", ["litellm", "opentelemetry"])
def test_without_its_library_the_error_names_the_command_that_installs_it(library: str) -> None:
    code = f"import sys; sys.modules['{library}'] = None; import ghost_pipeline.integrations.{library}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: ")
    assert f"pip install '.[{library}]' in the clone" in last
