"""Names of files: their order, which of them are images, and those that cannot be read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.media import HOSTILE_COUNT, hostile_input, write_video
from vfi.errors import ConfigError, InputError, OutputError, VfiError, printable
from vfi.io import natural_key, open_sink, open_source
from vfi.io.files import unread_images_note

READ = """
import sys
from vfi.errors import VfiError
from vfi.io import open_source
for path in sys.argv[1:]:
    print(ascii(path), flush=True)
    try:
        with open_source(path) as source:
            for frame in source:
                frame.image.rgb()
    except VfiError as error:
        assert str(error) and "\\n" not in str(error)
"""


def write_images(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(folder / name)
    return folder


def test_numbers_in_names_count_as_numbers() -> None:
    assert sorted(["f10", "f9", "F1", "g2"], key=natural_key) == ["F1", "f9", "f10", "g2"]


def test_images_of_other_kinds_in_a_folder_are_named(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "in", "f0.png", "f1.jpg", "f3.png")
    with open_source(folder) as source:
        assert source.info.notes == ()
    (folder / "f2.heic").write_bytes(b"x")
    with open_source(folder) as source:
        (note,) = source.info.notes
    assert note.startswith("1 file is an image of a kind that vfi does not read and left out: f2.heic;")
    for name in ("f10.avif", "f4.DNG", "f5.jp2", "notes.txt", ".f6.exr"):
        (folder / name).write_bytes(b"x")
    note = unread_images_note(folder)
    assert note is not None
    assert note.startswith("4 files are images")
    assert "f2.heic, f4.DNG, f5.jp2 and 1 more;" in note
    only = tmp_path / "only"
    only.mkdir()
    (only / "a.heic").write_bytes(b"x")
    with pytest.raises(InputError, match=r"holds no images that can be read: 1 file .* a\.heic"):
        open_source(only)


def test_images_are_read_by_number(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "in", *(f"f{number}.png" for number in range(12)))
    with open_source(folder, start=Fraction(2, 24), end=Fraction(10, 24)) as source:
        whole = list(source)
        part = list(source.read(2, 4))
        assert [(frame.index, frame.time, frame.name) for frame in part] == [
            (frame.index, frame.time, frame.name) for frame in whole[2:5]
        ]
        assert [frame.name for frame in part] == ["f4", "f5", "f6"]
        assert source.timestamps() == [(frame.time, frame.duration) for frame in whole]
        assert [frame.index for frame in source.read(6)] == [6, 7]


def test_animations_are_read_by_number(tmp_path: Path) -> None:
    images = [Image.new("RGB", (16, 16), (number * 20, 0, 0)) for number in range(6)]
    path = tmp_path / "a.gif"
    images[0].save(path, save_all=True, append_images=images[1:], duration=[40, 80, 40, 40, 120, 40])
    with open_source(path) as source:
        whole = list(source)
        assert [(f.index, f.time) for f in source.read(2, 3)] == [(f.index, f.time) for f in whole[2:4]]
        assert source.timestamps() == [(frame.time, frame.duration) for frame in whole]


def test_what_never_ends_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"pipe\.mp4 is a pipe, not a file"):
        open_source(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(InputError, match="is a socket, not a file"):
            open_source(tmp_path / "s")
    for device in ("/dev/null", "/dev/zero"):
        with pytest.raises(InputError, match=f"{device} is a device, not a file"):
            open_source(device)
    image = write_images(tmp_path / "in", "a.png") / "a.png"
    with pytest.raises(InputError, match="is a pipe"):
        open_source(image, second=pipe)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("-", r"Standard input \(-\) cannot be read: save it to a file"),
        ("https://example.com/a.mp4", "https://example.com/a.mp4 is an address"),
        ("rtsp:/camera/1", "rtsp:/camera/1 is an address"),
        ("frames/f%03d.png", "is a pattern of names: name the folder of the images instead, frames"),
        ("frames/f%d.png", "name the folder"),
        ("frames/*.png", "name the folder"),
        ("frames/f####.png", "name the folder"),
        ("C:/a.mp4", "does not exist"),
        ("x" * 5000, "does not exist"),
        ("a/" * 3000, "does not exist"),
        ("a\0b.mp4", r"a\\x00b.mp4 does not exist"),
        ("a\x1b[31m\nb\u202e.mp4", r"a\\x1b\[31m\\nb\\u202e.mp4 does not exist"),
        (os.fsdecode(b"\xff.mp4"), r"\\udcff.mp4 does not exist"),
    ],
)
def test_names_that_are_no_files_are_answered_by_what_they_are(name: str, answer: str) -> None:
    for given in (name, Path(name)):
        with pytest.raises(InputError) as caught:
            open_source(given)
        message = str(caught.value)
        assert printable(message) == message
    with pytest.raises(InputError, match=answer):
        open_source(name)


def test_a_path_keeps_its_meaning_where_a_file_has_an_odd_name(tmp_path: Path) -> None:
    for name in ("f%03d.mkv", "a:b.mkv", "-.mkv"):
        with open_source(write_video(tmp_path / "a.mkv", 3).rename(tmp_path / name)) as source:
            assert len(list(source)) == 3


def test_outputs_that_are_no_files_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    with open_source(write_video(tmp_path / "a.mp4", 3)) as source:
        with pytest.raises(ConfigError, match=r"Standard output \(-\) cannot be written to"):
            open_sink("-", source)
        with pytest.raises(ConfigError, match="is an address"):
            open_sink("https://example.com/a.mp4", source)
        with pytest.raises(OutputError, match=r"pipe\.mp4 is a pipe"):
            open_sink(pipe, source)
        with pytest.raises(VfiError):
            open_sink(tmp_path / ("x" * 5000 + ".mp4"), source)


def test_what_decoders_stumble_over_is_no_internal_error(tmp_path: Path) -> None:
    """Seeds 76, 89 and 149: a gif at which Pillow raises IndexError, side data that PyAV has no name for."""
    for number in (76, 89, 149):
        path = hostile_input(tmp_path, number)
        with suppress(VfiError), open_source(path) as source:
            for frame in source:
                frame.image.rgb()


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in range(10, HOSTILE_COUNT, 10))]
)
def test_hostile_inputs_are_read_or_refused(tmp_path: Path, first: int) -> None:
    """In a process of its own, because a hang or a crash of a decoder would end the whole run."""
    paths = []
    for number in range(first, first + 10):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(str(hostile_input(folder, number)))
    run = subprocess.run(
        [sys.executable, "-c", READ, *paths], capture_output=True, text=True, timeout=180, check=False
    )
    assert run.returncode == 0, (run.stdout.splitlines()[-1:], run.stderr[-2000:])
    assert len(run.stdout.splitlines()) == 10
