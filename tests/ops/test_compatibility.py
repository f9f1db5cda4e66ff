"""FlowNet's correlation layer: a literal loop, the operator it is built on, its sizes, its errors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.support.operators import assert_same
from vfi.ops import correlation
from vfi.ops.compatibility import Correlation

# pad_size, kernel_size, max_displacement, stride1, stride2, size of the features
CASES = [
    (4, 1, 4, 1, 1, (7, 8)),  # PWC-Net, IRR-PWC
    (20, 1, 20, 1, 2, (4, 5)),  # FlowNetC
    (4, 3, 4, 1, 1, (7, 9)),
    (6, 1, 4, 2, 2, (9, 10)),
    (2, 3, 5, 1, 2, (14, 15)),
    (0, 1, 2, 1, 1, (9, 8)),
    (3, 5, 4, 3, 3, (13, 16)),
    (5, 1, 5, 2, 3, (6, 7)),
    (7, 3, 3, 2, 1, (5, 6)),
    (1, 3, 0, 2, 1, (3, 4)),
    (0, 1, 0, 1, 1, (3, 4)),
]


def windowed_correlation(
    features_a: Tensor,
    features_b: Tensor,
    *,
    pad_size: int,
    kernel_size: int,
    max_displacement: int,
    stride1: int,
    stride2: int,
) -> Tensor:
    """The layer as a loop over windows and displacements."""
    batch, channels, height, width = features_a.shape
    a, b = F.pad(features_a, (pad_size,) * 4), F.pad(features_b, (pad_size,) * 4)
    half = kernel_size // 2
    border, reach = max_displacement + half, max_displacement // stride2
    rows = range(border, height + 2 * pad_size - border, stride1)
    columns = range(border, width + 2 * pad_size - border, stride1)
    steps = [
        (dy * stride2, dx * stride2) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)
    ]
    out = features_a.new_zeros((batch, len(steps), len(rows), len(columns)))
    for channel, (dy, dx) in enumerate(steps):
        for i, y in enumerate(rows):
            for j, x in enumerate(columns):
                window_a = a[:, :, y - half : y + half + 1, x - half : x + half + 1]
                window_b = b[:, :, y + dy - half : y + dy + half + 1, x + dx - half : x + dx + half + 1]
                out[:, channel, i, j] = (window_a * window_b).sum((1, 2, 3)) / (channels * kernel_size**2)
    return out


@pytest.mark.parametrize(("pad", "kernel", "reach", "stride1", "stride2", "size"), CASES)
def test_values_and_gradients_equal_a_literal_loop(
    pad: int, kernel: int, reach: int, stride1: int, stride2: int, size: tuple[int, int]
) -> None:
    a = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    b = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    numbers = {
        "pad_size": pad,
        "kernel_size": kernel,
        "max_displacement": reach,
        "stride1": stride1,
        "stride2": stride2,
    }
    out = Correlation(**numbers)(a, b)
    expected = windowed_correlation(a, b, **numbers)
    border = reach + kernel // 2
    rows, columns = (-(-(side + 2 * pad - 2 * border) // stride1) for side in size)
    assert out.shape == expected.shape == (2, (2 * (reach // stride2) + 1) ** 2, rows, columns)
    assert_same(out, expected, (a, b), values=1e-13)


def test_usual_numbers_are_the_operator() -> None:
    layer = Correlation(4, 1, 4, 1, 1, 1)
    a, b = torch.randn(2, 6, 9, 11), torch.randn(2, 6, 9, 11)
    assert torch.equal(layer(a, b), correlation(a, b))
    assert repr(layer) == ("Correlation(pad_size=4, kernel_size=1, max_displacement=4, stride1=1, stride2=1)")
    assert not layer.state_dict()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"pad_size": -1}, "pad_size"),
        ({"max_displacement": -1}, "max_displacement"),
        ({"kernel_size": 2}, "kernel_size must be odd, not 2"),
        ({"stride1": 0}, "stride1"),
        ({"stride2": 0}, "stride2"),
        ({"corr_multiply": 0}, "corr_multiply must be 1"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Correlation(**numbers)


def test_features_that_no_window_fits_into_are_refused() -> None:
    features = torch.zeros(1, 3, 8, 20)
    with pytest.raises(ValueError, match="too small for a border of 5 pixels"):
        Correlation(pad_size=0, kernel_size=3, max_displacement=4)(features, features)
