"""How an image file stores its samples, so that new images can be stored as their neighbours are."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ColorProfile:
    """What an image file says about its colours, beside the samples."""

    icc: bytes = b""
    """ICC profile, or empty."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Type and content of the colour chunks of a PNG file, in order."""
    exif_color_space: int | None = None
    """EXIF's number: 1 is sRGB, 2 Adobe RGB, 65535 another one; None where not stated."""


@dataclass(frozen=True)
class ImageStorage:
    """How an image file stores its samples."""

    file_format: str
    """``"png"``, ``"jpg"``, ``"tif"``, ``"webp"`` or another name, by the content of the file."""
    bits: int
    """8 or 16."""
    gray: bool
    has_alpha: bool
    profile: ColorProfile = ColorProfile()

    def joined(self, other: ImageStorage) -> ImageStorage:
        """The storage of an image between two: as rich as the richer one, with the first one's colours."""
        return replace(
            self,
            bits=max(self.bits, other.bits),
            gray=self.gray and other.gray,
            has_alpha=self.has_alpha or other.has_alpha,
        )
