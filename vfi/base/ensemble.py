"""Test-time ensembles: the mean of a model's frames for flipped, rotated, halved and reversed windows.

An ideal model gives the same frame for a flipped window, flipped; a trained one nearly does, and
its errors differ, so that the mean tends to be closer to the ground truth, at a multiple of the cost.
:class:`Ensemble` wraps any interpolator and is one itself::

    model = Ensemble(load_model("quadratic"), members_of(["flip_test", "reverse_test"]))

The switches are those of EQVI's test script and, as ``turn_test``, SGM-VFI's test-time augmentation, see
``docs/how-to/eqvi_protocol.md``. With ``M`` the model, ``V`` a view of the frames and ``V'`` its inverse, a
member computes ``V'(M(V(I0), V(I1), V(I2), V(I3), t))``, a reversed one
``V'(M(V(I3), V(I2), V(I1), V(I0), 1 - t))``. Each is clamped by the model; their mean needs no further clamp.

Deviations from the authors' script, where two switches are broken: ``reverse_flip`` fails there on its flip
along both axes, and ``reverse_rotation`` asks for t where the reversed order needs 1 - t. Here both are
right, and the reversed switches need no other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.base.interpolator import Interpolator, MemoryUse, Sources, require_interpolator
from vfi.types import Interpolation, SizeRequirement, Window

BYTES_PER_PIXEL = 72
"""Memory of an ensemble beside its model: four frames of a member, its result, and the sum, in float32."""


class View(Enum):
    """A transform of a model's input frames that is undone on the result."""

    PLAIN = "plain"
    HALF = "half size"
    """Both sides halved (bilinear), the result enlarged again. Frames of even sides only."""
    FLIPPED_LEFT_RIGHT = "flipped left-right"
    """Left and right exchanged."""
    FLIPPED_UP_DOWN = "flipped up-down"
    """Top and bottom exchanged."""
    ROTATED_180 = "rotated by 180"
    """A half turn."""
    ROTATED_90 = "rotated by 90"
    """A quarter turn counter-clockwise."""
    ROTATED_270 = "rotated by 270"
    """A quarter turn clockwise."""

    def apply(self, frame: Tensor) -> Tensor:
        """The transformed frame ``[B, C, H, W]``, input of the model; contiguous."""
        if self is View.HALF:
            return F.interpolate(frame, scale_factor=0.5, mode="bilinear", align_corners=False)
        return self._move(frame, 1).contiguous()

    def undo(self, frame: Tensor) -> Tensor:
        """The result ``[B, C, H, W]`` for transformed frames, transformed back."""
        if self is View.HALF:
            return F.interpolate(frame, scale_factor=2, mode="bilinear", align_corners=False)
        return self._move(frame, -1)

    @property
    def exchanges_sides(self) -> bool:
        """Whether heights become widths."""
        return self in (View.ROTATED_90, View.ROTATED_270)

    def plain_width(self, height: int, width: int) -> int:
        """The width of the original frame whose view has this height and width, in pixels."""
        if self is View.HALF:
            return 2 * width
        return height if self.exchanges_sides else width

    def _move(self, frame: Tensor, direction: int) -> Tensor:
        """The frame flipped or rotated, in the opposite direction for -1; flips are their own inverse."""
        axes = _FLIPPED_AXES.get(self)
        if axes is not None:
            return frame.flip(axes)
        turns = {View.ROTATED_90: 1, View.ROTATED_270: 3}.get(self, 0)
        return frame.rot90(direction * turns, (-2, -1)) if turns else frame


_FLIPPED_AXES = {View.FLIPPED_LEFT_RIGHT: (-1,), View.FLIPPED_UP_DOWN: (-2,), View.ROTATED_180: (-2, -1)}


