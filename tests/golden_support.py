"""Golden vectors: where they lie and how close is close enough (``tests/golden/README.md``)."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"


def golden_files(name: str) -> list[Path]:
    """The file of one set of vectors, or its parts where one file would be too large for the project."""
    whole = GOLDEN / f"{name}.safetensors"
    files = [whole] if whole.exists() else sorted(GOLDEN.glob(f"{name}.part*.safetensors"))
    assert files, f"no golden vectors {name!r} in {GOLDEN}"
    return files


def load_golden(name: str) -> dict[str, Tensor]:
    """The tensors of one set of vectors, such as ``"eqvi/warp"``."""
    tensors: dict[str, Tensor] = {}
    for path in golden_files(name):
        with safe_open(path, framework="pt") as file:
            tensors |= {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    return tensors


def load_golden_metadata(name: str) -> dict[str, str]:
    """What is stored beside the tensors of one set: seeds, times, names (every part has all of it)."""
    with safe_open(golden_files(name)[0], framework="pt") as file:
        return dict(file.metadata() or {})


def assert_matches_eqvi(actual: Tensor, golden: Tensor, *, has_threshold: bool) -> None:
    """Compare with an EQVI vector.

    Args:
        actual: our result.
        golden: the stored one, of the same shape.
        has_threshold: whether the computation has a threshold inside, next to which single pixels may differ;
            otherwise the largest error counts as well.

    Raises:
        AssertionError: if a bound is passed.
    """
    assert actual.shape == golden.shape
    error = (actual.double() - golden.double()).abs().flatten()
    scale = max(golden.double().std().item(), 1.0)
    assert error.mean() <= 1e-5 * scale
    assert torch.quantile(error, 0.999) <= 1e-3 * scale
    assert has_threshold or error.max() <= 1e-4 * scale


def assert_matches_sgm(actual: Tensor, golden: Tensor, float32_error: float) -> None:
    """Compare with an SGM-VFI vector.

    Args:
        actual: our result.
        golden: the stored one, of the same shape.
        float32_error: how far the stored float32 result lies from float64.

    Raises:
        AssertionError: if an error is larger than 8 times that and than 2e-6.
    """
    assert actual.shape == golden.shape
    error = (actual.double() - golden.double()).abs().max()
    assert error <= max(8 * float32_error, 2e-6)
