"""Facts about Matroska and WebM files that FFmpeg does not report: completeness, stated duration.

Such a file is one EBML header and one segment, and the segment states its length in bytes. FFmpeg reads the
available part without an error when the file ends before the segment. Elements: RFC 8794 (EBML), RFC 9559.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

_EBML_HEADER = 0x1A45DFA3
_SEGMENT = 0x18538067
_HEAD_BYTES = 4096  # the EBML header takes about 40
_LONGEST_NUMBER = 8  # bytes


def ends_within_segment(path: Path) -> bool:
    """Whether a file ends within its segment; False for live streams and other formats."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    header = _element(head, 0)
    if header is None or header[0] != _EBML_HEADER or header[2] is None:
        return False
    segment = _element(head, header[1] + header[2])
    if segment is None or segment[0] != _SEGMENT or segment[2] is None:
        return False
    return segment[1] + segment[2] > path.stat().st_size


def tagged_duration(text: str) -> Fraction | None:
    """Seconds of a Matroska statistics tag such as ``00:01:02.345000000``."""
    parts = text.split(":")
    try:
        hours, minutes, seconds = parts
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None


def _element(data: bytes, position: int) -> tuple[int, int, int | None] | None:
    """Name, start of the content and its length (None: unknown) of the element at a position."""
    name = _number(data, position)
    if name is None:
        return None
    length = _number(data, position + name[1])
    if length is None:
        return None
    marker = 1 << 7 * length[1]  # the bit that marks how many bytes the number has
    size = length[0] - marker
    return name[0], position + name[1] + length[1], None if size == marker - 1 else size


def _number(data: bytes, position: int) -> tuple[int, int] | None:
    """A number of variable length, its marker included, and its length in bytes."""
    if position >= len(data):
        return None
    length = _LONGEST_NUMBER + 1 - data[position].bit_length()
    if length > _LONGEST_NUMBER or position + length > len(data):
        return None
    return int.from_bytes(data[position : position + length], "big"), length
