"""The API reference builds from the docstrings, and shows every public name."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.sources import REPOSITORY
from tests.packaging.test_public_names import LIST

NEEDED = ("sphinx", "myst_parser", "furo")
PAGES = REPOSITORY / "docs" / "api"


def is_documented(name: str, modules: set[str]) -> bool:
    """Whether one of the modules defines a public name, which a package above it may offer."""
    offering, _, last = name.rpartition(".")
    home = getattr(getattr(importlib.import_module(offering), last), "__module__", "")
    if home.startswith("vfi"):
        return home in modules
    inside = [module for module in modules if module == offering or module.startswith(f"{offering}.")]
    return any(hasattr(importlib.import_module(module), last) for module in inside)


def test_every_public_name_is_on_a_page() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES.glob("*.md"))
    modules = set(re.findall(r"automodule:: ([\w.]+)", text))
    assert not [module for module in sorted(modules) if importlib.util.find_spec(module) is None]
    assert not [name for name in LIST.read_text("utf-8").split() if not is_documented(name, modules)]


def test_every_page_is_in_the_contents() -> None:
    contents = (PAGES / "index.md").read_text("utf-8")
    listed = set(contents.partition("{toctree}")[2].split()) - {"```"}
    assert listed == {page.stem for page in PAGES.glob("*.md")} - {"index"}


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
