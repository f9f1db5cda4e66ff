"""The quadratic model: properties of every interpolator, reuse between windows, tiles, types and memory."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.base.flow import FlowEstimator
from vfi.data.synthetic import Layer, Motion, Scene
from vfi.evaluation.metrics import psnr
from vfi.models.flow.dis import DisFlow
from vfi.models.motion.quadratic import QuadraticMotion
from vfi.models.quadratic import QuadraticInterpolator, build_quadratic
from vfi.models.quadratic.model import (
    PairMotion,
    WindowMotion,
    enlarge_rows,
    reliability,
    time_field,
)
from vfi.types import FlowPair, FrameKeys, Interpolation, Window

TOP = Path(__file__).resolve().parents[3]
HEIGHT, WIDTH, MARGIN = 96, 128, 16
SIZES = [(1, 1), (1, 40), (40, 1), (2, 3), (17, 23), (33, 64)]
TIMES = (0.25, 0.5, 0.8)


class CountedFlow(FlowEstimator):
    """DIS that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.dis = DisFlow()
        self.calls = 0

    def match(self, encoded_0: Tensor, encoded_1: Tensor) -> FlowPair:
        self.calls += 1
        return self.dis(encoded_0, encoded_1)


class KnownFlow(FlowEstimator):
    """Uniform motion, in pixels of the input frames."""

    def __init__(self, x: float, y: float) -> None:
        super().__init__()
        self.motion = torch.tensor([x, y])[None, :, None, None]

    def match(self, encoded_0: Tensor, encoded_1: Tensor) -> FlowPair:
        flow = self.motion.expand(encoded_0.shape[0], 2, *encoded_0.shape[2:])
        return FlowPair(flow, -flow)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """One thread, as in the pipeline; the order of sums, and so their rounding, is the same everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model() -> QuadraticInterpolator:
    return build_quadratic()


def accelerating(acceleration: tuple[float, float], velocity: tuple[float, float] = (6.0, 2.0)) -> Scene:
    """A texture of accelerated motion."""
    (layer,) = Scene.translation(HEIGHT, WIDTH, velocity).layers
    motion = Motion(layer.motion.position, velocity, acceleration)
    return Scene(HEIGHT, WIDTH, (Layer(layer.sprite, motion),))


def window_of(scene: Scene, *, four: bool = True, first: int = 0, keys: bool = False) -> Window:
    """The window whose start is at ``first``."""
    prev, start, end, following = (scene.render(first + step)[None] for step in (-1, 0, 1, 2))
    around, numbers = [start, end], [first, first + 1]
    if four:
        around, numbers = [prev, start, end, following], [first - 1, *numbers, first + 2]
    return Window.from_frames(around, numbers if keys else None)


def random_window(height: int, width: int, *, batch: int = 1, channels: int = 3) -> Window:
    """Smooth noise, which optical flow can match."""
    coarse = torch.rand(4, batch, channels, -(-height // 4) + 1, -(-width // 4) + 1).unbind()
    prev, start, end, following = (
        F.interpolate(frame, size=(height, width), mode="bilinear") for frame in coarse
    )
    return Window(start, end, prev, following)


def each_frame(change: Callable[..., Tensor], *windows: Window) -> Window:
    """The window whose frames are ``change`` of the windows' frames."""
    columns = zip(*(window.consecutive for window in windows), strict=True)
    return Window.from_frames([change(*column) for column in columns])


def quality(frame: Tensor, truth: Tensor) -> float:
    """PSNR without the margin, where new content enters."""
    inner = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    return float(psnr(frame[inner], truth[inner]))


@pytest.mark.parametrize("size", SIZES)
def test_equal_frames_give_the_same_frame(model: QuadraticInterpolator, size: tuple[int, int]) -> None:
    frame = random_window(*size).start
    for result in model.interpolate_window(Window(frame, frame, frame, frame), TIMES):
        torch.testing.assert_close(result, frame, atol=1e-5, rtol=0)


