"""Protocols of benchmarks: every choice that changes a number is a field.

The papers' own protocols round, pad and resize in their own ways; the names below reproduce them, and a
report states the protocol with all its fields.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vfi.errors import ConfigError
from vfi.evaluation.datasets import LAYOUTS
from vfi.evaluation.samples import Sample

Resize = Literal["area_float", "area_uint8"]
Rounding = Literal["none", "nearest", "floor"]
Average = Literal["samples", "groups", "times"]
MetricName = Literal["psnr", "ssim", "ssim_volume", "ssim_uniform", "ie"]


@dataclass(frozen=True)
class Protocol:
    """How a data set is measured."""

    name: str
    summary: str
    """What it measures, and whose protocol it is."""
    layout: str
    """Layout of the data set, of :data:`vfi.evaluation.datasets.LAYOUTS`."""
    selection: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Which frames of it: keywords of the layout."""
    resize: tuple[int, int] | None = None
    """Width and height that frames are reduced to; None: as they are."""
    resize_as: Resize = "area_float"
    """Area resampling of float samples, whose ground truth is not rounded, or of uint8 samples, which is."""
    crop: tuple[int, int] | None = None
    """Rows cut off above and below, and columns cut off left and right, after resizing."""
    padding_multiple: int = 1
    """Sides are padded to multiples of it, centered, by repeating the border."""
    down_scale: float | None = None
    """Size at which models with an option of this name estimate their flow; None: their own default."""
    rounding: Rounding = "nearest"
    """How the estimate becomes 8-bit before it is measured."""
    metrics: tuple[MetricName, ...] = ("psnr", "ssim")
    average: Average = "samples"
    """Mean over all frames; over the means of groups; or over the means of each t."""
    published_as: str | None = None
    """What the papers' own figures for it are called in the registry's table of checkpoints."""

    def samples(self, root: Path, **selection: Any) -> list[Sample]:
        """Read the samples of a data set.

        Args:
            root: Folder of the data set.
            selection: Other values than those of :attr:`selection`, for layouts that have a choice.

        Raises:
            InputError: If the folder does not hold the data set.
            ConfigError: If the layout has no such choice.
        """
        layout = LAYOUTS[self.layout]
        known = layout.__code__.co_varnames[: layout.__code__.co_argcount + layout.__code__.co_kwonlyargcount]
        for name in selection:
            if name not in known:
                raise ConfigError(f"The protocol {self.name} has no choice of {name}: leave it out.")
        return layout(Path(root), **{**self.selection, **selection})


def _snu_film(split: str) -> Protocol:
    return Protocol(
        f"snufilm_{split}",
        f"SNU-FILM {split}, 310 triplets",
        "snu_film",
        {"split": split},
    )


def _snu_film_large(split: str) -> Protocol:
    return Protocol(
        f"snufilm_{split}_l_sgm",
        f"SNU-FILM-L {split} of SGM-VFI: the half with the larger motion, estimates not rounded",
        "snu_film",
        {"split": split, "list_file": f"top-half-motion-sufficiency_test-{split}.txt"},
        padding_multiple=80,
        down_scale=0.8,
        rounding="none",
        metrics=("psnr", "ssim_volume"),
    )


def _snu_film_arbitrary(factor: int, split: str) -> Protocol:
    return Protocol(
        f"snufilm_arb_x{factor}",
        f"SNU-FILM-arb x{factor}: all {factor - 1} frames between those of the split {split}",
        "snu_film",
        {"split": split, "all_between": True},
    )


def _xiph(size: str, *, large: bool) -> Protocol:
    name = f"xiph_{size}{'_l_sgm' if large else ''}"
    what = "reduced to 2048x1080" if size == "2k" else "the middle 2048x1080 of 4096x2160"
    return Protocol(
        name,
        f"Xiph{'-L of SGM-VFI' if large else ''}, {what}",
        "xiph",
        {"list_file": "top-half-motion-sufficiency-gap2.txt"} if large else {},
        resize=(2048, 1080) if size == "2k" else None,
        resize_as="area_uint8",
        crop=None if size == "2k" else (540, 1024),
        padding_multiple=16 if large else 1,
        down_scale=0.5 if large else None,
        metrics=("psnr", "ssim_uniform"),
    )


