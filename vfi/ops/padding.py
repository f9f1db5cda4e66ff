"""Padding of images to the sizes that a network accepts, and the exact crop back."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Padding:
    """Number of pixels to add on each side; ``unpad(pad(x))`` equals x bit for bit."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @classmethod
    def to_fit(cls, height: int, width: int, *, multiple: int = 1, minimum: int = 1) -> Padding:
        """Least padding with which both sides fit, centred; an odd pixel goes to the bottom or right.

        Args:
            height: Image height in pixels.
            width: Image width in pixels.
            multiple: Factor that both padded sides are multiples of.
            minimum: Least size of both padded sides in pixels.

        Returns:
            The padding, zero on all sides if the image fits already.

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
            image: Image ``[B, C, H, W]``, floating point; differentiable.

        Returns:
            ``[B, C, top + H + bottom, left + W + right]``; ``image`` itself if nothing is added.
        """
        if not self:
            return image
        return F.pad(image, (self.left, self.right, self.top, self.bottom), mode="replicate")

    def unpad(self, padded: Tensor) -> Tensor:
        """Crop what :meth:`pad` added.

        Args:
            padded: Padded image, or a field on its grid, ``[..., top + H + bottom, left + W + right]``.

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
