"""Writes a folder of images, one file per frame."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vfi.errors import OutputError
from vfi.io.base import SinkOptions
from vfi.io.frames import OutputFrame, SourceInfo
from vfi.io.images.profile import add_profile, video_profile
from vfi.io.pixels import color
from vfi.io.pixels.picture import Picture
from vfi.io.threads import QueuedSink, output_errors
from vfi.io.video.segments import PartialFolder

IMAGE_FORMATS = ("png", "jpg", "tif", "webp")
_SAME_FORMAT = {"jpg": ("jpg", "jpeg"), "tif": ("tif", "tiff")}
_JOURNAL = "names.txt"
_JPEG_QUALITY = 95
_WEBP_LOSSLESS = 101  # OpenCV's value
_EIGHT_BIT = ("jpg", "webp")
_WITHOUT_ALPHA = ("jpg",)


class ImageSink(QueuedSink):
    """A folder of images named by the frames. See :class:`vfi.io.base.FrameSink`.

    Images gather in a partial folder beside the final one; a journal tells which are complete.
    """

    def __init__(self, path: Path, info: SourceInfo, options: SinkOptions) -> None:
        """Open the partial folder.

        Args:
            path: The final folder; it and those above it are made if they are missing.
            info: The source.
            options: The user's wishes.

        Raises:
            ConfigError: If an interrupted run to be resumed had other settings.
            OutputError: If the folder cannot be made.
        """
        self._options = options
        self._format = options.image_format
        self._notes = _loss_notes(info, self._format)
        self._folder = PartialFolder(path)
        settings = {
            key: asdict(options)[key] for key in ("quality", "image_format", "png_compression", "size")
        }
        identity = json.loads(json.dumps({"fingerprint": options.fingerprint, "images": settings}))
        with output_errors(path):
            self._folder.begin(identity, resume=options.resume)
            self._names = self._finished_names()
        self._taken = set(self._names)
        super().__init__(path, len(self._names))

    def _finished_names(self) -> list[str]:
        """The journal's names up to the first missing file; the journal is cut there."""
        journal = self._folder.path / _JOURNAL
        names: list[str] = []
        for line in journal.read_text("utf-8").splitlines() if journal.exists() else []:
            try:
                name = json.loads(line)
            except ValueError:  # a line that was not written to its end
                break
            if not self._file(name).exists():
                break
            names.append(name)
        journal.write_text("".join(f"{json.dumps(name)}\n" for name in names), "utf-8")
        return names

    def _file(self, name: str) -> Path:
        return self._folder.path / f"{name}.{self._format}"

    def _consume(self, frame: OutputFrame) -> None:
        if frame.name in self._taken:
            raise OutputError(f"Two frames would be written to {frame.name}.{self._format} in {self.path}.")
        unfinished = self._folder.path / f"{frame.name}.unfinished"
        picture = frame.picture
        if picture.path is not None and _same_format(picture, self._format) and not picture.rotation:
            shutil.copyfile(picture.path, unfinished)
        else:
            unfinished.write_bytes(encode_image(picture, self._format, self._options))
        unfinished.replace(self._file(frame.name))
        with (self._folder.path / _JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(f"{json.dumps(frame.name)}\n")
        self._taken.add(frame.name)
        self._names.append(frame.name)

    def _flush(self) -> None:
        """Every image is complete when it is consumed."""

    def _complete(self) -> list[str]:
        if not self._names:
            raise OutputError(f"There are no frames to write to {self.path}: see whether the range is right.")
        self.path.mkdir(exist_ok=True)
        strangers = [path for path in self.path.iterdir() if path.stem not in self._taken]
        if any(self.path.iterdir()) and not self._options.overwrite:
            raise OutputError(
                f"{self.path} was filled meanwhile: give --overwrite and --resume to write into it."
            )
        for name in self._names:
            file = self._file(name)
            file.replace(self.path / file.name)
        self._folder.remove()
        if strangers:
            return [
                *self._notes,
                f"{len(strangers)} other files were in {self.path} before and were left there.",
            ]
        return self._notes

    def _discard(self) -> list[str]:
        if not self._names:
            self._folder.remove()
            return []
        for leftover in self._folder.path.glob("*.unfinished"):
            leftover.unlink()
        return [
            f"{len(self._names)} finished images are kept in {self._folder.path}; --resume goes on there."
        ]


def encode_image(picture: Picture, image_format: str, options: SinkOptions) -> bytes:
    """A picture as the content of an image file, turned upright.

    Args:
        picture: 16 bit and alpha are kept where the format has them.
        image_format: One of :data:`IMAGE_FORMATS`.
        options: Quality and compression.
    """
    samples, storage = picture.upright().rgb(), picture.storage
    if image_format in _EIGHT_BIT or (storage is not None and storage.bits == 8):
        samples = color.narrow(samples)
    if image_format in _WITHOUT_ALPHA or (storage is not None and not storage.has_alpha):
        samples = samples[..., :3]
    profile = video_profile(picture.color) if storage is None else storage.profile
    content = _encode_samples(samples, storage is not None and storage.gray, image_format, options)
    return content if profile is None else add_profile(content, image_format, profile)


def _encode_samples(samples: np.ndarray, gray: bool, image_format: str, options: SinkOptions) -> bytes:
    """Samples ``[H, W, 3|4]`` as the content of an image file, of one channel where they are gray."""
    if gray and samples.shape[2] == 4 and samples.dtype == np.uint8 and image_format in ("png", "tif"):
        return _encode_gray_with_alpha(samples, image_format, options)
    parameters = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, options.png_compression],
        "jpg": [cv2.IMWRITE_JPEG_QUALITY, int(options.quality or _JPEG_QUALITY)],
        "tif": [],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, int(options.quality or _WEBP_LOSSLESS)],
    }[image_format]
    if gray and samples.shape[2] == 3 and image_format != "webp":  # WebP knows no gray
        ordered = _gray(samples)
    else:
        ordered = color.reversed_channels(np.ascontiguousarray(samples))
    fine, encoded = cv2.imencode(f".{image_format}", ordered, parameters)
    if not fine:
        raise OSError(f"OpenCV cannot encode {image_format}")
    return encoded.tobytes()


