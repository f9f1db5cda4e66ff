"""Image files as sources: order, depth, alpha, orientation, animations, and files that are not images."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from vfi.errors import ConfigError, InputError
from vfi.io import find_clips, natural_key, open_source
from vfi.io.images.files import read_header, read_image


def image_array(
    level: int = 100, height: int = 12, width: int = 20, channels: int = 3, dtype: type = np.uint8
) -> np.ndarray:
    """An image in OpenCV's channel order whose corner differs from the rest."""
    array = np.full((height, width, channels), level, dtype)
    array[0, 0] = np.arange(1, channels + 1)
    return array


def write(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, content = cv2.imencode(path.suffix, array)
    content.tofile(path)
    return path


def test_natural_order() -> None:
    names = ["frame10.png", "frame2.png", "Frame1.png", "a.png", "frame2b.png", "10.png", "9.png", "b1a.png"]
    ordered = [
        "9.png",
        "10.png",
        "a.png",
        "b1a.png",
        "Frame1.png",
        "frame2.png",
        "frame2b.png",
        "frame10.png",
    ]
    assert sorted(names, key=natural_key) == ordered


def test_folder_is_read_in_natural_order_with_times_and_names(tmp_path: Path) -> None:
    for name in ("shot_10.png", "shot_9.jpg", "shot_11.tif", "shot_08.webp", "shot_12.bmp"):
        write(tmp_path / name, image_array())
    (tmp_path / ".hidden.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    with open_source(tmp_path, rate=Fraction(30000, 1001)) as source:
        frames = list(source)
    assert [frame.name for frame in frames] == ["shot_08", "shot_9", "shot_10", "shot_11", "shot_12"]
    assert [frame.time for frame in frames] == [number * Fraction(1001, 30000) for number in range(5)]
    assert {frame.duration for frame in frames} == {Fraction(1001, 30000)}
    info = source.info
    assert (info.kind, info.height, info.width, info.frame_count) == ("images", 12, 20, 5)
    assert info.duration == 5 * Fraction(1001, 30000)
    assert frames[2].image.path == tmp_path / "shot_10.png"


def test_trim_selects_whole_frames(tmp_path: Path) -> None:
    for number in range(10):
        write(tmp_path / f"{number}.png", image_array())
    with open_source(tmp_path, rate=Fraction(10), start=Fraction(2, 10), end=Fraction(5, 10)) as source:
        frames = list(source)
    assert [frame.name for frame in frames] == ["2", "3", "4"]
    assert [frame.time for frame in frames] == [Fraction(2, 10), Fraction(3, 10), Fraction(4, 10)]
    assert source.info.frame_count == 3
    with pytest.raises(InputError, match=r"ends at 1\.00 s"):
        open_source(tmp_path, rate=Fraction(10), start=Fraction(3))
    with pytest.raises(ConfigError, match="not after the start"):
        open_source(tmp_path, start=Fraction(3), end=Fraction(2))


def test_channels_are_red_green_blue(tmp_path: Path) -> None:
    blue_green_red = image_array()
    assert read_image(write(tmp_path / "a.png", blue_green_red))[0, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_is_kept(tmp_path: Path, suffix: str, channels: int) -> None:
    array = image_array(40000, channels=channels, dtype=np.uint16)
    path = write(tmp_path / f"deep{suffix}", array)
    with open_source(path) as source:
        (frame,) = source
    assert source.info.bits == 16
    assert source.info.has_alpha == (channels == 4)
    assert frame.image.rgb().dtype == np.uint16
    assert frame.image.rgb()[5, 5, 0] == 40000
    assert frame.image.rgb().shape[2] == max(3, channels)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_alpha_is_kept(tmp_path: Path, suffix: str) -> None:
    array = image_array(200, channels=4)
    array[..., 3] = 77
    with open_source(write(tmp_path / f"a{suffix}", array)) as source:
        (frame,) = source
    assert source.info.has_alpha
    assert frame.image.rgb()[5, 5, 3] == 77


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P"])
def test_gray_and_palette_become_rgb(tmp_path: Path, mode: str) -> None:
    original = Image.fromarray(image_array(200)).convert(mode)
    original.save(tmp_path / "a.png")
    expected = np.asarray(original.convert("RGB"))
    assert np.array_equal(read_image(tmp_path / "a.png")[..., :3], expected)


def test_a_folder_of_different_depths_and_channels_becomes_the_richest(tmp_path: Path) -> None:
    write(tmp_path / "1.png", image_array(100))
    write(tmp_path / "2.png", image_array(25700, channels=4, dtype=np.uint16))
    write(tmp_path / "3.png", image_array(100, channels=1))
    with open_source(tmp_path) as source:
        arrays = [frame.image.rgb() for frame in source]
    assert {array.shape for array in arrays} == {(12, 20, 4)}
    assert {array.dtype for array in arrays} == {np.dtype(np.uint16)}
    assert [int(array[5, 5, 0]) for array in arrays] == [25700] * 3
    assert int(arrays[0][5, 5, 3]) == 65535


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int) -> None:
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :16, 0] = 250
    stored[8:, 16:, 1] = 250
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[274] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as written:
        expected = np.asarray(ImageOps.exif_transpose(written))
    assert np.array_equal(read_image(tmp_path / "a.png"), expected)
    header = read_header(tmp_path / "a.png")
    assert (header.height, header.width) == expected.shape[:2]
    with open_source(tmp_path / "a.png") as source:
        (frame,) = source
    assert (frame.image.path is None) == (orientation != 1)


def test_pair(tmp_path: Path) -> None:
    first, second = write(tmp_path / "b.png", image_array(1)), write(tmp_path / "a.jpg", image_array(2))
    with open_source(first, second=second) as source:
        frames = list(source)
    assert source.info.kind == "pair"
    assert [frame.name for frame in frames] == ["b", "a"]
    with pytest.raises(InputError, match="needs two images"):
        open_source(first, second=tmp_path)


def test_names_of_any_letters(tmp_path: Path) -> None:
    folder = tmp_path / "日本 'quoted' \"folder\""
    write(folder / "кадр №2.png", image_array())
    write(folder / "кадр №10 %d.png", image_array())
    with open_source(folder) as source:
        assert [frame.name for frame in source] == ["кадр №2", "кадр №10 %d"]


def test_mixed_sizes_name_both_files(tmp_path: Path) -> None:
    write(tmp_path / "1.png", image_array())
    odd = write(tmp_path / "2.png", image_array(height=13))
    with pytest.raises(InputError) as caught:
        open_source(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "1.png") in message
    assert str(odd) in message
    assert "20x12" in message
    assert "20x13" in message


@pytest.mark.parametrize("content", [b"", b"this is text", bytes(1000)])
def test_an_image_that_is_not_one_is_named_at_once(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "1.png", image_array())
    (tmp_path / "2.png").write_bytes(content)
    with pytest.raises(InputError, match=r"2\.png is not an image"):
        open_source(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_cut_off_image_surfaces_in_the_consumer(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    write(tmp_path / f"1{suffix}", noise)
    path = write(tmp_path / f"2{suffix}", noise)
    path.write_bytes(path.read_bytes()[:-2000])
    with open_source(tmp_path) as source:
        frames = iter(source)
        next(frames)
        with pytest.raises(InputError, match=f"2{suffix} is cut off"):
            next(frames)


def test_folders_without_images_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        open_source(tmp_path)
    (tmp_path / "b.mp4").touch()
    with pytest.raises(InputError, match=r"folder of videos: name one of them, such as .*b\.mp4"):
        open_source(tmp_path)
    with pytest.raises(InputError, match="nothing does not exist"):
        open_source(tmp_path / "nothing")


def test_dataset_of_clips(tmp_path: Path) -> None:
    for clip in ("clip10", "clip9", ".hidden"):
        write(tmp_path / clip / "1.png", image_array())
    (tmp_path / "empty").mkdir()
    assert find_clips(tmp_path) == [tmp_path / "clip9", tmp_path / "clip10"]
    assert find_clips(tmp_path / "clip9") == []
    assert find_clips(tmp_path / "clip9" / "1.png") == []
    with pytest.raises(InputError, match="dataset of 2 clips"):
        open_source(tmp_path)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_animations_are_read_with_their_own_times(tmp_path: Path, suffix: str) -> None:
    levels = [40, 120, 200]
    images = [Image.fromarray(np.full((12, 20, 3), level, np.uint8)) for level in levels]
    path = tmp_path / f"a{suffix}"
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    images[0].save(path, save_all=True, append_images=images[1:], duration=[100, 250, 40], loop=0, **options)
    with open_source(path) as source:
        frames = list(source)
    assert source.info.kind == "video"
    assert source.info.rate is None
    assert not source.info.has_alpha
    assert [frame.time for frame in frames] == [0, Fraction(100, 1000), Fraction(350, 1000)]
    assert [frame.duration for frame in frames] == [Fraction(n, 1000) for n in (100, 250, 40)]
    assert [int(frame.image.rgb()[5, 5, 1]) for frame in frames] == levels
    with open_source(path, start=Fraction(1, 10), end=Fraction(2, 10)) as source:
        assert [(frame.time, frame.duration) for frame in source] == [(Fraction(1, 10), Fraction(1, 10))]


def test_transparent_animation_has_alpha(tmp_path: Path) -> None:
    clear, solid = np.zeros((12, 20, 4), np.uint8), np.full((12, 20, 4), 255, np.uint8)
    images = [Image.fromarray(solid), Image.fromarray(clear)]
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=100, lossless=True)
    with open_source(tmp_path / "a.webp") as source:
        alphas = [int(frame.image.rgb()[5, 5, 3]) for frame in source]
    assert source.info.rate == 10
    assert alphas == [255, 0]
