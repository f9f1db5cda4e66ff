"""Painting sprites of several parts, each in a colour or texture of its own."""

from __future__ import annotations

import math

import numpy as np

from vfi.data.synthetic.sprite import Sprite
from vfi.data.synthetic.textures import shape_mask


class Canvas:
    """An image to paint on with masks, in pixels of the layer about an origin."""

    def __init__(self, left: float, right: float, top: float, bottom: float, density: float) -> None:
        self.density = density
        self.origin = np.array([-left, -top])
        self.height, self.width = math.ceil((bottom - top) * density), math.ceil((right - left) * density)
        self.colours = np.zeros((self.height, self.width, 3), np.float32)
        self.alpha = np.zeros((self.height, self.width), np.float32)

    def mask(self, *outlines: np.ndarray) -> np.ndarray:
        """Fill outlines ``[N, 2]`` given in pixels about the origin: ``[h, w]``."""
        return shape_mask(self.height, self.width, [(line + self.origin) * self.density for line in outlines])

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """X and y of every texel, pixels about the origin, ``[h, w]`` each."""
        rows, columns = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32) / self.density
        return columns - self.origin[0], rows - self.origin[1]

    def paint(self, mask: np.ndarray, paint: np.ndarray) -> None:
        """Lay a colour ``[3]`` or texture ``[h, w, 3]`` over what is there, by a mask ``[h, w]``."""
        covered = self.alpha * (1 - mask)
        alpha = covered + mask
        weight = (mask / np.maximum(alpha, 1e-6))[..., None]
        self.colours += (paint - self.colours) * weight
        self.alpha = alpha

    def sprite(self) -> Sprite:
        """What was painted, with the origin as anchor."""
        anchor = (float(self.origin[0]), float(self.origin[1]))
        return Sprite.paint(self.colours.clip(0, 1), self.alpha, density=self.density, anchor=anchor)
