"""Properties of sample layouts, and a measure of what is lost by converting one to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import log2

import av

from vfi.io.pixels import convert


@dataclass(frozen=True)
class Layout:
    """The properties of a pixel format that decide what can be stored in it."""

    bits: int
    alpha: bool
    rgb: bool
    gray: bool
    vertical: int
    """Luma rows per chroma row."""
    horizontal: int
    """Luma columns per chroma column."""
    name: str = ""

    def as_420(self, bits: int) -> Layout:
        """A Y'CbCr 4:2:0 layout of the given depth with the same alpha."""
        return replace(self, bits=bits, rgb=False, gray=False, vertical=2, horizontal=2, name="")


def exists(pixel_format: str) -> bool:
    """Whether FFmpeg knows a pixel format of this name."""
    try:
        av.VideoFormat(pixel_format)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def describe(pixel_format: str, *, bits: int | None = None, alpha: bool | None = None) -> Layout:
    """The layout of a pixel format.

    Args:
        pixel_format: FFmpeg's name of the layout.
        bits: Bits per sample, for sources that use fewer than the layout has; None: all.
        alpha: Alpha of the source, if it comes from a second stream; None: as the layout says.
    """
    rgb, gray = convert.is_rgb_format(pixel_format), convert.is_gray_format(pixel_format)
    vertical, horizontal = (1, 1) if rgb or gray else convert.subsampling(pixel_format)
    return Layout(
        bits=convert.format_bits(pixel_format) if bits is None else bits,
        alpha=convert.format_has_alpha(pixel_format) if alpha is None else alpha,
        rgb=rgb,
        gray=gray,
        vertical=vertical,
        horizontal=horizontal,
        name=pixel_format,
    )


def is_usable(pixel_format: str) -> bool:
    """Whether output may have a layout: integers, no palette, no semi-planar variant of a planar layout."""
    return not pixel_format.startswith(("nv", "p0", "p2", "p4", "pal8")) and "f" not in pixel_format


def loss(wanted: Layout, offered: Layout) -> tuple[float, ...]:
    """Sort key of a layout that stores samples of another: the losses first, then the unused capacity."""
    coarser_rows = log2(offered.vertical / wanted.vertical)
    coarser_columns = log2(offered.horizontal / wanted.horizontal)
    colourless = offered.gray and not wanted.gray
    return (
        wanted.alpha and not offered.alpha,
        colourless,
        max(0, wanted.bits - offered.bits),
        max(0.0, coarser_rows) + max(0.0, coarser_columns),
        wanted.rgb != offered.rgb,
        wanted.gray != offered.gray,
        offered.name != wanted.name,
        offered.alpha and not wanted.alpha,
        abs(coarser_rows) + abs(coarser_columns),
        offered.bits - wanted.bits,
        offered.name.startswith("yuvj"),
        not convert.is_planar(offered.name),
    )
