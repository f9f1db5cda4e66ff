"""Decides the treatment of every other stream: copied, converted, re-encoded, or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

from av.container import InputContainer
from av.stream import Discard, Disposition, Stream

from vfi.io.video.streams.containers import TEXT_CODECS, takes
from vfi.io.video.streams.subtitles import is_text

COVER_TYPES = {"png": ("png", "image/png"), "mjpeg": ("jpg", "image/jpeg")}
"""Suffix and media type of covers in Matroska, by FFmpeg's name of the codec."""
_KEPT_BY_MKV = ("audio", "subtitle", "attachment")
# The order in which streams are dropped where a container refuses all of them together.
_LEAST_NEEDED = ("unknown", "data", "attachment", "subtitle", "video", "audio")


class StreamRefusal(Exception):
    """A planned stream that the output refuses."""

    def __init__(self, index: int) -> None:
        """Store the stream's number.

        Args:
            index: Number of the stream in the source.
        """
        super().__init__(f"stream {index}")
        self.index = index


class Treatment(Enum):
    """Treatment of a stream."""

    COPY = "copy"
    ENCODE = "encode"
    CONVERT = "convert"
    """Text subtitles are converted to the codec of the container."""
    ATTACH = "attach"
    """A cover becomes an attachment of Matroska."""
    LEAVE_OUT = "leave out"


@dataclass(frozen=True)
class StreamPlan:
    """Planned treatment of one stream of the source."""

    index: int
    """Number of the stream in the source."""
    kind: str
    """FFmpeg's type of the stream: ``"audio"``, ``"subtitle"``, ..."""
    title: str
    """Name of the stream in messages."""
    treatment: Treatment
    note: str | None = None
    """Sentence for the user on a change or loss; None: nothing changes."""
    unchecked: bool = False
    """Whether the muxer accepts the stream although FFmpeg's tables refuse it."""

    @property
    def written(self) -> bool:
        """Whether the output contains the stream in some form."""
        return self.treatment is not Treatment.LEAVE_OUT

    def left_out(self, reason: str) -> StreamPlan:
        """The plan without the stream.

        Args:
            reason: Reason for the note, without a full stop.
        """
        note = f"The {self.title} was left out: {reason}."
        return replace(self, treatment=Treatment.LEAVE_OUT, note=note, unchecked=False)


def least_needed(plans: list[StreamPlan]) -> list[StreamPlan]:
    """The streams that are written, in the order in which they may be dropped.

    Args:
        plans: Plans of all streams.
    """
    written = [plan for plan in reversed(plans) if plan.written]
    return sorted(written, key=lambda plan: _LEAST_NEEDED.index(plan.kind))


def without(plans: list[StreamPlan], index: int, reason: str) -> list[StreamPlan]:
    """The plans with one stream left out.

    Args:
        plans: Plans of all streams.
        index: Number of the stream in the source.
        reason: Reason for the note, without a full stop.
    """
    return [plan.left_out(reason) if plan.index == index else plan for plan in plans]


def settled(
    plans: list[StreamPlan], fits: Callable[[list[StreamPlan]], bool], reason: str
) -> list[StreamPlan] | None:
    """The plans with as few streams left out as possible; None if the container refuses the frames alone.

    Args:
        plans: Plans of all streams.
        fits: Function that returns whether the container accepts an output as planned.
        reason: Reason for the notes on streams that are left out, without a full stop.
    """
    if fits(plans):
        return plans
    reduced, droppable = plans, least_needed(plans)
    tried: list[StreamPlan] = []
    for plan in droppable:
        reduced = without(reduced, plan.index, reason)
        if fits(reduced):
            break
        tried.append(plan)
    else:
        return None
    for plan in reversed(tried):
        restored = [plan if other.index == plan.index else other for other in reduced]
        if fits(restored):
            reduced = restored
    return reduced


def stream_title(stream: Stream) -> str:
    """The name of a stream in messages.

    Args:
        stream: Stream of a source or an output.
    """
    context = stream.codec_context
    codec = context.name if context is not None else stream.name
    language = f", {stream.language}" if stream.language not in (None, "und") else ""
    return f"{stream.type} stream {stream.index} ({codec or 'unknown'}{language})"


@dataclass(frozen=True)
class StreamPlanner:
    """Plans the treatment of every stream of one source in one container format."""

    source: InputContainer
    suffix: str
    """Suffix of the output without its dot."""
    indices: frozenset[int]
    """Numbers of the source's streams other than the frames."""
    audio: str
    """``"copy"``, ``"stretch"`` or ``"drop"``."""
    scale: Fraction
    """Output seconds per source second."""

    def plans(self) -> list[StreamPlan]:
        """Plans of all streams except dropped audio, time codes, and chapters that are stored as text."""
        return [self._plan(stream) for stream in self._others()]

    def _others(self) -> Iterator[Stream]:
        for stream in self.source.streams:
            # FFmpeg has read the text track in which mov files keep chapters; it is written again from them.
            chapter_text = stream.type == "data" and stream.discard == Discard.all
            dropped = stream.type == "audio" and self.audio == "drop"
            if stream.index in self.indices and not chapter_text and not dropped and not is_timecode(stream):
                yield stream

    def _plan(self, stream: Stream) -> StreamPlan:
        plan = StreamPlan(stream.index, stream.type or "unknown", stream_title(stream), Treatment.COPY)
        if stream.type == "audio" and self.audio == "stretch" and self.scale != 1:
            return replace(plan, treatment=Treatment.ENCODE)
        if stream.disposition & Disposition.attached_pic and self.suffix == "mkv":
            return self._cover_plan(plan, stream)
        if takes(self.suffix, stream):
            return plan
        # The way around FFmpeg's tables loses chapters, which matter more than the audio codec.
        bypass = self.suffix == "mkv" and stream.type == "audio" and not self.source.chapters()
        if bypass and takes(self.suffix, stream, unchecked=True):
            return replace(plan, unchecked=True)
        codec = stream.codec_context.name if stream.codec_context is not None else ""
        if stream.type == "audio" and codec:
            note = f"The {plan.title} was re-encoded: .{self.suffix} cannot hold {codec}."
            return replace(plan, treatment=Treatment.ENCODE, note=note)
        if is_text(stream) and self.suffix in TEXT_CODECS:
            target = TEXT_CODECS[self.suffix]
            note = f"The {plan.title} was converted to {target}: .{self.suffix} cannot hold {codec}."
            return replace(plan, treatment=Treatment.CONVERT, note=note)
        movable = self.suffix != "mkv" and stream.type in _KEPT_BY_MKV
        keeper = "; .mkv supports nearly everything" if movable else ""
        return plan.left_out(f".{self.suffix} cannot hold it{keeper}")

    def _cover_plan(self, plan: StreamPlan, stream: Stream) -> StreamPlan:
        codec = stream.codec_context.name
        if codec in COVER_TYPES:
            return replace(plan, treatment=Treatment.ATTACH)
        return replace(
            plan,
            treatment=Treatment.LEAVE_OUT,
            note=f"The cover was left out: Matroska has no covers of type {codec}.",
        )


def is_timecode(stream: Stream) -> bool:
    """Whether a stream is a track of QuickTime that holds nothing but the time code of the first frame.

    Args:
        stream: Stream of a source.
    """
    return stream.type == "data" and "timecode" in stream.metadata