@pytest.mark.parametrize("four", [False, True])
@pytest.mark.parametrize("velocity", [(4.0, 0.0), (0.0, -6.0), (-7.0, 3.0), (12.0, 8.0)])
def test_translation_is_reproduced(
    model: QuadraticInterpolator, velocity: tuple[float, float], four: bool
) -> None:
    scene = Scene.translation(HEIGHT, WIDTH, velocity)
    for t, result in zip(TIMES, model.interpolate_window(window_of(scene, four=four), TIMES), strict=True):
        assert quality(result, scene.render(t)[None]) > 46


@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_known_motion_is_followed_exactly(reduction: int) -> None:
    """With a known flow of whole pixels the frame is exact.

    At the edges too: content that only one of the frames shows is taken from that frame.
    """
    estimator = KnownFlow(8 / reduction, -4 / reduction)
    canvas = torch.rand(1, 3, HEIGHT + 8, WIDTH + 16)
    start, end = (
        canvas[..., :HEIGHT, 16:],
        canvas[..., 4 : 4 + HEIGHT, 8:-8],
    )  # content moves right by 8, up by 4
    middle = canvas[..., 2 : 2 + HEIGHT, 12:-4]
    model = QuadraticInterpolator(estimator, flow_reduction=reduction)
    (result,) = model.interpolate_window(Window(start, end), [0.5])
    seen = torch.ones(HEIGHT, WIDTH)
    seen[:2, :4] = seen[-2:, -4:] = 0  # two corners that neither frame contains
    torch.testing.assert_close(result * seen, middle * seen, atol=2e-3, rtol=0)


def test_four_frames_capture_acceleration(model: QuadraticInterpolator) -> None:
    scene = accelerating((5.0, -3.0))
    truth = scene.render(0.5)[None]
    (with_four,), (with_two,) = (
        model.interpolate_window(window_of(scene, four=four), [0.5]) for four in (True, False)
    )
    assert quality(with_four, truth) > quality(with_two, truth) + 12


@pytest.mark.parametrize("missing", ["prev", "next"])
def test_one_outer_frame_is_none(model: QuadraticInterpolator, missing: str) -> None:
    window = window_of(accelerating((5.0, -3.0)))
    alone = window._replace(prev=None, next=None)
    (expected,) = model.interpolate_window(alone, [0.3])
    (result,) = model.interpolate_window(window._replace(**{missing: None}), [0.3])
    assert torch.equal(result, expected)


@pytest.mark.parametrize("four", [False, True])
def test_time_may_run_backwards(model: QuadraticInterpolator, four: bool) -> None:
    scene = Scene.passing(HEIGHT, WIDTH, (6.0, 3.0), background_velocity=(-2.0, 0.0))
    window = window_of(scene, four=four)
    backwards = window.reversed()
    for t in TIMES:
        (result,) = model.interpolate_window(window, [t])
        (reversed_result,) = model.interpolate_window(backwards, [1 - t])
        torch.testing.assert_close(result, reversed_result, atol=1e-4, rtol=0)


def test_batch_of_two_equals_two_of_one(model: QuadraticInterpolator) -> None:
    windows = [window_of(Scene.translation(HEIGHT, WIDTH, velocity)) for velocity in ((5, 1), (-3, 4))]
    together = each_frame(lambda *frames: torch.cat(frames), *windows)
    (result,) = model.interpolate_window(together, [0.4])
    for number, window in enumerate(windows):
        torch.testing.assert_close(
            result[[number]], model.interpolate_window(window, [0.4])[0], atol=1e-4, rtol=0
        )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reduction", [None, 1, 3, 4])
def test_any_size(size: tuple[int, int], reduction: int | None) -> None:
    result = build_quadratic(flow_reduction=reduction).interpolate_window(random_window(*size), TIMES)
    for frame in result:
        assert frame.shape == (1, 3, *size)
        assert bool(frame.isfinite().all())