@dataclass(frozen=True)
class Member:
    """One member of an ensemble: a view and an order of the frames."""

    view: View
    reverse: bool = False
    """Whether time runs backwards: last frame first, and 1 - t."""

    def transform(self, window: Window) -> Window:
        """The window that the model is given for this member.

        The keys depend on the view, not on the order of the frames: cached results serve both orders.
        """
        transformed = window.map(self.view.apply)
        if self.view is not View.PLAIN:
            transformed = transformed.map_keys(lambda key: (self.view, key))
        return transformed.reversed() if self.reverse else transformed

    def tile(self, tile: int | None, height: int, width: int) -> int | None:
        """The tile height for this member's frames, with as many pixels per tile as for the original window.

        Args:
            tile: Tile height of the original window in rows; None for all rows.
            height: Height of the member's frames in pixels.
            width: Width of the member's frames in pixels.

        Returns:
            Tile height in rows; None for all rows.
        """
        if tile is None:
            return None
        tile = max(1, tile * self.view.plain_width(height, width) // width)
        return tile if tile < height else None

    def time(self, t: Tensor) -> Tensor:
        """The time ``[B]`` at which the model interpolates for this member: ``t`` or ``1 - t``."""
        return 1 - t if self.reverse else t

    def __str__(self) -> str:
        """The name in the log."""
        return f"{self.view.value}, reversed" if self.reverse else self.view.value


PLAIN = Member(View.PLAIN)
SWITCHES: dict[str, tuple[Member, ...]] = {
    "ms_test": (Member(View.HALF),),
    "flip_test": (Member(View.FLIPPED_LEFT_RIGHT), Member(View.FLIPPED_UP_DOWN)),
    "rotation_test": (Member(View.ROTATED_90), Member(View.ROTATED_270)),
    "turn_test": (Member(View.ROTATED_180),),
    "reverse_test": (Member(View.PLAIN, reverse=True),),
    "reverse_flip": (
        Member(View.FLIPPED_LEFT_RIGHT, reverse=True),
        Member(View.FLIPPED_UP_DOWN, reverse=True),
        Member(View.ROTATED_180, reverse=True),
    ),
    "reverse_rotation": (
        Member(View.ROTATED_90, reverse=True),
        Member(View.ROTATED_270, reverse=True),
    ),
}
"""The members that each switch adds to the plain one."""


def members_of(switches: Iterable[str]) -> tuple[Member, ...]:
    """The members of an ensemble: the plain one, and those of every switch.

    Args:
        switches: Names of switches, keys of :data:`SWITCHES`.

    Raises:
        ValueError: If a switch is unknown.
    """
    asked = set(switches)
    if unknown := asked - set(SWITCHES):
        raise ValueError(f"there is no ensemble {sorted(unknown)[0]!r}: choose from {', '.join(SWITCHES)}")
    return (PLAIN, *(member for name, members in SWITCHES.items() if name in asked for member in members))


class Ensemble(Interpolator):
    """The mean of a model's frames for all members.

    Device, data type, inputs and number of frames are the model's. The motion of each member is estimated
    once per window; :meth:`interpolate_window` has that of one member in memory at a time. The caches of the
    model have room for every view (:meth:`~vfi.base.interpolator.Interpolator.reserve_cache`).
    """

    def __init__(self, model: Interpolator, members: Sequence[Member]) -> None:
        """Wrap a model.

        Args:
            model: Interpolator that is run once per member.
            members: Members, see :func:`members_of`; with :data:`PLAIN`, the model's own frame is part of the
                mean.

        Raises:
            ValueError: If there are no members, or ``model`` is no interpolator.
        """
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs one member or more")
        self.model = require_interpolator(model)
        self.members = tuple(members)
        self.window = model.window
        self.inputs = model.inputs
        self.cpu_threads = model.cpu_threads
        self.networks = [f"model.{name}" for name in model.networks]
        factor = 2 if any(member.view is View.HALF for member in members) else 1
        self.size = SizeRequirement(factor * model.size.multiple, factor * model.size.minimum)
        self.train(model.training)
        self.reserve_cache(1)

    @property
    def device(self) -> torch.device:
        """The device the model computes on."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """The data type of the model's frames."""
        return self.model.dtype

    @property
    def precision(self) -> torch.dtype:
        """The data type of most of the model's arithmetic."""
        return self.model.precision

    def set_precision(self, dtype: torch.dtype) -> None:
        """See the base class."""
        self.model.set_precision(dtype)

    def reserve_cache(self, variants: int) -> None:
        """Reserve caches for every view of each variant. See the base class."""
        self.variants = variants
        self.model.reserve_cache(variants * len({member.view for member in self.members}))

    def estimate_motion(self, window: Window) -> tuple[Any, ...]:
        """Estimate the motion of each member. See the base class."""
        return tuple(self.model.estimate_motion(member.transform(window)) for member in self.members)

    def prepare(self, window: Window) -> tuple[Sources, ...]:
        """Compute the sources of each member. See the base class."""
        transformed = (member.transform(window) for member in self.members)
        return tuple(Sources(window, self.model.prepare(window)) for window in transformed)

    def flow_at(self, motion: tuple[Any, ...], t: Tensor) -> tuple[Any, ...]:
        """Compute the flow of each member. See the base class."""
        return tuple(
            self.model.flow_at(own, member.time(t)) for member, own in zip(self.members, motion, strict=True)
        )

    def synthesize(
        self, sources: Sources, motion: tuple[Any, ...], flow: tuple[Any, ...], t: Tensor, rows: slice
    ) -> Interpolation:
        """Synthesize rows of the mean frame, without flows and blend. See the base class.

        Every member synthesizes its whole frame: rows of the mean are no rows of a rotated frame.
        """
        total = torch.zeros_like(sources.window.start, dtype=torch.float32)
        for member, source, member_motion, member_flow in zip(
            self.members, sources.context, motion, flow, strict=True
        ):
            result = self.model.synthesize(
                source, member_motion, member_flow, member.time(t), source.window.rows
            )
            total = total + member.view.undo(result.frame)
        return Interpolation((total / len(self.members)).to(sources.window.start.dtype)[:, :, rows])

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """Memory of the model for the most demanding member, and of the sums. See the base class."""
        use = self.model.memory_use(height, width)
        if any(member.view.exchanges_sides for member in self.members):
            rotated = self.model.memory_use(width, height)
            # A row of a rotated frame has as many pixels as a column of the original.
            overlap = max(use.overlap, -(-rotated.overlap * height // width))
            use = MemoryUse(
                max(use.per_pixel, rotated.per_pixel),
                max(use.per_tile_pixel, rotated.per_tile_pixel),
                overlap,
            )
        return use._replace(per_pixel=BYTES_PER_PIXEL + use.per_pixel)

    def render_layers(
        self, layers: Sequence[Window], times: Sequence[Tensor], tile: int | None
    ) -> Iterator[list[Tensor]]:
        """Interpolate member by member, with the motion of one in memory at a time. See the base class."""
        start = layers[0].start
        totals = [[torch.zeros_like(start, dtype=torch.float32) for _ in layers] for _ in times]
        for member in self.members:
            transformed = [member.transform(layer) for layer in layers]
            member_times = [member.time(t) for t in times]
            rows = member.tile(tile, *transformed[0].start.shape[-2:])
            results = self.model.render_layers(transformed, member_times, rows)
            for sums, frames in zip(totals, results, strict=True):
                for total, frame in zip(sums, frames, strict=True):
                    total += member.view.undo(frame)
        for sums in totals:
            yield [(total / len(self.members)).to(start.dtype) for total in sums]
