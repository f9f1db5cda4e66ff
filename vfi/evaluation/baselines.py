"""Baselines to compare a model with: blending, and FFmpeg's own interpolator ``minterpolate`` through PyAV.

The options of ``minterpolate`` are its best: motion compensated (``mci``) with adaptive overlapped blocks
(``aobmc``) and bidirectional estimation (``bidir``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import av
import av.error
import av.filter
import numpy as np
from torch import Tensor

from vfi.io.pixels.color import array_from_tensor, tensor_from_array
from vfi.types import Window

OPTIONS = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir"
_LOOKAHEAD = 3
"""Frames that FFmpeg wants behind the interval before it gives out its last new frame."""


def blend(before: np.ndarray, after: np.ndarray, t: float = 0.5) -> np.ndarray:
    """Cross-fade of two frames.

    Args:
        before: Frame at time 0, uint8 ``[H, W, 3]``.
        after: Frame at time 1, of the same shape.
        t: Time of the result, in (0, 1).

    Returns:
        uint8 ``[H, W, 3]``, rounded to nearest.
    """
    return np.rint((1 - t) * before + t * after).astype(np.uint8)


def minterpolate(frames: Iterable[av.VideoFrame], factor: int) -> Iterator[av.VideoFrame]:
    """Multiply the frame rate of evenly spaced frames.

    Args:
        frames: Consecutive frames of one size and format; their timestamps are ignored.
        factor: Number of output frames per input frame.

    Yields:
        Frames whose ``pts`` counts in units of the new frame interval: multiples of ``factor`` are input
        frames. FFmpeg ends one or two intervals before the last input frame.
    """
    graph: av.filter.Graph | None = None
    for number, frame in enumerate(frames):
        if graph is None:
            graph = _graph(frame, factor)
        frame.pts, frame.time_base = number, Fraction(1, 1)
        graph.vpush(frame)
        yield from _drain(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _drain(graph)


def minterpolate_between(window: Window, times: Sequence[Fraction]) -> list[Tensor]:
    """Compute frames between two frames as :func:`minterpolate` does within a clip.

    FFmpeg works in Y'CbCr: frames go through it at full chroma resolution and full range.

    Args:
        window: Frames ``[1, 3, H, W]``, RGB in [0, 1]; a missing outer frame is its neighbor again.
        times: Times, each in (0, 1).

    Returns:
        One frame ``[1, 3, H, W]`` per time, 8-bit levels in [0, 1].
    """
    prev = window.start if window.prev is None else window.prev
    following = window.end if window.next is None else window.next
    clip = [prev, window.start, window.end, *[following] * _LOOKAHEAD]
    factor = math.lcm(*(t.denominator for t in times))
    wanted = {factor + int(t * factor): number for number, t in enumerate(times)}
    found: dict[int, Tensor] = {}
    for frame in minterpolate(map(_video_frame, clip), factor):
        if frame.pts in wanted:
            found[wanted[frame.pts]] = tensor_from_array(frame.to_ndarray(format="rgb24"))
        if len(found) == len(times):
            break
    return [found[number] for number in range(len(times))]


def _video_frame(frame: Tensor) -> av.VideoFrame:
    pixels = av.VideoFrame.from_ndarray(array_from_tensor(frame), format="rgb24")
    return pixels.reformat(format="yuv444p", dst_colorspace="ITU709", dst_color_range="JPEG")


def _graph(frame: av.VideoFrame, factor: int) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add(
        "buffer",
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1:frame_rate=1/1"
        f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
    )
    work = graph.add("minterpolate", f"fps={factor}:{OPTIONS}")
    sink = graph.add("buffersink")
    source.link_to(work)
    work.link_to(sink)
    graph.configure()
    return graph


def _drain(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        assert isinstance(frame, av.VideoFrame)
        yield frame
