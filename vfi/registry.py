"""Every model and flow backbone by name, and the roads to a ready one: :func:`load_model`, :func:`load_flow`.

Explicit tables; code is imported when it is asked for. Names are ``architecture`` or ``architecture.tag``.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfi.checkpoints.places import find_checkpoint, missing_checkpoint
from vfi.checkpoints.records import CheckpointSpec, Metric
from vfi.errors import ConfigError, ModelError

if TYPE_CHECKING:
    import torch

    from vfi.interpolator import FlowEstimator, Interpolator

DTYPES = ("float32", "float16", "bfloat16")
EQVI_PAGE = "https://github.com/lyh-18/EQVI"
SCOPEFLOW_PAGE = "https://github.com/avirambh/ScopeFlow"
RAFT_PAGE = "https://download.pytorch.org/models/raft_large_C_T_SKHT_V2-ff5fadd5.pth"


@dataclass(frozen=True)
class ModelSpec:
    """One line of the table of models."""

    name: str
    summary: str
    """One sentence for people who choose."""
    window: int
    """Frames it looks at: 2 or 4."""
    build: str
    """``"module:function"``; the function's keywords are the model's options."""
    checkpoint: CheckpointSpec | None = None
    """Its file of weights; None: it needs none."""


@dataclass(frozen=True)
class FlowSpec:
    """One line of the table of flow backbones."""

    name: str
    summary: str
    """One sentence for people who choose."""
    build: str
    """``"module:function"``; the function's keywords are the backbone's options."""
    checkpoint: CheckpointSpec | None = None
    """Its file of weights; None: it needs none."""


def _eqvi_checkpoint(
    place: str, description: str, *, psnr_30: float, psnr_5: float, ssim_5: float, family: str = "eqvi"
) -> CheckpointSpec:
    """A file of EQVI's authors, with the numbers of their table (twice the frame rate, REDS_VTSR val)."""
    return CheckpointSpec(
        place=Path(place),
        family=family,
        page=EQVI_PAGE,
        description=description,
        metrics=(
            Metric("REDS_VTSR x2, 30 clips", "PSNR", psnr_30),
            Metric("REDS_VTSR x2, 5 clips", "PSNR", psnr_5),
            Metric("REDS_VTSR x2, 5 clips", "SSIM", ssim_5),
        ),
    )


MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="quadratic",
        summary="EQVI's quadratic motion on classical optical flow; no weights, quick on a CPU",
        window=4,
        build="vfi.models.quadratic:build_quadratic",
    ),
    ModelSpec(
        name="eqvi.stage3",
        summary="EQVI (rectified quadratic flow, contextual synthesis), trained stage by stage",
        window=4,
        build="vfi.models.eqvi:build_eqvi",
        checkpoint=_eqvi_checkpoint(
            "Stage3_RCSN_RQFP/Stage3_checkpoint.ckpt",
            "EQVI Stage3",
            psnr_30=24.0354,
            psnr_5=24.9633,
            ssim_5=0.7268,
        ),
    ),
    ModelSpec(
        name="eqvi.stage4",
        summary="EQVI with multi-scale fusion: full and half size, blended; twice the work",
        window=4,
        build="vfi.models.eqvi:build_ms_fusion",
        checkpoint=_eqvi_checkpoint(
            "Stage4_MSFusion/Stage4_MSFusion_checkpoint.ckpt",
            "EQVI Stage4, MS-Fusion",
            family="ms_fusion",
            psnr_30=24.0562,
            psnr_5=24.9706,
            ssim_5=0.7263,
        ),
    ),
    ModelSpec(
        name="eqvi.stage123",
        summary="EQVI trained at one go, the best of the released files by PSNR",
        window=4,
        build="vfi.models.eqvi:build_eqvi",
        checkpoint=_eqvi_checkpoint(
            "Stage123_scratch/Stage123_scratch_checkpoint.ckpt",
            "EQVI Stage123",
            psnr_30=24.0962,
            psnr_5=25.0699,
            ssim_5=0.7296,
        ),
    ),
    ModelSpec(
        name="eqvi.stage123_vgg",
        summary="EQVI trained at one go with a perceptual loss: sharper, with a lower PSNR",
        window=4,
        build="vfi.models.eqvi:build_eqvi",
        checkpoint=_eqvi_checkpoint(
            "Stage123_scratch_vgg/Stage123_scratch_vgg_checkpoint.ckpt",
            "EQVI Stage123 with VGG loss",
            psnr_30=24.0069,
            psnr_5=24.9684,
            ssim_5=0.7237,
        ),
    ),
)

