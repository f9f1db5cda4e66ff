"""Sink that writes a folder of images, one file per frame."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from vfi.errors import OutputError
from vfi.io.base import SinkOptions
from vfi.io.frames import OutputFrame, SourceInfo
from vfi.io.images.profile import add_profile, video_profile
from vfi.io.partial import (
    IMAGE_FOLDER,
    UNFINISHED,
    PartialFolder,
    file_record,
    matches_record,
    require_same_work,
    synchronise,
)
from vfi.io.pixels import color
from vfi.io.pixels.picture import Picture
from vfi.io.queued_sink import QueuedSink
from vfi.io.video.writing.segments import gaps, join_ranges

IMAGE_FORMATS = ("png", "jpg", "tif", "webp")
_SAME_FORMAT = {"jpg": ("jpg", "jpeg"), "tif": ("tif", "tiff")}
_JOURNAL = "images.jsonl"
_JPEG_QUALITY = 95
_WEBP_LOSSLESS = 101  # OpenCV's value
_EIGHT_BIT = ("jpg", "webp")
_WITHOUT_ALPHA = ("jpg",)


class ImageSink(QueuedSink):
    """A folder of images named by the frames. See :class:`vfi.io.base.FrameSink`.

    Images are written to a partial folder beside the final one; a journal records which are complete, with
    their sizes and checksums. A new folder is renamed at the end; into an existing one the images are moved
    one by one, and a mark on the partial folder lets an interrupted move continue.
    """

    def __init__(self, path: Path, info: SourceInfo, options: SinkOptions) -> None:
        """Open the partial folder.

        Args:
            path: Final folder; its parents are created if they are missing.
            info: Description of the source.
            options: Options of the output.

        Raises:
            AlreadyComplete: If the output is to be resumed and is complete.
            ConfigError: If an interrupted run to be resumed had other settings.
            OutputError: If the folder cannot be created.
        """
        self._options = options
        self._format = options.image_format
        self._notes = _loss_notes(info, self._format)
        settings = {
            key: asdict(options)[key] for key in ("quality", "image_format", "png_compression", "size")
        }
        folder = PartialFolder(path, IMAGE_FOLDER)
        identity = {"fingerprint": options.fingerprint, "images": settings}
        folder.begin(identity, resume=options.resume, overwrite=options.overwrite)
        with folder.released_on_error():
            folder.result.mkdir(exist_ok=True)
            self._journal = _Journal(folder, self._format)
            super().__init__(path, folder, self._journal.ranges(), options.first_frame)

    def _consume(self, frame: OutputFrame) -> None:
        if self._journal.holds_name(frame.name):
            raise OutputError(f"Two frames would be written to {frame.name}.{self._format} in {self.path}.")
        unfinished = self._folder.result / f"{frame.name}{UNFINISHED}"
        image = frame.image
        if image.path is not None and _same_format(image, self._format) and not image.rotation:
            shutil.copyfile(image.path, unfinished)
        else:
            unfinished.write_bytes(encode_image(image, self._format, self._options))
        self._journal.add(frame, unfinished)

    def _end(self) -> None:
        """Do nothing: every image is complete when it is consumed."""

    def _adopt(self, folder: Path) -> list[range]:
        self._journal.adopt(folder)
        return self._journal.ranges()

    def _complete(self) -> list[str]:
        entries = dict(sorted(self._journal.entries.items()))
        if not entries:
            raise OutputError(f"There are no frames to write to {self.path}: see whether the range is right.")
        for missing in gaps(self._journal.ranges()):
            raise OutputError(
                f"The frames {missing.start} to {missing.stop - 1} of {self.path} are missing: give --resume "
                "to write them."
            )
        files = [f"{entry.name}.{self._format}" for entry in entries.values()]
        for file in files:
            if (self._folder.result / file).exists():
                synchronise(self._folder.result / file)
        if not self.path.exists():
            self._folder.publish()
            return self._notes
        return [*self._notes, *self._move(files)]

    def _move(self, files: list[str]) -> list[str]:
        """Move the images one by one into the existing folder."""
        names = {entry.name for entry in self._journal.entries.values()}
        present = list(self.path.iterdir())
        unknown = [path for path in present if path.stem not in names]
        if present and not self._options.overwrite and not self._folder.is_moving:
            raise OutputError(
                f"{self.path} was filled meanwhile: give --overwrite and --resume to write into it."
            )
        self._folder.mark_moving()
        for file in files:
            self._folder.move_into_output(file)
        self._folder.clear()
        if not unknown:
            return []
        return [f"{len(unknown)} other files were in {self.path} before and were left there."]

    def _discard(self) -> list[str]:
        count = len(self._journal.entries)
        if not count:
            self._folder.clear()
            return []
        for leftover in self._folder.result.glob(f"*{UNFINISHED}"):
            leftover.unlink()
        return [f"{count} finished images are kept in {self._folder.path}; --resume continues there."]


@dataclass(frozen=True)
class _Entry:
    """One complete image."""

    index: int
    """Index of the output frame."""
    name: str
    """File name without its suffix."""
    record: dict[str, Any]
    """Size and checksum."""


class _Journal:
    """Which images of an unfinished folder are complete: a file of one JSON object per line."""

    def __init__(self, folder: PartialFolder, image_format: str) -> None:
        """Read the journal, drop the images that are missing or damaged, and write it again.

        Args:
            folder: Folder of the unfinished output.
            image_format: Suffix of the images, without a dot.
        """
        self._path = folder.path / _JOURNAL
        self._images = folder.result
        self._format = image_format
        # While the images are being moved, some are in the output already.
        folders = [folder.result, folder.output] if folder.is_moving else [folder.result]
        found = [
            entry
            for entry in self._read(self._path)
            if any(matches_record(where / f"{entry.name}.{image_format}", entry.record) for where in folders)
        ]
        self.entries = {entry.index: entry for entry in sorted(found, key=lambda entry: entry.index)}
        self._names = {entry.name for entry in found}
        unfinished = self._path.with_name(_JOURNAL + UNFINISHED)
        unfinished.write_text("".join(_line(entry) for entry in self.entries.values()), "utf-8")
        unfinished.replace(self._path)
        self._discard_unknown()

    def ranges(self) -> list[range]:
        """Indices of the complete output frames: ranges, ascending, with gaps between them."""
        return join_ranges([range(index, index + 1) for index in self.entries])

    def holds_name(self, name: str) -> bool:
        """Whether a complete image has this name (without its suffix)."""
        return name in self._names

    def add(self, frame: OutputFrame, unfinished: Path) -> None:
        """Give a written image its name and record it.

        Args:
            frame: Output frame of the image.
            unfinished: Written file of the image.
        """
        self._record(_Entry(frame.index, frame.name, file_record(unfinished)), unfinished)

    def _record(self, entry: _Entry, unfinished: Path) -> None:
        unfinished.replace(self._images / f"{entry.name}.{self._format}")
        with self._path.open("a", encoding="utf-8") as journal:
            journal.write(_line(entry))
        self.entries[entry.index] = entry
        self._names.add(entry.name)

    def adopt(self, folder: Path) -> None:
        """Copy the complete images of another run's unfinished folder.

        Raises:
            OutputError: If that run had other settings or another input.
        """
        require_same_work(folder, self._path.parent)
        for entry in self._read(folder / _JOURNAL):
            file = f"{entry.name}.{self._format}"
            if entry.index in self.entries or not matches_record(folder / IMAGE_FOLDER / file, entry.record):
                continue
            copy = self._images / f"{entry.name}{UNFINISHED}"
            shutil.copyfile(folder / IMAGE_FOLDER / file, copy)
            self._record(entry, copy)

    @staticmethod
    def _read(path: Path) -> list[_Entry]:
        """All entries that can be read; the image of a damaged line is written again."""
        entries: list[_Entry] = []
        content = path.read_bytes() if path.exists() else b""
        for line in content.splitlines():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            match value:
                case {"index": int(index), "name": str(name), **record} if name == Path(name).name:
                    entries.append(_Entry(index, name, record))
        return entries

    def _discard_unknown(self) -> None:
        """Delete images that are not recorded, so that none of them reaches the output."""
        known = {f"{name}.{self._format}" for name in self._names}
        for path in self._images.iterdir():
            if path.name not in known and path.suffix in (f".{self._format}", UNFINISHED):
                path.unlink()


def _line(entry: _Entry) -> str:
    return json.dumps({"index": entry.index, "name": entry.name, **entry.record}) + "\n"


def encode_image(image: Picture, image_format: str, options: SinkOptions) -> bytes:
    """Encode an image, rotated upright, to the bytes of an image file.

    Args:
        image: Image or frame; 16 bit and alpha are kept where the format has them.
        image_format: One of :data:`IMAGE_FORMATS`.
        options: Output options, of which quality and compression are used.
    """
    samples, storage = image.upright().rgb(), image.storage
    if image_format in _EIGHT_BIT or (storage is not None and storage.bits == 8):
        samples = color.to_uint8(samples)
    if image_format in _WITHOUT_ALPHA or (storage is not None and not storage.has_alpha):
        samples = samples[..., :3]
    profile = video_profile(image.color) if storage is None else storage.profile
    content = _encode_samples(samples, storage is not None and storage.gray, image_format, options)
    return content if profile is None else add_profile(content, image_format, profile)


def _encode_samples(samples: np.ndarray, gray: bool, image_format: str, options: SinkOptions) -> bytes:
    """Encode samples ``[H, W, 3|4]``; gray ones as one channel, where the format has it."""
    if gray and samples.shape[2] == 4 and samples.dtype == np.uint8 and image_format in ("png", "tif"):
        return _encode_gray_with_alpha(samples, image_format, options)
    parameters = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, options.png_compression],
        "jpg": [cv2.IMWRITE_JPEG_QUALITY, int(options.quality or _JPEG_QUALITY)],
        "tif": [],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, int(options.quality or _WEBP_LOSSLESS)],
    }[image_format]
    if gray and samples.shape[2] == 3 and image_format != "webp":  # WebP has no gray
        ordered = _gray(samples)
    else:
        ordered = color.reversed_channels(np.ascontiguousarray(samples))
    success, encoded = cv2.imencode(f".{image_format}", ordered, parameters)
    if not success:
        raise OSError(f"OpenCV cannot encode {image_format}")
    return encoded.tobytes()


def _gray(samples: np.ndarray) -> np.ndarray:
    """The mean of the three channels of gray R'G'B', between which networks leave small differences."""
    red, green, blue = (samples[..., channel].astype(np.uint32) for channel in range(3))
    return ((red + green + blue + 1) // 3).astype(samples.dtype)


def _encode_gray_with_alpha(samples: np.ndarray, image_format: str, options: SinkOptions) -> bytes:
    """Encode gray with alpha, which OpenCV cannot."""
    file = BytesIO()
    image = Image.fromarray(np.dstack([_gray(samples), samples[..., 3]]), "LA")
    if image_format == "png":
        image.save(file, "PNG", compress_level=options.png_compression)
    else:
        image.save(file, "TIFF", compression="tiff_lzw")
    return file.getvalue()


def _same_format(image: Picture, image_format: str) -> bool:
    """Whether an image's file has a format, by its content, since a name can be wrong."""
    if image.storage is not None:
        return image.storage.file_format == image_format
    assert image.path is not None
    return image.path.suffix[1:].lower() in _SAME_FORMAT.get(image_format, (image_format,))


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
        notes.append(
            f"The images have different colour profiles ({names}): new images take that of the image before."
        )
    return notes