def test_arrays_in_array_out(model: QuadraticInterpolator) -> None:
    scene = Scene.translation(HEIGHT, WIDTH, (5.0, 2.0))
    frames = [scene.render_rgb(time) for time in (-1, 0, 1, 2)]
    result = model.interpolate(frames, 0.5)
    assert isinstance(result, np.ndarray)
    truth = scene.render_rgb(0.5)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert float(psnr(np.ascontiguousarray(result[inner]), np.ascontiguousarray(truth[inner]))) > 36


def test_alpha_moves_with_the_colours(model: QuadraticInterpolator) -> None:
    """Alpha equals the red channel here, and is interpolated to the same values."""
    window = window_of(Scene.passing(HEIGHT, WIDTH, (6.0, 3.0)))
    with_alpha = each_frame(lambda frame: torch.cat((frame, frame[:, :1]), dim=1), window)
    (result,) = model.interpolate_window(with_alpha, [0.5])
    (colors,) = model.interpolate_window(window, [0.5])
    assert result.shape == (1, 4, HEIGHT, WIDTH)
    torch.testing.assert_close(result[:, :3], colors)
    torch.testing.assert_close(result[:, 3], result[:, 0])


def windows_of_clip(count: int, scene: Scene) -> list[Window]:
    """All windows of a clip of ``count`` frames, with keys; the outer ones have an end."""
    windows = [window_of(scene, first=first, keys=True) for first in range(count - 1)]
    windows[0] = windows[0]._replace(prev=None)
    windows[-1] = windows[-1]._replace(next=None)
    return windows


@pytest.mark.parametrize("times", [(0.5,), TIMES])
def test_each_pair_is_estimated_once(times: Sequence[float]) -> None:
    flow = CountedFlow()
    model = QuadraticInterpolator(flow)
    windows = windows_of_clip(6, accelerating((1.0, 0.5)))
    shared = [model.interpolate_window(window, times) for window in windows]
    assert flow.calls == 5
    for window, result in zip(windows, shared, strict=True):
        alone = model.interpolate_window(window.without_keys(), times)
        assert all(torch.equal(one, other) for one, other in zip(result, alone, strict=True))


def test_without_keys_nothing_is_reused() -> None:
    flow = CountedFlow()
    model = QuadraticInterpolator(flow)
    window = window_of(Scene.translation(HEIGHT, WIDTH, (3.0, 0.0)))
    model.interpolate_window(window, TIMES)
    model.interpolate_window(window, TIMES)
    assert flow.calls == 6


def test_a_cut_costs_no_flow() -> None:
    flow = CountedFlow()
    model = QuadraticInterpolator(flow)
    scene = Scene.translation(HEIGHT, WIDTH, (3.0, 0.0))
    model.interpolate_window(window_of(scene, keys=True)._replace(next=None), [0.5])
    model.interpolate_window(window_of(scene, first=5, keys=True)._replace(prev=None), [0.5])
    assert flow.calls == 2


def test_nothing_is_reused_between_clips_or_sizes() -> None:
    model = build_quadratic()
    clips = [Scene.translation(HEIGHT, WIDTH, (5.0, 0.0)), Scene.translation(64, 80, (0.0, 4.0))]
    for clip in (*clips, *clips):  # the same numbers: what differs is the size
        window = window_of(clip, keys=True)
        expected = build_quadratic().interpolate_window(window, [0.5])[0]
        assert torch.equal(model.interpolate_window(window, [0.5])[0], expected)
    again = window_of(Scene.translation(HEIGHT, WIDTH, (-4.0, 2.0)))
    again = again._replace(keys=FrameKeys(*(("another", number) for number in range(4))))
    expected = build_quadratic().interpolate_window(again, [0.5])[0]
    assert torch.equal(model.interpolate_window(again, [0.5])[0], expected)


