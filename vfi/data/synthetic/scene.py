"""Synthetic scenes whose every frame, flow and occlusion is known exactly.

A :class:`Scene` is a stack of textured layers, back to front, that shift, turn, grow and accelerate over each
other. The frame at any time is computed, not interpolated, and so are the flow and the occlusion between any
two times: the position of a layer is a formula. A scene depends on its seed alone, never on global state.

    scene = Scene.demo(480, 854, seed=0)
    frame = scene.render(0.25)            # float32 [3, 480, 854]
    flow = scene.flow(0.0, 0.25)          # float32 [2, 480, 854]
    hidden = scene.occlusion(0.0, 0.25)   # float32 [1, 480, 854]

Times are seconds of the scene's own clock, before 0 too; everything else follows the conventions of
:mod:`vfi.types` without the batch axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from vfi.data.synthetic.landscape import landscape_layers
from vfi.data.synthetic.layer import Layer
from vfi.data.synthetic.motion import Motion, Vector
from vfi.data.synthetic.random_layers import noise_background, random_layers, random_shape
from vfi.data.synthetic.sound import SoundTrack
from vfi.data.synthetic.textures import random_generator

OPAQUE = 0.5  # a pixel belongs to the foremost layer that covers more than this fraction of it
ROUNDING = 1e-6  # pixels; what stands still at the border is not outside


@dataclass(frozen=True, eq=False)
class Scene:
    """Layers in front of a camera, an optional sound track and an optional cut to another scene."""

    height: int
    width: int
    layers: tuple[Layer, ...]
    """Back to front; the first covers the whole frame at all times."""
    sound: SoundTrack | None = field(default=None, kw_only=True)
    cut_time: float = field(default=math.inf, kw_only=True)
    """Seconds: from this time on ``after_cut`` is to be seen, on its own clock, which starts there at 0."""
    after_cut: Scene | None = field(default=None, kw_only=True)

    @classmethod
    def demo(cls, height: int, width: int, seed: int = 0, *, duration: float = 2.0) -> Scene:
        """A landscape to look at: balloons, a windmill and grasses before hills, seen from a moving train.

        Meant for times from 0 to ``duration``, a few seconds: depth, slow and fast motion, turning, growth,
        acceleration and thin structures, with a quiet tune.
        """
        layers = landscape_layers(height, width, seed, duration)
        return cls(height, width, layers, sound=SoundTrack.melody(duration, seed=seed))

    @classmethod
    def translation(cls, height: int, width: int, velocity: Vector, *, seed: int = 0) -> Scene:
        """One texture that shifts as a whole: the true flow is ``velocity`` times the time between.

        Args:
            height: Frame height in pixels.
            width: Frame width in pixels.
            velocity: Velocity (x, y) of the texture in pixels per second.
            seed: Chooses the texture.
        """
        motion = Motion(_middle(height, width), velocity)
        return cls(height, width, (noise_background(height, width, seed, motion),))

    @classmethod
    def rotation(cls, height: int, width: int, spin: float, *, seed: int = 0) -> Scene:
        """One texture that turns about the middle of the frame.

        Args:
            height: Frame height in pixels.
            width: Frame width in pixels.
            spin: Radians per second, clockwise on the screen.
            seed: Chooses the texture.
        """
        motion = Motion(_middle(height, width), spin=spin)
        return cls(height, width, (noise_background(height, width, seed, motion),))

    @classmethod
    def passing(
        cls,
        height: int,
        width: int,
        velocity: Vector,
        *,
        background_velocity: Vector = (0.0, 0.0),
        seed: int = 0,
    ) -> Scene:
        """One shape in the middle of the frame (at time 0) that passes over a texture.

        Args:
            height: Frame height in pixels.
            width: Frame width in pixels.
            velocity: Velocity of the shape, (x, y), pixels per second.
            background_velocity: Velocity (x, y) of the background in pixels per second.
            seed: Chooses textures and shape.
        """
        middle = _middle(height, width)
        back = noise_background(height, width, seed, Motion(middle, background_velocity))
        sprite = random_shape(random_generator(seed, 1), 0.4 * min(height, width))
        return cls(height, width, (back, Layer(sprite, Motion(middle, velocity), "shape")))

    def with_cut(self, time: float, scene: Scene) -> Scene:
        """This scene until ``time`` seconds, then another one of the same size, from its own time 0 on.

        The sound goes on.
        """
        if (scene.height, scene.width) != (self.height, self.width):
            raise ValueError(
                f"a cut from {self.height} x {self.width} to {scene.height} x {scene.width} pixels"
            )
        return replace(self, cut_time=time, after_cut=scene)

    def render(self, time: float) -> Tensor:
        """The frame at a time.

        Returns:
            float32 ``[3, H, W]``, RGB in [0, 1].
        """
        scene, time = self._shot(time)
        canvas = torch.zeros(3, self.height, self.width)
        for layer in scene.layers:
            matrix = layer.motion.matrix(time)
            top, bottom, left, right = box = layer.sprite.extent(matrix, self.height, self.width)
            if top >= bottom or left >= right:
                continue
            above = layer.sprite.draw(matrix, box)
            canvas[:, top:bottom, left:right].mul_(1 - above[3]).add_(above[:3])
        return canvas.clamp_(0, 1)

    def render_rgb(self, time: float) -> np.ndarray:
        """The frame at a time as uint8 ``[H, W, 3]``, RGB, rounded to the nearest."""
        levels = self.render(time).mul_(255).round_().to(torch.uint8)
        return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())

    def flow(self, time_a: float, time_b: float) -> Tensor:
        """True flow from one time to another, also of what leaves the frame or is hidden then.

        Returns:
            float32 ``[2, H, W]``, on the grid of ``time_a``, pixels (x right, y down).

        Raises:
            ValueError: If a cut lies between the two.
        """
        shot, time_a, time_b = self._one_shot(time_a, time_b)
        _, x, y = shot._targets(time_a, time_b)
        rows, columns = self._grid()
        return torch.stack([x - columns, y - rows]).float()

    def occlusion(self, time_a: float, time_b: float) -> Tensor:
        """What is to be seen at one time and hidden at another: covered, out of the frame, or cut away.

        Returns:
            float32 ``[1, H, W]``, on the grid of ``time_a``; 1 = hidden at ``time_b``, 0 = visible.
        """
        if self._shot(time_a)[0] is not self._shot(time_b)[0]:
            return torch.ones(1, self.height, self.width)
        shot, time_a, time_b = self._one_shot(time_a, time_b)
        owner, x, y = shot._targets(time_a, time_b)
        outside_x = (x < -ROUNDING) | (x > self.width - 1 + ROUNDING)
        hidden = outside_x | (y < -ROUNDING) | (y > self.height - 1 + ROUNDING)
        for index, layer in enumerate(shot.layers[1:], start=1):
            alpha = layer.sprite.alpha_at(layer.motion.matrix(time_b), x, y)
            hidden |= (owner < index) & (alpha > OPAQUE)
        return hidden[None].float()

    def owner(self, time: float) -> Tensor:
        """Which layer each pixel belongs to.

        Returns:
            int64 ``[H, W]``, index into the layers of the shot to be seen at that time.
        """
        scene, time = self._shot(time)
        owner = torch.zeros(self.height, self.width, dtype=torch.int64)
        for index, layer in enumerate(scene.layers[1:], start=1):
            matrix = layer.motion.matrix(time)
            top, bottom, left, right = box = layer.sprite.extent(matrix, self.height, self.width)
            if top >= bottom or left >= right:
                continue
            alpha = layer.sprite.draw(matrix, box, alpha_only=True)[0]
            owner[top:bottom, left:right].masked_fill_(alpha > OPAQUE, index)
        return owner

    def _shot(self, time: float) -> tuple[Scene, float]:
        """The scene to be seen at a time, and that time on its own clock."""
        if self.after_cut is not None and time >= self.cut_time:
            return self.after_cut._shot(time - self.cut_time)
        return self, time

    def _one_shot(self, time_a: float, time_b: float) -> tuple[Scene, float, float]:
        """The scene to be seen at both times, and both on its clock."""
        shot_a, clock_a = self._shot(time_a)
        shot_b, clock_b = self._shot(time_b)
        if shot_a is not shot_b:
            raise ValueError(f"there is no flow across the cut between {time_a:g} s and {time_b:g} s")
        return shot_a, clock_a, clock_b

    def _grid(self) -> tuple[Tensor, Tensor]:
        """Rows ``[H, 1]`` and columns ``[1, W]``, float64."""
        rows = torch.arange(self.height, dtype=torch.float64)[:, None]
        return rows, torch.arange(self.width, dtype=torch.float64)[None, :]

    def _targets(self, time_a: float, time_b: float) -> tuple[Tensor, Tensor, Tensor]:
        """Whose each pixel is at one time, and where that point of its layer is at another.

        Returns:
            int64 ``[H, W]``, and x and y, float64 ``[H, W]``, pixels.
        """
        owner = self.owner(time_a)
        moves = [
            layer.motion.matrix(time_b) @ np.linalg.inv(layer.motion.matrix(time_a)) for layer in self.layers
        ]
        move = torch.from_numpy(np.stack(moves))[owner]  # [H, W, 3, 3]
        rows, columns = self._grid()
        x = move[..., 0, 0] * columns + move[..., 0, 1] * rows + move[..., 0, 2]
        y = move[..., 1, 0] * columns + move[..., 1, 1] * rows + move[..., 1, 2]
        return owner, x, y


def _middle(height: int, width: int) -> Vector:
    """The middle of a frame, (x, y), pixels."""
    return (width - 1) / 2, (height - 1) / 2


def random_scene(seed: int, height: int, width: int, difficulty: float = 0.5) -> Scene:
    """A scene of random shapes over a random texture, for tests and for training.

    Meant for frames at whole seconds: from one to the next, things move by up to about a tenth of the
    frame's width at difficulty 1. Difficulty raises the number of shapes, their speed, turning, growth,
    acceleration, and the fraction of thin ones.

    Args:
        seed: Not negative; the same seed gives the same scene.
        height: Frame height in pixels.
        width: Frame width in pixels.
        difficulty: 0 (one shape, slow and even motion) to 1.

    Raises:
        ValueError: If the difficulty is outside [0, 1].
    """
    if not 0 <= difficulty <= 1:
        raise ValueError(f"difficulty must lie in [0, 1], not {difficulty}")
    return Scene(height, width, random_layers(seed, height, width, difficulty))
