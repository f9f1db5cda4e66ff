"""Registration of the operators ``torch.ops.vfi.correlation`` and ``splat``, and of their gradients.

Callers use :mod:`vfi.ops.correlation` and :mod:`vfi.ops.splat`. Each operator gets its schema, an
implementation for every device (:mod:`.torch_correlation`, :mod:`.torch_splat`), its shape function for
compilers, and its gradient. Faster implementations are registered under the same names; see
:mod:`vfi.ops.backends.select`.

The correlation is linear in each of its arguments, so the gradient of its gradient consists of the same two
operators, and derivatives of every order exist. It also has a rule for ``torch.func.vmap``. The
differentiating transforms of ``torch.func`` do not work: PyTorch cannot run a gradient registered this way
under them. The splat is differentiable once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vfi.ops.backends.torch_correlation import plain_correlation, plain_correlation_backward
from vfi.ops.backends.torch_splat import plain_splat, plain_splat_backward


def _register(
    name: str,
    signature: str,
    plain: Callable[..., Any],
    *,
    shapes: Callable[..., Any],
    gradient: Callable[..., Any],
    save: Callable[..., None] | None = None,
    vmap: Callable[..., Any] | None = None,
) -> None:
    """Register an operator ``torch.ops.vfi.NAME``.

    Args:
        name: Name of the operator.
        signature: Arguments and results, in PyTorch's schema language.
        plain: Implementation in plain PyTorch, for every device.
        shapes: Function of the same arguments that returns empty tensors of the results' shapes.
        gradient: Backward function.
        save: Function that saves the inputs of the backward function; None: nothing is saved.
        vmap: Rule for ``torch.func.vmap``; None: PyTorch's own, a loop over the samples.
    """
    operator = f"vfi::{name}"
    torch.library.define(operator, signature)
    torch.library.impl(operator, "default", plain)
    torch.library.register_fake(operator, shapes)
    torch.library.register_autograd(operator, gradient, setup_context=save)
    if vmap is not None:
        torch.library.register_vmap(operator, vmap)


def _correlation_shape(features_a: Tensor, features_b: Tensor, max_displacement: int) -> Tensor:
    batch, _, height, width = features_a.shape
    return features_a.new_empty((batch, (2 * max_displacement + 1) ** 2, height, width))


def _correlation_backward_shapes(
    grad: Tensor, features_a: Tensor, features_b: Tensor, max_displacement: int
) -> tuple[Tensor, Tensor]:
    return features_a.new_empty(features_a.shape), features_b.new_empty(features_b.shape)


def _save_correlation(ctx: Any, inputs: tuple[Tensor, Tensor, int], output: Tensor) -> None:
    features_a, features_b, ctx.max_displacement = inputs
    ctx.save_for_backward(features_a, features_b)


def _correlation_gradient(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    features_a, features_b = ctx.saved_tensors
    return (*torch.ops.vfi.correlation_backward(grad, features_a, features_b, ctx.max_displacement), None)


def _save_correlation_backward(
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
    # grad_b contributes to the gradient of a, and grad_a to that of b.
    return (for_grad, *torch.ops.vfi.correlation_backward(grad, grad_a, grad_b, reach), None)


def _map_batch(operator: Any, info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
    """Apply an operator under ``vmap``: the mapped dimension becomes part of the batch."""
    tensors = [
        tensor.expand(info.batch_size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)
        for tensor, dim in zip(arguments[:-1], in_dims[:-1], strict=True)
    ]
    result = operator(*(tensor.flatten(0, 1) for tensor in tensors), arguments[-1])
    if isinstance(result, Tensor):
        return result.unflatten(0, (info.batch_size, -1)), 0
    return tuple(part.unflatten(0, (info.batch_size, -1)) for part in result), (0,) * len(result)


def _map_correlation(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
    return _map_batch(torch.ops.vfi.correlation, info, in_dims, *arguments)


def _map_correlation_backward(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> Any:
    return _map_batch(torch.ops.vfi.correlation_backward, info, in_dims, *arguments)


def _splat_shapes(values: Tensor, flow: Tensor, weight: Tensor, kernel: str) -> tuple[Tensor, Tensor]:
    batch, channels, height, width = values.shape
    return values.new_empty((batch, channels, height, width)), values.new_empty((batch, 1, height, width))


def _splat_backward_shapes(
    grad_sum: Tensor, grad_norm: Tensor, values: Tensor, flow: Tensor, weight: Tensor, kernel: str
) -> tuple[Tensor, Tensor, Tensor]:
    return values.new_empty(values.shape), flow.new_empty(flow.shape), weight.new_empty(weight.shape)


def _save_splat(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, str], output: tuple[Tensor, Tensor]) -> None:
    values, flow, weight, kernel = inputs
    ctx.save_for_backward(values, flow, weight)
    ctx.kernel = kernel


def _splat_gradient(ctx: Any, grad_sum: Tensor, grad_norm: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    values, flow, weight = ctx.saved_tensors
    return (*torch.ops.vfi.splat_backward(grad_sum, grad_norm, values, flow, weight, ctx.kernel), None)


def _refuse_second_gradient(ctx: Any, *gradients: Tensor) -> None:
    # Without this, PyTorch only warns, and second derivatives lack a term.
    raise RuntimeError("forward_splat is differentiable once: a gradient of its gradient is not implemented")


_register(
    "correlation",
    "(Tensor features_a, Tensor features_b, int max_displacement) -> Tensor",
    plain_correlation,
    shapes=_correlation_shape,
    gradient=_correlation_gradient,
    save=_save_correlation,
    vmap=_map_correlation,
)
_register(
    "correlation_backward",
    "(Tensor grad, Tensor features_a, Tensor features_b, int max_displacement) -> (Tensor, Tensor)",
    plain_correlation_backward,
    shapes=_correlation_backward_shapes,
    gradient=_second_gradient,
    save=_save_correlation_backward,
    vmap=_map_correlation_backward,
)
_register(
    "splat",
    "(Tensor values, Tensor flow, Tensor weight, str kernel) -> (Tensor, Tensor)",
    plain_splat,
    shapes=_splat_shapes,
    gradient=_splat_gradient,
    save=_save_splat,
)
_register(
    "splat_backward",
    "(Tensor grad_sum, Tensor grad_norm, Tensor values, Tensor flow, Tensor weight, str kernel)"
    " -> (Tensor, Tensor, Tensor)",
    plain_splat_backward,
    shapes=_splat_backward_shapes,
    gradient=_refuse_second_gradient,
)
