"""Synthetic scenes: their flow, occlusion and frames are what they claim to be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vfi.data.synthetic import Layer, Motion, Scene, Sprite, random_scene

HEIGHT, WIDTH = 120, 160
EXPECTED_PIXELS = [
    [[0.5231, 0.4351, 0.4454], [0.5275, 0.7217, 0.4916], [0.4234, 0.4037, 0.5176]],
    [[0.3535, 0.3643, 0.3630], [0.3530, 0.2085, 0.1367], [0.3657, 0.3681, 0.3542]],
    [[0.6936, 0.7636, 0.7554], [0.6901, 0.4278, 0.4419], [0.7730, 0.7886, 0.6979]],
]


def warp(frame: Tensor, flow: Tensor) -> Tensor:
    """Sample a frame ``[3, H, W]`` where the flow ``[2, H, W]`` points; cubic, so that little is lost."""
    height, width = flow.shape[1:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    unit = torch.stack([2 * (x + flow[0]) / (width - 1) - 1, 2 * (y + flow[1]) / (height - 1) - 1], dim=-1)
    return functional.grid_sample(frame[None], unit[None], mode="bicubic", align_corners=True)[0]


def inner(mask: Tensor, margin: int = 2) -> Tensor:
    """A mask ``[1, H, W]`` without the pixels near its border: those are mixed of two layers."""
    size = 2 * margin + 1
    return functional.max_pool2d(1 - mask.float()[None], size, stride=1, padding=margin)[0] == 0


def masked_psnr(a: Tensor, b: Tensor, mask: Tensor) -> float:
    error = (a - b).square()[mask.expand_as(a)].mean()
    return float(-10 * torch.log10(error))


def far_from_edges(scene: Scene, time: float) -> Tensor:
    """Where only one layer is within two pixels, and the border is not: ``[1, H, W]``."""
    owner = scene.owner(time).float()[None]
    largest = functional.max_pool2d(owner[None], 5, stride=1)[0]
    smallest = -functional.max_pool2d(-owner[None], 5, stride=1)[0]
    return functional.pad(largest == smallest, (2, 2, 2, 2))


def same_owner(scene: Scene, time_a: float, time_b: float) -> Tensor:
    """Where no edge is near at either time, ``[1, H, W]`` on a's grid."""
    landed = warp(far_from_edges(scene, time_b).float(), scene.flow(time_a, time_b)) > 0.99
    return far_from_edges(scene, time_a) & landed


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("difficulty", [0.3, 1.0])
def test_flow_takes_every_visible_pixel_to_its_like(seed: int, difficulty: float) -> None:
    scene = random_scene(seed, HEIGHT, WIDTH, difficulty)
    visible = (scene.occlusion(0.0, 1.0) == 0) & same_owner(scene, 0.0, 1.0)
    assert visible.float().mean() > 0.15
    warped = warp(scene.render(1.0), scene.flow(0.0, 1.0))
    assert masked_psnr(warped, scene.render(0.0), visible) > 40
    # The same pixels without the flow: the test can fail.
    assert masked_psnr(scene.render(1.0), scene.render(0.0), visible) < 30


def test_what_is_occluded_does_not_look_alike() -> None:
    scene = Scene.passing(HEIGHT, WIDTH, (30.0, 0.0), seed=3)
    hidden = inner(scene.occlusion(0.0, 1.0) == 1)
    assert hidden.sum() > 200
    warped = warp(scene.render(1.0), scene.flow(0.0, 1.0))
    assert masked_psnr(warped, scene.render(0.0), hidden) < 25


def test_flow_there_and_back_is_nothing() -> None:
    scene = random_scene(5, HEIGHT, WIDTH, 0.8)
    there, back = scene.flow(0.0, 0.7), scene.flow(0.7, 0.0)
    visible = (scene.occlusion(0.0, 0.7) == 0) & same_owner(scene, 0.0, 0.7)
    closed = there + warp(back, there)
    assert closed.abs().amax(dim=0, keepdim=True)[visible].max() < 0.02


