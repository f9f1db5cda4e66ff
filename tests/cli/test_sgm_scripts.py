"""The scripts that users of SGM-VFI know, in the terms of ``vfi benchmark``."""

from __future__ import annotations

from pathlib import Path

import pytest

from vfi.cli.sgm_scripts import benchmark_arguments, build_parser


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["--model", "sgm.small"]),
        (["--exp_name", "ours-base-1-4-points"], ["--model", "sgm.base_quarter"]),
        (
            ["--exp_name", "mine-base"],
            ["--model", "sgm.base", "--checkpoint", str(Path("log/mine-base/ckpt/mine-base.pth"))],
        ),
        (
            ["--num_key_points", "0.125"],
            ["--model", "sgm.small", "--model-options", "{points: 0.125}"],
        ),
        (["--num_key_points", "-1"], ["--model", "sgm.small", "--model-options", "{points: all}"]),
    ],
)
def test_flags(given: list[str], expected: list[str]) -> None:
    options = build_parser("Xiph", ["xiph_2k_l_sgm"]).parse_args(["--path", "netflix", *given])
    start = ["benchmark", "xiph_2k_l_sgm", "--data", "netflix", "--baselines", "none"]
    assert benchmark_arguments("xiph_2k_l_sgm", options) == start + expected
