"""``vfi demo`` from end to end, small."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from vfi.cli.demo import main
from vfi.data.synthetic import Scene, write_clip
from vfi.errors import ConfigError, InputError, OutputError


def frame_count(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def printed_psnr(text: str) -> tuple[float, float]:
    """Return the printed PSNR of frame blending and of the model."""
    lines = [line.split() for line in text.splitlines() if " dB" in line]
    blending, ours = (float(words[words.index("dB") - 1]) for words in lines)
    return blending, ours


def test_the_computed_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, copy = tmp_path / "demo", tmp_path / "copy.jpg"
    small = ["--height", "120", "--seconds", "0.25", "--output", str(folder), "--image", str(copy)]
    assert main(small) == 0
    assert frame_count(folder / "truth.mp4") == 12
    assert frame_count(folder / "input.mp4") == 6
    assert frame_count(folder / "output.mp4") in (11, 12)
    with av.open(str(folder / "output.mp4")) as container:
        assert container.streams.video[0].average_rate == 48
        assert container.streams.audio
    for path in (folder / "demo.png", copy):
        with Image.open(path) as image:
            assert image.width == 1280
    blending, ours = printed_psnr(capsys.readouterr().out)
    assert ours > blending + 1


def test_an_input_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene.translation(72, 96, (48.0, 0.0), seed=2)
    mine = tmp_path / "my clip.mkv"
    write_clip(mine, (scene.render_rgb(number / 24) for number in range(9)), Fraction(24))
    assert main(["--input", str(mine), "--output", str(tmp_path / "demo")]) == 0
    assert frame_count(tmp_path / "demo" / "input.mp4") == 5
    assert frame_count(tmp_path / "demo" / "my clip_x2.mkv") in (17, 18)
    assert not (tmp_path / "demo" / "truth.mp4").exists()
    blending, ours = printed_psnr(capsys.readouterr().out)
    assert ours > blending


def test_too_short_a_file_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "short.mp4"
    scene = Scene.translation(72, 96, (0.0, 0.0))
    write_clip(mine, [scene.render_rgb(0.0)] * 2, Fraction(24))
    with pytest.raises(InputError, match=r"short\.mp4: at least three frames"):
        main(["--input", str(mine), "--output", str(tmp_path / "demo")])


@pytest.mark.parametrize("name", ["input.mp4", "output.mp4"])
def test_the_users_file_is_not_overwritten(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    scene = Scene.translation(72, 96, (0.0, 0.0))
    write_clip(mine, [scene.render_rgb(0.0)] * 3, Fraction(24))
    before = mine.read_bytes()
    with pytest.raises(ConfigError, match="choose another folder"):
        main(["--input", str(mine), "--output", str(tmp_path)])
    assert mine.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--height", "63"], "--height 63"),
        (["--height", "101"], "--height 101"),
        (["--seconds", "0.01"], "--seconds 0.01"),
        (["--seed", "-1"], "--seed -1"),
    ],
)
def test_numbers_out_of_range(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main([*arguments, "--output", str(tmp_path)])


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be created"):
        main(["--output", str(tmp_path / "file" / "demo")])
