"""``pyproject.toml`` says what is so: packages, dependencies, bounds, version."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from tests.packaging.sources import REPOSITORY, imports, module_name, python_files, within
from vfi import __version__

# Import names that differ from the name of the distribution.
DISTRIBUTION_OF = {"cupy": "cupy-cuda13x", "cv2": "opencv-python-headless", "PIL": "pillow", "yaml": "pyyaml"}


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    # pytest itself brings tomli where the standard library has no tomllib yet.
    tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(definition: dict[str, Any], *extras: str) -> dict[NormalizedName, Requirement]:
    """The requirements of the core and of the named extras, by canonical name."""
    project = definition["project"]
    lines = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def pins(name: str) -> list[Requirement]:
    """The lines of a constraints file."""
    lines = (line.strip() for line in (REPOSITORY / name).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_listed_packages_are_the_folders(definition: dict[str, Any]) -> None:
    folders = {module_name(path) for path in python_files() if path.name == "__init__.py"}
    assert set(definition["tool"]["setuptools"]["packages"]) == {
        name for name in folders if within(name, "vfi")
    }


def test_version_is_the_one_of_the_package() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    try:
        installed = importlib.metadata.version("vfi")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("vfi is not installed, it runs from the clone: there is no second version to compare")
    assert installed == __version__


def test_everything_imported_is_declared(definition: dict[str, Any]) -> None:
    known = set(requirements(definition, "cuda", "train", "metrics", "app"))
    foreign = {
        found.name.split(".")[0]: f"{path.relative_to(REPOSITORY)}:{found.line}"
        for path in python_files()
        if within(module_name(path), "vfi")
        for found in imports(path)
    }
    undeclared = {
        name: place
        for name, place in foreign.items()
        if name != "vfi"
        and name not in sys.stdlib_module_names
        and canonicalize_name(DISTRIBUTION_OF.get(name, name)) not in known
    }
    assert not undeclared


def test_oldest_set_is_the_lower_bounds(definition: dict[str, Any]) -> None:
    oldest = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins("constraints-oldest.txt")
    }
    bounds = {
        name: str(requirement.specifier).removeprefix(">=")
        for name, requirement in requirements(definition).items()
    }
    assert oldest.keys() == bounds.keys()
    for name, bound in bounds.items():
        assert f"{oldest[name]}.".startswith(f"{bound}."), f"{name}: bound {bound}, tested {oldest[name]}"


def test_constraints_pin_every_requirement(definition: dict[str, Any]) -> None:
    tested = pins("constraints.txt")
    assert all(str(pin.specifier).startswith("==") for pin in tested)
    names = {canonicalize_name(pin.name) for pin in tested}
    assert requirements(definition, "dev", "docs", "metrics").keys() <= names
    assert "opencv-python" not in names, "it and opencv-python-headless overwrite each other"


def test_constraints_hold_the_tested_torch() -> None:
    tested = {pin.name: str(pin.specifier) for pin in pins("constraints.txt")}
    assert tested["torch"] == "==2.11.0"
    assert tested["torchvision"] == "==0.26.0"


def test_package_is_marked_as_typed() -> None:
    assert Path(REPOSITORY, "vfi", "py.typed").is_file()


def test_pre_commit_runs_the_pinned_tools() -> None:
    settings = (REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    tested = {pin.name: str(pin.specifier) for pin in pins("constraints.txt")}
    used = re.findall(r"(ruff|codespell)(==[\d.]+)", settings)
    assert used
    assert all(tested[name] == version for name, version in used)
