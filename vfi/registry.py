"""Every model by name, and the one road to a ready one: :func:`load_model`.

One explicit table; a model's code is imported when it is asked for. Names are ``architecture`` or
``architecture.tag``.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfi.errors import ConfigError, ModelError

if TYPE_CHECKING:
    import torch

    from vfi.interpolator import Interpolator

DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class ModelSpec:
    """One line of the table."""

    name: str
    summary: str
    """One sentence for people who choose."""
    window: int
    """Frames it looks at: 2 or 4."""
    build: str
    """``"module:function"``; the function's keywords are the model's options."""


MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="quadratic",
        summary="EQVI's quadratic motion on classical optical flow; no weights, quick on a CPU",
        window=4,
        build="vfi.models.quadratic:build_quadratic",
    ),
)

DEFAULT = "quadratic"
"""What ``"auto"`` stands for."""


def list_models() -> list[ModelSpec]:
    """All models, the default first."""
    return sorted(MODELS, key=lambda spec: (spec.name != DEFAULT, spec.name))


def find_model(name: str) -> ModelSpec:
    """The model of this name.

    Args:
        name: of :func:`list_models`, or ``"auto"``.

    Returns:
        Its line of the table.

    Raises:
        ModelError: if there is none; the message names the nearest.
    """
    wanted = DEFAULT if name == "auto" else name
    specs = {spec.name: spec for spec in MODELS}
    if wanted not in specs:
        raise ModelError(f"There is no model {name!r}{_nearest(name, specs)}; 'vfi models' lists them.")
    return specs[wanted]


def load_model(
    name: str = "auto",
    checkpoint: str | Path | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    **options: Any,
) -> Interpolator:
    """A model, ready to interpolate.

    Args:
        name: of :func:`list_models`; ``"auto"`` is the best that needs no file.
        checkpoint: File with other weights than its own.
        device: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        dtype: ``"auto"`` (float32), ``"float32"``, ``"float16"``, ``"bfloat16"`` or a torch type. Pictures
            are held in it; flows and coordinates stay float32.
        **options: The model's own.

    Returns:
        The model in evaluation mode on its device.

    Raises:
        ModelError: unknown model, or a checkpoint that is missing or not for it.
        ConfigError: unknown option, device or type; a value that the model refuses.
    """
    spec = find_model(name)
    if checkpoint is not None:
        raise ModelError(f"The model {spec.name} has no weights: leave out the checkpoint {checkpoint}.")
    module, function = spec.build.split(":")
    build: Callable[..., Interpolator] = getattr(importlib.import_module(module), function)
    known = list(inspect.signature(build).parameters)
    for option in options:
        if option not in known:
            raise ConfigError(
                f"The model {spec.name} has no option {option!r}{_nearest(option, known)}; "
                f"it has: {', '.join(known) or 'none'}."
            )
    try:
        model = build(**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The model {spec.name} refuses its options: {error}.") from error
    return model.to(device=_resolve_device(device), dtype=_resolve_dtype(dtype)).eval()


def _resolve_device(device: str | torch.device) -> torch.device:
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"The device '{device}' cannot be used here; 'vfi info' lists those that can."
        ) from error
    return resolved


def _resolve_dtype(dtype: str | torch.dtype) -> torch.dtype:
    import torch

    name = "float32" if dtype == "auto" else str(dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise ConfigError(f"There is no type {name!r} for pictures: choose one of {', '.join(DTYPES)}.")
    return getattr(torch, name)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
