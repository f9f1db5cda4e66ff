"""How an image file stores its samples, so that new images are stored like their neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class ColorProfile:
    """The colour description of an image file, beside its samples."""

    icc: bytes = b""
    """ICC profile, or empty."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """Type and content of the colour chunks of a PNG file, in order."""
    exif_color_space: int | None = None
    """EXIF's number: 1 is sRGB, 2 Adobe RGB, 65535 another one; None if not stated."""


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
        """The storage of an image between two: depth and channels of the richer one, profile of the first."""
        return replace(
            self,
            bits=max(self.bits, other.bits),
            gray=self.gray and other.gray,
            has_alpha=self.has_alpha or other.has_alpha,
        )
