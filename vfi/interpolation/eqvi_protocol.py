"""EQVI's test protocol for images: resize all of them (Lanczos), then keep the top left part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from vfi.errors import ConfigError
from vfi.io.frames import SourceFrame
from vfi.io.pixels.picture import Picture


@dataclass(frozen=True)
class Transform:
    """Resizing and cropping of every frame of a source, before anything else. Sizes are (width, height)."""

    resize: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, in pixels, of the resized and cropped frame.

        Args:
            height: Height of the source's frames in pixels.
            width: Width of the source's frames in pixels.

        Raises:
            ConfigError: If the crop is larger than the frame.
        """
        if self.resize is not None:
            width, height = self.resize
        if self.crop is None:
            return height, width
        if self.crop[0] > width or self.crop[1] > height:
            raise ConfigError(
                f"crop {self.crop[0]}x{self.crop[1]} is larger than the frames, "
                f"{width}x{height}: choose a smaller one."
            )
        return self.crop[1], self.crop[0]

    @property
    def changes_frames(self) -> bool:
        """Whether anything is done to the frames."""
        return self.resize is not None or self.crop is not None

    def apply(self, frame: SourceFrame) -> SourceFrame:
        """The frame with resized and cropped samples; with the same samples where they have that size."""
        samples = frame.image
        height, width = self.output_size(samples.height, samples.width)
        unchanged = self.resize in (None, (samples.width, samples.height))
        if unchanged and (height, width) == (samples.height, samples.width):
            return frame
        array = samples.rgb()
        if self.resize is not None and not unchanged:
            array = resize_lanczos(array, self.resize)
        result = Picture.from_rgb(np.ascontiguousarray(array[:height, :width]), like=samples)
        return SourceFrame(frame.index, frame.time, frame.duration, result, frame.name)


def resize_lanczos(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize with a Lanczos filter (three lobes, scaled up when shrinking), as EQVI's loader does.

    Args:
        array: Image ``[H, W, C]``, uint8 or uint16.
        size: Width and height of the result in pixels.
    """
    if array.dtype == np.uint8:
        return np.asarray(Image.fromarray(array).resize(size, Image.Resampling.LANCZOS))
    channels = [
        np.asarray(Image.fromarray(channel.astype(np.float32)).resize(size, Image.Resampling.LANCZOS))
        for channel in np.moveaxis(array, -1, 0)
    ]
    return np.clip(np.rint(np.stack(channels, -1)), 0, 65535).astype(np.uint16)
