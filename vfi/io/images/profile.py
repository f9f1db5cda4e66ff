"""Colour descriptions of image files: ICC profile, EXIF colour space, the colour chunks of PNG."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageCms

from vfi.io.pixels.storage import ColorProfile

if TYPE_CHECKING:
    from vfi.io.pixels.tags import ColorTags

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_COLOUR_CHUNKS = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"iCCP")
_GIF_PROFILE = b"\x21\xff\x0bICCRGBG1012"  # the head of the extension with the ICC profile
_EXIF_FOLDER, _EXIF_COLOR_SPACE = 0x8769, 0xA001
_PQ, _HLG = 16, 18  # H.273 numbers of the HDR transfer functions


def profile_name(profile: ColorProfile) -> str:
    """The name of a colour description for messages; empty for sRGB or none."""
    if profile.icc:
        try:
            opened = ImageCms.ImageCmsProfile(BytesIO(profile.icc))
            name = ImageCms.getProfileDescription(opened).strip()
        except (OSError, ImageCms.PyCMSError):
            name = ""
        name = name or "an ICC profile"
        return "" if name.lower().startswith("srgb") else name
    kinds = [kind.decode() for kind, _ in profile.chunks]
    if kinds and "sRGB" not in kinds:
        return f"PNG {', '.join(kinds)}"
    return {None: "", 1: "", 2: "Adobe RGB"}.get(profile.exif_color_space, "an EXIF colour space")


def read_profile(path: Path, image: Image.Image) -> ColorProfile:
    """Read the colour description of an image file.

    Args:
        path: Image file.
        image: Image of that file, opened by Pillow.
    """
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    if image.format == "PNG":
        every = _png_chunks(path)
        chunks = tuple((kind, data) for kind, data in every if kind != b"eXIf")
        exif = Image.Exif()  # Pillow would decode the whole image to look for a chunk at its end
        exif.load(b"Exif\0\0" + dict(every).get(b"eXIf", b""))
    else:
        exif = image.getexif()
    space = exif.get_ifd(_EXIF_FOLDER).get(_EXIF_COLOR_SPACE)
    icc = _gif_profile(path) if image.format == "GIF" else image.info.get("icc_profile") or b""
    return ColorProfile(icc, chunks, space if isinstance(space, int) else None)


def _gif_profile(path: Path) -> bytes:
    """The ICC profile of a GIF file, which Pillow does not read; empty where there is none."""
    content = path.read_bytes()
    position = content.find(_GIF_PROFILE)
    if position < 0:
        return b""
    position += len(_GIF_PROFILE)
    blocks: list[bytes] = []
    while position < len(content) and (size := content[position]):
        blocks.append(content[position + 1 : position + 1 + size])
        position += 1 + size
    return b"".join(blocks)


def _png_chunks(path: Path) -> tuple[tuple[bytes, bytes], ...]:
    """The colour chunks of a PNG file, which precede its samples, and EXIF, which may follow them."""
    found: list[tuple[bytes, bytes]] = []
    with path.open("rb") as file:
        file.seek(len(_PNG_START))
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind in (*_PNG_COLOUR_CHUNKS, b"eXIf"):
                found.append((kind, file.read(length)))
                file.seek(4, 1)
            else:
                file.seek(length + 4, 1)
    return tuple(found)


def video_profile(tags: ColorTags) -> ColorProfile | None:
    """The colour description of images from an HDR video, which look wrong without one; None for others.

    Args:
        tags: Colour tags of the video.
    """
    if tags.transfer not in (_PQ, _HLG):
        return None
    return ColorProfile(chunks=((b"cICP", bytes((tags.primaries, tags.transfer, 0, 1))),))


def add_profile(content: bytes, image_format: str, profile: ColorProfile) -> bytes:
    """Write a colour description into an encoded image without changing its samples.

    Args:
        content: Bytes of a complete file without a colour description.
        image_format: ``"png"``, ``"jpg"``, ``"tif"`` or ``"webp"``.
        profile: Colour description; what the format cannot store is left out.
    """
    if image_format == "png":
        return _with_png_chunks(content, profile)
    if image_format == "jpg":
        return _with_jpeg_segments(content, profile)
    if image_format == "webp" and (profile.icc or profile.exif_color_space):
        return _with_webp_chunks(content, profile)
    if image_format == "tif" and profile.icc:
        return _with_tiff_profile(content, profile.icc)
    return content


def _with_png_chunks(content: bytes, profile: ColorProfile) -> bytes:
    chunks = list(profile.chunks)
    if profile.icc and not any(kind == b"iCCP" for kind, _ in chunks):
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(profile.icc)))
    if profile.exif_color_space is not None:
        chunks.append((b"eXIf", _exif(profile.exif_color_space)))
    added = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    end = len(_PNG_START) + 25  # IHDR: 4 length, 4 type, 13 content, 4 checksum
    return content[:end] + added + content[end:]


def _exif(color_space: int) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(_EXIF_FOLDER)[_EXIF_COLOR_SPACE] = color_space
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _with_jpeg_segments(content: bytes, profile: ColorProfile) -> bytes:
    segments = []
    if profile.exif_color_space is not None:
        segments.append(b"\xff\xe1" + _sized(b"Exif\0\0" + _exif(profile.exif_color_space)))
    most = 65519  # bytes of a profile per segment
    parts = [profile.icc[first : first + most] for first in range(0, len(profile.icc), most)]
    for number, part in enumerate(parts, start=1):
        segments.append(b"\xff\xe2" + _sized(b"ICC_PROFILE\0" + bytes((number, len(parts))) + part))
    start = 2  # after the start mark, and after JFIF's segment if there is one
    if content[2:4] == b"\xff\xe0":
        start += 2 + int.from_bytes(content[4:6], "big")
    return content[:start] + b"".join(segments) + content[start:]


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data) + 2) + data


def _with_webp_chunks(content: bytes, profile: ColorProfile) -> bytes:
    """A RIFF file in WebP's extended form: header, profile, samples, EXIF."""
    with Image.open(BytesIO(content)) as image:
        width, height, alpha = image.width, image.height, "A" in image.mode
    samples = content[12:]
    if samples[:4] == b"VP8X":
        samples = samples[18:]
    exif = b"" if profile.exif_color_space is None else _exif(profile.exif_color_space)
    flags = (0x20 if profile.icc else 0) | (0x10 if alpha else 0) | (0x08 if exif else 0)
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = _riff(b"VP8X", bytes((flags, 0, 0, 0)) + sides)
    body += (_riff(b"ICCP", profile.icc) if profile.icc else b"") + samples
    body += _riff(b"EXIF", exif) if exif else b""
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _with_tiff_profile(content: bytes, icc: bytes) -> bytes:
    """A TIFF file whose first directory is copied to its end, with tag 34675 (ICC profile) added."""
    order = "<" if content[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, start)
    entries = [content[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    following = content[start + 2 + 12 * count : start + 6 + 12 * count]
    content += b"\0" * (len(content) % 2)
    entries.append(struct.pack(order + "HHII", 34675, 7, len(icc), len(content)))
    content += icc + b"\0" * (len(icc) % 2)
    entries.sort(key=lambda entry: struct.unpack_from(order + "H", entry)[0])
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + following
    return content[:4] + struct.pack(order + "I", len(content)) + content[8:] + directory
