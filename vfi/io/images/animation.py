"""Sink that writes an animated gif or webp."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import error
from av.container import OutputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.packet import Packet
from av.video.stream import VideoStream

from vfi.errors import ConfigError, OutputError
from vfi.io.base import SinkOptions
from vfi.io.frames import OutputFrame, SourceInfo
from vfi.io.partial import PartialFolder, file_record, matches_record, read_json, synchronise, write_json
from vfi.io.pixels import color, convert
from vfi.io.pixels.tags import MATRIX_BT601, ColorTags
from vfi.io.queued_sink import QueuedSink
from vfi.io.video.ffmpeg import open_output
from vfi.io.video.timestamps import OutputClock

ANIMATION_SUFFIXES = ("gif", "webp")
_GIF_TICKS, _WEBP_TICKS = 100, 1000  # per second, by the formats' definitions
_FASTEST_GIF = 50  # frames per second; browsers show anything faster at ten
_WEBP_QUALITY = 80
_BT601 = ColorTags(matrix=MATRIX_BT601)  # what webp's Y'CbCr is
_ANY_RATE = 25  # animations have time stamps and no rate, but the encoders require one


class AnimationSink(QueuedSink):
    """An animation. See :class:`vfi.io.base.FrameSink`.

    An interrupted one is written again from the start; a complete one that could not be renamed is kept.
    """

    def __init__(self, path: Path, info: SourceInfo, options: SinkOptions) -> None:
        """Open the partial folder.

        Args:
            path: Output file; its folder is created if it is missing.
            info: Description of the source.
            options: Options of the output.

        Raises:
            AlreadyComplete: If the output is to be resumed and is complete.
            ConfigError: If the quality is out of range.
            OutputError: If the file cannot be written.
        """
        self._options = options
        suffix = path.suffix.lower()
        self._kind = _GifWriter if suffix == ".gif" else _WebpWriter
        self._kind.check(options)
        self._alpha = info.has_alpha
        self._writer: _AnimationWriter | None = None
        self._clock = OutputClock(self._kind.ticks)
        self._rounded = self._crowded = False
        self._dropped = 0
        self._frames = 0
        self._notes = [f"{info.bits}-bit samples were rounded to 8 bit."] if info.bits > 8 else []
        if profiles := [name for name in info.color_profiles if name]:
            self._notes.append(
                f"The colour profile ({'; '.join(profiles)}) was left out: viewers take the colours for "
                "sRGB; convert the input to sRGB first."
            )
        folder = PartialFolder(path, f"animation{suffix}")
        folder.begin(self._identity(info), resume=options.resume, overwrite=options.overwrite)
        with folder.released_on_error():
            self._record_path = folder.path / "animation.json"
            self._read_record(folder.result)
            super().__init__(path, folder, [range(self._frames)] if self._frames else [])

    def _identity(self, info: SourceInfo) -> dict[str, object]:
        options = self._options
        return {
            "fingerprint": options.fingerprint,
            "animation": [options.quality, options.loop, options.size, str(options.time_scale)],
            "source": [info.height, info.width, info.has_alpha],
        }

    def _read_record(self, result: Path) -> None:
        """Keep what an earlier run completed, or delete what it did not."""
        record = read_json(self._record_path)
        try:
            if isinstance(record, dict) and matches_record(result, record):
                self._rounded, self._crowded = bool(record["rounded"]), bool(record["crowded"])
                self._frames, self._dropped = int(record["frames"]), int(record["dropped"])
                return
        except (KeyError, TypeError, ValueError):
            pass  # a damaged record: the animation is written again
        result.unlink(missing_ok=True)
        self._record_path.unlink(missing_ok=True)

    def _consume(self, frame: OutputFrame) -> None:
        if self._frames and self._writer is None:
            raise OutputError(
                f"{self._folder.result} holds {self._frames} frames and cannot get more: leave --resume out "
                "to start again."
            )
        samples = color.to_uint8(frame.image.upright().rgb())
        if samples.shape[2] == 3:
            samples = np.dstack([samples, np.full(samples.shape[:2], 255, np.uint8)])
        if self._writer is None:
            height, width = samples.shape[:2]
            self._writer = self._kind(self._folder.result, height, width, self._alpha, self._options)
        self._frames += 1
        if self._clock.last is not None and round(frame.time * self._kind.ticks) <= self._clock.last:
            self._dropped += 1
            return
        self._rounded |= (frame.time * self._kind.ticks).denominator != 1
        self._crowded |= frame.duration < Fraction(1, _FASTEST_GIF)
        self._writer.write(samples, *self._clock.stamp(frame.time, frame.duration))

    def _end(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        synchronise(self._folder.result)
        record = {
            "frames": self._frames,
            "dropped": self._dropped,
            "rounded": self._rounded,
            "crowded": self._crowded,
            **file_record(self._folder.result),
        }
        write_json(self._record_path, record)

    def _complete(self) -> list[str]:
        if not self._frames:
            raise OutputError(f"There are no frames to write to {self.path}: see whether the range is right.")
        if self.path.exists() and not self._options.overwrite:
            raise OutputError(f"{self.path} appeared meanwhile: give --overwrite and --resume to replace it.")
        self._folder.publish()
        notes = [*self._notes, *self._kind.notes(rounded=self._rounded, crowded=self._crowded)]
        if self._dropped:
            notes.append(
                f"{self._dropped} frames were left out: the format cannot distinguish such close times."
            )
        return notes

    def _discard(self) -> list[str]:
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
        if self._record_path.exists():
            return [f"The finished animation is kept in {self._folder.path}; --resume continues there."]
        self._folder.clear()
        return []


class _AnimationWriter(ABC):
    """One animation file being written by FFmpeg."""

    ticks: int
    """Time stamps per second that the format knows."""

    def __init__(self, path: Path, height: int, width: int, alpha: bool, options: SinkOptions) -> None:
        self._path = path
        self._layout = self._choose_layout(alpha)
        self._unit = Fraction(1, self.ticks)
        self._last_duration = 1
        container, self._stream = self._open(height, width, options)
        self._container = container

    @classmethod
    @abstractmethod
    def check(cls, options: SinkOptions) -> None:
        """Refuse options that the format does not have."""

    @classmethod
    @abstractmethod
    def notes(cls, *, rounded: bool, crowded: bool) -> list[str]:
        """Sentences on what the format did not keep of the frames' times."""

    @abstractmethod
    def _choose_layout(self, alpha: bool) -> str:
        """Pixel format of the encoder's input."""

    @abstractmethod
    def _open(self, height: int, width: int, options: SinkOptions) -> tuple[OutputContainer, VideoStream]:
        """Open the file and its encoder."""

    @abstractmethod
    def _encode(self, frame: av.VideoFrame | None) -> list[Packet]:
        """Packets that are ready after another frame, or (None) the rest."""

    @abstractmethod
    def _duration_offset(self, content: bytes) -> tuple[int, int]:
        """Offset in a finished file of the last frame's duration, and its size in bytes."""

    def write(self, samples: np.ndarray, stamp: int, duration: int) -> None:
        """Encode a frame ``[H, W, 4]``, uint8, with time stamp and duration in ticks."""
        frame = convert.frame_from_rgb(samples, self._layout, _BT601, "center")
        frame.pts, frame.time_base = stamp, self._unit
        self._last_duration = duration
        self._container.mux(self._encode(frame))

    def close(self) -> None:
        """Complete the file, and write the duration of the last frame over the one that FFmpeg guessed."""
        self._container.mux(self._encode(None))
        self._container.close()
        # Pillow's save_all takes a duration per frame, but it merges equal frames of a gif, keeps all frames
        # in memory until the end, and gives other pixels (at the same PSNR within 0.5 dB).
        content = bytearray(self._path.read_bytes())
        offset, size = self._duration_offset(bytes(content))
        content[offset : offset + size] = self._last_duration.to_bytes(size, "little")
        self._path.write_bytes(content)

    def abandon(self) -> None:
        """Close the file without completing it."""
        with suppress(OSError, FFmpegError):  # it is deleted anyway
            self._container.close()

    def _add_stream(
        self, container: OutputContainer, encoder: str, layout: str, height: int, width: int
    ) -> VideoStream:
        stream = container.add_stream(
            encoder, rate=_ANY_RATE, width=width, height=height, time_base=self._unit
        )
        assert isinstance(stream, VideoStream)
        stream.codec_context.time_base = self._unit
        stream.codec_context.pix_fmt = layout
        return stream


