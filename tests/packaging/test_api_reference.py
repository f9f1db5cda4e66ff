"""The API reference builds from the docstrings, and shows every public name."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.sources import REPOSITORY
from tests.packaging.test_public_names import LIST

NEEDED = ("sphinx", "myst_parser", "furo")


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED), reason="the extra docs is not installed"
)
def test_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    options = ["-q", "--fail-on-warning", "-b", "html", "-d", str(tmp_path / "doctrees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, "docs", str(tmp_path / "html")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = (page.read_text("utf-8") for page in (tmp_path / "html" / "api").glob("*.html"))
    shown = {name.rpartition(".")[2] for page in pages for name in re.findall(r'id="(vfi[\w.]+)"', page)}
    public = {name.rpartition(".")[2] for name in LIST.read_text("utf-8").split()}
    constants = {name for name in public if name.upper() == name or name == "__version__"}
    assert not public - shown - constants
