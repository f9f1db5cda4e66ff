"""Test-time ensembles: input and result of each member, their mean, reuse between windows, sizes, tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vfi.base.clip import sliding_windows
from vfi.base.ensemble import PLAIN, SWITCHES, Ensemble, Member, View, members_of
from vfi.base.flow import FlowEstimator
from vfi.base.interpolator import Interpolator, MemoryUse, Sources
from vfi.models.quadratic.model import QuadraticInterpolator
from vfi.types import FlowPair, FrameKeys, InputSpec, Interpolation, SizeRequirement, Window

HEIGHT, WIDTH = 6, 10


class Fade(Interpolator):
    """Treats all pixels and both directions of time alike, so that all members have the same result."""

    window = 4
    cpu_threads = 3
    tile_multiple = 1
    size = SizeRequirement(multiple=4, minimum=20)

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Window] = []
        self.asked: list[tuple[Window, Any, float, int | None]] = []
        self.flows = 0

    def estimate_motion(self, window: Window) -> int:
        self.shown.append(window)
        return len(self.shown) - 1

    def flow_at(self, motion: Any, t: Tensor) -> float:
        self.flows += 1
        return float(t[0])

    def synthesize(self, sources: Sources, motion: Any, flow: float, t: Tensor, rows: slice) -> Interpolation:
        window = sources.window
        frame = torch.lerp(window.start, window.end, t.view(-1, 1, 1, 1).to(window.start))
        return Interpolation(frame[:, :, rows])

    def _render(self, sources: Sources, motion: Any, flow: float, t: Tensor, tile: int | None) -> Tensor:
        self.asked.append((sources.window, motion, float(t[0]), tile))
        return super()._render(sources, motion, flow, t, tile)

    def memory_use(self, height: int, width: int) -> MemoryUse:
        return MemoryUse(per_pixel=height, per_tile_pixel=2 * height)


class Uneven(Fade):
    """Treats every pixel, frame and time differently, so that all members have different results."""

    size = SizeRequirement()

    def synthesize(self, sources: Sources, motion: Any, flow: float, t: Tensor, rows: slice) -> Interpolation:
        window = sources.window
        frame = torch.from_numpy(uneven(arrays_of(window), float(t[0]))).to(window.start)
        return Interpolation(frame[:, :, rows])


def uneven(frames: Sequence[np.ndarray], t: float) -> np.ndarray:
    """A formula without any symmetry, [..., H, W] in [0, 1]."""
    prev, start, end, following = frames
    rows, columns = start.shape[-2:]
    place = np.arange(rows)[:, None] / rows + np.arange(columns) ** 2 / columns**2
    return (prev * 0.1 + start * 0.2 + end * 0.15 * t + following * 0.05 + place * t * t / 2) / 2


def arrays_of(window: Window) -> list[np.ndarray]:
    return [frame.double().numpy() for frame in window.consecutive if frame is not None]


def window_of(frames: Sequence[Tensor]) -> Window:
    return Window.from_frames(frames, keys=range(4))


def random_window(height: int = HEIGHT, width: int = WIDTH, channels: int = 3) -> Window:
    return window_of(list(torch.rand(4, 1, channels, height, width)))


def halved(image: np.ndarray) -> np.ndarray:
    """The mean of every 2x2 pixels, which equals bilinear resizing to half size."""
    return (image[..., ::2, ::2] + image[..., 1::2, ::2] + image[..., ::2, 1::2] + image[..., 1::2, 1::2]) / 4


def doubled(image: np.ndarray) -> np.ndarray:
    """Bilinear resizing to twice the size: three quarters of the nearest pixel, one of the next nearest."""
    for axis in (-1, -2):
        image = np.moveaxis(image, axis, -1)
        before = np.concatenate((image[..., :1], image[..., :-1]), -1)
        after = np.concatenate((image[..., 1:], image[..., -1:]), -1)
        both = np.stack((0.75 * image + 0.25 * before, 0.75 * image + 0.25 * after), -1)
        image = np.moveaxis(both.reshape(*image.shape[:-1], -1), -1, axis)
    return image


def left(image: np.ndarray) -> np.ndarray:
    return np.rot90(image, 1, axes=(-2, -1))


def right(image: np.ndarray) -> np.ndarray:
    return np.rot90(image, -1, axes=(-2, -1))


def both(image: np.ndarray) -> np.ndarray:
    return image[..., ::-1, ::-1]


def flipped(image: np.ndarray) -> np.ndarray:
    return image[..., ::-1]


def upside_down(image: np.ndarray) -> np.ndarray:
    return image[..., ::-1, :]


def unmoved(image: np.ndarray) -> np.ndarray:
    return image


Move = Callable[[np.ndarray], np.ndarray]
FLIPS: list[tuple[Move, Move]] = [(flipped, flipped), (upside_down, upside_down)]
MOVES: dict[str, list[tuple[Move, Move]]] = {
    "ms_test": [(halved, doubled)],
    "flip_test": FLIPS,
    "rotation_test": [(left, right), (right, left)],
    "turn_test": [(both, both)],
    "reverse_test": [(unmoved, unmoved)],
    "reverse_flip": [*FLIPS, (both, both)],
    "reverse_rotation": [(left, right), (right, left)],
}


def by_the_formula(window: Window, t: float, switches: tuple[str, ...]) -> np.ndarray:
    """The mean of the members of the switches, computed with NumPy."""
    frames = arrays_of(window)
    result = [uneven(frames, t)]
    for switch in switches:
        for move, back in MOVES[switch]:
            shown = [move(frame) for frame in frames]
            backwards = switch.startswith("reverse")
            result.append(back(uneven(shown[::-1] if backwards else shown, 1 - t if backwards else t)))
    return np.mean(result, axis=0)


ALL_SWITCHES = [choice for count in (1, 2, len(SWITCHES)) for choice in combinations(SWITCHES, count)]


@pytest.mark.parametrize("switches", ALL_SWITCHES, ids="+".join)
def test_the_mean_is_that_of_the_formula(switches: tuple[str, ...]) -> None:
    window, t = random_window(), 0.3
    model = Ensemble(Uneven(), members_of(switches))
    wanted = torch.from_numpy(by_the_formula(window, t, switches)).float()
    torch.testing.assert_close(model(window, torch.tensor([t])).frame, wanted)
    torch.testing.assert_close(model.interpolate_window(window, [t])[0], wanted)
    rows = slice(2, 5)
    motion, sources = model.estimate_motion(window), Sources(window, model.prepare(window))
    flow = model.flow_at(motion, torch.tensor([t]))
    part = model.synthesize(sources, motion, flow, torch.tensor([t]), rows).frame
    torch.testing.assert_close(part, wanted[:, :, rows])
    plain = torch.from_numpy(uneven(arrays_of(window), t))
    assert (wanted - plain).abs().max() > 1e-3


def test_all_switches_together_have_thirteen_members() -> None:
    members = members_of(SWITCHES)
    assert members[0] == PLAIN
    assert len(members) == len(set(members)) == 13
    assert len({str(member) for member in members}) == 13


@pytest.mark.parametrize("size", [(20, 24), (17, 23), (1, 9)])
def test_what_treats_all_alike_stays_as_it_was(size: tuple[int, int]) -> None:
    window = random_window(*size)
    switches = [switch for switch in SWITCHES if switch != "ms_test"]
    result = Ensemble(Fade(), members_of(switches)).interpolate_window(window, [0.2, 0.7])
    for frame, truth in zip(result, Fade().interpolate_window(window, [0.2, 0.7]), strict=True):
        torch.testing.assert_close(frame, truth)


def test_without_switches_it_is_the_model() -> None:
    window = random_window()
    result = Ensemble(Uneven(), members_of([])).interpolate_window(window, [0.3])
    assert torch.equal(result[0], Uneven().interpolate_window(window, [0.3])[0])


@pytest.mark.parametrize("view", View)
def test_views_are_undone(view: View) -> None:
    image = torch.rand(2, 3, 4, 8)
    if view is View.HALF:
        image = torch.full_like(image, 0.3)
    shown = view.apply(image)
    assert shown.is_contiguous()
    torch.testing.assert_close(view.undo(shown), image)
    assert view.plain_width(*shown.shape[-2:]) == 8
    assert view is View.PLAIN or view is View.HALF or not torch.equal(shown.flatten(), image.flatten())


def test_time_runs_backwards_in_every_reversed_member() -> None:
    model = Fade()
    Ensemble(model, members_of(SWITCHES)).interpolate_window(random_window(20, 24), [0.125])
    asked = {member: t for member, (_, _, t, _) in zip(members_of(SWITCHES), model.asked, strict=True)}
    assert {t for member, t in asked.items() if not member.reverse} == {0.125}
    assert {t for member, t in asked.items() if member.reverse} == {0.875}


@pytest.mark.parametrize("reverse", [False, True])
def test_ends_of_the_clip_stay_ends(reverse: bool) -> None:
    whole = random_window()
    shown = Member(View.FLIPPED_LEFT_RIGHT, reverse).transform(whole._replace(prev=None))
    missing, there = (shown.next, shown.prev) if reverse else (shown.prev, shown.next)
    assert missing is None
    assert there is not None
    assert whole.next is not None
    assert torch.equal(there, whole.next.flip(-1))


def test_a_pair_is_enough() -> None:
    start, end = torch.rand(2, 1, 3, 6, 10)
    model = Ensemble(Fade(), members_of(["flip_test", "reverse_test"]))
    torch.testing.assert_close(model.interpolate([start, end], 0.25), torch.lerp(start, end, 0.25))


class TestKeys:
    def test_keys_depend_on_the_view(self) -> None:
        model = Fade()
        Ensemble(model, members_of(["flip_test"])).interpolate_window(random_window(20, 24), [0.5])
        keys = [window.keys for window in model.shown]
        assert keys[0] == FrameKeys(1, 2, 0, 3)
        assert len({key for row in keys if row for key in row}) == 12

    def test_both_orders_reuse_the_features_of_frames(self) -> None:
        window = random_window()
        for view in View:
            there, back = Member(view).transform(window), Member(view, reverse=True).transform(window)
            assert back.keys == there.reversed().keys
            for frame, same in zip(there.consecutive, reversed(back.consecutive), strict=True):
                assert isinstance(frame, Tensor)
                assert isinstance(same, Tensor)
                assert torch.equal(frame, same)

    def test_no_keys_stay_no_keys(self) -> None:
        assert (
            Member(View.FLIPPED_LEFT_RIGHT, reverse=True).transform(random_window().without_keys()).keys
            is None
        )


class CountingFlow(FlowEstimator):
    """Estimates flows of 0 and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def match(self, encoded_0: Tensor, encoded_1: Tensor) -> FlowPair:
        self.passes += 1
        batch, _, height, width = encoded_0.shape
        return FlowPair(torch.zeros(batch, 2, height, width), torch.zeros(batch, 2, height, width))


