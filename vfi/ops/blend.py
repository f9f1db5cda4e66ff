"""Broadcasting of t, and the blend of two candidates for one frame."""

from __future__ import annotations

from typing import overload

from torch import Tensor


@overload
def t_plane(t: Tensor, like: Tensor) -> Tensor: ...
@overload
def t_plane(t: float, like: Tensor) -> float: ...
@overload
def t_plane(t: float | Tensor, like: Tensor) -> float | Tensor: ...
def t_plane(t: float | Tensor, like: Tensor) -> float | Tensor:
    """Time in the shape that broadcasts against an image.

    Args:
        t: Time in (0, 1), a number or ``[B]`` with one entry per sample.
        like: Tensor ``[B, C, H, W]`` that supplies the data type and device of the result.

    Returns:
        ``[B, 1, 1, 1]``; a number is returned unchanged.

    Raises:
        ValueError: If ``t`` does not have one entry per sample.
    """
    if not isinstance(t, Tensor):
        return t
    if t.ndim and t.shape != like.shape[:1]:
        raise ValueError(
            f"t must be a number or have one entry per sample, but its shape is {tuple(t.shape)} "
            f"and the other tensor's is {tuple(like.shape)}"
        )
    return t.to(like).view(-1, 1, 1, 1)


def blend_frames(candidate_0: Tensor, candidate_1: Tensor, blend: Tensor) -> Tensor:
    """Weighted mean of two candidates for one frame.

    Args:
        candidate_0: Candidate ``[B, C, H, W]`` warped from frame 0.
        candidate_1: Candidate ``[B, C, H, W]`` warped from frame 1.
        blend: Weight of ``candidate_0``, ``[B, 1, H, W]`` in [0, 1].

    Returns:
        ``[B, C, H, W]``.
    """
    return blend * candidate_0 + (1 - blend) * candidate_1
