"""From intervals to output frames: the content of each frame of the plan, passed through or interpolated.

:class:`Renderer` asks the plan for the output frames of an interval, decides for each whether a source frame
is passed through, shown again, blended or interpolated, and does so. It needs nothing but the interval: any
of them can be rendered alone, and any part of its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vfi.interpolation.schedule import Kind, Plan, PlanItem
from vfi.interpolation.windows import Change, Interval
from vfi.io.frames import OutputFrame
from vfi.io.pixels.color import Rounding
from vfi.io.pixels.picture import Picture
from vfi.jobs.journal import PAUSE_REASON, Decision
from vfi.types import FrameKeys, Window

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator

HALF = Fraction(1, 2)
FRAMES_AT_ONCE = 8
"""Most output frames that are rendered at once, ..."""
BYTES_AT_ONCE = 256 << 20
"""... and most bytes of them: bounds the memory of intervals with very many, or very large, new frames."""


@dataclass(frozen=True)
class RenderRules:
    """How output frames are rendered."""

    blend_cuts: bool = False
    """Across a cut: blend both sides instead of repeating the nearer one."""
    rounding: Rounding = "nearest"
    tile: int | None = None
    """Tile height in rows; None: no tiles."""


class Renderer:
    """Renders the output frames of one source, interval by interval."""

    def __init__(self, model: Interpolator, plan: Plan, rules: RenderRules) -> None:
        """Prepare for any interval.

        Args:
            model: Interpolator of the new frames.
            plan: Plan of the output; it holds the timestamps of an interval before that is rendered.
            rules: Choices for all frames.
        """
        self.model = model
        self.plan = plan
        self.rules = rules
        self._source = object()  # sets the keys of this source's frames apart from those of any other
        self._tensors: dict[int, Tensor] = {}

    def frames(
        self,
        intervals: Iterable[Interval],
        first: int = 0,
        note: Callable[[Decision], None] | None = None,
    ) -> Iterator[OutputFrame]:
        """The output frames of consecutive intervals, from each start until just before its end.

        Args:
            intervals: Intervals with their neighbours; the plan forgets what lies before each that is done.
            first: Number of the first wanted output frame; those before it are not rendered.
            note: Function that receives the decision on each interval before its frames are rendered.
        """
        for interval in intervals:
            items = [item for source in interval.sources for item in self.plan.items(source)]
            contents = [(item, self._content(interval, item)) for item in items]
            if note is not None and interval.end is not None:
                note(self._decision(interval, sum(isinstance(content, Fraction) for _, content in contents)))
            wanted = [(item, content) for item, content in contents if item.index >= first]
            count = frames_at_once(interval.start.image)
            for part in (wanted[begin : begin + count] for begin in range(0, len(wanted), count)):
                new = iter(self._synthesize(interval, [t for _, t in part if isinstance(t, Fraction)]))
                for item, content in part:
                    image = content if isinstance(content, Picture) else next(new)
                    yield OutputFrame(item.index, item.time, item.duration, image, item.name)
            self.plan.forget(interval.start.index)

    def _content(self, interval: Interval, item: PlanItem) -> Picture | Fraction:
        """The content of an output frame: a source frame's samples, or the t in (0, 1) to interpolate at."""
        start, end = interval.start, interval.end
        if end is None or interval.change is Change.HOLD or item.kind is Kind.HOLD:
            return start.image
        if interval.change is Change.MOTION:
            t = (item.source_time - start.time) / (end.time - start.time)
            return t or start.image
        if item.t == 0 or item.source != interval.sources[-1]:
            return start.image
        if interval.change is Change.PAUSE or self.rules.blend_cuts:
            return item.t
        return (start if item.t <= HALF else end).image

    def _synthesize(self, interval: Interval, fractions: list[Fraction]) -> list[Picture]:
        """Interpolate, or across a cut blend, at these t between start and end."""
        start, end = interval.start, interval.end
        if not fractions or end is None or start.image.equals(end.image):
            return [start.image] * len(fractions)
        times = [float(t) for t in fractions]
        frames = (start, end, interval.prev, interval.next)
        self._tensors = {
            frame.index: self._tensors[frame.index]
            if frame.index in self._tensors
            else frame.image.tensor(self.model.device)
            for frame in frames
            if frame is not None
        }  # each frame is converted once
        window = Window(
            self._tensors[start.index],
            self._tensors[end.index],
            interval.prev and self._tensors[interval.prev.index],
            interval.next and self._tensors[interval.next.index],
            FrameKeys(*((self._source, frame and frame.index) for frame in frames)),
        )
        if interval.change is Change.CUT:
            tensors = [torch.lerp(window.start, window.end, t) for t in times]
        else:
            tensors = self.model.interpolate_window(window, times, tile=self.rules.tile, check_finite=False)
        return [
            Picture.from_tensor(tensor, like=start.image, end=end.image, t=t, rounding=self.rules.rounding)
            for tensor, t in zip(tensors, times, strict=True)
        ]

    def _decision(self, interval: Interval, new_frames: int) -> Decision:
        """The decision on an interval, for the log."""
        start, end, change = interval.start, interval.end, interval.change
        assert end is not None
        action, reason = ("interpolated" if new_frames else "passed"), interval.reason
        if change is Change.HOLD:
            action, reason = "held", "the frame is repeated for long"
        elif change is Change.CUT:
            action, reason = ("blended" if self.rules.blend_cuts else "repeated"), "cut"
        elif change is Change.PAUSE:
            seconds = float(self.plan.pause(interval.sources[-1]))
            action = action if new_frames else "held"
            reason += f", {PAUSE_REASON}: held for {seconds:.3f} s"
        elif interval.repeats > 1:
            reason += f", {interval.repeats} equal frames taken as one"
        return Decision(
            first=start.index,
            second=end.index,
            time=round(float(start.time), 6),
            action=action,
            reason=reason,
            score=None if interval.score is None else round(interval.score, 4),
            new_frames=new_frames,
        )


def frames_at_once(image: Picture) -> int:
    """Number of output frames of this size to render at once.

    Args:
        image: Samples of the size of the output.
    """
    frame_bytes = image.height * image.width * 3 * 4  # three channels of float32
    return max(1, min(FRAMES_AT_ONCE, BYTES_AT_ONCE // frame_bytes))
