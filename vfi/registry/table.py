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


def _eqvi_model(tag: str, summary: str, checkpoint: CheckpointSpec, *, build: str = "build_eqvi") -> Spec:
    """An EQVI model of one of the released files."""
    return Spec(
        kind="interpolator",
        name=f"eqvi.{tag}",
        summary=summary,
        build=f"vfi.models.eqvi:{build}",
        window=4,
        checkpoint=checkpoint,
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


def _sgm_local(size: str, words: str, *, run: str) -> Spec:
    """The model without matching of one size."""
    return Spec(
        kind="interpolator",
        name=f"sgm.local_{size}",
        summary=f"SGM-VFI's local branch alone, {size}: {words}",
        build="vfi.models.sgm:build_sgm",
        checkpoint=_sgm_checkpoint(run, f"SGM-VFI local, {size}", family=f"sgm_local_{size}"),
        fixed={"size": size, **_WITHOUT_MATCHING},
    )


def _raft(name: str, summary: str, *, size: str, weights: str, sha256: str) -> Spec:
    """RAFT with one of torchvision's files, whose name ends in the first digits of its SHA-256."""
    file = f"raft_{size}_{weights}-{sha256}.pth"
    return Spec(
        kind="flow",
        name=name,
        summary=summary,
        build="vfi.models.flow.raft:build_raft" + ("_small" if size == "small" else ""),
        checkpoint=CheckpointSpec(
            path=Path(f"raft_{size}", file),
            family="raft",
            page=f"{TORCHVISION_PAGE}/{file}",
            description=f"torchvision's RAFT {size}, {weights}",
            sha256=sha256,
        ),
    )


def _gmflow(name: str, summary: str, *, file: str, description: str) -> Spec:
    """GMFlow with a file of its authors, at its path in their project."""
    family = name.replace(".", "_")
    return Spec(
        kind="flow",
        name=name,
        summary=summary,
        build=f"vfi.models.flow.gmflow:build_{family}",
        checkpoint=CheckpointSpec(
            path=Path("pretrained", file),
            family=family,
            page=GMFLOW_PAGE,
            description=description,
            in_project=True,
        ),
    )


SPECS: tuple[Spec, ...] = (
    Spec(
        kind="interpolator",
        name="quadratic",
        summary="EQVI's quadratic motion on classical optical flow; quick on a CPU",
        window=4,
        build="vfi.models.quadratic:build_quadratic",
    ),
    _eqvi_model(
        "stage3",
        "EQVI (rectified quadratic flow, contextual synthesis), trained stage by stage",
        _eqvi_checkpoint(
            "Stage3_RCSN_RQFP/Stage3_checkpoint.ckpt",
            "EQVI Stage3",
            psnr_30=24.0354,
            psnr_5=24.9633,
            ssim_5=0.7268,
        ),
    ),
    _eqvi_model(
        "stage4",
        "EQVI with multi-scale fusion: full and half size, blended; twice the computation",
        _eqvi_checkpoint(
            "Stage4_MSFusion/Stage4_MSFusion_checkpoint.ckpt",
            "EQVI Stage4, MS-Fusion",
            family="ms_fusion",
            psnr_30=24.0562,
            psnr_5=24.9706,
            ssim_5=0.7263,
        ),
        build="build_ms_fusion",
    ),
    _eqvi_model(
        "stage123",
        "EQVI trained in one stage, the best of the released files by PSNR",
        _eqvi_checkpoint(
            "Stage123_scratch/Stage123_scratch_checkpoint.ckpt",
            "EQVI Stage123",
            psnr_30=24.0962,
            psnr_5=25.0699,
            ssim_5=0.7296,
        ),
    ),
    _eqvi_model(
        "stage123_vgg",
        "EQVI trained in one stage with a perceptual loss: sharper, with a lower PSNR",
        _eqvi_checkpoint(
            "Stage123_scratch_vgg/Stage123_scratch_vgg_checkpoint.ckpt",
            "EQVI Stage123 with VGG loss",
            psnr_30=24.0069,
            psnr_5=24.9684,
            ssim_5=0.7237,
        ),
    ),
    _sgm_local("small", "quick, for motion that is not large", run="ours-local"),
    _sgm_local("base", "four times the weights", run="ours-base-local"),
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
    _raft("raft", "RAFT (large) of torchvision", size="large", weights="C_T_SKHT_V2", sha256="ff5fadd5"),
    _raft(
        "raft.small",
        "RAFT (small) of torchvision: quicker",
        size="small",
        weights="C_T_V2",
        sha256="01064c6d",
    ),
    _gmflow(
        "gmflow",
        "GMFlow: every pixel compared with every other, for large motion; estimates occlusions",
        file="gmflow_sintel-0c07dcb3.pth",
        description="GMFlow fine-tuned on Sintel",
    ),
    _gmflow(
        "gmflow.refine",
        "GMFlow with a second, finer scale; estimates occlusions",
        file="gmflow_with_refine_sintel-3ed1cf48.pth",
        description="GMFlow with refinement, fine-tuned on Sintel",
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
