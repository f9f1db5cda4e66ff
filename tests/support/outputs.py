"""Sources, frames, and functions that read files back, for tests of writing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np

from vfi.io.base import FrameSink, SinkOptions
from vfi.io.frames import OutputFrame, SourceInfo
from vfi.io.open import open_sink
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.tags import ColorTags

HEIGHT, WIDTH = 48, 64
BT709 = ColorTags(1, 1, 1)
INFO = SourceInfo(
    path=Path("absent.mp4"),
    kind="video",
    height=HEIGHT,
    width=WIDTH,
    rate=Fraction(24),
    duration=None,
    frame_count=None,
    bits=8,
    has_alpha=False,
    pixel_format="yuv420p",
    color=BT709,
)


def source(**changes: Any) -> Any:
    """A stand-in for a source with the information for :func:`open_sink`; images unless a path is given."""
    kind = "video" if "path" in changes else "images"
    return SimpleNamespace(info=replace(INFO, **{"kind": kind, **changes}))


def native_frame(
    number: int, pixel_format: str = "yuv420p", height: int = HEIGHT, width: int = WIDTH
) -> Picture:
    """A decoded frame with a moving ramp, tagged BT.709."""
    frame = av.VideoFrame(width, height, pixel_format)
    bits = frame.format.components[0].bits
    for plane in frame.planes:
        dtype: Any = np.uint8 if bits == 8 else np.dtype("<u2")
        buffer: Any = plane
        samples = np.frombuffer(buffer, dtype).reshape(plane.height, -1)
        samples[:] = (np.arange(samples.shape[1]) + 7 * number) % 200 + 20 << (bits - 8)
    return Picture.from_frame(frame, tags=BT709)


def rgb_frame(
    number: int, channels: int = 3, bits: int = 8, height: int = HEIGHT, width: int = WIDTH
) -> Picture:
    """An RGB frame: smooth colours that move with ``number``."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin((x + 3 * number) / 9 + c) * np.cos(y / 7 + c) for c in range(channels)]
    unit = np.stack(waves, axis=2) * 0.4 + 0.5
    top, dtype = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    return Picture.from_rgb(np.rint(unit * top).astype(dtype))


def frames(
    images: Sequence[Picture], rate: Fraction | int = 24, start: int = 0, offset: Fraction = Fraction(0)
) -> Iterator[OutputFrame]:
    """Output frames of a constant rate, from index ``start`` on."""
    duration = 1 / Fraction(rate)
    for index in range(start, len(images)):
        time = offset + index * duration
        yield OutputFrame(index, time, duration, images[index], f"{index:06d}")


def write_all(
    path: Path, origin: Any, output: Sequence[OutputFrame] | Iterator[OutputFrame], **options: Any
) -> list[str]:
    """Write all frames and finish; returns the notes."""
    with open_sink(path, origin, SinkOptions(**options)) as sink:
        return feed(sink, output).finish()


def feed(sink: FrameSink, output: Sequence[OutputFrame] | Iterator[OutputFrame]) -> FrameSink:
    """Write frames to a sink and return it."""
    for frame in output:
        sink.write(frame)
    return sink


def video_packets(path: Path) -> list[tuple[int | None, int | None, int | None, str]]:
    """(pts, dts, duration, digest of the content) of all video packets."""
    with av.open(str(path)) as container:
        return [
            (packet.pts, packet.dts, packet.duration, hashlib.sha256(bytes(packet)).hexdigest())
            for packet in container.demux(video=0)
            if packet.size
        ]


def decoded(path: Path) -> list[av.VideoFrame]:
    """All frames of a file."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def times(path: Path) -> list[Fraction]:
    """Timestamps of all frames in seconds."""
    return [
        frame.pts * frame.time_base for frame in decoded(path) if frame.pts is not None and frame.time_base
    ]


def luma(frame: av.VideoFrame) -> np.ndarray:
    """First plane of a frame, ``[H, W]``."""
    bits = frame.format.components[0].bits
    plane: Any = frame.planes[0]
    samples = np.frombuffer(plane, np.uint8 if bits == 8 else np.dtype("<u2"))
    return samples.reshape(frame.height, -1)[:, : frame.width]
