"""Table of all networks by kind and name: description, builder and weight file of each.

A network is imported when it is first used. A new network is a new row; a new kind is a new value of
:data:`Kind` with its title and its default.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from vfi.checkpoints.specs import CheckpointSpec, Metric
from vfi.errors import ModelError

EQVI_PAGE = "https://github.com/lyh-18/EQVI"
SCOPEFLOW_PAGE = "https://github.com/avirambh/ScopeFlow"
SGM_PAGE = "https://github.com/MCG-NJU/SGM-VFI"
GMFLOW_PAGE = "https://github.com/haofeixu/gmflow"
TORCHVISION_PAGE = "https://download.pytorch.org/models"


Kind = Literal["interpolator", "flow"]
"""Purpose of a network: new frames, or the optical flow between two frames."""

KIND_TITLES: dict[Kind, str] = {"interpolator": "model", "flow": "flow backbone"}
"""Names of the kinds in messages."""


@dataclass(frozen=True)
class Spec:
    """Row of the table: a network, its builder, and its weight file."""

    kind: Kind
    name: str
    """Name, ``architecture`` or ``architecture.tag``."""
    summary: str
    """One sentence that helps to choose a network."""
    build: str
    """Builder, ``"module:function"``; its keywords except those in ``fixed`` are the options."""
    window: int = 2
    """Number of input frames, 2 or 4."""
    checkpoint: CheckpointSpec | None = None
    """Weight file; None for a network without weights."""
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """Keywords of ``build`` that define this network; they are no options."""
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    """Options with another default than that of ``build``."""

    @property
    def title(self) -> str:
        """The network as the subject of a sentence: ``"The model eqvi.stage4"``."""
        return f"The {KIND_TITLES[self.kind]} {self.name}"

    @property
    def options(self) -> list[str]:
        """Names of the options. Imports the network."""
        return [
            name for name in inspect.signature(self.import_builder()).parameters if name not in self.fixed
        ]

    def import_builder(self) -> Callable[..., Any]:
        """Import the function that builds the network, without weights and on the CPU.

        Returns:
            The builder with ``fixed`` and ``defaults`` bound, whose keywords are the options.
        """
        module, function = self.build.split(":")
        return partial(getattr(import_module(module), function), **self.fixed, **self.defaults)


def _eqvi_checkpoint(
    path: str, description: str, *, psnr_30: float, psnr_5: float, ssim_5: float, family: str = "eqvi"
) -> CheckpointSpec:
    """A file of EQVI's authors, with the metrics they publish (twice the frame rate, REDS_VTSR val)."""
    return CheckpointSpec(
        path=Path(path),
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
    """A file of SGM-VFI's authors, at its path in their project."""
    return CheckpointSpec(
        path=Path("log", run, "ckpt", f"{run}.pth"),
        family=family,
        page=SGM_PAGE,
        description=description,
        licence="Apache-2.0",
        in_project=True,
    )


def _sgm_models(size: str, run: str) -> tuple[Spec, ...]:
    """The models with matching of one size, which differ in the fraction of points in training."""
    variants = (
        ("", "1/2", "half the positions"),
        ("_quarter", "1/4", "a quarter"),
        ("_eighth", "1/8", "an eighth"),
    )
    return tuple(
        Spec(
            kind="interpolator",
            name=f"sgm.{size}{suffix}",
            summary=f"SGM-VFI, {size}: large motion by global matching of {words}",
            build="vfi.models.sgm:build_sgm",
            checkpoint=_sgm_checkpoint(
                f"{run}-{points.replace('/', '-')}-points",
                f"SGM-VFI {size}, {points} points",
                family=f"sgm_{size}",
            ),
            fixed={"size": size, "matching": True},
            defaults={"points": points},
        )
        for suffix, points, words in variants
    )


_WITHOUT_MATCHING: Mapping[str, Any] = {
    "matching": False,
    "points": 0,
    "matching_time": None,
    "dense_height": 0,
}
"""Keywords of SGM-VFI's models without matching, for which the options of matching have no meaning."""

SPECS: tuple[Spec, ...] = (
    Spec(
        kind="interpolator",
        name="quadratic",
        summary="EQVI's quadratic motion on classical optical flow; quick on a CPU",
        window=4,
        build="vfi.models.quadratic:build_quadratic",
    ),
    Spec(
        kind="interpolator",
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
    Spec(
        kind="interpolator",
        name="eqvi.stage4",
        summary="EQVI with multi-scale fusion: full and half size, blended; twice the computation",
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
    Spec(
        kind="interpolator",
        name="eqvi.stage123",
        summary="EQVI trained in one stage, the best of the released files by PSNR",
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
    Spec(
        kind="interpolator",
        name="eqvi.stage123_vgg",
        summary="EQVI trained in one stage with a perceptual loss: sharper, with a lower PSNR",
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
    Spec(
        kind="interpolator",
        name="sgm.local_small",
        summary="SGM-VFI's local branch by itself, small: quick, for motion that is not large",
        build="vfi.models.sgm:build_sgm",
        fixed={"size": "small", **_WITHOUT_MATCHING},
        checkpoint=_sgm_checkpoint("ours-local", "SGM-VFI local, small", family="sgm_local_small"),
    ),
    Spec(
        kind="interpolator",
        name="sgm.local_base",
        summary="SGM-VFI's local branch by itself, base: four times the weights",
        build="vfi.models.sgm:build_sgm",
        fixed={"size": "base", **_WITHOUT_MATCHING},
        checkpoint=_sgm_checkpoint("ours-base-local", "SGM-VFI local, base", family="sgm_local_base"),
    ),
    *_sgm_models("small", "ours"),
    *_sgm_models("base", "ours-base"),
    Spec(
        kind="flow",
        name="dis",
        summary="dense inverse search on 8-bit luma by OpenCV; quick on a CPU",
        build="vfi.models.flow.dis:DisFlow",
    ),
    Spec(
        kind="flow",
        name="scopeflow",
        summary="IRR-PWC as ScopeFlow trained it, EQVI's own flow network; estimates occlusions",
        build="vfi.models.flow.irr_pwc.model:build_irr_pwc",
        checkpoint=CheckpointSpec(
            path=Path("scopeflow", "Sintel_ft", "checkpoint_best.ckpt"),
            family="scopeflow",
            page=SCOPEFLOW_PAGE,
            description="ScopeFlow fine-tuned on Sintel",
        ),
    ),
    Spec(
        kind="flow",
        name="raft",
        summary="RAFT (large) of torchvision",
        build="vfi.models.flow.raft:build_raft",
        checkpoint=CheckpointSpec(
            path=Path("raft_large", "raft_large_C_T_SKHT_V2-ff5fadd5.pth"),
            family="raft",
            page=f"{TORCHVISION_PAGE}/raft_large_C_T_SKHT_V2-ff5fadd5.pth",
            description="torchvision's RAFT large, C_T_SKHT_V2",
            sha256="ff5fadd5",
        ),
    ),
    Spec(
        kind="flow",
        name="raft.small",
        summary="RAFT (small) of torchvision: quicker",
        build="vfi.models.flow.raft:build_raft_small",
        checkpoint=CheckpointSpec(
            path=Path("raft_small", "raft_small_C_T_V2-01064c6d.pth"),
            family="raft",
            page=f"{TORCHVISION_PAGE}/raft_small_C_T_V2-01064c6d.pth",
            description="torchvision's RAFT small, C_T_V2",
            sha256="01064c6d",
        ),
    ),
    Spec(
        kind="flow",
        name="gmflow",
        summary="GMFlow: every pixel compared with every other, for large motion; estimates occlusions",
        build="vfi.models.flow.gmflow:build_gmflow",
        checkpoint=CheckpointSpec(
            path=Path("pretrained", "gmflow_sintel-0c07dcb3.pth"),
            family="gmflow",
            page=GMFLOW_PAGE,
            description="GMFlow fine-tuned on Sintel",
            in_project=True,
        ),
    ),
    Spec(
        kind="flow",
        name="gmflow.refine",
        summary="GMFlow with a second, finer scale; estimates occlusions",
        build="vfi.models.flow.gmflow:build_gmflow_refine",
        checkpoint=CheckpointSpec(
            path=Path("pretrained", "gmflow_with_refine_sintel-3ed1cf48.pth"),
            family="gmflow_refine",
            page=GMFLOW_PAGE,
            description="GMFlow with refinement, fine-tuned on Sintel",
            in_project=True,
        ),
    ),
)

DEFAULTS: dict[Kind, str] = {"interpolator": "quadratic", "flow": "dis"}
"""The networks that ``"auto"`` stands for: the best of each kind without a weight file."""


def list_specs(kind: Kind) -> list[Spec]:
    """All networks of a kind, the default first, then by name.

    Args:
        kind: Kind of network, ``"interpolator"`` or ``"flow"``.
    """
    default = DEFAULTS[kind]
    specs = (spec for spec in SPECS if spec.kind == kind)
    return sorted(specs, key=lambda spec: (spec.name != default, spec.name))


def list_models() -> list[Spec]:
    """All models, the default first, then by name."""
    return list_specs("interpolator")


def list_flows() -> list[Spec]:
    """All flow backbones, the default first, then by name."""
    return list_specs("flow")


def names(kind: Kind) -> list[str]:
    """Names of all networks of a kind, the default first.

    Args:
        kind: Kind of network, ``"interpolator"`` or ``"flow"``.
    """
    return [spec.name for spec in list_specs(kind)]


def find(kind: Kind, name: str) -> Spec:
    """The row of a network.

    Args:
        kind: Kind of network, ``"interpolator"`` or ``"flow"``.
        name: Name of the network, one of :func:`names`, or ``"auto"``.

    Returns:
        The row of the table.

    Raises:
        ModelError: If there is no such network; the message suggests the most similar name.
    """
    wanted = DEFAULTS[kind] if name == "auto" else name
    specs = {spec.name: spec for spec in list_specs(kind)}
    if wanted not in specs:
        hint = "'vfi models' lists them" if kind == "interpolator" else f"there are: {', '.join(specs)}"
        raise ModelError(f"There is no {KIND_TITLES[kind]} {name!r}{nearest(name, specs)}; {hint}.")
    return specs[wanted]


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion of the most similar name, such as ``" (did you mean 'dis'?)"``; empty if there is none.

    Args:
        name: Unknown name.
        known: Known names.
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
