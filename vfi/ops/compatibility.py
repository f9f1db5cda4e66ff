"""FlowNet's correlation layer, for networks that were written for it; no network of vfi uses it.

Source: Dosovitskiy et al., "FlowNet: Learning Optical Flow with Convolutional Networks", ICCV 2015, section
3, and the parameters of its Caffe layer. The layer is a composition of :func:`vfi.ops.correlation`, so it
needs no compiled package and uses it where it is installed.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vfi.ops.correlation import correlation


class Correlation(nn.Module):
    """Mean product of windows of two feature maps, for windows on a grid and displacements in steps.

    Both maps are padded by ``pad_size`` zeros. Windows of ``kernel_size`` squared are centred ``border =
    max_displacement + kernel_size // 2`` pixels from the padded edge and every ``stride1`` pixels from there.
    Each is multiplied with the windows displaced by multiples of ``stride2`` up to ``max_displacement``, dy
    slowest, and the sum of the products is divided by ``kernel_size^2 C``.

    With equal padding and displacement and all else 1 it equals :func:`vfi.ops.correlation`. Cost: a larger
    stride2 skips the displacements in between; a larger stride1 only reduces the memory of the result.

    Args:
        pad_size: Zero padding in pixels, 0 or more.
        kernel_size: Side of the windows in pixels, odd.
        max_displacement: Largest displacement in pixels, 0 or more.
        stride1: Distance in pixels between the centres of windows.
        stride2: Distance in pixels between displacements.
        corr_multiply: Constant 1 (products), the only value that networks use.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(
        self,
        pad_size: int = 0,
        kernel_size: int = 1,
        max_displacement: int = 4,
        stride1: int = 1,
        stride2: int = 1,
        corr_multiply: int = 1,
    ) -> None:
        super().__init__()
        if min(pad_size, max_displacement) < 0:
            raise ValueError(
                f"pad_size and max_displacement must be 0 or more, not {pad_size} and {max_displacement}"
            )
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, not {kernel_size}")
        if min(stride1, stride2) < 1:
            raise ValueError(f"stride1 and stride2 must be 1 or more, not {stride1} and {stride2}")
        if corr_multiply != 1:
            raise ValueError(f"corr_multiply must be 1 (products), not {corr_multiply}")
        self.pad_size = pad_size
        self.kernel_size = kernel_size
        self.max_displacement = max_displacement
        self.stride1 = stride1
        self.stride2 = stride2

    def extra_repr(self) -> str:
        """Parameters of the layer, for ``print(network)``."""
        return (
            f"pad_size={self.pad_size}, kernel_size={self.kernel_size}, "
            f"max_displacement={self.max_displacement}, stride1={self.stride1}, stride2={self.stride2}"
        )

    def forward(self, features_a: Tensor, features_b: Tensor) -> Tensor:
        """Correlation of the windows of two feature maps.

        Args:
            features_a: Feature map ``[B, C, H, W]``, floating point.
            features_b: Feature map of the same shape.

        Returns:
            ``[B, D^2, h, w]`` with ``D = 2 (max_displacement // stride2) + 1`` and ``h = ceil((H + 2 pad_size
            - 2 border) / stride1)``, w from W in the same way, in the type of ``features_a``.

        Raises:
            ValueError: If no window fits, or :func:`vfi.ops.correlation` refuses the features.
        """
        border = self.max_displacement + self.kernel_size // 2
        if min(features_a.shape[2:]) + 2 * self.pad_size <= 2 * border:
            raise ValueError(
                f"the features of {tuple(features_a.shape)} are too small for a border of {border} pixels "
                f"(max_displacement and half of kernel_size): pad_size must be larger than {self.pad_size}"
            )
        # Windows reach this far beyond the features; displaced ones beyond that are zero in any case.
        margin = self.pad_size - self.max_displacement
        padding = (max(margin, 0),) * 4
        products = self._products(F.pad(features_a, padding), F.pad(features_b, padding))
        if margin < 0:
            products = products[..., -margin:margin, -margin:margin]
        if self.kernel_size == self.stride1 == 1:
            return products
        return F.avg_pool2d(products, self.kernel_size, self.stride1)

    def _products(self, features_a: Tensor, features_b: Tensor) -> Tensor:
        """Mean product of single pixels, at every pixel: ``[B, D^2, H, W]``.

        Pixels a multiple of stride2 apart form one grid. Each grid becomes a sample of the batch, on which a
        step of stride2 is a step of one pixel.
        """
        step, reach = self.stride2, self.max_displacement // self.stride2
        if step == 1:
            return correlation(features_a, features_b, max_displacement=reach)
        height, width = features_a.shape[2:]
        grids_a, grids_b = (_split_grids(features, step) for features in (features_a, features_b))
        products = correlation(grids_a, grids_b, max_displacement=reach)
        products = products.unflatten(0, (-1, step, step)).permute(0, 3, 4, 1, 5, 2)
        return products.flatten(4, 5).flatten(2, 3)[..., :height, :width]


def _split_grids(features: Tensor, step: int) -> Tensor:
    """Split ``[B, C, H, W]`` into ``[B step^2, C, ceil(H / step), ceil(W / step)]``, padded with zeros."""
    height, width = features.shape[2:]
    padded = F.pad(features, (0, -width % step, 0, -height % step))
    grids = padded.unflatten(3, (-1, step)).unflatten(2, (-1, step))  # [B, C, h, step, w, step]
    return grids.permute(0, 3, 5, 1, 2, 4).flatten(0, 2)
