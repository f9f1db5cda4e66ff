"""New images have the colour profile, channels and depth of the images around them."""

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
from vfi.io.open import open_sink
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
    new = Picture.from_tensor(middle, like=start, end=end)
    return encode_image(new, image_format, SinkOptions(image_format=image_format))


@pytest.mark.parametrize("image_format", ["png", "jpg", "tif", "webp"])
def test_new_images_have_the_icc_profile_of_their_neighbours(tmp_path: Path, image_format: str) -> None:
    for number in range(2):
        image(60 + number).save(tmp_path / f"{number}.{image_format}", icc_profile=PROFILE)
    content = new_image(tmp_path, image_format)
    with Image.open(BytesIO(content)) as new:
        new.load()
        assert new.info.get("icc_profile") == PROFILE
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.shape == (12, 20, 3)


def test_new_images_have_the_colour_chunks_of_their_neighbours(tmp_path: Path) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"gAMA", (100000).to_bytes(4, "big"))
    chunks.add(b"cICP", bytes((9, 16, 0, 1)))
    for number in range(2):
        image(60 + number).save(tmp_path / f"{number}.png", pnginfo=chunks)
    (tmp_path / "new.png").write_bytes(new_image(tmp_path, "png"))
    new, neighbour = (read_header(tmp_path / name).storage for name in ("new.png", "0.png"))
    assert new == neighbour
    assert new is not None
    assert [kind for kind, _ in new.profile.chunks] == [b"gAMA", b"cICP"]
    assert np.array_equal(read_image(tmp_path / "new.png")[3, 4], [200, 10, 90])


@pytest.mark.parametrize("image_format", ["png", "jpg", "webp"])
def test_new_images_have_the_exif_colour_space_of_their_neighbours(tmp_path: Path, image_format: str) -> None:
    exif = Image.Exif()
    exif[0x0131] = "camera"  # Pillow takes EXIF without a tag of its own for empty
    exif.get_ifd(0x8769)[0xA001] = 65535
    for number in range(2):
        image(60 + number).save(tmp_path / f"{number}.{image_format}", exif=exif)
    with Image.open(BytesIO(new_image(tmp_path, image_format))) as new:
        new.load()
        assert new.getexif().get_ifd(0x8769)[0xA001] == 65535


@pytest.mark.parametrize(("transfer", "expected"), [(16, [b"cICP"]), (18, [b"cICP"]), (1, [])])
def test_png_images_of_an_hdr_video_are_tagged(tmp_path: Path, transfer: int, expected: list[bytes]) -> None:
    frame = Picture.from_frame(gray_frame(500, "yuv420p10le"), tags=ColorTags(9, transfer, 9))
    (tmp_path / "a.png").write_bytes(encode_image(frame, "png", SinkOptions()))
    storage = read_header(tmp_path / "a.png").storage
    assert storage is not None
    assert [kind for kind, _ in storage.profile.chunks] == expected
    if expected:
        assert storage.profile.chunks[0][1] == bytes((9, transfer, 0, 1))


@pytest.mark.parametrize(
    ("mode", "expected"), [("L", "L"), ("LA", "LA"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("I;16", "I;16")]
)
def test_new_images_have_the_channels_and_depth_of_their_neighbours(
    tmp_path: Path, mode: str, expected: str
) -> None:
    for number in range(2):
        if mode == "I;16":
            stored = Image.fromarray(np.full((12, 20), 40000 + number, np.uint16))
        else:
            stored = image(60 + number).convert(mode)
        stored.save(tmp_path / f"{number}.png")
    with Image.open(BytesIO(new_image(tmp_path, "png"))) as new:
        assert new.mode == expected


def test_in_a_mixed_folder_only_the_neighbours_of_an_image_count(tmp_path: Path) -> None:
    image(60).convert("L").save(tmp_path / "0.png")
    image(61).convert("L").save(tmp_path / "1.png")
    cv2.imwrite(str(tmp_path / "2.png"), np.full((12, 20, 4), 30000, np.uint16))
    with Image.open(BytesIO(new_image(tmp_path, "png"))) as new:
        assert new.mode == "L"


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


def animation(path: Path) -> Path:
    """An animation of three frames with the ICC profile :data:`PROFILE`."""
    images = [image(60 + number) for number in range(3)]
    options: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=100, icc_profile=PROFILE, **options
    )
    if path.suffix == ".gif":  # Pillow does not write the extension
        blocks = [PROFILE[first : first + 255] for first in range(0, len(PROFILE), 255)]
        profile = b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
        content = path.read_bytes()
        end = 13 + (3 << (content[10] & 7) + 1)  # of the header and its colour table
        path.write_bytes(content[:end] + b"\x21\xff\x0bICCRGBG1012" + profile + content[end:])
    return path


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_images_from_an_animation_keep_its_profile(tmp_path: Path, suffix: str) -> None:
    with open_source(animation(tmp_path / f"a.{suffix}")) as source:
        start, end = [frame.image for frame in source][:2]
    for frame in (start, Picture.from_tensor(start.tensor(), like=start, end=end)):
        with Image.open(BytesIO(encode_image(frame, "png", SinkOptions()))) as written:
            assert written.info.get("icc_profile") == PROFILE
            assert written.mode == "RGB"


@pytest.mark.parametrize("before", ["gif", "webp", "png"])
@pytest.mark.parametrize("after", ["gif", "webp"])
def test_a_profile_that_an_animation_loses_is_reported(tmp_path: Path, before: str, after: str) -> None:
    with open_source(animation(tmp_path / f"a.{before}")) as source:
        frames = list(source)
        with open_sink(tmp_path / f"out.{after}", source) as sink:
            for frame in frames:
                sink.write(OutputFrame(frame.index, frame.time, frame.duration, frame.image, frame.name))
            notes = sink.finish()
    assert any("colour profile" in note and "was left out" in note for note in notes)


def test_an_animation_without_a_profile_gives_no_note(tmp_path: Path) -> None:
    images = [image(60 + number) for number in range(2)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=100)
    with open_source(tmp_path / "a.gif") as source:
        assert source.info.color_profiles == ("",)