def passes_for_a_clip(members: tuple[Member, ...], *, room: bool = True) -> int:
    """Number of flow estimations for a clip of 8 frames with 3 new frames per interval."""
    flow = CountingFlow()
    quadratic = QuadraticInterpolator(flow, flow_reduction=1)
    model = Ensemble(quadratic, members)
    if not room:
        quadratic.reserve_cache(1)
    frames = torch.rand(8, 1, 3, 16, 24)
    for window in sliding_windows(frames):
        model.interpolate_window(window, [0.25, 0.5, 0.75])
    return flow.passes


@pytest.mark.slow
def test_every_view_reuses_results_of_the_window_before() -> None:
    everyone = members_of(SWITCHES)
    views = {member.view for member in everyone}
    assert passes_for_a_clip(members_of([])) == 7
    assert passes_for_a_clip(everyone) == 7 * len(views), "reversed members need no flows of their own"
    assert passes_for_a_clip(everyone, room=False) > 7 * len(views), "the room is needed"


def test_flows_of_reversed_pairs_are_those_of_the_pairs() -> None:
    """Results reused between members change no frame: windows with keys give the same as windows without."""
    from vfi.registry import load_model

    window = random_window(40, 56)
    switches = ["reverse_test", "reverse_flip"]
    result = [
        Ensemble(load_model("quadratic", device="cpu"), members_of(switches)).interpolate_window(
            shown, [0.3]
        )[0]
        for shown in (window, window.without_keys())
    ]
    assert torch.equal(*result)