def _x_test(size: str) -> Protocol:
    return Protocol(
        f"xtest_{size}_sgm",
        f"X-TEST-L of SGM-VFI at {size.upper()}: frame 16 between frames 0 and 32",
        "x_test",
        {"interval": 16},
        resize=(2048, 1080) if size == "2k" else None,
        padding_multiple=32,
        down_scale=0.5 if size == "2k" else 0.25,
        metrics=("psnr", "ssim_volume"),
    )


def _x_test_8(size: str) -> Protocol:
    return Protocol(
        f"xtest_{size}_x8",
        f"X-TEST at {size.upper()}: the seven frames 4, 8, ... 28 between frames 0 and 32",
        "x_test",
        {"interval": 4, "all_between": True},
        resize=(2048, 1080) if size == "2k" else None,
        padding_multiple=32,
        metrics=("psnr", "ssim_volume"),
    )


def _reds(name: str, multi: int, clips: int | None) -> Protocol:
    which = f"REDS_VTSR, {clips or 'all'} validation clips"
    return Protocol(
        name if multi == 2 else f"{name}_x{multi}",
        f"{which}, 15 to {15 * multi} frames per second (EQVI)",
        "reds_vtsr",
        {"multi": multi, "clips": clips},
        rounding="floor",
        average="times",
        published_as=f"REDS_VTSR x{multi}, {clips or 30} clips",
    )


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        _x_test("2k"),
        _x_test("4k"),
        _x_test_8("2k"),
        _x_test_8("4k"),
        *(_snu_film(split) for split in ("easy", "medium", "hard", "extreme")),
        *(_snu_film_large(split) for split in ("hard", "extreme")),
        _snu_film_arbitrary(4, "medium"),
        _snu_film_arbitrary(8, "hard"),
        _snu_film_arbitrary(16, "extreme"),
        *(_xiph(size, large=large) for large in (False, True) for size in ("2k", "4k")),
        *(_reds("reds_vtsr", multi, None) for multi in (2, 4)),
        *(_reds("reds_vtsr5", multi, 5) for multi in (2, 4)),
        Protocol("vimeo90k_triplet", "Vimeo90K, the test set of triplets", "vimeo_triplets"),
        Protocol(
            "vimeo90k_septuplet",
            "Vimeo90K, the test set of septuplets: frame 4 from frames 1, 3, 5, 7",
            "vimeo_septuplets",
        ),
        Protocol("ucf101", "UCF101, 379 triplets", "ucf101"),
        Protocol(
            "middlebury_other",
            'Middlebury, "other" set: interpolation error',
            "middlebury",
            metrics=("ie", "psnr", "ssim"),
        ),
        Protocol("davis_x2", "DAVIS 480p: odd frames between even ones", "davis", average="groups"),
        Protocol(
            "clips",
            "Own videos or folders of frames: every k-th frame goes in, the others are compared",
            "clips",
            average="groups",
        ),
    )
}
"""All protocols by name."""


def find_protocol(name: str) -> Protocol:
    """Find a protocol by its name.

    Args:
        name: A name of :data:`PROTOCOLS`.

    Raises:
        ConfigError: If there is none of this name; the message suggests a similar one.
    """
    if name not in PROTOCOLS:
        similar = difflib.get_close_matches(name, PROTOCOLS, 1)
        hint = f"did you mean {similar[0]}?" if similar else f"choose one of {', '.join(PROTOCOLS)}."
        raise ConfigError(f"There is no protocol {name!r}: {hint}")
    return PROTOCOLS[name]
