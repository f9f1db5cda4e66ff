"""Writes a folder of images, one file per frame."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vfi.errors import OutputError
from vfi.io.base import SinkOptions
from vfi.io.frames import OutputFrame, SourceInfo
from vfi.io.partial import (
    IMAGE_FOLDER,
    UNFINISHED,
    PartialFolder,
    file_record,
    matches_record,
    synchronise,
)
from vfi.io.pixels import color
from vfi.io.pixels.picture import Picture
from vfi.io.threads import QueuedSink
from vfi.io.video.segments import gaps, join_ranges

IMAGE_FORMATS = ("png", "jpg", "tif", "webp")
_SAME_FORMAT = {"jpg": ("jpg", "jpeg"), "tif": ("tif", "tiff")}
_JOURNAL = "images.jsonl"
_JPEG_QUALITY = 95
_WEBP_LOSSLESS = 101  # OpenCV's value
_EIGHT_BIT = ("jpg", "webp")
_WITHOUT_ALPHA = ("jpg",)


class ImageSink(QueuedSink):
    """A folder of images named by the frames. See :class:`vfi.io.base.FrameSink`.

    Images gather in a partial folder beside the final one; a journal records which are complete, with their
    sizes and checksums. A new folder appears by one rename; into an existing one the images are moved under
    a mark that lets an interrupted move go on.
    """

    def __init__(self, path: Path, info: SourceInfo, options: SinkOptions) -> None:
        """Open the partial folder.

        Args:
            path: Final folder; those above it are made if they are missing.
            info: Source.
            options: The user's wishes.

        Raises:
            AlreadyComplete: If the output shall be resumed and is complete.
            ConfigError: If an interrupted run to be resumed had other settings.
            OutputError: If the folder cannot be made.
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
            super().__init__(path, folder, self._journal.ranges())

    def _consume(self, frame: OutputFrame) -> None:
        if self._journal.holds_name(frame.name):
            raise OutputError(f"Two frames would be written to {frame.name}.{self._format} in {self.path}.")
        unfinished = self._folder.result / f"{frame.name}{UNFINISHED}"
        picture = frame.picture
        if picture.path is not None and _same_format(picture.path, self._format) and not picture.rotation:
            shutil.copyfile(picture.path, unfinished)
        else:
            unfinished.write_bytes(encode_image(picture, self._format, self._options))
        self._journal.add(frame, unfinished)

    def _end(self) -> None:
        """Every image is complete when it is consumed."""

    def _complete(self) -> list[str]:
        entries = self._journal.entries
        if not entries:
            raise OutputError(f"There are no frames to write to {self.path}: see whether the range is right.")
        for missing in gaps(self._journal.ranges()):
            raise OutputError(
                f"The frames {missing.start} to {missing.stop - 1} of {self.path} are missing: give --resume "
                "to make them."
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
    """Of the output frame."""
    name: str
    """File name without its suffix."""
    record: dict[str, Any]
    """Size and checksum."""


class _Journal:
    """Which images of an unfinished folder are complete: a file of one JSON object per line."""

    def __init__(self, folder: PartialFolder, image_format: str) -> None:
        """Read the journal, drop the images that are missing or damaged, and write it anew.

        Args:
            folder: Folder of the unfinished output.
            image_format: Suffix of the images, without a dot.
        """
        self._path = folder.path / _JOURNAL
        self._images = folder.result
        self._format = image_format
        # While the images are being moved, some have reached the output.
        places = [folder.result, folder.output] if folder.is_moving else [folder.result]
        found = [
            entry
            for entry in self._read()
            if any(matches_record(place / f"{entry.name}.{image_format}", entry.record) for place in places)
        ]
        self.entries = {entry.index: entry for entry in sorted(found, key=lambda entry: entry.index)}
        self._names = {entry.name for entry in found}
        unfinished = self._path.with_name(_JOURNAL + UNFINISHED)
        unfinished.write_text("".join(_line(entry) for entry in self.entries.values()), "utf-8")
        unfinished.replace(self._path)
        self._discard_unknown()

    def ranges(self) -> list[range]:
        """Which output frames are there: ranges of indices, ascending, with gaps between them."""
        return join_ranges([range(index, index + 1) for index in self.entries])

    def holds_name(self, name: str) -> bool:
        """Whether a complete image has this name, which is given without a suffix."""
        return name in self._names

    def add(self, frame: OutputFrame, unfinished: Path) -> None:
        """Give a written image its name and record it.

        Args:
            frame: What it shows.
            unfinished: Its file.
        """
        entry = _Entry(frame.index, frame.name, file_record(unfinished))
        unfinished.replace(self._images / f"{frame.name}.{self._format}")
        with self._path.open("a", encoding="utf-8") as journal:
            journal.write(_line(entry))
        self.entries[frame.index] = entry
        self._names.add(frame.name)

    def _read(self) -> list[_Entry]:
        """All entries that can be read; a damaged line stands for an image that is made again."""
        entries: list[_Entry] = []
        content = self._path.read_bytes() if self._path.exists() else b""
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


def encode_image(picture: Picture, image_format: str, options: SinkOptions) -> bytes:
    """A picture as the content of an image file, turned upright.

    Args:
        picture: 16 bit and alpha are kept where the format has them.
        image_format: One of :data:`IMAGE_FORMATS`.
        options: Quality and compression.
    """
    samples = picture.upright().rgb()
    if image_format in _EIGHT_BIT:
        samples = color.narrow(samples)
    if image_format in _WITHOUT_ALPHA:
        samples = samples[..., :3]
    parameters = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, options.png_compression],
        "jpg": [cv2.IMWRITE_JPEG_QUALITY, int(options.quality or _JPEG_QUALITY)],
        "tif": [],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, int(options.quality or _WEBP_LOSSLESS)],
    }[image_format]
    fine, encoded = cv2.imencode(
        f".{image_format}", color.reversed_channels(np.ascontiguousarray(samples)), parameters
    )
    if not fine:
        raise OSError(f"OpenCV cannot encode {image_format}")
    return encoded.tobytes()


def _same_format(path: Path, image_format: str) -> bool:
    return path.suffix[1:].lower() in _SAME_FORMAT.get(image_format, (image_format,))


def _loss_notes(info: SourceInfo, image_format: str) -> list[str]:
    notes = []
    if image_format in _EIGHT_BIT and info.bits > 8:
        notes.append(
            f"{info.bits}-bit samples were rounded to 8 bit: {image_format} has no more, png and tif do."
        )
    if image_format in _WITHOUT_ALPHA and info.has_alpha:
        notes.append(f"Transparency was lost: {image_format} has none, png, tif and webp do.")
    return notes