@pytest.mark.parametrize("tile", [1, 2, 7, 16, 64, 1000])
@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_tiles_change_nothing(tile: int, reduction: int) -> None:
    model = build_quadratic(flow_reduction=reduction)
    window = random_window(45, 38, channels=4)
    (untiled,) = model.interpolate_window(window, [0.3])
    (tiled,) = model.interpolate_window(window, [0.3], tile=tile)
    torch.testing.assert_close(tiled, untiled, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_stay_near(model: QuadraticInterpolator, dtype: torch.dtype) -> None:
    scene = Scene.translation(HEIGHT, WIDTH, (5.0, 2.0))
    (expected,) = model.interpolate_window(window_of(scene), [0.5])
    (result,) = build_quadratic().to(dtype).interpolate_window(window_of(scene), [0.5])
    assert result.dtype == torch.float32
    assert quality(result, expected) > (75 if dtype == torch.float16 else 55)  # rounding to 11 and 8 bits


def test_copies_work_after_use(model: QuadraticInterpolator) -> None:
    window = window_of(Scene.translation(HEIGHT, WIDTH, (5.0, 2.0)), keys=True)
    (expected,) = model.interpolate_window(window, [0.5])
    twin = build_quadratic()
    twin.load_state_dict(model.state_dict())
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), twin):
        assert torch.equal(copied.interpolate_window(window, [0.5])[0], expected)


