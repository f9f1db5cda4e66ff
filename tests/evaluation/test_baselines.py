"""FFmpeg's filter behind its wrapper: which frame is which, and that options and order are right."""

from __future__ import annotations

import av
import numpy as np
import pytest

from vfi.data.synthetic import Scene
from vfi.evaluation.baselines import minterpolate
from vfi.evaluation.metrics import psnr
from vfi.io import Picture

HEIGHT, WIDTH, VELOCITY = 64, 96, (4.0, 0.0)


def film(count: int) -> list[av.VideoFrame]:
    scene = Scene.translation(HEIGHT, WIDTH, VELOCITY)
    return [
        av.VideoFrame.from_ndarray(scene.render_rgb(number), "rgb24").reformat(format="yuv444p")
        for number in range(count)
    ]


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("count", [3, 5, 8])
def test_numbers_count_new_intervals_from_the_first_frame(count: int, factor: int) -> None:
    numbers = [frame.pts for frame in minterpolate(film(count), factor)]
    assert numbers == list(range((count - 2) * factor + 1))  # FFmpeg leaves out what follows the last but one


def test_too_few_frames_give_none() -> None:
    assert list(minterpolate([], 2)) == []
    assert list(minterpolate(film(2), 2)) == []


def test_each_number_stands_for_its_time() -> None:
    """What moves by 4 pixels per frame is found where it was at that time, and nowhere else."""
    scene, inner = Scene.translation(HEIGHT, WIDTH, VELOCITY), np.s_[16:-16, 24:-24]
    for frame in minterpolate(film(5), 2):
        assert frame.pts is not None
        inside = np.ascontiguousarray(Picture.from_frame(frame).rgb()[inner])
        scores = {
            number: float(psnr(inside, np.ascontiguousarray(scene.render_rgb(number / 2)[inner])))
            for number in range(9)
        }
        assert max(scores, key=scores.__getitem__) == frame.pts
