"""Motion of a data set: statistics by hand, and the half with the larger motion."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.support import datasets as tiny
from vfi.base.flow import FlowEstimator
from vfi.errors import InputError
from vfi.evaluation import motion
from vfi.evaluation.datasets import sequences, triplets
from vfi.evaluation.motion import Motion, measure_motion, top_half, write_list
from vfi.evaluation.samples import FrameRef, Sample, Target
from vfi.types import FlowPair


def test_mean_magnitude() -> None:
    flow = torch.zeros(1, 2, 2, 2)
    flow[0, :, 0, 0] = torch.tensor([3.0, 4.0])
    assert float(motion.mean_magnitude(flow)) == pytest.approx(5 / 4)


def test_sufficiency_is_the_least_of_the_fastest_twentieth() -> None:
    flow = torch.zeros(1, 2, 10, 10)
    flow[0, 0] = torch.arange(100.0).view(10, 10)
    assert float(motion.motion_sufficiency(flow)) == 95


class Constant(FlowEstimator):
    """Every flow is 3 right and 4 down at the padded size's own width."""

    def match(self, encoded_0: Tensor, encoded_1: Tensor) -> FlowPair:
        assert encoded_0.shape[-2] % 16 == 0
        flow = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(1, 2, *encoded_0.shape[-2:])
        return FlowPair(flow, -flow)


def test_motion_of_a_data_set(tmp_path: Path) -> None:
    samples = triplets.ucf101(tiny.write_ucf101(tmp_path))
    motions = list(measure_motion(samples, Constant(), multiple=16))
    assert [(one.mean, one.sufficiency) for one in motions] == [(5, 5)] * 3


def motions_of(sufficiencies: list[float]) -> list[Motion]:
    frame = FrameRef(Path("a.png"))
    samples = [
        Sample(str(at), "", frame, frame, (Target(Fraction(1, 2), frame),))
        for at in range(len(sufficiencies))
    ]
    return [Motion(sample, 0, value) for sample, value in zip(samples, sufficiencies, strict=True)]


def test_the_upper_half_keeps_the_order_of_the_data_set() -> None:
    chosen = top_half(motions_of([1, 9, 4, 4, 7]))
    assert [one.sample.name for one in chosen] == ["1", "4"]
    assert [one.sample.name for one in top_half(motions_of([4, 4, 4, 9]))] == ["0", "3"]


def test_a_list_is_read_back(tmp_path: Path) -> None:
    tiny.write_snu_film(tmp_path)
    samples = triplets.snu_film(tmp_path, split="hard")
    motions = [Motion(sample, 1, float(at)) for at, sample in enumerate(samples)]
    write_list(tmp_path / "half.txt", tmp_path, top_half(motions))
    again = triplets.snu_film(tmp_path, split="hard", list_file="half.txt")
    assert [(one.start, one.targets, one.end) for one in again] == [
        (one.start, one.targets, one.end) for one in samples[2:]
    ]


def test_samples_of_several_frames_make_no_list(tmp_path: Path) -> None:
    samples = sequences.reds_vtsr(tiny.write_reds(tmp_path), multi=4)
    with pytest.raises(InputError, match="is no triplet of image files"):
        write_list(tmp_path / "half.txt", tmp_path, [Motion(samples[0], 1, 1)])
