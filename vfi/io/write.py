"""Writes frames from memory, through the same sinks as interpolated videos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from torch import Tensor

from vfi.errors import ConfigError, InputError
from vfi.io.base import FrameSource, SinkOptions
from vfi.io.frames import OutputFrame, SourceFrame, SourceInfo
from vfi.io.open import open_sink
from vfi.io.pixels.picture import Picture


class _MemorySource(FrameSource):
    """The information that a sink needs of a source, where there is no file."""

    def _frames(self) -> Iterator[SourceFrame]:
        return iter(())


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray | Tensor],
    rate: float | Fraction,
    options: SinkOptions | None = None,
) -> int:
    """Write frames of a constant rate to a video, an animation, or a folder of images.

    Args:
        path: Output as of :func:`vfi.io.open_sink`.
        frames: RGB frames of one size: uint8 or uint16 arrays ``[H, W, 3]``, or float tensors ``[3, H, W]``
            or ``[1, 3, H, W]`` in [0, 1]. Read one at a time.
        rate: Frames per second.
        options: Codec, quality and the like; None: the defaults. Its ``rate`` is ignored.

    Returns:
        The number of frames.

    Raises:
        InputError: If there is no frame, or a frame has another size than the first.
        ConfigError: If an option is wrong or the rate is not positive.
        OutputError: If the output exists, or cannot be written with these options.
    """
    rate = Fraction(rate).limit_denominator(1 << 20)
    if rate <= 0:
        raise ConfigError(f"A rate of {rate} frames per second is not positive: give a positive one.")
    images = (Picture.from_tensor(f) if isinstance(f, Tensor) else Picture.from_rgb(f) for f in frames)
    first = next(images, None)
    if first is None:
        raise InputError(f"There is no frame to write to {path}.")
    info = SourceInfo(
        path=Path("frames in memory"),
        kind="images",
        height=first.height,
        width=first.width,
        rate=rate,
        duration=None,
        frame_count=None,
        bits=first.bits,
        has_alpha=first.has_alpha,
        pixel_format="rgb48le" if first.bits > 8 else "rgb24",
        color=first.color,
    )
    count = 0
    with open_sink(path, _MemorySource(info, 1), replace(options or SinkOptions(), rate=rate)) as sink:
        for image in chain((first,), images):
            if (image.height, image.width) != (first.height, first.width):
                raise InputError(
                    f"Frame {count} is {image.width} x {image.height} pixels, the first is "
                    f"{first.width} x {first.height}: give frames of one size."
                )
            sink.write(OutputFrame(count, count / rate, 1 / rate, image, f"{count:06d}"))
            count += 1
        sink.finish()
    return count
