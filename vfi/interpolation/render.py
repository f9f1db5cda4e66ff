"""From pairs to output frames: what is shown at each instant, and how it is made.

:class:`Renderer` asks the schedule for the instants of a pair, decides for each whether a source picture is
passed through, repeated, blended or interpolated, and makes it. Frames that an interrupted run has done are
counted but not made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vfi.errors import InputError
from vfi.interpolation.records import Change, Decision, Pair, Shot, Showing
from vfi.interpolation.schedule import Kind, PlanItem, Schedule, Timing, frame_name
from vfi.io.frames import OutputFrame
from vfi.io.pixels.color import Rounding
from vfi.io.pixels.picture import Picture
from vfi.types import FrameKeys, Window

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator

HALF = Fraction(1, 2)
TIMES_AT_ONCE = 8
"""Most new frames that one call of the model makes, ..."""
BYTES_AT_ONCE = 256 << 20
"""... and most bytes of them: bounds the memory of pairs with very many, or very large, new frames."""


@dataclass(frozen=True)
class RenderRules:
    """How output frames are made."""

    blend_cuts: bool = False
    """Across a cut: blend both sides instead of repeating the nearer one."""
    rounding: Rounding = "nearest"
    write_originals: bool = True
    """Write the source's own frames too (False: only new ones, for image folders)."""
    tile: int | None = None
    naming: str = "generic"
    """Names of new images, see :func:`vfi.interpolation.schedule.frame_name`."""


@dataclass(frozen=True)
class Step:
    """One output frame before it is made."""

    item: PlanItem
    number: int
    """Its index in the output."""
    name: str
    content: Picture | Fraction
    """A picture to be shown as it is, or the position of a new one between start (0) and end (1)."""