def test_motion_is_estimated_once_for_all_times() -> None:
    model = Fade()
    Ensemble(model, members_of(SWITCHES)).interpolate_window(random_window(20, 24), [0.2, 0.4, 0.6, 0.8])
    assert len(model.shown) == 13
    assert len(model.asked) == 4 * 13
    for window, motion, _, _ in model.asked:
        assert window.start is model.shown[motion].start


def test_it_takes_after_its_model() -> None:
    class Strange(Fade):
        inputs = InputSpec(channel_order="bgr", scale=255)

    model = Ensemble(Strange().eval(), members_of(["flip_test"]))
    assert (model.window, model.cpu_threads, model.training) == (4, 3, False)
    window = random_window(8, 12)
    torch.testing.assert_close(
        model.interpolate_window(window, [0.25])[0], torch.lerp(window.start, window.end, 0.25)
    )
    assert model.to(torch.bfloat16).dtype == model.model.dtype == torch.bfloat16
    assert model.to("meta").device.type == "meta"


@pytest.mark.parametrize(
    ("switches", "wanted"),
    [
        (["flip_test"], SizeRequirement(4, 20)),
        (["rotation_test", "reverse_test"], SizeRequirement(4, 20)),
        (["ms_test"], SizeRequirement(8, 40)),
    ],
)
def test_sizes_suit_every_member(switches: list[str], wanted: SizeRequirement) -> None:
    model = Fade()
    ensemble = Ensemble(model, members_of(switches))
    assert ensemble.size == wanted
    (result,) = ensemble.interpolate_window(random_window(21, 45), [0.5])
    assert result.shape == (1, 3, 21, 45)
    for window in model.shown:
        assert all(side % 4 == 0 and side >= 20 for side in window.start.shape[-2:])


