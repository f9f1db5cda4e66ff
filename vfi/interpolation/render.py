"""From pairs to output frames: what each frame of the plan shows, and how it is made.

:class:`Renderer` asks the plan for the output frames of a pair, decides for each whether a source frame is
passed through, held, repeated, blended or interpolated, and makes it. It needs nothing but the pair: any
pair can be rendered alone, and any part of its frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vfi.errors import InputError
from vfi.interpolation.schedule import Kind, Plan, PlanItem
from vfi.interpolation.windows import Change, DistinctFrame, Pair
from vfi.io.frames import OutputFrame
from vfi.io.pixels.color import Rounding
from vfi.io.pixels.picture import Picture
from vfi.jobs.journal import PAUSE_REASON, Decision
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
    tile: int | None = None


class Renderer:
    """Makes the output frames of one source, pair by pair."""

    def __init__(self, model: Interpolator, plan: Plan, rules: RenderRules) -> None:
        """Prepare for any pair.

        Args:
            model: Interpolates the new frames.
            plan: Which output frames there are; it knows a pair before that is rendered.
            rules: How frames are made.
        """
        self.model = model
        self.plan = plan
        self.rules = rules
        self._source = object()  # makes the keys of this source's frames differ from those of any other
        self._tensors: dict[int, Tensor] = {}

    def pair(self, pair: Pair, first: int = 0) -> tuple[Decision, Iterator[OutputFrame]]:
        """What is decided for a pair, and the frames from its start until just before its end.

        Args:
            pair: Consecutive distinct frames with their neighbours.
            first: Number of the first wanted output frame; those before it are not made.
        """
        items = [item for source in _sources(pair.start) for item in self.plan.items(source)]
        shown = [self._shown(pair, item) for item in items]
        new_frames = sum(isinstance(content, Fraction) for content in shown)
        wanted = [(item, content) for item, content in zip(items, shown, strict=True) if item.index >= first]
        return self._decision(pair, new_frames), self._make(pair, wanted)

    def last(self, distinct: DistinctFrame, first: int = 0) -> Iterator[OutputFrame]:
        """The frames that end the output, from number ``first`` on."""
        for source in _sources(distinct):
            for item in self.plan.items(source):
                if item.index >= first:
                    yield _output(item, distinct.frame.image)

    def _shown(self, pair: Pair, item: PlanItem) -> Picture | Fraction:
        """What an output frame shows: a source frame's samples, or the t in (0, 1) to interpolate at."""
        start, end = pair.start, pair.end
        last = start.frame.index + len(start.timestamps) - 1
        if end.change is Change.HOLD or item.kind is Kind.HOLD:
            return start.frame.image
        if end.change in (Change.CUT, Change.PAUSE) and (item.t == 0 or item.source != last):
            return start.frame.image
        if end.change is Change.PAUSE:
            return item.t
        if end.change is Change.CUT:
            return item.t if self.rules.blend_cuts else (start if item.t <= HALF else end).frame.image
        t = (item.source_time - start.frame.time) / (end.frame.time - start.frame.time)
        return t or start.frame.image

    def _make(self, pair: Pair, wanted: list[tuple[PlanItem, Picture | Fraction]]) -> Iterator[OutputFrame]:
        """Turn decisions into frames, new ones a few at a time."""
        count = frames_at_once(pair.start.frame.image)
        for first in range(0, len(wanted), count):
            some = wanted[first : first + count]
            new = iter(self._synthesize(pair, [t for _, t in some if isinstance(t, Fraction)]))
            for item, content in some:
                yield _output(item, content if isinstance(content, Picture) else next(new))

    def _synthesize(self, pair: Pair, positions: list[Fraction]) -> list[Picture]:
        """Interpolate or blend at these t between start and end."""
        if not positions:
            return []
        start, end = pair.start.frame.image, pair.end.frame.image
        if start.equals(end):
            return [start] * len(positions)
        times = [float(t) for t in positions]
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
        """The pair as tensors on the model's device; each frame is converted once."""
        frames = [distinct and distinct.frame for distinct in (pair.start, pair.end, pair.prev, pair.next)]
        self._tensors = {
            frame.index: self._tensors[frame.index]
            if frame.index in self._tensors
            else frame.image.tensor(self.model.device)
            for frame in frames
            if frame is not None
        }
        start, end = (self._tensors[each.frame.index] for each in (pair.start, pair.end))
        outer = (each and self._tensors[each.frame.index] for each in (pair.prev, pair.next))
        keys = ((self._source, frame and frame.index) for frame in frames)
        return Window(start, end, *outer, keys=FrameKeys(*keys))

    def _decision(self, pair: Pair, new_frames: int) -> Decision:
        """What is done with a pair, for the log."""
        change, repeats = pair.end.change, len(pair.start.timestamps)
        action, reason = ("interpolated" if new_frames else "passed"), pair.reason
        if change is Change.HOLD:
            action, reason = "held", "the frame is repeated for long"
        elif change is Change.CUT:
            action, reason = ("blended" if self.rules.blend_cuts else "repeated"), "cut"
        elif change is Change.PAUSE:
            last = pair.start.frame.index + repeats - 1
            held = self.plan.motion_start(last) - pair.start.timestamps[-1].time
            action = action if new_frames else "held"
            reason += f", {PAUSE_REASON}: held for {float(held):.3f} s"
        elif repeats > 1:
            reason += f", {repeats} equal frames taken as one"
        return Decision(
            first=pair.start.frame.index,
            second=pair.end.frame.index,
            time=round(float(pair.start.frame.time), 6),
            action=action,
            reason=reason,
            score=None if pair.end.score is None else round(pair.end.score, 4),
            new_frames=new_frames,
        )


def frames_at_once(picture: Picture) -> int:
    """How many new frames of this size to make in one call of the model."""
    frame_bytes = picture.height * picture.width * 3 * 4  # three channels of float32
    return max(1, min(TIMES_AT_ONCE, BYTES_AT_ONCE // frame_bytes))


def check_names(pair: Pair, inter_frames: int | None) -> None:
    """Make sure that no new image takes the name of the source's next one.

    Args:
        pair: Consecutive images.
        inter_frames: Number of new images between each two; None: on a grid, where names are numbers.

    Raises:
        InputError: If the source already holds names of the form that new images get.
    """
    name, following = pair.start.timestamps[-1].name, pair.end.timestamps[0].name
    if inter_frames is None or not following.startswith(f"{name}_"):
        return
    number = following.removeprefix(f"{name}_")
    if number.isdecimal() and int(number) < inter_frames:
        folder = pair.start.frame.image.path
        raise InputError(
            f"{folder.parent if folder else 'The input'} already holds a new frame, {following}: "
            "give a folder that holds original frames only."
        )


def _sources(distinct: DistinctFrame) -> range:
    """Numbers of the source frames that show a distinct frame."""
    return range(distinct.frame.index, distinct.frame.index + len(distinct.timestamps))


def _output(item: PlanItem, picture: Picture) -> OutputFrame:
    return OutputFrame(item.index, item.time, item.duration, picture, item.name)
