"""The operators ``torch.ops.vfi.correlation`` and ``correlation_backward``: what they are, wherever they run.

Callers use :mod:`vfi.ops.correlation`. This module registers with ``torch.library`` the schema, the meaning
on every device (:mod:`.torch_correlation`), the shapes for compilers, the gradient and the rule for
``torch.func.vmap``. Faster implementations come in under the same names; see :mod:`vfi.ops.backends.select`.

The correlation is linear in each of its arguments, so the gradient of its gradient is made of the same two
operators, and every order of derivative exists wherever they do. The differentiating transforms of
``torch.func`` do not work: PyTorch cannot run a gradient registered this way under them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vfi.ops.backends.torch_correlation import correlate, gather_weighted, seen_from_b
from vfi.ops.checks import working_dtype

torch.library.define(
    "vfi::correlation", "(Tensor features_a, Tensor features_b, int max_displacement) -> Tensor"
)
torch.library.define(
    "vfi::correlation_backward",
    "(Tensor grad, Tensor features_a, Tensor features_b, int max_displacement) -> (Tensor, Tensor)",
)


def plain_correlation(features_a: Tensor, features_b: Tensor, max_displacement: int) -> Tensor:
    """The operator in plain PyTorch, on any device.

    Args:
        features_a: ``[B, C, H, W]``.
        features_b: the same shape and type.
        max_displacement: pixels.

    Returns:
        ``[B, (2 max_displacement + 1)^2, H, W]`` in their type, summed in float32 or float64.
    """
    dtype = working_dtype(features_a)
    return correlate(features_a.to(dtype), features_b.to(dtype), max_displacement).to(features_a.dtype)


def plain_correlation_backward(
    grad: Tensor, features_a: Tensor, features_b: Tensor, max_displacement: int
) -> tuple[Tensor, Tensor]:
    """The gradient of the operator in plain PyTorch, on any device.

    Args:
        grad: ``[B, (2 max_displacement + 1)^2, H, W]``, the gradient that arrives at the result.
        features_a: ``[B, C, H, W]``.
        features_b: the same shape and type.
        max_displacement: pixels.

    Returns:
        The gradients of ``features_a`` and ``features_b``.
    """
    dtype = working_dtype(features_a)
    arriving = grad.to(dtype)
    grad_a = gather_weighted(arriving, features_b.to(dtype), max_displacement)
    grad_b = gather_weighted(seen_from_b(arriving, max_displacement), features_a.to(dtype), max_displacement)
    return grad_a.to(features_a.dtype), grad_b.to(features_b.dtype)


def _correlation_shape(features_a: Tensor, features_b: Tensor, max_displacement: int) -> Tensor:
    batch, _, height, width = features_a.shape
    return features_a.new_empty((batch, (2 * max_displacement + 1) ** 2, height, width))


def _correlation_backward_shapes(
    grad: Tensor, features_a: Tensor, features_b: Tensor, max_displacement: int
) -> tuple[Tensor, Tensor]:
    return features_a.new_empty(features_a.shape), features_b.new_empty(features_b.shape)


def _remember(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
    features_a, features_b, ctx.max_displacement = inputs
    ctx.save_for_backward(features_a, features_b)


def _gradient(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    features_a, features_b = ctx.saved_tensors
    return (*torch.ops.vfi.correlation_backward(grad, features_a, features_b, ctx.max_displacement), None)


def _remember_backward(
    ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int], output: tuple[Tensor, Tensor]
) -> None:
    grad, features_a, features_b, ctx.max_displacement = inputs
    ctx.save_for_backward(grad, features_a, features_b)


def _second_gradient(ctx: Any, grad_a: Tensor, grad_b: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    # Both operators come from one sum over three tensors, <g, correlation(a, b)> = <a, backward_a(g, b)>.
    grad, features_a, features_b = ctx.saved_tensors
    reach = ctx.max_displacement
    correlation = torch.ops.vfi.correlation
    for_grad = correlation(grad_a, features_b, reach) + correlation(features_a, grad_b, reach)
    # The gradient of a comes from what arrived for b, and the other way round: hence a and b in turn.
    return (for_grad, *torch.ops.vfi.correlation_backward(grad, grad_a, grad_b, reach), None)


def _map_over_batch(operator: Any, info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
    """``vmap``: what is mapped over becomes part of the batch."""
    tensors = [
        tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
        for tensor, dim in zip(arguments[:-1], in_dims[:-1], strict=True)
    ]
    result = operator(*(tensor.flatten(0, 1) for tensor in tensors), arguments[-1])
    if isinstance(result, Tensor):
        return result.unflatten(0, (info.batch_size, -1)), 0
    return tuple(part.unflatten(0, (info.batch_size, -1)) for part in result), (0,) * len(result)


def _map_correlation(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
    return _map_over_batch(torch.ops.vfi.correlation, info, in_dims, *arguments)


def _map_correlation_backward(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
    return _map_over_batch(torch.ops.vfi.correlation_backward, info, in_dims, *arguments)


torch.library.impl("vfi::correlation", "default", plain_correlation)
torch.library.impl("vfi::correlation_backward", "default", plain_correlation_backward)
torch.library.register_fake("vfi::correlation", _correlation_shape)
torch.library.register_fake("vfi::correlation_backward", _correlation_backward_shapes)
torch.library.register_autograd("vfi::correlation", _gradient, setup_context=_remember)
torch.library.register_autograd(
    "vfi::correlation_backward", _second_gradient, setup_context=_remember_backward
)
torch.library.register_vmap("vfi::correlation", _map_correlation)
torch.library.register_vmap("vfi::correlation_backward", _map_correlation_backward)