class _GifWriter(_AnimationWriter):
    """A gif with a palette of its own for every frame."""

    ticks = _GIF_TICKS

    @classmethod
    def check(cls, options: SinkOptions) -> None:
        """Refuse a quality, which gif does not have."""
        if options.quality is not None:
            raise ConfigError("A gif has no quality setting: leave --quality out, or write .webp.")

    @classmethod
    def notes(cls, *, rounded: bool, crowded: bool) -> list[str]:
        """Sentences on times: gif counts hundredths of a second, and viewers slow down short frames."""
        notes = []
        if rounded:
            notes.append("Frame times were rounded to hundredths of a second; the whole length is right.")
        if crowded:
            notes.append("Most viewers slow down a gif of more than 50 frames per second: write .webp.")
        return notes

    def _choose_layout(self, alpha: bool) -> str:
        """RGBA: the palette has a transparent entry."""
        return "rgba"

    def _open(self, height: int, width: int, options: SinkOptions) -> tuple[OutputContainer, VideoStream]:
        repeats = "-1" if options.loop == 1 else str(max(0, options.loop - 1))
        container = open_output(self._path, "gif", {"loop": repeats})
        self._graph = Graph()
        source = self._graph.add("buffer", f"video_size={width}x{height}:pix_fmt=rgba:time_base={self._unit}")
        split = self._graph.add("split")
        palette = self._graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
        paint = self._graph.add("paletteuse", "new=1:dither=sierra2_4a")
        sink = self._graph.add("buffersink")
        source.link_to(split)
        split.link_to(palette, 0, 0)
        split.link_to(paint, 1, 0)
        palette.link_to(paint, 0, 1)
        paint.link_to(sink)
        self._graph.configure()
        self._source, self._sink = source, sink
        return container, self._add_stream(container, "gif", "pal8", height, width)

    def _encode(self, frame: av.VideoFrame | None) -> list[Packet]:
        self._graph.vpush(frame)
        packets: list[Packet] = []
        while True:
            try:
                painted = self._sink.pull()
            except (error.BlockingIOError, error.EOFError):
                break
            assert isinstance(painted, av.VideoFrame)
            packets += self._stream.encode(painted)
        return packets + (self._stream.encode(None) if frame is None else [])

    def _duration_offset(self, content: bytes) -> tuple[int, int]:
        """The delay field of the last graphic control extension, found by walking through the blocks."""
        position = 13 + _color_table_size(content[10])
        found = 0
        while content[position] != 0x3B:  # the trailer
            if content[position] == 0x21:  # an extension: label, then sub-blocks
                found = position + 4 if content[position + 1] == 0xF9 else found
                position += 2
            else:  # an image: descriptor, its own colour table, code size, then sub-blocks
                position += 10 + _color_table_size(content[position + 9]) + 1
            while content[position]:
                position += content[position] + 1
            position += 1
        return found, 2


