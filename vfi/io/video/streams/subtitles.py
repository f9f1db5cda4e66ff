"""Converts text subtitles from one codec to another: srt, ass, mov_text, webvtt."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

_TEXT_CODECS = {
    "subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text", "microdvd", "subviewer", "subviewer1",
    "realtext", "sami", "jacosub", "mpl2", "pjs", "vplayer", "stl", "eia_608",
}  # fmt: skip
_UNIT = Fraction(1, 1000)
_ASS_FIELDS = 8  # before the text of a decoded line, separated by commas


def is_text(stream: Stream) -> bool:
    """Whether a stream holds subtitles as text, not as images.

    Args:
        stream: Stream of the source.
    """
    context = stream.codec_context
    return stream.type == "subtitle" and context is not None and context.name in _TEXT_CODECS


@dataclass(frozen=True)
class SubtitleConverter:
    """Converter of one subtitle stream to another codec."""

    stream: Stream
    """Output stream."""
    _decoder: Any
    _encoder: Any

    @classmethod
    def add(cls, output: OutputContainer, source: Stream, codec: str) -> SubtitleConverter:
        """Add a stream for converted subtitles to an output.

        Args:
            output: Output container, before its first packet.
            source: Stream of text subtitles.
            codec: FFmpeg's name of the encoder.

        Raises:
            ValueError: If the container does not support the codec.
            FFmpegError: If there is no decoder or encoder for the text.
        """
        decoder: Any = source.codec_context
        decoder.open(strict=False)
        stream = output.add_stream(codec)
        encoder: Any = stream.codec_context
        encoder.subtitle_header = decoder.subtitle_header
        encoder.time_base = stream.time_base = _UNIT
        return cls(stream, decoder, encoder)

    def convert(self, packet: Packet) -> Packet | None:
        """The packet in the other codec, without times; None if it contains no text or cannot be read.

        Args:
            packet: Packet of the source stream.
        """
        try:
            decoded = self._decoder.decode2(packet)
            line = _joined_line([rect for rect in decoded or () if isinstance(rect, AssSubtitle)])
            if line is None:
                return None
            return self._encoder.encode_subtitle(SubtitleSet.create(line, 0, 0))
        except (ValueError, FFmpegError):
            return None


def _joined_line(lines: list[AssSubtitle]) -> bytes | None:
    """One line with the text of all lines shown at once; None if there is none."""
    decoded = [line.ass for line in lines if line.ass.split(b",", _ASS_FIELDS)[-1].strip()]
    if not decoded:
        return None
    return b"\\N".join([decoded[0], *(line.split(b",", _ASS_FIELDS)[-1] for line in decoded[1:])])
