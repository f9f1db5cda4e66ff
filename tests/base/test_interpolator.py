"""The base class of all models: kinds and sizes of frames, alpha, times, types, tiles, the cache of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vfi.base.cache import ReuseCache
from vfi.base.interpolator import SMALLEST_TILE, Interpolator, MemoryUse, Sources
from vfi.errors import ConfigError
from vfi.types import FrameKeys, InputSpec, Interpolation, SizeRequirement, Window

SIZES = [(1, 1), (1, 9), (9, 1), (17, 23), (16, 32)]
PER_PIXEL, PER_TILE_PIXEL = 10, 40


class Fade(Interpolator):
    """Blends start and end; takes sides in multiples of 8 only, in BGR from 0 to 255, and counts its work."""

    size = SizeRequirement(multiple=8, minimum=16)
    inputs = InputSpec(channel_order="bgr", scale=255)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Window] = []
        self.flows = 0

    def estimate_motion(self, window: Window) -> None:
        self.seen.append(window)

    def flow_at(self, motion: None, t: Tensor) -> None:
        self.flows += 1

    def synthesize(self, sources: Sources, motion: None, flow: None, t: Tensor, rows: slice) -> Interpolation:
        window = sources.window
        frame = torch.lerp(window.start, window.end, t.view(-1, 1, 1, 1).to(window.start))
        return Interpolation(frame[:, :, rows])

    def memory_use(self, height: int, width: int) -> MemoryUse:
        return MemoryUse(PER_PIXEL, PER_TILE_PIXEL)


def arrays(count: int, height: int = 17, width: int = 23) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def tensors(
    count: int, height: int = 17, width: int = 23, *, channels: int = 3, batch: int = 1
) -> list[Tensor]:
    return [torch.rand(batch, channels, height, width) for _ in range(count)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [2, 4])
def test_arrays_become_an_array(size: tuple[int, int], count: int) -> None:
    frames = arrays(count, *size)
    result = Fade().interpolate(frames, 0.25)
    start, end = (frame.astype(float) for frame in frames[count // 2 - 1 : count // 2 + 1])
    assert result.dtype == np.uint8
    assert result.shape == (*size, 3)
    assert np.abs(result - (0.75 * start + 0.25 * end)).max() <= 0.5 + 1e-3  # rounded to nearest


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [2, 4])
def test_tensors_become_a_tensor(size: tuple[int, int], count: int) -> None:
    frames = tensors(count, *size)
    result = Fade().interpolate(frames, 0.25)
    truth = torch.lerp(frames[count // 2 - 1], frames[count // 2], 0.25)
    torch.testing.assert_close(result, truth, atol=1e-5, rtol=0)


def test_arrays_may_be_views_that_cannot_be_written() -> None:
    start, end = arrays(2)
    for frame in (start, end):
        frame.flags.writeable = False
    result = Fade().interpolate([start[::-1, ::-1], end[::-1, ::-1]])
    assert np.array_equal(result[::-1, ::-1], Fade().interpolate([start, end]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_result_has_the_frames_type(dtype: torch.dtype) -> None:
    assert Fade().interpolate([frame.to(dtype) for frame in tensors(2)]).dtype == dtype


@pytest.mark.parametrize("t", [0.5, np.float32(0.5), np.float64(0.5)])
def test_one_time_gives_one_frame(t: float) -> None:
    assert isinstance(Fade().interpolate(arrays(2), t), np.ndarray)


def test_several_times_give_a_list_from_one_motion() -> None:
    model, frames = Fade(), tensors(2)
    result = model.interpolate(frames, [0.25, 0.75])
    assert isinstance(result, list)
    assert len(model.seen) == 1
    for frame, t in zip(result, (0.25, 0.75), strict=True):
        torch.testing.assert_close(frame, model.interpolate(frames, t))
    assert len(model.interpolate(frames, (0.5,))) == 1
    assert model.interpolate(frames, []) == []


def test_outer_frames_reach_a_model_of_four() -> None:
    model, frames = Fade(), tensors(4, 16, 16)
    model.interpolate(frames)
    seen = model.seen[0]
    assert seen.prev is not None
    assert seen.next is not None
    for given, got in zip(frames, seen.consecutive, strict=True):
        assert got is not None
        torch.testing.assert_close(got, given.flip(1) * 255)


def test_network_sees_its_own_size_order_and_range() -> None:
    model = Fade()
    red = torch.zeros(1, 3, 17, 5)
    red[:, 0] = 1
    assert torch.equal(model.interpolate([red, red]), red)
    start = model.seen[0].start
    assert start.shape == (1, 3, 24, 16)
    assert torch.equal(start[0, :, 0, 0], torch.tensor([0.0, 0.0, 255.0]))


def test_result_stays_in_range_and_inputs_stay_unchanged() -> None:
    frames = [torch.full((1, 3, 4, 4), value) for value in (-0.5, 1.9)]
    result = Fade().interpolate(frames, [0.01, 0.99])
    assert [float(frame.mean()) for frame in result] == [0.0, 1.0]
    assert [float(frame.mean()) for frame in frames] == pytest.approx([-0.5, 1.9])


@pytest.mark.parametrize("t", [0, 1, 0.0, 1.0, -0.5, 1.5, float("nan"), [0.5, 1.0]])
def test_times_outside_the_interval(t: float | list[float]) -> None:
    with pytest.raises(ValueError, match="t must lie between 0 and 1, both excluded, but it is"):
        Fade().interpolate(tensors(2), t)
    start, end = tensors(2)
    with pytest.raises(ValueError, match="t must lie between 0 and 1"):
        Fade().interpolate_window(Window(start, end), t if isinstance(t, list) else [t])


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        ([], "frames must be 2 or 4 consecutive frames, but there are 0"),
        (arrays(3), "frames must be 2 or 4 consecutive frames, but there are 3"),
        ([*arrays(1), *arrays(1, 17, 24)], "frames must have one size, but they have"),
        ([*tensors(1), *tensors(1, 18, 23)], "frames must have one size, but they have"),
        ([*arrays(1), *tensors(1)], "frames must be all uint8 arrays .* or all float tensors"),
        (["a.png", "b.png"], "frames must be all uint8 arrays .* or all float tensors"),
        ([frame.astype(np.float32) for frame in arrays(2)], "arrays must be uint8 .* but they are float32"),
        ([arrays(1)[0], arrays(1)[0].astype(np.uint16)], "but they are uint16, uint8"),
        ([frame[..., 0] for frame in arrays(2)], r"arrays must be uint8 .* uint8 \[17, 23\]"),
        ([(frame * 255).byte() for frame in tensors(2)], "tensors must be float .* but they are torch.uint8"),
        ([frame[0] for frame in tensors(2)], r"tensors must be float \[B, 3, H, W\] .* \[3, 17, 23\]"),
        (tensors(2, channels=4), r"tensors must be float .* \[1, 4, 17, 23\]"),
    ],
)
def test_wrong_frames_are_named(frames: Sequence[Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Fade().interpolate(frames)


@pytest.mark.parametrize("size", [(17, 23), (1, 1), (16, 16)])
def test_alpha_is_interpolated_along(size: tuple[int, int]) -> None:
    start, end = tensors(2, *size, channels=4)
    (result,) = Fade().interpolate_window(Window(start, end), [0.25])
    torch.testing.assert_close(result, torch.lerp(start, end, 0.25), atol=1e-5, rtol=0)


def test_batch_is_kept() -> None:
    start, end = torch.rand(2, 3, 3, 9, 11)
    result = Fade().interpolate([start, end], 0.5)
    torch.testing.assert_close(result, (start + end) / 2, atol=1e-5, rtol=0)


def test_no_gradient_is_recorded() -> None:
    frames = [frame.requires_grad_() for frame in tensors(2)]
    assert not Fade().interpolate(frames).requires_grad


def test_training_takes_both_steps_with_gradient() -> None:
    start, end = (frame.requires_grad_() for frame in tensors(2, 16, 16))
    result = Fade()(Window(start, end), torch.tensor([0.25])).frame
    result.sum().backward()
    assert start.grad is not None
    torch.testing.assert_close(start.grad, torch.full_like(start, 0.75))


def test_device_and_type_follow_the_module() -> None:
    model = Fade()
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.float32)
    assert model.to(torch.bfloat16).dtype == torch.bfloat16
    assert model.to("meta").device.type == "meta"
    assert not model.state_dict()


def test_frames_are_converted_to_the_models_type() -> None:
    model, frames = Fade().to(torch.float16), tensors(2)
    result = model.interpolate(frames)
    assert model.seen[0].start.dtype == torch.float16
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, (frames[0] + frames[1]) / 2, atol=2e-3, rtol=0)


def test_a_model_without_tiles_says_so() -> None:
    start, end = tensors(2)
    with pytest.raises(ConfigError, match="The model Fade does not support tiles: leave --tile out"):
        Fade().interpolate_window(Window(start, end), [0.5], tile=64)


def test_no_tile_where_all_fits() -> None:
    height, width = 1000, 200
    all_at_once = height * width * (PER_PIXEL + PER_TILE_PIXEL)
    assert Fade().choose_tile(height, width, None) is None
    assert Fade().choose_tile(height, width, all_at_once) is None
    assert Fade().choose_tile(height, width, all_at_once - 1) == height - 1


def test_tile_is_the_largest_that_fits() -> None:
    height, width = 1000, 200
    for rows in (SMALLEST_TILE, 65, 500):
        memory = width * (height * PER_PIXEL + rows * PER_TILE_PIXEL)
        assert Fade().choose_tile(height, width, memory) == rows


@pytest.mark.parametrize(("height", "megabytes"), [(2**14, "10,400 MB"), (32, "100 MB")])
def test_too_little_memory_is_named_with_what_would_do(height: int, megabytes: str) -> None:
    """64 rows of 40 bytes per pixel, and 10 bytes for each pixel; a frame of fewer rows needs them all."""
    width = 2**16
    needed = width * (height * PER_PIXEL + min(height, 64) * PER_TILE_PIXEL)
    assert needed == int(megabytes.replace(",", "").split()[0]) * 2**20
    with pytest.raises(ConfigError, match=f"Frames of {width}x{height} need at least {megabytes} of memory"):
        Fade().choose_tile(height, width, needed - 1)


def test_overlapping_rows_count_too() -> None:
    class Overlapping(Fade):
        def memory_use(self, height: int, width: int) -> MemoryUse:
            return MemoryUse(PER_PIXEL, PER_TILE_PIXEL, overlap=32)

    height, width = 1000, 200
    for rows in (SMALLEST_TILE, 500):
        memory = width * (height * PER_PIXEL + (rows + 64) * PER_TILE_PIXEL)
        assert Overlapping().choose_tile(height, width, memory) == rows
        if rows == SMALLEST_TILE:
            with pytest.raises(ConfigError, match="raise --max-memory"):
                Overlapping().choose_tile(height, width, memory - 1)


def test_a_model_without_measured_memory_has_no_limit() -> None:
    class Unmeasured(Fade):
        def memory_use(self, height: int, width: int) -> MemoryUse:
            return Interpolator.memory_use(self, height, width)

    assert Unmeasured().choose_tile(10**4, 10**4, 1) is None


class TestReuseCache:
    frame = torch.zeros(1, 3, 4, 4)

    def ask(self, cache: ReuseCache, first: int, frame: Tensor | None = None) -> tuple[Any, bool]:
        """The cached result for frame ``first`` and the next one, and whether this call computed it."""
        computed: list[object] = []

        def compute() -> object:
            computed.append(object())
            return computed[0]

        answer = cache.get_or_compute((first, first + 1), self.frame if frame is None else frame, compute)
        return answer, bool(computed)

    def test_a_known_pair_is_found(self) -> None:
        cache = ReuseCache(2)
        result, computed = self.ask(cache, 0)
        assert computed
        assert self.ask(cache, 0) == (result, False)

    def test_without_keys_nothing_is_kept(self) -> None:
        cache = ReuseCache(2)
        assert cache.get_or_compute(None, self.frame, lambda: 1) == 1
        assert cache.get_or_compute(None, self.frame, lambda: 2) == 2

    def test_order_of_keys_counts(self) -> None:
        cache = ReuseCache(4)
        assert cache.get_or_compute((0, 1), self.frame, lambda: "there") == "there"
        assert cache.get_or_compute((1, 0), self.frame, lambda: "back") == "back"

    def test_pairs_are_found_in_either_order(self) -> None:
        cache = ReuseCache(2)

        def ask(keys: tuple[int, int] | None) -> str:
            result = "".join(map(str, keys)) if keys else "new"
            return cache.get_or_compute_pair(
                keys, self.frame, lambda: result, lambda known: known[::-1] + "!"
            )

        assert [ask((0, 1)), ask((0, 1)), ask((1, 0)), ask((1, 1)), ask((1, 1))] == [
            "01", "01", "10!", "11", "11",
        ]  # fmt: skip
        assert ask(None) == "new"
        cache = ReuseCache(1)
        assert [ask((1, 0)), ask((0, 1)), ask((1, 0))] == ["10", "01!", "10"]

    @pytest.mark.parametrize(
        "other",
        [torch.zeros(1, 3, 4, 5), torch.zeros(1, 3, 4, 4).half(), torch.zeros(1, 3, 4, 4, device="meta")],
    )
    def test_other_sizes_types_and_devices_are_other_pairs(self, other: Tensor) -> None:
        cache = ReuseCache(4)
        self.ask(cache, 0)
        assert self.ask(cache, 0, other)[1]

    def test_least_recently_used_goes_first(self) -> None:
        cache = ReuseCache(2)
        self.ask(cache, 0)
        self.ask(cache, 1)
        self.ask(cache, 0)
        self.ask(cache, 2)
        assert not self.ask(cache, 0)[1]
        assert self.ask(cache, 1)[1]

    def test_several_windows_in_turn_have_room(self) -> None:
        cache = ReuseCache(2)
        cache.variants = 3
        for first in range(6):
            self.ask(cache, first)
        assert not any(self.ask(cache, first)[1] for first in range(6))
        self.ask(cache, 6)
        assert self.ask(cache, 0)[1]


def test_reserving_applies_to_all_caches_of_a_model() -> None:
    class Keeping(Fade):
        def __init__(self) -> None:
            super().__init__()
            self.encoded, self.pairs = ReuseCache(4), ReuseCache(3)

    model = Keeping()
    model.reserve_cache(5)
    assert (model.encoded.variants, model.pairs.variants) == (5, 5)
    Fade().reserve_cache(5)  # nothing to keep, nothing to do


def test_alpha_is_never_taken_for_colour() -> None:
    """A model may cache features of a frame by its key, and alpha has no key."""
    keys: list[object] = []

    class Noting(Fade):
        def prepare(self, window: Window) -> None:
            keys.append(window.keys)

    start, end = tensors(2, channels=4)
    Noting().interpolate_window(Window.from_frames([start, end], keys=(1, 2)), [0.25])
    assert keys == [FrameKeys(1, 2), None]


def test_a_model_without_networks_cannot_be_accelerated() -> None:
    with pytest.raises(ConfigError, match="Fade has no networks to compile or to convert to channels last"):
        Fade().accelerate(compile_networks=True)


class TestTimePerSample:
    def test_each_sample_has_its_own(self) -> None:
        start, end = tensors(2, batch=2)
        result = Fade().interpolate([start, end], torch.tensor([0.25, 0.75]))
        for i, t in enumerate((0.25, 0.75)):
            torch.testing.assert_close(result[i], torch.lerp(start[i], end[i], t))

    def test_one_for_all(self) -> None:
        start, end = tensors(2, batch=2)
        result = Fade().interpolate([start, end], torch.tensor(0.25))
        torch.testing.assert_close(result, torch.lerp(start, end, 0.25))

    @pytest.mark.parametrize(
        ("t", "problem"),
        [
            (torch.tensor([0.5]), r"one time for each of the 2 samples, but its shape is \(1,\)"),
            (torch.tensor([0.5, 1.0]), "between 0 and 1"),
            (torch.tensor([0.5, float("nan")]), "between 0 and 1"),
        ],
    )
    def test_nonsense_is_refused(self, t: Tensor, problem: str) -> None:
        with pytest.raises(ValueError, match=problem):
            Fade().interpolate(tensors(2, batch=2), t)
