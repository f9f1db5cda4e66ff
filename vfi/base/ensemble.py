"""Test-time ensembles: the mean of what a model makes of mirrored, turned, halved and reversed windows.

A right model gives the same frame whichever way the pictures are shown to it; a trained one nearly does, and
its errors differ, so that the mean tends to be closer to the truth, at as many times the cost.
:class:`Ensemble` wraps any interpolator and is one itself::

    model = Ensemble(load_model("quadratic"), members_of(["flip_test", "reverse_test"]))

The switches are those of EQVI's test script and, as ``turn_test``, SGM-VFI's test-time augmentation, see
``docs/how-to/eqvi_protocol.md``. With ``M`` the model, ``V`` a way to show pictures and ``V'`` its inverse, a
member makes ``V'(M(V(I0), V(I1), V(I2), V(I3), t))``, a reversed one
``V'(M(V(I3), V(I2), V(I1), V(I0), 1 - t))``. Each is clamped by the model; their mean needs no further clamp.

Deviations from the authors' script, where two switches are broken: ``reverse_flip`` fails there on its flip
along both axes, and ``reverse_rotation`` asks for t where the reversed order needs 1 - t. Here both are
right, and the reversed switches need no other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.base.interpolator import Interpolator, MemoryUse
from vfi.types import Interpolation, SizeRequirement, Window

BYTES_PER_PIXEL = 72
"""What an ensemble holds beside its model: a member's four frames, its result, and the sum, in float32."""


class View(Enum):
    """A way to show a model the same pictures, undone on what it makes."""

    PLAIN = "plain"
    HALF = "half size"
    """Both sides halved (bilinear), the result enlarged again. Pictures of even sides only."""
    MIRRORED = "mirrored"
    """Left and right exchanged."""
    UPSIDE_DOWN = "upside down"
    """Top and bottom exchanged."""
    TURNED_HALF = "turned by 180"
    """Both exchanged."""
    TURNED_LEFT = "turned by 90"
    """A quarter turn counter-clockwise."""
    TURNED_RIGHT = "turned by 270"
    """A quarter turn clockwise."""

    def apply(self, picture: Tensor) -> Tensor:
        """The picture ``[B, C, H, W]`` as the model gets to see it; contiguous."""
        if self is View.HALF:
            return F.interpolate(picture, scale_factor=0.5, mode="bilinear", align_corners=False)
        return self._move(picture, 1).contiguous()

    def undo(self, picture: Tensor) -> Tensor:
        """What the model made of such pictures, as if it had seen the plain ones: ``[B, C, H, W]``."""
        if self is View.HALF:
            return F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
        return self._move(picture, -1)

    @property
    def exchanges_sides(self) -> bool:
        """Whether heights become widths."""
        return self in (View.TURNED_LEFT, View.TURNED_RIGHT)

    def plain_width(self, height: int, width: int) -> int:
        """The width of the plain picture that is shown as one of this height and width."""
        if self is View.HALF:
            return 2 * width
        return height if self.exchanges_sides else width

    def _move(self, picture: Tensor, direction: int) -> Tensor:
        """Move the pixels there (1) or back (-1); flips are their own inverse."""
        axes = _FLIPPED_AXES.get(self)
        if axes is not None:
            return picture.flip(axes)
        turns = {View.TURNED_LEFT: 1, View.TURNED_RIGHT: 3}.get(self, 0)
        return picture.rot90(direction * turns, (-2, -1)) if turns else picture


_FLIPPED_AXES = {View.MIRRORED: (-1,), View.UPSIDE_DOWN: (-2,), View.TURNED_HALF: (-2, -1)}


