"""What kind of file something is, by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vfi.errors import ModelError

Format = Literal["zip", "legacy", "safetensors"]
"""``torch.save`` since 1.6 (``zip``) and before (``legacy``), or safetensors."""

FORMAT_TITLES: dict[Format, str] = {
    "zip": "torch.save",
    "legacy": "torch.save before 1.6",
    "safetensors": "safetensors",
}

_HEAD = 64  # bytes, enough for every mark below
_LARGEST_HEADER = 100_000_000  # bytes, the limit of safetensors itself
_STRANGERS = (
    (b"<!doctype", "is a web page: the download gave a page instead of the file"),
    (b"<html", "is a web page: the download gave a page instead of the file"),
    (b"version https://git-lfs", "is a Git LFS pointer: fetch the file itself with git lfs pull"),
    (b"\x1f\x8b", "is a gzip archive: unpack it first"),
    (b"rar!", "is a RAR archive: unpack it first"),
    (b"7z\xbc\xaf", "is a 7-Zip archive: unpack it first"),
)


def sniff_format(path: Path) -> Format | None:
    """The format of a file of weights; None if it is none, or cannot be read.

    Args:
        path: A file.
    """
    try:
        return _format_of(_head(path))
    except OSError:
        return None


def require_format(path: Path) -> Format:
    """The format of a file of weights.

    Args:
        path: What should be one.

    Raises:
        ModelError: it is missing, empty, or something else; the sentence says what.
    """
    if path.is_dir():
        raise ModelError(f"The checkpoint {path} is a folder: name the file in it.")
    try:
        head = _head(path)
    except FileNotFoundError:
        raise ModelError(f"The checkpoint {path} does not exist.") from None
    except OSError as error:
        raise ModelError(f"The checkpoint {path} cannot be read: {error.strerror or error}.") from error
    if not head:
        raise ModelError(f"The checkpoint {path} is empty: get or copy it again.")
    found = _format_of(head)
    if found is None:
        start = head.lstrip().lower()
        reason = next((text for mark, text in _STRANGERS if start.startswith(mark)), None)
        reason = reason or "is no file of weights (torch.save or safetensors is expected)"
        raise ModelError(f"The checkpoint {path} {reason}.")
    return found


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _format_of(head: bytes) -> Format | None:
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\x80") and len(head) > 1 and head[1] in (2, 3, 4, 5):  # a pickle and its protocol
        return "legacy"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LARGEST_HEADER:
        return "safetensors"
    return None
