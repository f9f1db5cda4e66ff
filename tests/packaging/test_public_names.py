"""The public names are the committed ones; ``make public-names`` writes the list after a wanted change."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType

LIST = Path(__file__).with_name("public_names.txt")
PUBLIC_MODULES = (
    "vfi",
    "vfi.base.cache",
    "vfi.base.ensemble",
    "vfi.base.flow",
    "vfi.base.interpolator",
    "vfi.checkpoints",
    "vfi.config",
    "vfi.data.synthetic",
    "vfi.engine.losses",
    "vfi.errors",
    "vfi.evaluation.metrics",
    "vfi.interpolation",
    "vfi.interpolation.scene",
    "vfi.interpolation.schedule",
    "vfi.io",
    "vfi.ops",
    "vfi.registry",
    "vfi.types",
)


def public_names(module: ModuleType) -> set[str]:
    """``__all__`` where a module has one, else the public classes and functions it defines itself."""
    declared: list[str] | None = getattr(module, "__all__", None)
    if declared is not None:
        return set(declared)
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isroutine(value))
        and getattr(value, "__module__", None) == module.__name__
    }


def current_names() -> list[str]:
    """All public names, dotted and in order; every declared name has to exist."""
    names: list[str] = []
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in public_names(module):
            getattr(module, name)
            names.append(f"{module_name}.{name}")
    return sorted(names)


def test_public_names_are_the_committed_ones() -> None:
    committed = set(LIST.read_text(encoding="utf-8").split())
    current = set(current_names())
    assert current == committed, (
        f"new: {sorted(current - committed)}; gone: {sorted(committed - current)}; "
        "if that is meant, run make public-names and say so in CHANGELOG.md"
    )


if __name__ == "__main__":
    LIST.write_text("\n".join(current_names()) + "\n", encoding="utf-8")