def _color_table_size(flags: int) -> int:
    """Size in bytes of the colour table described by the flags of a gif block."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


class _WebpWriter(_AnimationWriter):
    """An animated webp; its encoder keeps the compressed frames in memory until the end."""

    ticks = _WEBP_TICKS

    @classmethod
    def check(cls, options: SinkOptions) -> None:
        """Refuse a quality outside 0 to 100."""
        if options.quality is not None and not 0 <= options.quality <= 100:
            raise ConfigError(f"--quality {options.quality:g} is out of range for webp: 0 to 100 (best).")

    @classmethod
    def notes(cls, *, rounded: bool, crowded: bool) -> list[str]:
        """None: rounding to milliseconds is not visible."""
        return []

    def _choose_layout(self, alpha: bool) -> str:
        """BGRA for lossless encoding, without which FFmpeg's encoder drops transparency."""
        return "bgra" if alpha else "yuv420p"

    def _open(self, height: int, width: int, options: SinkOptions) -> tuple[OutputContainer, VideoStream]:
        container = open_output(self._path, "webp", {"loop": str(options.loop)})
        stream = self._add_stream(container, "libwebp_anim", self._layout, height, width)
        quality = _WEBP_QUALITY if options.quality is None else options.quality
        stream.options = {"lossless": str(int(self._layout == "bgra")), "quality": f"{quality:g}"}
        return container, stream

    def _encode(self, frame: av.VideoFrame | None) -> list[Packet]:
        return self._stream.encode(frame)

    def _duration_offset(self, content: bytes) -> tuple[int, int]:
        """The duration field of the last ANMF chunk: three bytes after position and size."""
        position, found = 12, 0
        while position + 8 <= len(content):
            name, size = struct.unpack_from("<4sI", content, position)
            found = position + 8 + 12 if name == b"ANMF" else found
            position += 8 + size + size % 2
        return found, 3