@dataclass(frozen=True)
class Member:
    """One of the ways in which an ensemble asks its model."""

    view: View
    reverse: bool = False
    """Whether time runs backwards: last frame first, and 1 - t."""

    def show(self, window: Window) -> Window:
        """The window as this member shows it to the model.

        The keys say how the frames are shown, not in which order: what a model keeps serves both orders.
        """
        frames = [None if frame is None else self.view.apply(frame) for frame in window[:4]]
        keys = window.keys
        if keys is not None and self.view is not View.PLAIN:
            keys = (self.view, keys[0]), (self.view, keys[1]), (self.view, keys[2]), (self.view, keys[3])
        prev, start, end, following = reversed(frames) if self.reverse else frames
        assert start is not None
        assert end is not None
        if keys is not None and self.reverse:
            keys = keys[3], keys[2], keys[1], keys[0]
        return Window(prev, start, end, following, keys)

    def time(self, t: Tensor) -> Tensor:
        """The time that this member asks for, ``[B]``."""
        return 1 - t if self.reverse else t

    def __str__(self) -> str:
        """How the log calls it."""
        return f"{self.view.value}, reversed" if self.reverse else self.view.value


PLAIN = Member(View.PLAIN)
SWITCHES: dict[str, tuple[Member, ...]] = {
    "ms_test": (Member(View.HALF),),
    "flip_test": (Member(View.MIRRORED), Member(View.UPSIDE_DOWN)),
    "rotation_test": (Member(View.TURNED_LEFT), Member(View.TURNED_RIGHT)),
    "turn_test": (Member(View.TURNED_HALF),),
    "reverse_test": (Member(View.PLAIN, reverse=True),),
    "reverse_flip": (
        Member(View.MIRRORED, reverse=True),
        Member(View.UPSIDE_DOWN, reverse=True),
        Member(View.TURNED_HALF, reverse=True),
    ),
    "reverse_rotation": (
        Member(View.TURNED_LEFT, reverse=True),
        Member(View.TURNED_RIGHT, reverse=True),
    ),
}
"""The switches and the members that each adds to the plain one."""


def members_of(switches: Iterable[str]) -> tuple[Member, ...]:
    """The members of an ensemble: the plain one, and those of every switch.

    Args:
        switches: Keys of :data:`SWITCHES`.

    Raises:
        ValueError: an unknown switch.
    """
    asked = set(switches)
    if unknown := asked - set(SWITCHES):
        raise ValueError(f"there is no ensemble {sorted(unknown)[0]!r}: choose from {', '.join(SWITCHES)}")
    return (PLAIN, *(member for name, members in SWITCHES.items() if name in asked for member in members))


class EnsembleMotion(NamedTuple):
    """What the model knows about a window before a time is chosen, once for every member."""

    motions: tuple[Any, ...]


