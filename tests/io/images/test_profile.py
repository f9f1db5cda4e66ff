"""Colour profiles, gray, depth and transparency of new images: those of the images around them."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin

from tests.support.media import gray_frame
from vfi.io import open_source
from vfi.io.base import SinkOptions
from vfi.io.frames import OutputFrame
from vfi.io.images.files import read_header, read_image
from vfi.io.images.sink import ImageSink, encode_image
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.tags import ColorTags

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # any profile other than sRGB


def image(level: int = 60) -> Image.Image:
    array = np.full((12, 20, 3), level, np.uint8)
    array[3:6, 4:9] = (200, 10, 90)
    return Image.fromarray(array)


def new_image(folder: Path, image_format: str) -> bytes:
    """The image between the first two of a folder, as the sink encodes it."""
    with open_source(folder) as source:
        start, end = [frame.image for frame in source][:2]
    middle = torch.lerp(start.tensor(), end.tensor(), 0.5)
    made = Picture.from_tensor(middle, like=start, end=end)
    return encode_image(made, image_format, SinkOptions(image_format=image_format))


@pytest.mark.parametrize("image_format", ["png", "jpg", "tif", "webp"])
def test_new_images_have_the_icc_profile_of_their_neighbours(tmp_path: Path, image_format: str) -> None:
    for number in range(2):
        image(60 + number).save(tmp_path / f"{number}.{image_format}", icc_profile=PROFILE)
    content = new_image(tmp_path, image_format)
    with Image.open(BytesIO(content)) as made:
        made.load()
        assert made.info.get("icc_profile") == PROFILE
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.shape == (12, 20, 3)


def test_new_images_have_the_colour_chunks_of_their_neighbours(tmp_path: Path) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"gAMA", (100000).to_bytes(4, "big"))
    chunks.add(b"cICP", bytes((9, 16, 0, 1)))
    for number in range(2):
        image(60 + number).save(tmp_path / f"{number}.png", pnginfo=chunks)
    (tmp_path / "made.png").write_bytes(new_image(tmp_path, "png"))
    made, neighbour = (read_header(tmp_path / name).storage for name in ("made.png", "0.png"))
    assert made == neighbour
    assert made is not None
    assert [kind for kind, _ in made.profile.chunks] == [b"gAMA", b"cICP"]
    assert np.array_equal(read_image(tmp_path / "made.png")[3, 4], [200, 10, 90])


@pytest.mark.parametrize("image_format", ["png", "jpg", "webp"])
def test_new_images_have_the_exif_colour_space_of_their_neighbours(tmp_path: Path, image_format: str) -> None:
    exif = Image.Exif()
    exif[0x0131] = "camera"  # Pillow takes EXIF without a tag of its own for empty
    exif.get_ifd(0x8769)[0xA001] = 65535
    for number in range(2):
        image(60 + number).save(tmp_path / f"{number}.{image_format}", exif=exif)
    with Image.open(BytesIO(new_image(tmp_path, image_format))) as made:
        made.load()
        assert made.getexif().get_ifd(0x8769)[0xA001] == 65535


@pytest.mark.parametrize(("transfer", "expected"), [(16, [b"cICP"]), (18, [b"cICP"]), (1, [])])
def test_png_images_of_an_hdr_film_say_so(tmp_path: Path, transfer: int, expected: list[bytes]) -> None:
    picture = Picture.from_frame(gray_frame(500, "yuv420p10le"), tags=ColorTags(9, transfer, 9))
    (tmp_path / "a.png").write_bytes(encode_image(picture, "png", SinkOptions()))
    storage = read_header(tmp_path / "a.png").storage
    assert storage is not None
    assert [kind for kind, _ in storage.profile.chunks] == expected
    if expected:
        assert storage.profile.chunks[0][1] == bytes((9, transfer, 0, 1))


@pytest.mark.parametrize(
    ("mode", "expected"), [("L", "L"), ("LA", "LA"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("I;16", "I;16")]
)
def test_new_images_are_of_the_kind_of_their_neighbours(tmp_path: Path, mode: str, expected: str) -> None:
    for number in range(2):
        if mode == "I;16":
            picture = Image.fromarray(np.full((12, 20), 40000 + number, np.uint16))
        else:
            picture = image(60 + number).convert(mode)
        picture.save(tmp_path / f"{number}.png")
    with Image.open(BytesIO(new_image(tmp_path, "png"))) as made:
        assert made.mode == expected


def test_a_folder_of_several_kinds_gives_each_new_image_what_its_neighbours_hold(tmp_path: Path) -> None:
    image(60).convert("L").save(tmp_path / "0.png")
    image(61).convert("L").save(tmp_path / "1.png")
    cv2.imwrite(str(tmp_path / "2.png"), np.full((12, 20, 4), 30000, np.uint16))
    with Image.open(BytesIO(new_image(tmp_path, "png"))) as made:
        assert made.mode == "L"


def test_one_transparent_gray_becomes_alpha(tmp_path: Path) -> None:
    image(60).convert("L").save(tmp_path / "a.png", transparency=60)
    pixels = read_image(tmp_path / "a.png")
    assert pixels.shape == (12, 20, 4)
    assert pixels[0, 0, 3] == 0
    assert pixels[4, 5, 3] == 255


@pytest.mark.parametrize(("name", "copied"), [("a.png", True), ("wrong.png", False)])
def test_a_file_is_copied_only_if_its_content_is_what_its_name_says(
    tmp_path: Path, name: str, copied: bool
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    image().save(path, "PNG" if copied else "JPEG")
    with open_source(path) as source:
        (frame,) = source
        sink = ImageSink(tmp_path / "out", source.info, SinkOptions())
    sink.write(OutputFrame(0, Fraction(0), Fraction(1), frame.image, "new"))
    sink.finish()
    written = (tmp_path / "out" / "new.png").read_bytes()
    assert written.startswith(b"\x89PNG")
    assert (written == path.read_bytes()) == copied


def test_different_profiles_are_reported_once(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    options: list[dict[str, Any]] = [{}, {"icc_profile": PROFILE}, {"icc_profile": PROFILE}]
    for number, given in enumerate(options):
        image(60).save(folder / f"{number}.png", **given)
    with open_source(folder) as source:
        frames = list(source)
        assert len(source.info.color_profiles) == 2
        sink = ImageSink(tmp_path / "out", source.info, SinkOptions())
    for frame in frames:
        sink.write(OutputFrame(frame.index, frame.time, frame.duration, frame.image, frame.name))
    notes = [note for note in sink.finish() if "different colour profiles" in note]
    assert len(notes) == 1
