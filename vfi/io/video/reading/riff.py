"""A fact about avi files that FFmpeg does not report: completeness.

Such a file is one RIFF chunk, or several where it is larger than a gigabyte, each with its length in bytes.
"""

from __future__ import annotations

from pathlib import Path

_HEADER_BYTES = 8


def ends_within_riff(path: Path) -> bool:
    """Whether a file ends within its last RIFF chunk; False for other formats."""
    size = path.stat().st_size
    position = 0
    with path.open("rb") as file:
        while position + _HEADER_BYTES <= size:
            file.seek(position)
            header = file.read(_HEADER_BYTES)
            if header[:4] != b"RIFF":
                return False
            length = int.from_bytes(header[4:], "little")
            if position + _HEADER_BYTES + length > size:
                return True
            position += _HEADER_BYTES + length + length % 2
    return False
