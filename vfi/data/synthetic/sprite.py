"""A sprite: one textured, partly transparent image that a scene moves about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Sprite:
    """Texture and outline of a layer in coordinates of its own.

    The layer's coordinates are pixels, their origin at ``anchor``; the texture is finer than that by
    ``density``, so that it stays sharp when rotated or enlarged and smooth when it moves by parts of a pixel.
    """

    texels: Tensor
    """``[4, h, w]`` float32: red, green, blue, each multiplied by alpha, and alpha; all in [0, 1]."""
    density: float = 1.0
    """Texels per pixel of the layer."""
    anchor: tuple[float, float] = (0.0, 0.0)
    """The layer's origin, (x, y) in pixels from the centre of the first texel."""
    endless: bool = False
    """Continue beyond the border by reflection, as a background must; else it is transparent there."""

    @classmethod
    def paint(
        cls,
        image: np.ndarray,
        alpha: np.ndarray | None = None,
        *,
        density: float = 1.0,
        anchor: tuple[float, float] | None = None,
        endless: bool = False,
    ) -> Sprite:
        """Make a sprite of an image.

        Args:
            image: Texture ``[h, w, 3]``, RGB in [0, 1] (floating point).
            alpha: ``[h, w]`` in [0, 1], 1 = covers; all 1 when not given.
            density: Texels per pixel of the layer.
            anchor: The layer's origin, (x, y) in pixels of the layer; the middle when not given.
            endless: Continue beyond the border by reflection.
        """
        height, width = image.shape[:2]
        if alpha is None:
            alpha = np.ones((height, width), np.float32)
        texels = np.concatenate([image * alpha[..., None], alpha[..., None]], axis=2).clip(0, 1)
        if anchor is None:
            anchor = ((width - 1) / 2 / density, (height - 1) / 2 / density)
        channels_first = np.ascontiguousarray(texels.transpose(2, 0, 1), dtype=np.float32)
        return cls(torch.from_numpy(channels_first), density, anchor, endless)

    def extent(self, matrix: np.ndarray, height: int, width: int) -> Box:
        """The part of a frame that the sprite can touch.

        Args:
            matrix: Transform from layer to frame, float64 ``[3, 3]``.
            height: Number of rows of the frame.
            width: Number of columns of the frame.

        Returns:
            ``(top, bottom, left, right)``, ends exclusive; empty when ``top >= bottom`` or ``left >= right``.
        """
        if self.endless:
            return 0, height, 0, width
        rows, columns = self.texels.shape[1:]
        # One texel more than there is: sampling fades the border out over it.
        x, y = np.meshgrid([-1.0, columns], [-1.0, rows])
        corners = np.stack([x.ravel(), y.ravel(), np.ones(4)])
        reached = (matrix @ np.linalg.inv(self._texel_matrix()) @ corners)[:2]
        left, top = np.floor(reached.min(axis=1)).astype(int)
        right, bottom = np.ceil(reached.max(axis=1)).astype(int) + 1
        return max(top, 0), min(bottom, height), max(left, 0), min(right, width)

    def draw(self, matrix: np.ndarray, box: Box, *, alpha_only: bool = False) -> Tensor:
        """Sample the sprite on the pixels of a box of the frame.

        Args:
            matrix: Transform from layer to frame, float64 ``[3, 3]``.
            box: ``(top, bottom, left, right)`` in pixels, ends exclusive.
            alpha_only: Leave the colours out.

        Returns:
            ``[4, h, w]``, colours multiplied by alpha, and alpha; ``[1, h, w]`` with ``alpha_only``.
        """
        top, bottom, left, right = box
        rows = torch.arange(top, bottom, dtype=torch.float64)[:, None]
        columns = torch.arange(left, right, dtype=torch.float64)[None, :]
        return self._sample(matrix, columns, rows, alpha_only)

    def alpha_at(self, matrix: np.ndarray, x: Tensor, y: Tensor) -> Tensor:
        """Alpha at any positions of the frame.

        Args:
            matrix: Transform from layer to frame, float64 ``[3, 3]``.
            x: ``[H, W]``, pixels, need not be whole.
            y: ``[H, W]``, pixels.

        Returns:
            ``[H, W]`` in [0, 1].
        """
        return self._sample(matrix, x, y, alpha_only=True)[0]

    def _texel_matrix(self) -> np.ndarray:
        """Float64 ``[3, 3]``: from the layer's pixels to texels."""
        (x, y), density = self.anchor, self.density
        return np.array([[density, 0.0, density * x], [0.0, density, density * y], [0.0, 0.0, 1.0]])

    def _sample(self, matrix: np.ndarray, x: Tensor, y: Tensor, alpha_only: bool) -> Tensor:
        """Bilinear samples ``[C, H, W]`` at positions of the frame; x and y may broadcast."""
        rows, columns = self.texels.shape[1:]
        to_unit = np.array([[2 / max(columns - 1, 1), 0, -1], [0, 2 / max(rows - 1, 1), -1], [0, 0, 1]])
        into = to_unit @ self._texel_matrix() @ np.linalg.inv(matrix)
        grid = torch.empty(*torch.broadcast_shapes(x.shape, y.shape), 2)
        for axis, (by_x, by_y, shift) in enumerate(into[:2].tolist()):
            torch.add((by_x * x).float(), (by_y * y + shift).float(), out=grid[..., axis])
        texels = self.texels[3:] if alpha_only else self.texels
        padding = "reflection" if self.endless else "zeros"
        return functional.grid_sample(
            texels[None], grid[None], mode="bilinear", padding_mode=padding, align_corners=True
        )[0]
