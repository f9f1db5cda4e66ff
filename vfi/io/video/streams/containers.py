"""Output containers: their names and options, and which streams they take as they are.

Whether a stream fits is asked of FFmpeg's muxer by writing a header to a scratch file, not of its tables:
Matroska, for one, stores far more kinds of sound than the tables say.
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
# Metadata keys that mp4 and mov files have names of their own for; others need QuickTime's list of keys.
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
        ticks: Time stamps of the frames per second.
        metadata: Entries that describe the whole file.
    """
    if suffix in MATROSKA_SUFFIXES:
        # Sound may begin before the frames, with samples that only prime its decoder: instead of moving
        # everything else back by that time, the negative time stamps are kept.
        return {"avoid_negative_ts": "disabled"}
    flags = "+faststart"
    if any(key.lower() not in _ITUNES_KEYS for key in metadata):
        # A phone's place, maker and date. Not always, because players look for a title in iTunes' list.
        flags += "+use_metadata_tags"
    timescale = str(ticks)
    return {"movflags": flags, "video_track_timescale": timescale, "movie_timescale": timescale}


def open_muxer(
    path: Path, suffix: str, options: Mapping[str, str], *, unchecked: bool = False
) -> OutputContainer:
    """An output container without streams.

    Args:
        path: File to write.
        suffix: Suffix without its dot, which names the container; that of ``path`` may be another.
        options: Options of the muxer.
        unchecked: Whether streams may be added that FFmpeg's tables, but not its muxer, refuse. FFmpeg's tee
            muxer, which such streams are written through, loses chapters.
    """
    if not unchecked:
        return ffmpeg.open_output(path, container_format(suffix), options)
    described = "".join(f":{key}={value}" for key, value in options.items())
    name = re.sub(r"([\\'|])", r"\\\1", ffmpeg.file_url(path))
    ffmpeg.keep_from_python()
    return av.open(f"[f={container_format(suffix)}{described}]{name}", "w", format="tee")


def takes(suffix: str, stream: Stream, *, unchecked: bool = False) -> bool:
    """Whether a container takes a stream as it is; asked by writing a header with it alone.

    Args:
        suffix: Suffix of the output without its dot.
        stream: Stream of a source.
        unchecked: Whether to write as :func:`open_muxer` does with this argument.
    """
    is_cover = bool(stream.disposition & Disposition.attached_pic)
    if stream.type == "unknown" or (suffix == "webm" and stream.type == "attachment"):
        return False  # webm would take an attachment silently, and then not write it
    if is_cover and suffix not in _COVER_SUFFIXES:
        return False  # the same with covers
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
    """The suffix, with its dot, of an output for a video of a kind that vfi does not write.

    It is ``.mp4`` where that holds all sound and subtitles as they are, else ``.mkv``.

    Args:
        path: Video.
    """
    try:
        with ffmpeg.open_input(path) as container:
            return ".mp4" if all(takes("mp4", stream) for stream in _worth_keeping(container)) else ".mkv"
    except (OSError, ValueError):
        return ".mp4"  # what is wrong with the file is reported by who reads it


def _worth_keeping(container: InputContainer) -> list[Stream]:
    return [stream for stream in container.streams if stream.type in ("audio", "subtitle")]
