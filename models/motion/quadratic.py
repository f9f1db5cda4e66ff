"""Rectified quadratic flow prediction (RQFP): the flow from a frame to time t, from the flows of four frames.

Source: Liu et al., "Enhanced Quadratic Video Interpolation", ECCV Workshops 2020, "Rectified quadratic flow
prediction", after Xu et al., "Quadratic Video Interpolation", NeurIPS 2019. Everything here is elementwise,
without weights, and computed in the type of the flows given (float32 for anything that matters). EQVI itself
calls it without gradient; it is differentiable except at the edges of the gate and of absolute values.

Each pixel of a frame b moves by ``d(tau) = v tau + a tau^2 / 2``. Three flows on b's grid observe this
motion:

============== ======= ================================ ================================
argument       tau     for frame 0 (time t)             for frame 1 (time 1 - t)
============== ======= ================================ ================================
``flow_back``  -1      to the frame before, ``prev``    to the frame after, ``next``
``flow_ahead`` 1       to frame 1                       to frame 0
``flow_far``   2       to ``next``                      to ``prev``
============== ======= ================================ ================================

The flows to both neighbours determine v and a exactly; the third allows a least squares fit, which is more
accurate where the motion is quadratic and less accurate where it is not. The rectification decides between
the two, per pixel and per component.

Deviation from the authors' code: their ratio of exponentials for alpha becomes NaN when two accelerations
differ by more than about 93 pixels; the sigmoid here is the same function without that.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vfi.ops import t_plane

ALPHA_CENTRE = 5.0
"""Pixels; disagreement of two accelerations at which least squares and pairwise motion count equally."""

ALPHA_STEEPNESS = 2.0
"""Per pixel of disagreement."""


class QuadraticMotion(NamedTuple):
    """Motion of every pixel of a frame, independent of t: fitted once, evaluated at any number of times."""

    velocity: Tensor
    """``[B, 2, H, W]``, pixels per frame interval, at the frame itself."""
    acceleration: Tensor
    """``[B, 2, H, W]``, pixels per frame interval squared."""

    def at(self, t: float | Tensor) -> Tensor:
        """The flow to time ``t``.

        Args:
            t: Time in frame intervals from the frame, positive towards ``flow_ahead``; a number or ``[B]``.

        Returns:
            ``[B, 2, H, W]``, pixels.
        """
        t = t_plane(t, self.velocity)
        return self.velocity * t + self.acceleration * (0.5 * t * t)


def least_squares_motion(flow_back: Tensor, flow_ahead: Tensor, flow_far: Tensor) -> QuadraticMotion:
    """The least squares fit to all three flows, by the closed form of the normal equations.

    Args:
        flow_back: Flow ``[B, 2, H, W]``, see the table above.
        flow_ahead: Flow ``[B, 2, H, W]``, see the table above.
        flow_far: Flow ``[B, 2, H, W]``, see the table above.

    Returns:
        The fitted motion.
    """
    return QuadraticMotion(
        velocity=(-6.5 * flow_back + 2.5 * flow_ahead + flow_far) / 11,
        acceleration=(7 * flow_back - flow_ahead + 4 * flow_far) / 11,
    )


def adjacent_motion(flow_back: Tensor, flow_ahead: Tensor) -> QuadraticMotion:
    """The motion that passes through both neighbouring frames exactly, as in the original QVI.

    Args:
        flow_back: Flow ``[B, 2, H, W]``, see the table above.
        flow_ahead: Flow ``[B, 2, H, W]``, see the table above.

    Returns:
        The motion.
    """
    return QuadraticMotion(velocity=(flow_ahead - flow_back) / 2, acceleration=flow_back + flow_ahead)


def pairwise_accelerations(
    flow_back: Tensor, flow_ahead: Tensor, flow_far: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The acceleration by each two of the three flows; all three are equal where the motion is quadratic.

    Args:
        flow_back: Flow ``[B, 2, H, W]``, see the table above.
        flow_ahead: Flow ``[B, 2, H, W]``, see the table above.
        flow_far: Flow ``[B, 2, H, W]``, see the table above.

    Returns:
        From back and ahead, from back and far, from ahead and far: each ``[B, 2, H, W]``.
    """
    return flow_back + flow_ahead, (2 * flow_back + flow_far) / 3, flow_far - 2 * flow_ahead


def rectification_gate(adjacent: Tensor, back_far: Tensor, ahead_far: Tensor) -> Tensor:
    """Where the three accelerations point the same way, so that the far frame is reliable.

    Args:
        adjacent: First result of :func:`pairwise_accelerations`.
        back_far: Second result of :func:`pairwise_accelerations`.
        ahead_far: Third result of :func:`pairwise_accelerations`.

    Returns:
        ``[B, 2, H, W]`` bool, decided for x and y separately.
    """
    return (adjacent * back_far > 0) & (adjacent * ahead_far > 0)


def rectification_alpha(adjacent: Tensor, back_far: Tensor) -> Tensor:
    """Weight of the least squares fit: near 1 where two accelerations agree, 0 where they are far apart.

    Equal to ``1/2 - tanh(|a_1 - a_2| - 5) / 2`` of the paper.

    Args:
        adjacent: First result of :func:`pairwise_accelerations`.
        back_far: Second result of :func:`pairwise_accelerations`.

    Returns:
        ``[B, 2, H, W]`` in [0, 1].
    """
    return torch.sigmoid(ALPHA_STEEPNESS * (ALPHA_CENTRE - (adjacent - back_far).abs()))


def rectified_quadratic_motion(flow_back: Tensor, flow_ahead: Tensor, flow_far: Tensor) -> QuadraticMotion:
    """The rectified motion: the least squares fit blended with the adjacent motion where the gate is open.

    Outside the gate it is the adjacent motion.

    Args:
        flow_back: Flow ``[B, 2, H, W]``, see the table above.
        flow_ahead: Flow ``[B, 2, H, W]``, see the table above.
        flow_far: Flow ``[B, 2, H, W]``, see the table above.

    Returns:
        The rectified motion.
    """
    adjacent = adjacent_motion(flow_back, flow_ahead)
    fitted = least_squares_motion(flow_back, flow_ahead, flow_far)
    accelerations = pairwise_accelerations(flow_back, flow_ahead, flow_far)
    alpha = rectification_alpha(*accelerations[:2])
    alpha = torch.where(rectification_gate(*accelerations), alpha, 0)
    return QuadraticMotion(
        velocity=adjacent.velocity + alpha * (fitted.velocity - adjacent.velocity),
        acceleration=adjacent.acceleration + alpha * (fitted.acceleration - adjacent.acceleration),
    )


def linear_motion(flow_ahead: Tensor) -> QuadraticMotion:
    """The motion without acceleration, where a frame of the four is missing.

    Args:
        flow_ahead: Flow ``[B, 2, H, W]``, pixels: ``flow_01`` for frame 0, ``flow_10`` for frame 1.

    Returns:
        The motion.
    """
    return QuadraticMotion(flow_ahead, torch.zeros_like(flow_ahead))