def test_flows_compose() -> None:
    scene = random_scene(6, HEIGHT, WIDTH, 0.8)
    first, second = scene.flow(0.0, 0.4), scene.flow(0.4, 1.0)
    clear = (scene.occlusion(0.0, 0.4) == 0) & same_owner(scene, 0.0, 0.4)
    composed = first + warp(second, first)
    difference = (composed - scene.flow(0.0, 1.0)).abs().amax(dim=0, keepdim=True)
    assert difference[clear].max() < 0.02


def test_nothing_moves_in_no_time() -> None:
    scene = random_scene(7, HEIGHT, WIDTH, 1.0)
    assert scene.flow(0.3, 0.3).abs().max() < 1e-4
    assert scene.occlusion(0.3, 0.3).sum() == 0


def test_translation_has_the_flow_it_says() -> None:
    scene = Scene.translation(HEIGHT, WIDTH, (3.0, -2.0), seed=1)
    flow = scene.flow(1.0, 3.0)
    torch.testing.assert_close(flow[0], torch.full((HEIGHT, WIDTH), 6.0))
    torch.testing.assert_close(flow[1], torch.full((HEIGHT, WIDTH), -4.0))
    # A whole number of pixels: the frames themselves are shifted copies.
    torch.testing.assert_close(
        scene.render(3.0)[:, :-4, 6:], scene.render(1.0)[:, 4:, :-6], rtol=0, atol=1e-4
    )
    hidden = torch.zeros(1, HEIGHT, WIDTH)
    hidden[:, :4], hidden[:, :, -6:] = 1, 1
    torch.testing.assert_close(scene.occlusion(1.0, 3.0), hidden)


