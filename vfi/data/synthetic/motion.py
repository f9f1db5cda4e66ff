"""How a layer of a synthetic scene moves: shift, turn and growth as polynomials of time.

Coordinates are pixels, x right and y down, pixel centres at whole numbers; positive angles therefore turn
clockwise on the screen. Times are seconds. Everything here is float64, so that true flows stay true.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Vector = tuple[float, float]


@dataclass(frozen=True)
class Motion:
    """A similarity transform that changes smoothly with time.

    The layer's own origin lies at ``position`` when the time is 0; all rates are those at time 0.
    """

    position: Vector = (0.0, 0.0)
    """Where the layer's origin is, (x, y) in pixels of the frame."""
    velocity: Vector = (0.0, 0.0)
    """Pixels per second."""
    acceleration: Vector = (0.0, 0.0)
    """Pixels per second squared."""
    jerk: Vector = (0.0, 0.0)
    """Pixels per second cubed."""
    angle: float = 0.0
    """Radians, clockwise on the screen."""
    spin: float = 0.0
    """Radians per second."""
    spin_acceleration: float = 0.0
    """Radians per second squared."""
    scale: float = 1.0
    """Pixels of the frame per pixel of the layer."""
    growth: float = 0.0
    """Rate of the logarithm of the scale, per second: 0.1 is about ten per cent larger each second."""
    growth_acceleration: float = 0.0
    """Its change, per second squared."""

    def position_at(self, time: float) -> Vector:
        """Position of the layer's origin at a time, (x, y) in pixels."""
        x, y = (
            start + time * (rate + time * (change / 2 + time * jerk / 6))
            for start, rate, change, jerk in zip(
                self.position, self.velocity, self.acceleration, self.jerk, strict=True
            )
        )
        return x, y

    def matrix(self, time: float) -> np.ndarray:
        """The transform at a time.

        Args:
            time: Time on the scene's clock in seconds.

        Returns:
            float64 ``[3, 3]``: takes ``(x, y, 1)`` of the layer to ``(x, y, 1)`` of the frame, pixels.
        """
        x, y = self.position_at(time)
        angle = self.angle + time * (self.spin + time * self.spin_acceleration / 2)
        scale = self.scale * math.exp(time * (self.growth + time * self.growth_acceleration / 2))
        cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
        return np.array([[cosine, -sine, x], [sine, cosine, y], [0.0, 0.0, 1.0]])
