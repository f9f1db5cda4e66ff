"""Folders of images: originals are copied, new images are exact where the format allows it."""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.kills import spoil
from tests.support.media import write_video
from tests.support.outputs import feed, frames, native_frame, rgb_frame, source, write_all
from vfi.errors import AlreadyComplete, ConfigError, InputError, OutputError
from vfi.io.base import SinkOptions
from vfi.io.frames import OutputFrame
from vfi.io.open import open_sink, open_source
from vfi.io.partial import PartialFolder
from vfi.io.pixels.color import rgb_from_bgr
from vfi.io.pixels.picture import Picture
from vfi.io.pixels.tags import SRGB


def read(path: Path) -> np.ndarray:
    """An image as RGB(A) of its own depth."""
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return rgb_from_bgr(image)


@pytest.mark.parametrize("image_format", ["png", "tif"])
@pytest.mark.parametrize(("channels", "bits"), [(3, 8), (4, 8), (3, 16), (4, 16)])
def test_lossless_formats_keep_every_sample(
    tmp_path: Path, image_format: str, channels: int, bits: int
) -> None:
    images = [rgb_frame(number, channels, bits) for number in range(2)]
    folder = tmp_path / "out"
    assert write_all(folder, source(), frames(images), image_format=image_format) == []
    assert sorted(path.name for path in folder.iterdir()) == [f"00000{n}.{image_format}" for n in (0, 1)]
    for number, image in enumerate(images):
        np.testing.assert_array_equal(read(folder / f"00000{number}.{image_format}"), image.rgb())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_webp_is_lossless_unless_a_quality_is_given(tmp_path: Path) -> None:
    images = [rgb_frame(0)]
    write_all(tmp_path / "whole", source(), frames(images), image_format="webp")
    np.testing.assert_array_equal(read(tmp_path / "whole" / "000000.webp"), images[0].rgb())
    write_all(tmp_path / "small", source(), frames(images), image_format="webp", quality=20)
    sizes = [(tmp_path / name / "000000.webp").stat().st_size for name in ("small", "whole")]
    assert sizes[0] < sizes[1]


def test_jpg_reports_what_it_loses(tmp_path: Path) -> None:
    origin = source(bits=16, has_alpha=True, pixel_format="rgba64le", color=SRGB)
    notes = write_all(tmp_path / "out", origin, frames([rgb_frame(0, 4, 16)]), image_format="jpg")
    assert ["16-bit" in notes[0], "Transparency" in notes[1]] == [True, True]
    assert read(tmp_path / "out" / "000000.jpg").shape[2] == 3


