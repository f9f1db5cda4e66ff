"""How samples encode colour, in the numbers of ITU-T H.273, which FFmpeg uses too.

2 means "unspecified" in every field.
"""

from __future__ import annotations

from dataclasses import dataclass

UNSPECIFIED = 2
MATRIX_RGB = 0
MATRIX_BT709 = 1
MATRIX_BT601 = 6
PRIMARIES_BT709 = 1
TRANSFER_BT709 = 1
TRANSFER_SRGB = 13

# Players assume BT.709 for untagged video of at least this size, and BT.601 for smaller ones.
HD_HEIGHT = 720
HD_WIDTH = 1280


@dataclass(frozen=True)
class ColorTags:
    """How samples encode colour: the numbers of ITU-T H.273, as in FFmpeg."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    """0 = the samples are R'G'B', 1 = BT.709, 5 and 6 = BT.601, 9 = BT.2020, 2 = unspecified."""
    full_range: bool = False
    """True: black is 0 and white the largest code; False: 16 and 235 (times a power of two)."""

    def matrix_for(self, height: int, width: int) -> int:
        """The matrix to compute with: the tag itself or, if unspecified, what players assume.

        Args:
            height: Frame height in pixels.
            width: Frame width in pixels.
        """
        if self.matrix != UNSPECIFIED:
            return self.matrix
        return MATRIX_BT709 if height >= HD_HEIGHT or width >= HD_WIDTH else MATRIX_BT601


SRGB = ColorTags(PRIMARIES_BT709, TRANSFER_SRGB, MATRIX_RGB, full_range=True)
"""Colour tags of image files without a profile."""
