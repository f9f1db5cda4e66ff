"""Memory of an interpolator: constants fitted to measured peaks, and the tile height that a limit leaves."""

from __future__ import annotations

from typing import NamedTuple

from vfi.errors import ConfigError

SMALLEST_TILE = 64
"""Rows; the overhead of smaller tiles exceeds their benefit."""


class MemoryUse(NamedTuple):
    """Bytes a model needs for one window."""

    per_pixel: float
    """Bytes per pixel of the whole frame, whatever the tiles."""
    per_tile_pixel: float
    """Bytes per pixel that is synthesized at once."""
    overlap: int = 0
    """Rows on either side of a tile that are synthesized along with it."""


class MemoryFit(NamedTuple):
    """Bytes a model needs beside the window's frames, fitted to peaks of ``python -m benchmark.memory``."""

    per_pixel: float
    """Bytes per pixel of the whole frame."""
    per_flow_pixel: float
    """Bytes per pixel of the frames that the flow is estimated on."""
    per_tile_pixel: float
    """Bytes per pixel that is synthesized at once."""
    variant_per_pixel: float = 0
    """Bytes per pixel of the frame and per further variant of a window whose results are cached."""
    variant_per_flow_pixel: float = 0
    """Bytes per pixel of the flow and per further variant of a window whose results are cached."""

    def use(self, flow_area: float, overlap: int, variants: int) -> MemoryUse:
        """The memory for one window, for one time and a batch of one.

        Args:
            flow_area: Pixels of the flow per pixel of the frame.
            overlap: Rows on either side of a tile.
            variants: Number of variants of a window, 1 or more.
        """
        further = variants - 1
        return MemoryUse(
            per_pixel=self.per_pixel
            + further * self.variant_per_pixel
            + (self.per_flow_pixel + further * self.variant_per_flow_pixel) * flow_area,
            per_tile_pixel=self.per_tile_pixel,
            overlap=overlap,
        )


def largest_tile(use: MemoryUse, height: int, width: int, max_memory: int | None) -> int | None:
    """The largest tile, in rows of full width, with which a window fits into the memory.

    Args:
        use: Memory of the model at this size.
        height: Frame height in pixels.
        width: Frame width in pixels.
        max_memory: Largest memory of the model in bytes; None for no limit.

    Returns:
        Rows; None if the whole frame fits.

    Raises:
        ConfigError: If even the smallest tile does not fit; the message states the memory needed.
    """
    fixed = height * width * use.per_pixel
    per_row = width * use.per_tile_pixel
    if max_memory is None or fixed + height * per_row <= max_memory:
        return None
    beside = 2 * use.overlap
    needed = fixed + min(SMALLEST_TILE + beside, height) * per_row
    if needed > max_memory:
        raise ConfigError(
            f"Frames of {width}x{height} need at least {_in_megabytes(needed)} of memory, more than the "
            f"{_in_megabytes(max_memory)} allowed: raise --max-memory or use smaller frames."
        )
    return max(int((max_memory - fixed) / per_row) - beside, SMALLEST_TILE)


def _in_megabytes(size: float) -> str:
    return f"{size / 2**20:,.0f} MB"