def test_files_of_the_same_format_are_copied_byte_for_byte(tmp_path: Path) -> None:
    original = tmp_path / "in" / "shot.PNG"
    original.parent.mkdir()
    assert cv2.imwrite(str(original), np.full((8, 9, 3), 77, np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with open_source(original.parent) as opened:
        images = [frame.image for frame in opened]
        output = [OutputFrame(0, Fraction(0), Fraction(1, 24), images[0], "001")]
        write_all(tmp_path / "same", opened, output)
        write_all(tmp_path / "other", opened, output, image_format="tif")
    assert (tmp_path / "same" / "001.png").read_bytes() == original.read_bytes()
    assert (read(tmp_path / "other" / "001.tif") == 77).all()


def test_frames_of_a_rotated_video_stand_upright(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "in.mp4", 2, prepare=lambda stream: stream.set_display_rotation(90))
    with open_source(clip) as opened:
        images = [frame.image for frame in opened]
        write_all(tmp_path / "out", opened, frames(images))
    upright = read(tmp_path / "out" / "000000.png")
    np.testing.assert_array_equal(upright, np.rot90(images[0].rgb()))


def test_two_frames_of_one_name_are_refused(tmp_path: Path) -> None:
    image = rgb_frame(0)
    output = [OutputFrame(n, Fraction(n), Fraction(1), image, "same") for n in (0, 1)]
    with pytest.raises(OutputError, match=r"Two frames would be written to same\.png"):
        write_all(tmp_path / "out", source(), output)
    assert not (tmp_path / "out").exists()


def test_a_filled_folder_is_kept_unless_overwriting(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "000000.png").write_text("old")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty: give --overwrite"):
        open_sink(folder, source())
    notes = write_all(folder, source(), frames([rgb_frame(0)]), overwrite=True)
    assert notes == [f"1 other files were in {folder} before and were left there."]
    assert read(folder / "000000.png").shape == rgb_frame(0).rgb().shape
    assert (folder / "notes.txt").read_text() == "mine"


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "my.frames"
    folder.mkdir()
    assert write_all(folder, source(), frames([native_frame(0)])) == []
    assert (folder / "000000.png").exists()


def test_resuming_continues_at_the_first_missing_image(tmp_path: Path) -> None:
    images = [rgb_frame(number) for number in range(6)]
    options: dict[str, Any] = {"fingerprint": "f", "segment_frames": 2}
    again = OutputFrame(4, Fraction(9), Fraction(1), images[0], "000001")
    with pytest.raises(OutputError, match="Two frames"):
        write_all(tmp_path / "out", source(), [*frames(images[:4]), again], **options)
    folder = tmp_path / "out.part"
    (folder / "images" / "000002.png").unlink()
    with open_sink(tmp_path / "out", source(), SinkOptions(resume=True, **options)) as resumed:
        assert resumed.completed == 2
        assert list(resumed.written) == [range(2), range(3, 4)]
        feed(resumed, frames(images, start=2)).finish()
    for number, image in enumerate(images):
        np.testing.assert_array_equal(read(tmp_path / "out" / f"{number:06d}.png"), image.rgb())
    with pytest.raises(AlreadyComplete, match="nothing to resume"):
        open_sink(tmp_path / "out", source(), SinkOptions(resume=True, **options))


def test_another_fingerprint_is_not_resumed(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "out", source(), SinkOptions(fingerprint="f"))
    feed(sink, frames([rgb_frame(0), rgb_frame(1)]))
    sink.flush()
    sink.abort()
    with pytest.raises(ConfigError, match="created with other settings"):
        open_sink(tmp_path / "out", source(), SinkOptions(fingerprint="g", resume=True))


def test_names_of_any_script(tmp_path: Path) -> None:
    output = [OutputFrame(0, Fraction(0), Fraction(1), rgb_frame(0), "кадр 'один' 一")]
    write_all(tmp_path / "папка", source(), output)
    assert (tmp_path / "папка" / "кадр 'один' 一.png").exists()


def test_new_images_of_a_ten_bit_source_keep_their_depth(tmp_path: Path) -> None:
    like = native_frame(0, "yuv420p10le")
    new = Picture.from_rgb(rgb_frame(0, bits=16).rgb(), like)
    write_all(tmp_path / "out", source(bits=10), frames([new]))
    np.testing.assert_array_equal(read(tmp_path / "out" / "000000.png"), new.rgb())


@pytest.mark.parametrize("damage", ["flip", "empty", "cut"])
def test_a_damaged_image_is_written_again(tmp_path: Path, damage: str) -> None:
    images = [rgb_frame(number) for number in range(4)]
    with open_sink(tmp_path / "out", source(), SinkOptions(fingerprint="f")) as sink:
        feed(sink, frames(images[:3])).flush()
    spoil(tmp_path / "out.part" / "images" / "000001.png", damage)
    with open_sink(tmp_path / "out", source(), SinkOptions(fingerprint="f", resume=True)) as sink:
        assert list(sink.written) == [range(1), range(2, 3)]
        feed(sink, frames(images, start=1)).finish()
    for number, image in enumerate(images):
        np.testing.assert_array_equal(read(tmp_path / "out" / f"{number:06d}.png"), image.rgb())


@pytest.mark.parametrize("content", [b"", b"\0" * 90, b"[1, 2]\n7\n", b"\xff\xfe\x80", b"{" * 5000])
def test_with_a_damaged_journal_images_are_written_again(tmp_path: Path, content: bytes) -> None:
    images = [rgb_frame(number) for number in range(3)]
    with open_sink(tmp_path / "out", source(), SinkOptions(fingerprint="f")) as sink:
        feed(sink, frames(images[:2])).flush()
    (tmp_path / "out.part" / "images.jsonl").write_bytes(content)
    with open_sink(tmp_path / "out", source(), SinkOptions(fingerprint="f", resume=True)) as sink:
        assert sink.completed == 0
        feed(sink, frames(images)).finish()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "000000.png", "000001.png", "000002.png", "out",
    ]  # fmt: skip


def test_two_images_of_one_name_are_refused_before_any_work(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a.jpg", "b.png"):
        assert cv2.imwrite(str(folder / name), np.full((8, 9, 3), 77, np.uint8))
    with (
        open_source(folder) as opened,
        pytest.raises(InputError, match=r"a\.jpg and .*a\.png would both be written to a: rename"),
    ):
        open_sink(tmp_path / "out", opened)
    assert not (tmp_path / "out.part").exists()


def test_an_interrupted_move_into_an_existing_folder_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, images = tmp_path / "out", [rgb_frame(number) for number in range(5)]
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    real, moved = PartialFolder.move_into_output, []

    def stop_at_third(self: PartialFolder, name: str) -> None:
        moved.append(name)
        if len(moved) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(PartialFolder, "move_into_output", stop_at_third)
        with pytest.raises(OutputError, match="No space left"):
            write_all(folder, source(), frames(images), overwrite=True, fingerprint="f")
    assert len(list(folder.glob("*.png"))) == 2
    with open_sink(folder, source(), SinkOptions(resume=True, fingerprint="f")) as sink:
        assert sink.completed == 5
        assert sink.finish() == [f"1 other files were in {folder} before and were left there."]
    for number, image in enumerate(images):
        np.testing.assert_array_equal(read(folder / f"{number:06d}.png"), image.rgb())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_output_on_another_disk_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def refuse_between_folders(self: Path, target: Path) -> Path:
        if self.parent != target.parent and self.suffix == ".png":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return real(self, target)

    (tmp_path / "out").mkdir()
    monkeypatch.setattr(Path, "replace", refuse_between_folders)
    write_all(tmp_path / "out", source(), frames([rgb_frame(0)]))
    np.testing.assert_array_equal(read(tmp_path / "out" / "000000.png"), rgb_frame(0).rgb())
    assert len(list(tmp_path.rglob("*"))) == 2
