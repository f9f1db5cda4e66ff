"""Every model and flow backbone by name: what it is, what builds it, which file of weights it takes.

Explicit tables; nothing is imported before it is asked for. Names are ``architecture`` or
``architecture.tag``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vfi.checkpoints.specs import CheckpointSpec, Metric
from vfi.errors import ModelError

EQVI_PAGE = "https://github.com/lyh-18/EQVI"
SCOPEFLOW_PAGE = "https://github.com/avirambh/ScopeFlow"
SGM_PAGE = "https://github.com/MCG-NJU/SGM-VFI"
GMFLOW_PAGE = "https://github.com/haofeixu/gmflow"
TORCHVISION_PAGE = "https://download.pytorch.org/models"


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
    options: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """Those that have another value than the function's own defaults, unless the caller gives them."""


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
    options: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """As of :class:`ModelSpec`."""


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


def _sgm_checkpoint(run: str, description: str, *, family: str) -> CheckpointSpec:
    """A file of SGM-VFI's authors, at the place where their project writes and looks for it."""
    return CheckpointSpec(
        place=Path("log", run, "ckpt", f"{run}.pth"),
        family=family,
        page=SGM_PAGE,
        description=description,
        licence="Apache-2.0",
        in_project=True,
    )


def _sgm_models(size: str, run: str) -> tuple[ModelSpec, ...]:
    """The whole models of one size: the files differ in the share of points they were trained with."""
    shares = (
        ("", "1/2", "half the positions"),
        ("_quarter", "1/4", "a quarter"),
        ("_eighth", "1/8", "an eighth"),
    )
    return tuple(
        ModelSpec(
            name=f"sgm.{size}{suffix}",
            summary=f"SGM-VFI, {size}: large motion by global matching of {words}",
            window=2,
            build=f"vfi.models.sgm:build_{size}",
            checkpoint=_sgm_checkpoint(
                f"{run}-{share.replace('/', '-')}-points",
                f"SGM-VFI {size}, {share} points",
                family=f"sgm_{size}",
            ),
            options={"points": share},
        )
        for suffix, share, words in shares
    )


MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="quadratic",
        summary="EQVI's quadratic motion on classical optical flow; quick on a CPU",
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
    ModelSpec(
        name="sgm.local_small",
        summary="SGM-VFI's local branch by itself, small: quick, for motion that is not large",
        window=2,
        build="vfi.models.sgm:build_local_small",
        checkpoint=_sgm_checkpoint("ours-local", "SGM-VFI local, small", family="sgm_local_small"),
    ),
    ModelSpec(
        name="sgm.local_base",
        summary="SGM-VFI's local branch by itself, base: four times the weights",
        window=2,
        build="vfi.models.sgm:build_local_base",
        checkpoint=_sgm_checkpoint("ours-base-local", "SGM-VFI local, base", family="sgm_local_base"),
    ),
    *_sgm_models("small", "ours"),
    *_sgm_models("base", "ours-base"),
)

FLOWS: tuple[FlowSpec, ...] = (
    FlowSpec(
        name="dis",
        summary="dense inverse search on 8-bit luma by OpenCV; quick on a CPU",
        build="vfi.models.flow.dis:DisFlow",
    ),
    FlowSpec(
        name="scopeflow",
        summary="IRR-PWC as ScopeFlow trained it, EQVI's own flow network; tells occlusions",
        build="vfi.models.flow.irr_pwc.model:build_irr_pwc",
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
            place=Path("raft_large", "raft_large_C_T_SKHT_V2-ff5fadd5.pth"),
            family="raft",
            page=f"{TORCHVISION_PAGE}/raft_large_C_T_SKHT_V2-ff5fadd5.pth",
            description="torchvision's RAFT large, C_T_SKHT_V2",
            sha256="ff5fadd5",
        ),
    ),
    FlowSpec(
        name="raft.small",
        summary="RAFT (small) of torchvision: quicker",
        build="vfi.models.flow.raft:build_raft_small",
        checkpoint=CheckpointSpec(
            place=Path("raft_small", "raft_small_C_T_V2-01064c6d.pth"),
            family="raft",
            page=f"{TORCHVISION_PAGE}/raft_small_C_T_V2-01064c6d.pth",
            description="torchvision's RAFT small, C_T_V2",
            sha256="01064c6d",
        ),
    ),
    FlowSpec(
        name="gmflow",
        summary="GMFlow: every pixel compared with every other, for large motion; tells occlusions",
        build="vfi.models.flow.gmflow:build_gmflow",
        checkpoint=CheckpointSpec(
            place=Path("pretrained", "gmflow_sintel-0c07dcb3.pth"),
            family="gmflow",
            page=GMFLOW_PAGE,
            description="GMFlow fine-tuned on Sintel",
            in_project=True,
        ),
    ),
    FlowSpec(
        name="gmflow.refine",
        summary="GMFlow with a second, finer scale; tells occlusions",
        build="vfi.models.flow.gmflow:build_gmflow_refine",
        checkpoint=CheckpointSpec(
            place=Path("pretrained", "gmflow_with_refine_sintel-3ed1cf48.pth"),
            family="gmflow_refine",
            page=GMFLOW_PAGE,
            description="GMFlow with refinement, fine-tuned on Sintel",
            in_project=True,
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
        raise ModelError(f"There is no model {name!r}{nearest(name, specs)}; 'vfi models' lists them.")
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
        raise ModelError(f"There is no flow backbone {name!r}{nearest(name, specs)}; there are: {known}.")
    return specs[wanted]


def nearest(name: str, known: Iterable[str]) -> str:
    """A question for the name that was meant, where one of those known is like it."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
