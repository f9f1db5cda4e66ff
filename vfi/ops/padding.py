"""Padding images to the sizes a network takes, and cropping back exactly."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Padding:
    """Pixels to add on each side. ``unpad(pad(x))`` is x, bit for bit."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @classmethod
    def to_fit(cls, height: int, width: int, *, multiple: int = 1, minimum: int = 1) -> Padding:
        """The least padding with which both sides fit, centred; an odd pixel goes to the bottom or right.

        Args:
            height: Rows of the image.
            width: Columns of the image.
            multiple: Both padded sides are multiples of this.
            minimum: Both padded sides are at least this.

        Returns:
            The padding, possibly of nothing.

        Raises:
            ValueError: If a number is not positive.
        """
        if min(height, width, multiple, minimum) < 1:
            raise ValueError(
                f"height, width, multiple and minimum must be positive, but they are "
                f"{height}, {width}, {multiple}, {minimum}"
            )
        missing_y = -(-max(height, minimum) // multiple) * multiple - height
        missing_x = -(-max(width, minimum) // multiple) * multiple - width
        return cls(
            top=missing_y // 2,
            bottom=missing_y - missing_y // 2,
            left=missing_x // 2,
            right=missing_x - missing_x // 2,
        )

    def __bool__(self) -> bool:
        """Whether there is anything to add."""
        return any((self.top, self.bottom, self.left, self.right))

    def pad(self, image: Tensor) -> Tensor:
        """Repeat the edge pixels outwards, however far.

        Args:
            image: ``[B, C, H, W]`` floating point, any float type; differentiable.

        Returns:
            ``[B, C, top + H + bottom, left + W + right]``; ``image`` itself where nothing is added.
        """
        if not self:
            return image
        return F.pad(image, (self.left, self.right, self.top, self.bottom), mode="replicate")

    def unpad(self, padded: Tensor) -> Tensor:
        """Crop what :meth:`pad` added.

        Args:
            padded: ``[..., top + H + bottom, left + W + right]``: a padded image, or anything on its grid.

        Returns:
            ``[..., H, W]``, a view of ``padded``.

        Raises:
            ValueError: If nothing would be left, so that ``padded`` cannot be a padded image.
        """
        height = padded.shape[-2] - self.top - self.bottom
        width = padded.shape[-1] - self.left - self.right
        if height < 1 or width < 1:
            raise ValueError(f"a tensor of shape {tuple(padded.shape)} was never padded by {self}")
        return padded[..., self.top : self.top + height, self.left : self.left + width]