def test_training_gets_a_gradient_and_the_whole_record(model: QuadraticInterpolator) -> None:
    window = window_of(Scene.translation(HEIGHT, WIDTH, (5.0, 2.0)))
    start = window.start.requires_grad_()
    result = model(window, torch.tensor([0.5]))
    assert isinstance(result, Interpolation)
    assert result.flow_t0 is not None
    assert result.flow_t1 is not None
    assert result.blend is not None
    result.frame.mean().backward()
    assert start.grad is not None
    assert float(start.grad.abs().sum()) > 0
    assert result.flow_t0.shape == result.flow_t1.shape == (1, 2, HEIGHT, WIDTH)
    assert result.blend.shape == (1, 1, HEIGHT, WIDTH)
    inner = (0, slice(None), slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    half_way = torch.tensor([2.5, 1.0])[:, None, None]
    for flow, truth in ((result.flow_t0, -half_way), (result.flow_t1, half_way)):
        assert float((flow[inner].detach() - truth).abs().mean()) < 0.2


class SquareFlow(FlowEstimator):
    """A square that moves right by 12 pixels over a still background."""

    def __init__(self) -> None:
        super().__init__()
        self.square = torch.zeros(1, 1, 32, 48)
        self.square[..., 8:24, 8:20] = 1
        self.moved = self.square.roll(12, dims=3)

    def frames(self) -> tuple[Tensor, Tensor]:
        """Dark background, light square."""
        dark = torch.full((1, 3, 32, 48), 0.2)
        return torch.lerp(dark, 1 - dark, self.square), torch.lerp(dark, 1 - dark, self.moved)

    def match(self, encoded_0: Tensor, encoded_1: Tensor) -> FlowPair:
        still = torch.zeros_like(self.square)
        return FlowPair(torch.cat((12 * self.square, still), 1), torch.cat((-12 * self.moved, still), 1))


@pytest.mark.parametrize("t", [0.25, 0.5])
@pytest.mark.parametrize(("visibility_0", "visibility_1"), [(0.81, 0.04), (1.0, 0.001)])
def test_blend_follows_time_and_the_root_of_visibility(
    t: float, visibility_0: float, visibility_1: float
) -> None:
    """With the floor of 0.1, which keeps a frame of hardly any visibility in the blend."""
    still = torch.zeros(1, 2, 8, 8)
    rest = QuadraticMotion(still, still)
    reliabilities = (torch.full((1, 1, 8, 8), value) for value in (visibility_0, visibility_1))
    motion = WindowMotion(PairMotion(FlowPair(still, still), *reliabilities), rest, rest, reduction=2)
    field = time_field(motion, torch.tensor([t]))
    weight_0 = (1 - t) * (visibility_0 + 0.1) ** 0.5
    weight_1 = t * (visibility_1 + 0.1) ** 0.5
    torch.testing.assert_close(field[:, :4], torch.zeros(1, 4, 8, 8))
    torch.testing.assert_close(field[:, 4:], torch.full((1, 1, 8, 8), weight_0 / (weight_0 + weight_1)))


def test_occluded_pixels_are_less_reliable() -> None:
    """Background that the square covers in the next frame: its flow leads to the square's colour."""
    flow = SquareFlow()
    frame_0, frame_1 = flow.frames()
    flow_01, flow_10, *_ = flow(frame_0, frame_1)
    reliabilities = reliability(frame_0, frame_1, flow_01, flow_10)
    assert float(reliabilities[..., 14:18, 24:28].max()) < 0.05  # covered
    assert float(reliabilities[..., 14:18, 12:16].min()) > 0.9  # the square itself
    assert float(reliabilities[..., 28:, :4].min()) > 0.99  # background far away
    same_color = reliability(frame_0, frame_0, flow_01 * 0, flow_10)  # 12 pixels from the start
    torch.testing.assert_close(same_color[..., 14:18, 24:28], torch.full((1, 1, 4, 4), math.exp(-1.2)))


@pytest.mark.parametrize("reduction", [1, 2, 3, 4])
@pytest.mark.parametrize("top", [0, 12, 24])
def test_enlarged_rows_are_part_of_the_whole(reduction: int, top: int) -> None:
    field = torch.randn(1, 2, 36 // reduction, 5)
    whole = F.interpolate(field, scale_factor=reduction, mode="bilinear", align_corners=False)
    rows = enlarge_rows(field, reduction, top, top + 12)
    torch.testing.assert_close(rows, whole[:, :, top : top + 12])


MEASURE = """
import sys
from pathlib import Path
import torch
from vfi.models.quadratic import build_quadratic
from vfi.types import Window

torch.set_num_threads(1)
height, width, tile = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) or None
model = build_quadratic()
model.interpolate_window(Window(*torch.rand(4, 1, 3, 64, 64)), [0.5])
texture = torch.rand(1, 3, height // 8 + 2, width // 8 + 2)
texture = torch.nn.functional.interpolate(texture, size=(height + 16, width + 16), mode="bilinear")
frames = [texture[..., 4 * n : 4 * n + height, 4 * n : 4 * n + width].clone() for n in range(4)]
del texture

def memory(field):  # not from resource: its peak begins with that of the process we come from
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))

before = memory("VmRSS")
for first in range(3):
    numbers = [first + step for step in range(4)]
    window = Window.from_frames([frames[number % 4] for number in numbers], numbers)
    model.interpolate_window(window, [0.5], tile=tile)
print(memory("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of a process")
@pytest.mark.parametrize(
    ("height", "width", "tile"),
    [
        pytest.param(480, 854, None, marks=pytest.mark.slow),
        pytest.param(480, 854, 64, marks=pytest.mark.slow),
        pytest.param(1080, 1920, 256, marks=pytest.mark.slow),
        pytest.param(2160, 3840, 64, marks=pytest.mark.slow),
        pytest.param(2160, 3840, None, marks=pytest.mark.slow),
    ],
)
def test_memory_stays_within_the_prediction(
    model: QuadraticInterpolator, height: int, width: int, tile: int | None
) -> None:
    command = [sys.executable, "-c", MEASURE, str(height), str(width), str(tile or 0)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=TOP)
    use = model.memory_use(height, width)
    predicted = height * width * use.per_pixel + (tile or height) * width * use.per_tile_pixel
    assert int(done.stdout) <= predicted
    assert int(done.stdout) > predicted / 2  # and is no exaggeration