def test_memory_is_that_of_the_most_demanding_member() -> None:
    upright = Ensemble(Fade(), members_of(["flip_test"])).memory_use(100, 300)
    rotated = Ensemble(Fade(), members_of(["rotation_test"])).memory_use(100, 300)
    assert rotated.per_pixel - upright.per_pixel == 200
    assert (upright.per_tile_pixel, rotated.per_tile_pixel) == (200, 600)
    assert upright.per_pixel > Fade().memory_use(100, 300).per_pixel


@pytest.mark.parametrize(("height", "width", "overlap"), [(100, 300, 16), (300, 100, 48), (100, 99, 17)])
def test_overlap_of_rotated_tiles_is_counted(height: int, width: int, overlap: int) -> None:
    class Tiled(Fade):
        def memory_use(self, height: int, width: int) -> MemoryUse:
            return MemoryUse(1, 1, overlap=16)

    assert Ensemble(Tiled(), members_of(["flip_test"])).memory_use(height, width).overlap == 16
    assert Ensemble(Tiled(), members_of(["rotation_test"])).memory_use(height, width).overlap == overlap


def test_tiles_have_as_many_pixels_in_every_member() -> None:
    model = Fade()
    ensemble = Ensemble(model, members_of(["ms_test", "rotation_test"]))
    ensemble.interpolate_window(random_window(80, 160), [0.5], tile=16)
    assert [tile for *_, tile in model.asked] == [16, 32, 32, 32]
    model.asked.clear()
    ensemble.interpolate_window(random_window(80, 160), [0.5], tile=40)
    assert [tile for *_, tile in model.asked] == [40, None, 80, 80]