FLOWS: tuple[FlowSpec, ...] = (
    FlowSpec(
        name="dis",
        summary="dense inverse search on 8-bit luma by OpenCV; no weights, quick on a CPU",
        build="vfi.models.flow.dis:DisFlow",
    ),
    FlowSpec(
        name="scopeflow",
        summary="IRR-PWC as ScopeFlow trained it, EQVI's own flow network; tells occlusions",
        build="vfi.models.flow.irr_pwc:build_irr_pwc",
        checkpoint=CheckpointSpec(
            place=Path("scopeflow", "Sintel_ft", "checkpoint_best.ckpt"),
            family="scopeflow",
            page=SCOPEFLOW_PAGE,
            description="ScopeFlow fine-tuned on Sintel",
        ),
    ),
    FlowSpec(
        name="raft",
        summary="RAFT (large) of torchvision",
        build="vfi.models.flow.raft:build_raft",
        checkpoint=CheckpointSpec(
            place=Path("raft", "raft_large_C_T_SKHT_V2-ff5fadd5.pth"),
            family="raft",
            page=RAFT_PAGE,
            description="torchvision's RAFT large, C_T_SKHT_V2",
            sha256="ff5fadd5",
        ),
    ),
)

DEFAULT = "quadratic"
"""What ``"auto"`` stands for among models."""

DEFAULT_FLOW = "dis"
"""What ``"auto"`` stands for among flow backbones."""


def list_models() -> list[ModelSpec]:
    """All models, the default first."""
    return sorted(MODELS, key=lambda spec: (spec.name != DEFAULT, spec.name))


def list_flows() -> list[FlowSpec]:
    """All flow backbones, the default first."""
    return sorted(FLOWS, key=lambda spec: (spec.name != DEFAULT_FLOW, spec.name))


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


def find_flow(name: str) -> FlowSpec:
    """The flow backbone of this name.

    Args:
        name: of :func:`list_flows`, or ``"auto"``.

    Returns:
        Its line of the table.

    Raises:
        ModelError: if there is none; the message names the nearest and all there are.
    """
    wanted = DEFAULT_FLOW if name == "auto" else name
    specs = {spec.name: spec for spec in FLOWS}
    if wanted not in specs:
        known = ", ".join(spec.name for spec in list_flows())
        raise ModelError(f"There is no flow backbone {name!r}{_nearest(name, specs)}; there are: {known}.")
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
        checkpoint: File with its weights, as its authors released it or converted; None: the one at the
            model's place in a checkpoints folder (:func:`vfi.checkpoints.checkpoint_folders`).
        device: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        dtype: ``"auto"`` (float32), ``"float32"``, ``"float16"``, ``"bfloat16"`` or a torch type. Pictures
            are held in it; flows and coordinates stay float32.
        **options: The model's own.

    Returns:
        The model in evaluation mode on its device.

    Raises:
        ModelError: unknown model, or a checkpoint that is missing, damaged or not for it.
        ConfigError: unknown option, device or type; a value that the model refuses.
    """
    spec = find_model(name)
    target, precision = _resolve_device(device), _resolve_dtype(dtype)
    model: Interpolator = _build(f"The model {spec.name}", spec, checkpoint, options)
    model.to(device=target).set_precision(precision)
    return model.eval()


def load_flow(
    name: str = "auto",
    checkpoint: str | Path | None = None,
    device: str | torch.device = "auto",
    **options: Any,
) -> FlowEstimator:
    """A flow backbone, ready to estimate.

    Args:
        name: of :func:`list_flows`; ``"auto"`` is the best that needs no file.
        checkpoint: File with its weights; None: the one at its place in a checkpoints folder.
        device: As for :func:`load_model`.
        **options: The backbone's own.

    Returns:
        The backbone in evaluation mode on its device, in float32.

    Raises:
        ModelError: unknown backbone, or a checkpoint that is missing, damaged or not for it.
        ConfigError: unknown option or device; a value that the backbone refuses.
    """
    spec = find_flow(name)
    target = _resolve_device(device)
    flow: FlowEstimator = _build(f"The flow backbone {spec.name}", spec, checkpoint, options)
    return flow.to(device=target).eval()


def _build(
    subject: str, spec: ModelSpec | FlowSpec, checkpoint: str | Path | None, options: Mapping[str, Any]
) -> Any:
    """What the line of the table stands for, with its weights."""
    if spec.checkpoint is None and checkpoint is not None:
        raise ModelError(f"{subject} has no weights: leave out the checkpoint {checkpoint}.")
    module, function = spec.build.split(":")
    build = getattr(importlib.import_module(module), function)
    known = list(inspect.signature(build).parameters)
    for option in options:
        if option not in known:
            raise ConfigError(
                f"{subject} has no option {option!r}{_nearest(option, known)}; "
                f"it has: {', '.join(known) or 'none'}."
            )
    path = None
    if spec.checkpoint is not None:
        path = Path(checkpoint) if checkpoint is not None else find_checkpoint(spec.checkpoint)
        if path is None:
            raise missing_checkpoint(subject, spec.checkpoint)
    try:
        built = build(**options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{subject} refuses its options: {error}.") from error
    if spec.checkpoint is not None and path is not None:
        from vfi.checkpoints.loading import load_weights  # here, because it loads torch

        load_weights(built, path, spec.checkpoint.family)
    return built


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