def test_rotation_has_the_flow_it_says() -> None:
    spin, time = 0.2, 0.5
    flow = Scene.rotation(HEIGHT, WIDTH, spin).flow(0.0, time)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] - np.array([(HEIGHT - 1) / 2, (WIDTH - 1) / 2])[:, None, None]
    angle = spin * time  # clockwise: a point on the right goes down
    expected = np.stack(
        [x * math.cos(angle) - y * math.sin(angle) - x, x * math.sin(angle) + y * math.cos(angle) - y]
    )
    np.testing.assert_allclose(flow.numpy(), expected, atol=1e-4)
    assert flow[1, HEIGHT // 2, -1] > 5


def test_a_passing_shape_hides_and_uncovers() -> None:
    scene = Scene.passing(HEIGHT, WIDTH, (20.0, 0.0), background_velocity=(-3.0, 0.0), seed=2)
    owner, flow = scene.owner(0.0), scene.flow(0.0, 1.0)
    assert flow[0][owner == 1].sub(20).abs().max() < 1e-3
    assert flow[0][owner == 0].add(3).abs().max() < 1e-3
    hidden = scene.occlusion(0.0, 1.0)[0] == 1
    # Hidden is the background that lies under the shape afterwards, and nothing else inside the frame.
    later = scene.owner(1.0) == 1
    expected = (owner == 0) & torch.roll(later, 3, dims=1)
    assert (hidden ^ expected)[:, 3:].sum() == 0


def test_motion_follows_its_polynomials() -> None:
    motion = Motion(
        (10.0, 20.0),
        (3.0, -1.0),
        (2.0, 4.0),
        (6.0, 0.0),
        0.1,
        0.2,
        0.3,
        scale=2.0,
        growth=0.5,
        growth_acceleration=0.2,
    )
    assert motion.position_at(2.0) == pytest.approx((10 + 6 + 4 + 8, 20 - 2 + 8))
    scale, angle = 2 * math.exp(0.5 * 2 + 0.2 * 2), 0.1 + 0.2 * 2 + 0.3 * 2
    matrix = motion.matrix(2.0)
    np.testing.assert_allclose(matrix[:2, 0], [scale * math.cos(angle), scale * math.sin(angle)])
    np.testing.assert_allclose(matrix[:2, 2], motion.position_at(2.0))


def test_frames_are_continuous_in_time() -> None:
    scene = random_scene(8, HEIGHT, WIDTH, 1.0)
    now = scene.render(0.5)
    steps = [float((scene.render(0.5 + step) - now).abs().mean()) for step in (1e-4, 1e-2, 1.0)]
    assert steps[0] < 1e-4
    assert steps[0] < steps[1] / 10 < steps[2]


def test_the_seed_is_all_that_matters() -> None:
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the very state that must not matter
    first = random_scene(9, 48, 64, 0.7).render_rgb(0.3)
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(first, random_scene(9, 48, 64, 0.7).render_rgb(0.3))
    assert (first != random_scene(10, 48, 64, 0.7).render_rgb(0.3)).any()
    demo = Scene.demo(48, 86, seed=4)
    np.testing.assert_array_equal(demo.render_rgb(1.0), Scene.demo(48, 86, seed=4).render_rgb(1.0))


def test_the_numbers_are_those_of_every_platform() -> None:
    """Values rendered once and written down here; float arithmetic may differ in the last digits."""
    frame = random_scene(11, 32, 40, 0.5).render(0.25)
    expected = torch.tensor(EXPECTED_PIXELS)
    torch.testing.assert_close(frame[:, ::15, ::19], expected, rtol=0, atol=2e-3)


def test_random_scenes_grow_harder() -> None:
    def speed(difficulty: float) -> float:
        scenes = [random_scene(seed, HEIGHT, WIDTH, difficulty) for seed in range(6)]
        return float(np.mean([scene.flow(0.0, 1.0).norm(dim=0).mean() for scene in scenes]))

    easy, middling, hard = speed(0.0), speed(0.5), speed(1.0)
    assert easy < middling < hard
    assert len(random_scene(0, HEIGHT, WIDTH, 1.0).layers) > len(random_scene(0, HEIGHT, WIDTH, 0.0).layers)
    with pytest.raises(ValueError, match="difficulty"):
        random_scene(0, HEIGHT, WIDTH, 1.5)


def test_a_cut_shows_the_other_scene_from_its_beginning() -> None:
    before = Scene.translation(32, 40, (2.0, 0.0), seed=1)
    after = Scene.translation(32, 40, (0.0, 2.0), seed=2)
    scene = before.with_cut(1.5, after)
    assert torch.equal(scene.render(1.49), before.render(1.49))
    assert torch.equal(scene.render(1.5), after.render(0.0))
    assert torch.equal(scene.flow(2.0, 3.0), after.flow(0.5, 1.5))
    assert scene.occlusion(1.0, 2.0).min() == 1
    with pytest.raises(ValueError, match="across the cut"):
        scene.flow(1.0, 2.0)
    with pytest.raises(ValueError, match="32 x 40 to 16 x 40"):
        before.with_cut(1.0, Scene.translation(16, 40, (0.0, 0.0)))


def test_edges_are_smooth_and_colours_are_not_darkened() -> None:
    """A white square, half a pixel off the grid, over white: no trace of its edge may be seen."""
    white = Layer(Sprite.paint(np.ones((4, 4, 3)), endless=True), Motion(), "paper")
    square = Layer(Sprite.paint(np.ones((9, 9, 3))), Motion((10.5, 10.5)), "square")
    frame = Scene(20, 20, (white, square)).render(0.0)
    torch.testing.assert_close(frame, torch.ones(3, 20, 20), rtol=0, atol=1e-6)
    black = Layer(Sprite.paint(np.zeros((4, 4, 3)), endless=True), Motion(), "board")
    frame = Scene(20, 20, (black, square)).render(0.0)
    assert float(frame[0].sum()) == pytest.approx(81, abs=1e-3)
    assert float(frame[0, 10, 6]) == pytest.approx(0.5, abs=1e-5)


def test_the_demonstration_covers_its_whole_time() -> None:
    scene = Scene.demo(90, 160, duration=2.0)
    assert scene.render(0.0).shape == (3, 90, 160)
    names = [layer.name for layer in scene.layers]
    grasses = names.index("grasses")
    for time in (0.0, 1.0, 2.0):
        # The strips have not passed by before the end: there is grass in both lower corners.
        owner = scene.owner(time)[-1]
        assert owner[:8].max() == owner[-8:].max() == grasses
    moved = scene.flow(1.0, 1.0 + 1 / 24)
    assert moved[0].min() < -1.5
    assert float(scene.render(0.5).std()) > 0.1