def _gray(samples: np.ndarray) -> np.ndarray:
    """The one channel of gray R'G'B' samples; networks leave small differences between the three."""
    red, green, blue = (samples[..., channel].astype(np.uint32) for channel in range(3))
    return ((red + green + blue + 1) // 3).astype(samples.dtype)


def _encode_gray_with_alpha(samples: np.ndarray, image_format: str, options: SinkOptions) -> bytes:
    """Gray with alpha, which OpenCV does not write."""
    file = BytesIO()
    image = Image.fromarray(np.dstack([_gray(samples), samples[..., 3]]), "LA")
    if image_format == "png":
        image.save(file, "PNG", compress_level=options.png_compression)
    else:
        image.save(file, "TIFF", compression="tiff_lzw")
    return file.getvalue()


def _same_format(picture: Picture, image_format: str) -> bool:
    """Whether the file of a picture has the format by its content; a name can be wrong."""
    if picture.storage is not None:
        return picture.storage.file_format == image_format
    assert picture.path is not None
    return picture.path.suffix[1:].lower() in _SAME_FORMAT.get(image_format, (image_format,))


def _loss_notes(info: SourceInfo, image_format: str) -> list[str]:
    notes = []
    if image_format in _EIGHT_BIT and info.bits > 8:
        notes.append(
            f"{info.bits}-bit samples were rounded to 8 bit: {image_format} has no more, png and tif do."
        )
    if image_format in _WITHOUT_ALPHA and info.has_alpha:
        notes.append(f"Transparency was lost: {image_format} has none, png, tif and webp do.")
    if len(info.color_profiles) > 1:
        names = "; ".join(name or "sRGB" for name in info.color_profiles)
        notes.append(f"The images have different colour profiles ({names}): new images take the one before.")
    return notes