class Ensemble(Interpolator):
    """A model asked in several ways; makes the mean of its answers.

    Device, type, inputs and number of frames are the model's. The motion of each member is estimated once per
    window; :meth:`interpolate_window` holds that of one member at a time. What the model keeps from window to
    window it keeps for every view (:meth:`~vfi.base.interpolator.Interpolator.keep`).
    """

    def __init__(self, model: Interpolator, members: Sequence[Member]) -> None:
        """Wrap a model.

        Args:
            model: Makes the frames; its caches get room for all views.
            members: In which ways it is asked, see :func:`members_of`.

        Raises:
            ValueError: there is no member.
        """
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs one member or more")
        self.model = model
        self.members = tuple(members)
        self.window = model.window
        self.inputs = model.inputs
        self.cpu_threads = model.cpu_threads
        self.networks = [f"model.{name}" for name in model.networks]
        factor = 2 if any(member.view is View.HALF for member in members) else 1
        self.size = SizeRequirement(factor * model.size.multiple, factor * model.size.minimum)
        self.train(model.training)
        self.keep(1)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the model's pictures."""
        return self.model.dtype

    @property
    def precision(self) -> torch.dtype:
        """The type of most of the model's arithmetic."""
        return self.model.precision

    def set_precision(self, dtype: torch.dtype) -> None:
        """See the base class."""
        self.model.set_precision(dtype)

    def keep(self, windows: int) -> None:
        """See the base class: each variant of a window is shown in as many ways as members differ in."""
        self.model.keep(windows * len({member.view for member in self.members}))

    def estimate_motion(self, window: Window) -> EnsembleMotion:
        """What each member knows about the window. See the base class."""
        return EnsembleMotion(
            tuple(self.model.estimate_motion(member.show(window)) for member in self.members)
        )

    def transfer_motion(self, window: Window, motion: EnsembleMotion) -> EnsembleMotion:
        """What each member knows, for other pictures. See the base class."""
        return EnsembleMotion(
            tuple(
                self.model.transfer_motion(member.show(window), known)
                for member, known in zip(self.members, motion.motions, strict=True)
            )
        )

    def synthesize(self, window: Window, motion: EnsembleMotion, t: Tensor) -> Interpolation:
        """The mean frame at time ``t``; flows and blends are the members' own. See the base class."""
        made = (
            member.view.undo(self.model.synthesize(member.show(window), known, member.time(t)).frame)
            for member, known in zip(self.members, motion.motions, strict=True)
        )
        return Interpolation(_mean(made, window.start.dtype))

    def synthesize_frame(self, window: Window, motion: Any, t: Tensor, *, tile: int | None) -> Tensor:
        """The mean frame, made in tiles. See the base class."""
        made = (
            self._member_frame(member, member.show(window), known, t, tile)
            for member, known in zip(self.members, motion.motions, strict=True)
        )
        return _mean(made, window.start.dtype)

    def memory_use(self, height: int, width: int) -> MemoryUse:
        """The model's for the most demanding member, and the ensemble's own. See the base class."""
        use = self.model.memory_use(height, width)
        if any(member.view.exchanges_sides for member in self.members):
            turned = self.model.memory_use(width, height)
            # Rows beside a tile of a turned picture are as long as the plain one is high.
            overlap = max(use.overlap, -(-turned.overlap * height // width))
            use = MemoryUse(
                max(use.per_pixel, turned.per_pixel), max(use.per_tile_pixel, turned.per_tile_pixel), overlap
            )
        return use._replace(per_pixel=BYTES_PER_PIXEL + use.per_pixel)

    def _make_layers(
        self, layers: Sequence[Window], times: Sequence[Tensor], tile: int | None
    ) -> Iterator[list[Tensor]]:
        """Member by member, so that the motion of one alone takes memory. See the base class."""
        start = layers[0].start
        totals = [[torch.zeros_like(start, dtype=torch.float32) for _ in layers] for _ in times]
        for member in self.members:
            shown = [member.show(layer) for layer in layers]
            motion = self.model.estimate_motion(shown[0])
            motions = [motion, *(self.model.transfer_motion(window, motion) for window in shown[1:])]
            for t, sums in zip(times, totals, strict=True):
                for total, window, moving in zip(sums, shown, motions, strict=True):
                    total += self._member_frame(member, window, moving, t, tile)
        for sums in totals:
            yield [(total / len(self.members)).to(start.dtype) for total in sums]

    def _member_frame(
        self, member: Member, shown: Window, motion: Any, t: Tensor, tile: int | None
    ) -> Tensor:
        """One member's frame at time ``t``, moved back.

        Args:
            member: Who makes it.
            shown: The window as the member shows it.
            motion: What the model knows about that.
            t: ``[B]``, the ensemble's.
            tile: Rows of the plain window; the member's tiles have as many pixels.
        """
        if tile is not None:
            height, width = shown.start.shape[-2:]
            tile = max(1, tile * member.view.plain_width(height, width) // width)
            tile = tile if tile < height else None
        return member.view.undo(self.model.synthesize_frame(shown, motion, member.time(t), tile=tile))


def _mean(frames: Iterator[Tensor], dtype: torch.dtype) -> Tensor:
    """The mean of the members' frames, summed up in float32 whatever their type."""
    total = next(frames).float()
    count = 1
    for frame in frames:
        total, count = total + frame.float(), count + 1
    return (total / count).to(dtype)
