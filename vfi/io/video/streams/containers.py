"""Output containers: their names and options, and which streams they can copy.

Whether a container supports a stream is found by writing a header to a scratch file with FFmpeg's muxer, not
from its tables: Matroska, for one, stores many more audio codecs than the tables list.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream

from vfi.io.video import ffmpeg

_FORMATS = {"m4v": "mp4", "mkv": "matroska"}
MATROSKA_SUFFIXES = ("mkv", "webm")
_COVER_SUFFIXES = ("mp4", "m4v")
TEXT_CODECS = {"mkv": "subrip", "webm": "webvtt", "mp4": "mov_text", "m4v": "mov_text", "mov": "mov_text"}
"""FFmpeg's encoder of text subtitles for every kind of file, by its suffix without the dot."""
# Metadata keys for which mp4 and mov files have their own names; others need QuickTime's list of keys.
_ITUNES_KEYS = {
    "title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright",
    "grouping", "lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords",
    "episode_sort", "season_number", "media_type", "hd_video", "gapless_playback", "compilation", "track",
    "disc", "tmpo", "performer", "author", "rating", "location", "make", "model", "year", "creation_time",
}  # fmt: skip


def container_format(suffix: str) -> str:
    """FFmpeg's name of a container.

    Args:
        suffix: Suffix of the file without its dot.
    """
    return _FORMATS.get(suffix, suffix)


def muxer_options(suffix: str, ticks: int, metadata: Mapping[str, str]) -> dict[str, str]:
    """The options that a container is written with.

    Args:
        suffix: Suffix of the file without its dot.
        ticks: Units per second of the frames' timestamps.
        metadata: Metadata entries of the whole file.
    """
    if suffix in MATROSKA_SUFFIXES:
        # Audio may begin before the frames, with samples that prime its decoder: instead of delaying all
        # other streams by that time, the negative timestamps are kept.
        return {"avoid_negative_ts": "disabled"}
    flags = "+faststart"
    if any(key.lower() not in _ITUNES_KEYS for key in metadata):
        # Location, make and date of a phone. Not always set, because players look for a title in iTunes'
        # list.
        flags += "+use_metadata_tags"
    timescale = str(ticks)
    return {"movflags": flags, "video_track_timescale": timescale, "movie_timescale": timescale}


def open_muxer(
    path: Path, suffix: str, options: Mapping[str, str], *, unchecked: bool = False
) -> OutputContainer:
    """Open an output container without streams.

    Args:
        path: File to write.
        suffix: Suffix without its dot, which names the container; that of ``path`` may differ.
        options: Options of the muxer.
        unchecked: Whether streams may be added that FFmpeg's tables refuse, but not its muxer. They are
            written through FFmpeg's tee muxer, which loses chapters.
    """
    if not unchecked:
        return ffmpeg.open_output(path, container_format(suffix), options)
    described = "".join(f":{key}={value}" for key, value in options.items())
    name = re.sub(r"([\\'|])", r"\\\1", ffmpeg.file_url(path))
    ffmpeg.keep_from_python()
    return av.open(f"[f={container_format(suffix)}{described}]{name}", "w", format="tee")


def takes(suffix: str, stream: Stream, *, unchecked: bool = False) -> bool:
    """Whether a container can hold a copy of a stream; found by writing a header with it alone.

    Args:
        suffix: Suffix of the output without its dot.
        stream: Stream of a source.
        unchecked: Whether streams that FFmpeg's tables refuse may be added, as in :func:`open_muxer`.
    """
    is_cover = bool(stream.disposition & Disposition.attached_pic)
    if stream.type == "unknown" or (suffix == "webm" and stream.type == "attachment"):
        return False  # webm accepts an attachment without an error, but does not write it
    if is_cover and suffix not in _COVER_SUFFIXES:
        return False  # the same holds for covers
    try:
        with tempfile.TemporaryDirectory() as folder:
            output = open_muxer(Path(folder) / "trial", suffix, {}, unchecked=unchecked)
            with output:
                output.add_stream_from_template(stream, opaque=True)
                output.start_encoding()
    except Exception as error:
        if not ffmpeg.is_refusal(error):
            raise
        return False
    return True


def default_suffix(path: Path) -> str:
    """The suffix, with its dot, of an output for a video of a format that vfi does not write.

    It is ``.mp4`` where that can hold copies of all audio and subtitles, else ``.mkv``.

    Args:
        path: Video file.
    """
    try:
        with ffmpeg.open_input(path) as container:
            return ".mp4" if all(takes("mp4", stream) for stream in _worth_keeping(container)) else ".mkv"
    except (OSError, ValueError):
        return ".mp4"  # errors of the file are reported when it is read


def _worth_keeping(container: InputContainer) -> list[Stream]:
    return [stream for stream in container.streams if stream.type in ("audio", "subtitle")]
