"""Flows, and the comparison with the reference, for the tests of several operators."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def irregular_flow(batch: int, height: int, width: int, scale: float = 2.0) -> Tensor:
    """Vectors that reach inside and outside, far from whole numbers, where the gradient has its steps."""
    whole = torch.randn(batch, 2, height, width, dtype=torch.float64).mul(scale).round()
    return whole + torch.empty_like(whole).uniform_(0.1, 0.9)


def assert_same(
    ours: Tensor | Sequence[Tensor],
    theirs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    *,
    values: float,
    gradients: float | None = None,
) -> None:
    """Two results agree, and their gradients for the inputs in a direction drawn at random.

    Args:
        ours: Result of the implementation under test, one tensor or several.
        theirs: Result of the reference, one tensor or several.
        inputs: Tensors from which both were computed.
        values: Largest absolute difference allowed between the results.
        gradients: Largest absolute difference allowed between the gradients; None: ``values``.
    """
    ours = [ours] if isinstance(ours, Tensor) else ours
    theirs = [theirs] if isinstance(theirs, Tensor) else theirs
    for our_value, their_value in zip(ours, theirs, strict=True):
        assert torch.allclose(our_value, their_value, atol=values)
    direction = [torch.randn_like(value) for value in ours]
    for our_gradient, their_gradient in zip(
        torch.autograd.grad(ours, inputs, direction),
        torch.autograd.grad(theirs, inputs, direction),
        strict=True,
    ):
        assert torch.allclose(our_gradient, their_gradient, atol=values if gradients is None else gradients)