class Renderer:
    """Makes the output frames of one source, pair by pair."""

    def __init__(self, model: Interpolator, timing: Timing, rules: RenderRules, skip: int = 0) -> None:
        """Begin at the first pair.

        Args:
            model: Makes the new frames.
            timing: How many, and when.
            rules: How.
            skip: Number of output frames that are already written.
        """
        self.model = model
        self.timing = timing
        self.rules = rules
        self.skip = skip
        self.count = 0
        """Output frames so far, skipped ones included."""
        self._schedule = Schedule(timing)
        self._shown = 0  # source frames before the pair at hand, as the schedule counts them
        self._source = object()  # makes the keys of this source's frames differ from those of any other
        self._tensors: dict[int, Tensor] = {}

    def pair(self, pair: Pair) -> tuple[Decision, Iterator[OutputFrame]]:
        """What is decided for a pair, and the frames from its start until just before its end."""
        showings = [showing.stamp for showing in pair.start.showings]
        items: list[PlanItem] = []
        for stamp, following in pairwise([*showings, pair.end.first]):
            items += self._schedule.pair(stamp, following)
        steps = self._steps(pair.start, pair.end, items)
        return self._decision(pair, steps), self._make(pair, steps)

    def last(self, shot: Shot) -> Iterator[OutputFrame]:
        """The frames that end the output."""
        showings = [showing.stamp for showing in shot.showings]
        items: list[PlanItem] = []
        for stamp, following in pairwise(showings):
            items += self._schedule.pair(stamp, following)
        items += self._schedule.last(showings[-1])
        for step in self._steps(shot, None, items):
            if step.number >= self.skip:
                assert isinstance(step.content, Picture)
                yield _output(step, step.content)

    def _steps(self, shot: Shot, end: Shot | None, items: list[PlanItem]) -> list[Step]:
        """Number and name what is written, and decide what it shows."""
        steps: list[Step] = []
        names = [showing.name for showing in (*shot.showings, *(end.showings[:1] if end else ()))]
        for item in items:
            if item.kind is Kind.ORIGINAL and not self.rules.write_originals:
                continue
            place = item.source - self._shown
            next_name = names[place + 1] if place + 1 < len(names) else None
            name = frame_name(item, names[place], self.timing, naming=self.rules.naming, next_name=next_name)
            content = self._content(shot, end, item, shot.showings[place])
            steps.append(Step(item, self.count, name, content))
            self.count += 1
        self._shown += len(shot.showings)
        return steps

    def _content(self, shot: Shot, end: Shot | None, item: PlanItem, showing: Showing) -> Picture | Fraction:
        if end is None or end.change is Change.STILL:
            return shot.frame.picture
        if end.change is Change.CUT:
            if item.t == 0 or showing is not shot.showings[-1]:
                return shot.frame.picture
            if self.rules.blend_cuts:
                return item.t
            return (shot if item.t <= HALF else end).frame.picture
        position = (item.moment - shot.first.time) / (end.first.time - shot.first.time)
        return position if position else shot.frame.picture

    def _make(self, pair: Pair, steps: list[Step]) -> Iterator[OutputFrame]:
        """Turn steps into frames, new ones a few at a time."""
        wanted = [step for step in steps if step.number >= self.skip]
        count = frames_at_once(pair.start.frame.picture)
        for first in range(0, len(wanted), count):
            some = wanted[first : first + count]
            positions = [step.content for step in some if isinstance(step.content, Fraction)]
            made = iter(self._new_pictures(pair, positions))
            for step in some:
                yield _output(step, step.content if isinstance(step.content, Picture) else next(made))

    def _new_pictures(self, pair: Pair, positions: list[Fraction]) -> list[Picture]:
        """Interpolate or blend at these positions between start and end."""
        if not positions:
            return []
        start, end = pair.start.frame.picture, pair.end.frame.picture
        if start.equals(end):
            return [start] * len(positions)
        times = [float(position) for position in positions]
        window = self._window(pair)
        if pair.end.change is Change.CUT:
            frames = [torch.lerp(window.start, window.end, t) for t in times]
        else:
            frames = self.model.interpolate_window(window, times, tile=self.rules.tile, check_finite=False)
        return [
            Picture.from_tensor(frame, like=start, end=end, t=t, rounding=self.rules.rounding)
            for frame, t in zip(frames, times, strict=True)
        ]

    def _window(self, pair: Pair) -> Window:
        """The pair as tensors on the model's device; each picture is converted once."""
        shots = (pair.start, pair.end, pair.prev, pair.next)
        tensors: dict[int, Tensor] = {}
        for shot in shots:
            if shot is not None:
                index = shot.frame.index
                known = self._tensors.get(index)
                tensors[index] = shot.frame.picture.tensor(self.model.device) if known is None else known
        self._tensors = tensors
        start, end = tensors[pair.start.frame.index], tensors[pair.end.frame.index]
        outer = (None if shot is None else tensors[shot.frame.index] for shot in (pair.prev, pair.next))
        keys = ((self._source, None if shot is None else shot.frame.index) for shot in shots)
        return Window(start, end, *outer, keys=FrameKeys(*keys))

    def _decision(self, pair: Pair, steps: list[Step]) -> Decision:
        """What is done with a pair, for the log."""
        change, equal = pair.end.change, len(pair.start.showings)
        new_frames = sum(isinstance(step.content, Fraction) for step in steps)
        action, reason = ("interpolated" if new_frames else "passed"), pair.reason
        if change is Change.STILL:
            action, reason = "held", "the picture stands still"
        elif change is Change.CUT:
            action, reason = ("blended" if self.rules.blend_cuts else "repeated"), "cut"
        elif equal > 1:
            reason += f", {equal} equal frames taken as one"
        return Decision(
            first=pair.start.frame.index,
            second=pair.end.frame.index,
            time=round(float(pair.start.first.time), 6),
            action=action,
            reason=reason,
            score=None if pair.end.score is None else round(pair.end.score, 4),
            new_frames=new_frames,
        )


def frames_at_once(picture: Picture) -> int:
    """How many new frames of this size to make in one call of the model."""
    frame_bytes = picture.height * picture.width * 3 * 4  # three channels of float32
    return max(1, min(TIMES_AT_ONCE, BYTES_AT_ONCE // frame_bytes))


def check_names(pair: Pair, timing: Timing) -> None:
    """Make sure that no new image takes the name of the source's next one.

    Raises:
        InputError: the source already holds names of the form that new images get.
    """
    name, following = pair.start.showings[-1].name, pair.end.showings[0].name
    if timing.inter_frames is None or not following.startswith(f"{name}_"):
        return
    number = following.removeprefix(f"{name}_")
    if number.isdecimal() and int(number) < timing.inter_frames:
        folder = pair.start.frame.picture.path
        raise InputError(
            f"{folder.parent if folder else 'The input'} already holds a new frame, {following}: "
            "give a folder that holds original frames only."
        )


def _output(step: Step, picture: Picture) -> OutputFrame:
    return OutputFrame(step.number, step.item.time, step.item.duration, picture, step.name)
