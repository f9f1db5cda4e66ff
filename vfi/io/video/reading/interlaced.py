"""Interlaced video: each frame holds two fields of different times, which bwdif turns into two frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Literal

import av
from av.error import FFmpegError
from av.filter import Graph

Deinterlacing = Literal["auto", "off", "bwdif"]
DEINTERLACING: tuple[Deinterlacing, ...] = ("auto", "off", "bwdif")
"""auto: report interlaced video and leave it interlaced; off: without the report; bwdif: deinterlace."""
_BWDIF = "mode=send_field:parity=auto:deint=all"
_TIME_BASE = Fraction(1, 1000)

Timed = tuple[Fraction, Fraction, av.VideoFrame]


def interlaced_note(path: object) -> str:
    """The sentence that reports interlaced video that is not deinterlaced."""
    return (
        f"{path} is interlaced, and its two fields are interpolated as one frame: "
        "--deinterlace bwdif turns every field into a frame."
    )


def field_times(times: Iterable[tuple[Fraction, Fraction]]) -> list[tuple[Fraction, Fraction]]:
    """Time and duration of both fields of every frame, seconds, from those of the frames."""
    return [(time + field * duration / 2, duration / 2) for time, duration in times for field in range(2)]


def deinterlaced(frames: Iterable[Timed]) -> Iterator[Timed]:
    """The fields of interlaced frames as whole frames at twice the rate, by FFmpeg's bwdif.

    Args:
        frames: Tuples (time, duration, frame), in seconds.
    """
    pending: deque[tuple[Fraction, Fraction]] = deque()
    graph: Graph | None = None
    shape: tuple[int, int, str] | None = None
    for number, (time, duration, frame) in enumerate(frames):
        if shape != (frame.height, frame.width, frame.format.name):
            if graph is not None:
                yield from _pulled(graph, pending, end=True)
            pending.clear()
            graph, shape = _bwdif(frame), (frame.height, frame.width, frame.format.name)
        assert graph is not None
        pending.extend(field_times([(time, duration)]))
        frame.pts, frame.time_base = number, _TIME_BASE
        graph.push(frame)
        yield from _pulled(graph, pending, end=False)
    if graph is not None:
        yield from _pulled(graph, pending, end=True)


def _bwdif(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=_TIME_BASE
    )
    bwdif, sink = graph.add("bwdif", _BWDIF), graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Graph, pending: deque[tuple[Fraction, Fraction]], *, end: bool) -> Iterator[Timed]:
    """The frames that the filter has ready; it returns every input frame twice, in order."""
    if end:
        graph.push(None)
    while pending:
        try:
            frame: Any = graph.pull()
        except (BlockingIOError, EOFError, FFmpegError):
            return
        yield (*pending.popleft(), frame)
