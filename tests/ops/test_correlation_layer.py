"""The layer of FlowNet: a literal loop, the operator it is built on, its sizes, its mistakes."""

from __future__ import annotations

import pytest
import torch

from tests.support.operators import assert_same
from vfi.ops import Correlation, correlation, reference

# pad_size, kernel_size, max_displacement, stride1, stride2, size of the features
CASES = [
    (4, 1, 4, 1, 1, (7, 8)),  # PWC-Net, IRR-PWC
    (20, 1, 20, 1, 2, (6, 8)),  # FlowNetC
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
    expected = reference.windowed_correlation(a, b, **numbers)
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
