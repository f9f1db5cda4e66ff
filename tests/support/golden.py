"""Golden vectors: where they lie and how close is close enough (``tests/golden/README.md``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from tests.support.golden_recipe import synthetic_frames

GOLDEN = Path(__file__).parents[1] / "golden"


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


@cache
def load_sgm_manifest(name: str) -> dict[str, Any]:
    """What is known of one set of SGM-VFI vectors, such as ``"local_small"``.

    Returns:
        ``inputs``; ``tensors`` by name, each with ``fp32_vs_fp64``; ``scalars`` by name, each with ``value``.
    """
    return json.loads((GOLDEN / "sgm_vfi" / "manifest.json").read_text(encoding="utf-8"))[name]


def as_frames(images: Tensor) -> Tensor:
    """Golden images ``[n, H, W, 3]`` uint8 as frames ``[n, 3, H, W]`` in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255


def clip(count: int, height: int, width: int, seed: int = 3) -> Tensor:
    """Synthetic frames ``[count, 3, H, W]`` in [0, 1]."""
    return as_frames(torch.from_numpy(synthetic_frames(count, height, width, seed)))


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
    error, allowed = (actual.double() - golden.double()).abs().max(), max(8 * float32_error, 2e-6)
    assert error <= allowed, f"an error of {error:.1e}, where {allowed:.1e} is allowed"


def assert_matches_sgm_set(name: str, found: Mapping[str, Tensor]) -> None:
    """Compare with SGM-VFI vectors of one set, each with the tolerance that the manifest gives it.

    Args:
        name: Of the set, such as ``"local_small"``.
        found: Our results under the names of the vectors; others than these are passed over.

    Raises:
        AssertionError: if a vector is missing among ours, or differs: integers at all, others by more than
            :func:`assert_matches_sgm` allows; it names the vector.
    """
    known = load_sgm_manifest(name)["tensors"]
    for key, golden in load_golden(f"sgm_vfi/{name}").items():
        assert key in found, f"{name} has {key}, which was not computed"
        if golden.is_floating_point():
            try:
                assert_matches_sgm(found[key], golden, known[key]["fp32_vs_fp64"])
            except AssertionError as error:
                raise AssertionError(f"{name}: {key}: {error}") from error
        else:
            assert torch.equal(found[key], golden), f"{name}: {key} differs"
