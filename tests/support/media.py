"""Small videos and images for the tests of ``vfi.io``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

HEIGHT, WIDTH = 48, 64


def gray_frame(
    level: int, pixel_format: str = "yuv420p", height: int = HEIGHT, width: int = WIDTH
) -> av.VideoFrame:
    """A plain frame whose first plane is ``level`` and whose others are in the middle of their range."""
    frame = av.VideoFrame(width, height, pixel_format)
    bits = frame.format.components[0].bits
    for number, plane in enumerate(frame.planes):
        dtype = np.uint8 if bits == 8 else np.dtype("<u2")
        buffer: Any = plane
        np.frombuffer(buffer, dtype)[:] = level if number == 0 else 1 << (bits - 1)
    return frame


def numbered_frame(number: int, pixel_format: str = "yuv420p") -> av.VideoFrame:
    """A frame that encodes its number in its brightness: 20, 30, 40, ..., repeating after 20 frames."""
    return gray_frame(20 + 10 * (number % 20), pixel_format)


def frame_number(luma: np.ndarray) -> int:
    """The number, modulo 20, that :func:`numbered_frame` gave to a frame."""
    return round((float(luma.mean()) - 20) / 10)


def write_video(
    path: Path,
    count: int = 24,
    *,
    codec: str = "libx264",
    rate: Fraction | int = 24,
    pixel_format: str = "yuv420p",
    stamps: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    make_frame: Callable[[int, str], av.VideoFrame] = numbered_frame,
    prepare: Callable[[Any], None] | None = None,
    audio_seconds: float = 0,
) -> Path:
    """Encode a small video.

    Args:
        path: File to write; the suffix names the container.
        count: Number of frames.
        codec: FFmpeg's name of the encoder.
        rate: Frames per second.
        pixel_format: FFmpeg's name of the sample layout.
        stamps: Timestamps in units of ``time_base``; None: 0, 1, 2, ...
        time_base: Unit of the timestamps in seconds; None: one over the rate.
        options: Options of the encoder.
        container_options: Options of the muxer.
        make_frame: Function that returns frame number n in a pixel format.
        prepare: Function that is called with the new stream, to set tags.
        audio_seconds: Length of a tone in seconds; 0: no audio.
    """
    default = {"preset": "ultrafast"} if codec.startswith("libx26") else {}
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w", options=dict(container_options or {})) as container:
        stream: Any = container.add_stream(codec, rate=rate, options={**default, **quiet, **(options or {})})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        if time_base is not None:
            stream.codec_context.time_base = time_base
        if prepare is not None:
            prepare(stream)
        sound = container.add_stream("aac", rate=48000, layout="mono") if audio_seconds else None
        for number in range(count):
            frame = make_frame(number, pixel_format)
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = time_base or 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            write_tone(container, sound, audio_seconds)
    return path


def write_tone(container: Any, stream: Any, seconds: float) -> None:
    """Encode a quiet tone into an open container."""
    samples = np.sin(np.arange(int(seconds * 48000)) * 0.05).astype(np.float32)[None] * 0.1
    for start in range(0, samples.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[:, start : start + 1024]), "fltp", "mono"
        )
        frame.sample_rate = 48000
        frame.pts = start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def noise_frame(number: int, pixel_format: str) -> av.VideoFrame:
    """A frame that does not compress, for files that are cut somewhere."""
    values = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return av.VideoFrame.from_ndarray(values, "rgb24").reformat(format=pixel_format)


def joined(path: Path, *parts: Path) -> Path:
    """The bytes of several files, one after the other, as recorders and ``cat`` join transport streams."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def cut(path: Path, part: float) -> Path:
    """A file cut off after a part of its bytes, from 0 to 1."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


def with_empty_chunks(path: Path) -> Path:
    """An avi file without index, with empty chunks here and there and at its end, as captures have them."""
    content = bytearray(path.read_bytes())
    start = content.index(b"movi") + 4
    chunks = []
    position = start
    while content[position : position + 4] == b"00dc":
        length = int.from_bytes(content[position + 4 : position + 8], "little")
        chunks.append((position, 8 + length + length % 2))
        position += chunks[-1][1]
    body = bytearray()
    for number, (at, length) in enumerate(chunks):
        dropped = number >= len(chunks) - 4 or number % 8 == 5
        body += b"00dc\0\0\0\0" if dropped else content[at : at + length]
    content[start - 8 : start - 4] = (4 + len(body)).to_bytes(4, "little")
    whole = content[:start] + body
    whole[4:8] = (len(whole) - 8).to_bytes(4, "little")
    path.write_bytes(whole)
    return path


def interlaced_frame(number: int, pixel_format: str) -> av.VideoFrame:
    """A frame of two fields: odd lines (first) of level 40 + 4 * number, even lines 2 codes brighter."""
    frame = gray_frame(40 + 4 * number, pixel_format)
    plane: Any = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(frame.height, plane.line_size)
    rows[::2] += 2
    return frame


def write_interlaced(path: Path, count: int = 12) -> Path:
    """An interlaced MPEG-2 video, 25 frames and 50 fields per second, bottom field first."""

    def two_fields(stream: Any) -> None:
        stream.codec_context.flags |= 0x20000000 | 0x00040000  # FFmpeg's +ilme +ildct

    return write_video(
        path, count, codec="mpeg2video", rate=25, make_frame=interlaced_frame, prepare=two_fields,
        options={"qmin": "1", "qmax": "1", "g": "6"},
    )  # fmt: skip


HOSTILE_COUNT = 150
_HOSTILE_KINDS = (
    ("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx"),
    ("a.mov", "mjpeg"), ("a.gif", "gif"), ("a.png", "png"), ("a.jpg", "jpg"), ("a.tif", "tif"),
)  # fmt: skip
_WRONG_SUFFIXES = (".mp4", ".mkv", ".png", ".gif", ".avi", ".h264", ".ts", ".webp", "")


def hostile_input(folder: Path, number: int) -> Path:
    """One of :data:`HOSTILE_COUNT` files that are damaged, cut off, misnamed, or not what they claim to be.

    Args:
        folder: Empty folder to write to.
        number: Number of the file, from 0; the same number gives the same file.
    """
    random = np.random.default_rng(number)
    name, codec = _HOSTILE_KINDS[number % len(_HOSTILE_KINDS)]
    path = folder / name
    if codec in ("png", "jpg", "tif", "gif"):
        images = [Image.fromarray(random.integers(0, 255, (24, 32, 3), np.uint8)) for _ in range(3)]
        animated = {"save_all": True, "append_images": images[1:]} if codec == "gif" else {}
        images[0].save(path, **animated)
    else:
        pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        write_video(path, 12, codec=codec, pixel_format=pixel_format, make_frame=noise_frame)
    content = bytearray(path.read_bytes())
    attack = (number // len(_HOSTILE_KINDS)) % 6
    if attack == 0:  # flipped bits
        for place in random.integers(0, len(content), 1 + len(content) // 200):
            content[place] ^= 1 << int(random.integers(8))
    elif attack == 1:
        content = content[: int(random.integers(len(content)))]
    elif attack == 2:  # the content of another format than the name says
        path = path.with_suffix(_WRONG_SUFFIXES[int(random.integers(len(_WRONG_SUFFIXES)))])
    elif attack == 3:  # lengths and sizes of the header at their greatest
        place = int(random.integers(4, 64))
        content[place : place + 4] = b"\xff\xff\xff\x7f"
    elif attack == 4:
        content = bytearray() if number % 2 else bytearray(random.bytes(5000))
    else:  # a hole, or a piece twice
        start, stop = sorted(random.integers(0, len(content), 2))
        content[start:stop] = bytes(stop - start) if number % 2 else content[start:stop] * 2
    path.write_bytes(content)
    return path
