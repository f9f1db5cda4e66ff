"""Imports point one way, networks have one import name, and importing little loads little."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.sources import REPOSITORY, Import, imports, module_name, python_files, within

# These depend neither on networks nor on each other; what renders clips may write them.
SIBLINGS = {"vfi.io", "vfi.data"}
SIBLINGS_MAY_USE = {"vfi.errors", "vfi.types", "vfi.ops"}
ALSO_MAY_USE = {"vfi.data": {"vfi.io"}}
# Receive their flow estimator or matcher as an argument; only their build functions choose one.
COMPOSED = {"vfi.models.eqvi", "vfi.models.sgm", "vfi.models.quadratic"}
# From the bottom up: a part may import parts of lower layers, never of its own layer or a higher one.
LAYERS: list[set[str]] = [
    {"vfi.version", "vfi.errors", "vfi.types"},
    {"vfi.ops"},
    {"vfi.base"},
    {"vfi.models.layers", "vfi.models.attention", "vfi.models.motion"},
    {"vfi.models.flow"},
    {"vfi.models.eqvi", "vfi.models.sgm", "vfi.models.quadratic"},
    {"vfi.checkpoints", "vfi.devices"},
    {"vfi.registry"},
    SIBLINGS,
    {"vfi.evaluation"},
    {"vfi.visual"},
    {"vfi.config"},
    {"vfi.jobs"},
    {"vfi.interpolation", "vfi.engine"},
    {"vfi.cli"},
    {"benchmark"},
]
# Within video files: clocks and side data lie below reading and copying other streams, those below writing.
VIDEO = "vfi.io.video"
VIDEO_MAY_USE = {
    f"{VIDEO}.reading": set[str](),
    f"{VIDEO}.streams": set[str](),
    f"{VIDEO}.writing": {f"{VIDEO}.streams"},
}
LEVEL = {part: level for level, layer in enumerate(LAYERS) for part in layer}
SOURCES = [path for path in python_files() if not module_name(path).startswith("tests")]


def part_of(name: str) -> str | None:
    """The part of the table a dotted name lies in; None for foreign packages, scripts and ``vfi``."""
    return next((part for part in LEVEL if within(name, part)), None)


def wrong_direction(importer: str, imported: str) -> str | None:
    """Why one part must not import the other, or None if it may."""
    if importer == imported:
        return None
    if importer in SIBLINGS:
        usable = SIBLINGS_MAY_USE | ALSO_MAY_USE.get(importer, set())
        return None if imported in usable else f"{importer} may use of vfi only {', '.join(sorted(usable))}"
    if LEVEL[imported] >= LEVEL[importer]:
        return f"{imported} does not lie below {importer}"
    return None


def chooses_flow(importer: str, found: Import) -> bool:
    """Whether a network imports its flow estimator outside the functions and modules that compose."""
    if part_of(importer) not in COMPOSED or not within(found.name, "vfi.models.flow"):
        return False
    composes = (found.function or "").startswith("build") or importer.endswith(".build")
    return not composes


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_one_way(path: Path) -> None:
    module = module_name(path)
    importer = part_of(module)
    if importer is None:
        return
    problems: list[str] = []
    for found in imports(path):
        imported = part_of(found.name)
        reason = wrong_direction(importer, imported) if imported else None
        if reason:
            problems.append(f"{path.relative_to(REPOSITORY)}:{found.line}: {found.name}: {reason}")
        if chooses_flow(module, found):
            problems.append(
                f"{path.relative_to(REPOSITORY)}:{found.line}: only build functions choose {found.name}"
            )
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if within(module_name(path), VIDEO)], ids=module_name
)
def test_imports_within_video_point_one_way(path: Path) -> None:
    home = next((room for room in VIDEO_MAY_USE if within(module_name(path), room)), None)
    usable = VIDEO_MAY_USE.get(home or "", set())
    used = {room for found in imports(path) for room in VIDEO_MAY_USE if within(found.name, room)}
    assert not used - usable - {home}


def test_every_module_has_its_layer() -> None:
    roots = {"vfi", "vfi.__main__", "vfi.models"}
    modules = {module_name(path) for path in SOURCES}
    homeless = {
        name for name in modules if within(name, "vfi") and name not in roots and part_of(name) is None
    }
    assert not homeless, f"give these a place in LAYERS: {sorted(homeless)}"


@pytest.mark.parametrize("path", python_files(), ids=module_name)
def test_networks_are_never_imported_as_bare_models(path: Path) -> None:
    bare = [found.line for found in imports(path) if within(found.name, "models")]
    assert not bare, f"{path}: lines {bare} import 'models'; the name is vfi.models"


LIGHT = ["vfi", "vfi.ops", "vfi.io", "vfi.data", "vfi.interpolation.schedule", "vfi.registry"]
"""Packages that load no network, in the order of their imports in one new interpreter."""
PROGRAM = """
import importlib, json, sys, time
for name in sys.argv[1:]:
    start = time.perf_counter()
    importlib.import_module(name)
    print(json.dumps([time.perf_counter() - start, sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, tuple[float, set[str]]]:
    """Seconds of each import of :data:`LIGHT`, and all modules that are loaded after it."""
    command = [sys.executable, "-c", PROGRAM, *LIGHT]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (seconds, set(modules)) for name, (seconds, modules) in zip(LIGHT, steps, strict=True)}


def test_import_vfi_is_quick_and_loads_little(imported: dict[str, tuple[float, set[str]]]) -> None:
    seconds, modules = imported["vfi"]
    assert not {"torch", "torchvision", "cv2", "av", "timm", "jsonargparse"} & modules
    assert seconds < 1


@pytest.mark.parametrize("package", LIGHT)
def test_importing_a_part_loads_no_network(imported: dict[str, tuple[float, set[str]]], package: str) -> None:
    _, modules = imported[package]
    assert not {name for name in modules if within(name, "vfi.models")}


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("vfi.ops", "vfi.types", True),
        ("vfi.types", "vfi.ops", False),
        ("vfi.io", "vfi.data", False),
        ("vfi.io", "vfi.base.interpolator", False),
        ("vfi.registry", "vfi.models.quadratic", True),
        ("vfi.models.flow", "vfi.models.eqvi", False),
        ("vfi.cli", "vfi.interpolation", True),
        ("vfi.interpolation", "vfi.jobs", True),
        ("vfi.jobs", "vfi.interpolation", False),
    ],
)
def test_the_rule_itself(importer: str, imported: str, allowed: bool) -> None:
    assert (wrong_direction(importer, imported) is None) == allowed
