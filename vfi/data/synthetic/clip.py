"""Write frames and a sound track from memory to a video file, for demonstrations and tests.

For anything else there is :func:`vfi.io.write_video`, which has no sound.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import av.container
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from vfi.data.synthetic.sound import SAMPLE_RATE
from vfi.errors import OutputError
from vfi.io.video.ffmpeg import open_output

# Numbers of ITU-T H.273, and of FFmpeg's two ranges.
RGB_MATRIX, BT709 = 0, 1
LIMITED_RANGE, FULL_RANGE = 1, 2
AUDIO_BITS_PER_SECOND = 128_000
# H.264 that plays everywhere, of a quality at which the loss does not matter to what is measured on it.
H264_OPTIONS = {"crf": "10", "preset": "veryfast"}


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    rate: Fraction,
    *,
    sound: np.ndarray | None = None,
    sound_rate: int = SAMPLE_RATE,
    codec: str = "libx264",
    pixel_format: str | None = None,
    options: dict[str, str] | None = None,
) -> int:
    """Write a clip of even timestamps.

    Args:
        path: Video file; its suffix chooses the container. Overwritten.
        frames: RGB frames, uint8 ``[H, W, 3]``, all of one size.
        rate: Frame rate in frames per second.
        sound: Samples, float32 ``[channels, samples]`` in [-1, 1], one or two channels, encoded as AAC.
        sound_rate: Sampling rate in Hz.
        codec: Name of an encoder of FFmpeg.
        pixel_format: FFmpeg's name of the encoded pixel format; by default ``yuv420p``, which plays
            everywhere, where both sides are even, as it needs, and else ``yuv444p``.
        options: Options of the encoder; good quality by default with ``libx264``.

    Returns:
        The number of frames.

    Raises:
        OutputError: If FFmpeg refuses path, codec, format or size.
        ValueError: If there is no frame.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError("a clip needs at least one frame")
    if pixel_format is None:
        pixel_format = "yuv444p" if first.shape[0] % 2 or first.shape[1] % 2 else "yuv420p"
    if options is None:
        options = H264_OPTIONS if codec == "libx264" else {}
    try:
        with open_output(path) as container:
            video = container.add_stream(codec, rate=rate, options=dict(options))
            assert isinstance(video, av.VideoStream)
            video.height, video.width = first.shape[:2]
            video.pix_fmt = pixel_format
            _tag_colours(video, av.VideoFormat(pixel_format).is_rgb)
            audio = None
            if sound is not None:
                audio = container.add_stream("aac", rate=sound_rate, layout=_layout(sound))
                audio.bit_rate = AUDIO_BITS_PER_SECOND
            # Sound first: muxers interleave by time stamp, and it is small enough to wait in memory.
            if audio is not None and sound is not None:
                _encode_sound(container, audio, sound, sound_rate)
            frame_count = 0
            for frame in chain([first], frames):
                _encode_frame(container, video, frame, pixel_format)
                frame_count += 1
            container.mux(video.encode(None))
    except av.error.FFmpegError as error:
        raise OutputError(f"{path}: cannot be written as {codec} in {pixel_format} ({error}).") from error
    return frame_count


def _tag_colours(stream: av.VideoStream, is_rgb: bool) -> None:
    """Say in the file how to read the samples: players guess differently for small and for large images."""
    stream.color_primaries = stream.color_trc = BT709
    stream.colorspace = RGB_MATRIX if is_rgb else BT709
    stream.color_range = FULL_RANGE if is_rgb else LIMITED_RANGE


def _encode_frame(
    container: av.container.OutputContainer, stream: av.VideoStream, frame: np.ndarray, pixel_format: str
) -> None:
    image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    if av.VideoFormat(pixel_format).is_rgb:
        native = image.reformat(format=pixel_format)
    else:
        native = image.reformat(
            format=pixel_format, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
    container.mux(stream.encode(native))


def _encode_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, sound: np.ndarray, rate: int
) -> None:
    """Encode and mux ``[channels, samples]``."""
    block = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=_layout(sound))
    block.sample_rate = rate
    block.pts = 0
    resampler = av.AudioResampler(
        "fltp", _layout(sound), rate, frame_size=stream.codec_context.frame_size or 1024
    )
    for piece in (*resampler.resample(block), *resampler.resample(None)):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def _layout(sound: np.ndarray) -> str:
    return "mono" if sound.shape[0] == 1 else "stereo"