def test_tiles_do_not_change_the_default_model() -> None:
    from vfi.registry import load_model

    model = Ensemble(load_model("quadratic", device="cpu"), members_of(SWITCHES))
    window = random_window(64, 96)
    whole, tiled = (model.interpolate_window(window, [0.4], tile=tile)[0] for tile in (None, 16))
    torch.testing.assert_close(whole, tiled, atol=1e-5, rtol=0)


def test_alpha_is_interpolated_too() -> None:
    window = random_window(21, 23, channels=4)
    switches = [switch for switch in SWITCHES if switch != "ms_test"]
    (result,) = Ensemble(Fade(), members_of(switches)).interpolate_window(window, [0.25])
    torch.testing.assert_close(result, torch.lerp(window.start, window.end, 0.25))


def test_alpha_has_a_context_of_its_own() -> None:
    """Every member prepares the features of alpha too."""

    class Painter(Interpolator):
        """Returns the mean colour of the first frame, from its prepared features."""

        def estimate_motion(self, window: Window) -> None:
            """Nothing, as there is no motion."""

        def prepare(self, window: Window) -> Tensor:
            return window.start.mean((2, 3), keepdim=True)

        def flow_at(self, motion: None, t: Tensor) -> None:
            """Nothing, as there is no motion."""

        def synthesize(
            self, sources: Sources, motion: None, flow: None, t: Tensor, rows: slice
        ) -> Interpolation:
            return Interpolation(sources.context.expand_as(sources.window.start))

    window = random_window(20, 24, channels=4)
    model = Ensemble(Painter(), members_of(["flip_test"]))
    (result,) = model.interpolate_window(window, [0.5])
    torch.testing.assert_close(result, window.start.mean((2, 3), keepdim=True).expand_as(result))


def test_networks_and_precision_are_the_models() -> None:
    class Net(Fade):
        networks = ("net",)

        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Conv2d(3, 3, 1)
            self.asked_for: torch.dtype | None = None

        @property
        def precision(self) -> torch.dtype:
            return torch.bfloat16

        def set_precision(self, dtype: torch.dtype) -> None:
            self.asked_for = dtype

    net = Net()
    model = Ensemble(net, members_of(["flip_test"]))
    model.set_precision(torch.float16)
    model.accelerate(channels_last=True)
    assert (model.precision, net.asked_for, list(model.networks)) == (
        torch.bfloat16, torch.float16, ["model.net"],
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_lose_nothing_in_the_mean(dtype: torch.dtype) -> None:
    model = Ensemble(Fade().to(dtype), members_of(SWITCHES))
    bright = window_of([torch.full((1, 3, 40, 48), 0.875)] * 4)
    assert torch.equal(model.interpolate_window(bright, [0.5])[0], bright.start)


def test_the_mean_has_a_gradient() -> None:
    frames = [torch.rand(1, 3, 40, 48, requires_grad=True) for _ in range(4)]
    model = Ensemble(Fade(), members_of(["flip_test", "reverse_test"]))
    model(window_of(frames), torch.tensor([0.25])).frame.sum().backward()
    assert frames[1].grad is not None
    torch.testing.assert_close(frames[1].grad, torch.full_like(frames[1], 0.75))


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="there is no ensemble 'flip': choose from ms_test, flip_test"):
        members_of(["flip"])
    with pytest.raises(ValueError, match="one member or more"):
        Ensemble(Fade(), [])


def test_an_ensemble_of_an_ensemble_reserves_enough() -> None:
    quadratic = QuadraticInterpolator(CountingFlow())
    Ensemble(Ensemble(quadratic, members_of(["flip_test"])), members_of(["reverse_test"]))
    assert quadratic.variants == 3, "reversed members show nothing new"
