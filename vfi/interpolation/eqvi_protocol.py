"""EQVI's test protocol for images: resize all of them (Lanczos), then keep the top left part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from vfi.errors import ConfigError
from vfi.io.pixels.picture import Picture


@dataclass(frozen=True)
class Transform:
    """What is done to every frame of a source before anything else. Sizes are (width, height)."""

    resize: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in pixels of what a frame of this size becomes.

        Raises:
            ConfigError: If the crop is larger than the frame.
        """
        if self.resize is not None:
            width, height = self.resize
        if self.crop is None:
            return height, width
        if self.crop[0] > width or self.crop[1] > height:
            raise ConfigError(
                f"crop {self.crop[0]}x{self.crop[1]} is larger than the pictures, "
                f"{width}x{height}: choose a smaller one."
            )
        return self.crop[1], self.crop[0]

    def apply(self, picture: Picture) -> Picture:
        """The resized and cropped samples; the same object where nothing changes."""
        height, width = self.output_size(picture.height, picture.width)
        unchanged = self.resize in (None, (picture.width, picture.height))
        if unchanged and (height, width) == (picture.height, picture.width):
            return picture
        array = picture.rgb()
        if self.resize is not None and not unchanged:
            array = resize_lanczos(array, self.resize)
        return Picture.from_rgb(np.ascontiguousarray(array[:height, :width]), like=picture)


def resize_lanczos(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize with a Lanczos filter (three lobes, widened when shrinking), as EQVI's loader does.

    Args:
        array: ``[H, W, C]``, uint8 or uint16.
        size: (width, height) in pixels.
    """
    if array.dtype == np.uint8:
        return np.asarray(Image.fromarray(array).resize(size, Image.Resampling.LANCZOS))
    channels = [
        np.asarray(Image.fromarray(channel.astype(np.float32)).resize(size, Image.Resampling.LANCZOS))
        for channel in np.moveaxis(array, -1, 0)
    ]
    return np.clip(np.rint(np.stack(channels, -1)), 0, 65535).astype(np.uint16)
