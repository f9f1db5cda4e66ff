"""``vfi assemble``: order, timestamps, samples, memory and refusals."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.support.command_line import (
    Vfi,
    assert_replaced_only_on_request,
    command_line,
    names,
    refused,
)
from tests.support.fakes import HEIGHT, WIDTH, scene_array
from tests.support.outputs import decoded, times

INTERPOLATED = ["001", *(f"001_{number}" for number in range(12)), "002", "002_0", "010"]


@pytest.fixture
def vfi(capfd: pytest.CaptureFixture[str]) -> Vfi:
    """Runs the command line with the default model."""
    return command_line(capfd)


def write_levels(folder: Path, stems: list[str]) -> Path:
    """Write uniform images, in random order, whose gray levels count up by 10 in the order of the names."""
    folder.mkdir(parents=True)
    numbered = list(enumerate(stems))
    random.Random(0).shuffle(numbered)
    for number, stem in numbered:
        cv2.imwrite(str(folder / f"{stem}.png"), np.full((HEIGHT, WIDTH, 3), 20 + 10 * number, np.uint8))
    return folder


def write_scene(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        image = cv2.cvtColor(scene_array(1, number), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def levels(film: Path) -> list[int]:
    """Return the gray levels of the frames of a film, rounded to multiples of 10."""
    return [round(float(frame.to_ndarray(format="rgb24").mean()) / 10) * 10 for frame in decoded(film)]


class TestOutputs:
    def test_images_in_natural_order(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_levels(tmp_path / "in", INTERPOLATED)
        outcome = vfi("assemble", folder, "-o", tmp_path / "out.mp4", "--fps", 30)
        assert outcome.code == 0
        first, note = outcome.out.splitlines()
        assert first == f"{tmp_path / 'out.mp4'}: 16 images became a film of 0.53 s at 30 per second."
        assert "yuv420p" in note
        assert levels(tmp_path / "out.mp4") == [20 + 10 * number for number in range(16)]
        assert times(tmp_path / "out.mp4") == [Fraction(number, 30) for number in range(16)]
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert container.streams.video[0].average_rate == 30

    def test_samples_survive_a_codec_without_loss(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_scene(tmp_path / "in", 4)
        code, out, _ = vfi("assemble", folder, "-o", tmp_path / "out.mkv", "--codec", "ffv1")
        assert code == 0
        assert out.count("\n") == 1, "nothing is lost that a note would report"
        for number, frame in enumerate(decoded(tmp_path / "out.mkv")):
            assert np.array_equal(frame.to_ndarray(format="rgb24"), scene_array(1, number))

    def test_outputs_of_interpolate(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_scene(tmp_path / "in", 3)
        assert vfi("interpolate", folder, "-o", tmp_path / "more", "--inter-frames", 3, "-q").code == 0
        assert vfi("assemble", tmp_path / "more", "--fps", "60000/1001").code == 0
        assert len(decoded(tmp_path / "more.mp4")) == 9
        assert times(tmp_path / "more.mp4")[8] == 8 * Fraction(1001, 60000)

    def test_animations(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_scene(tmp_path / "in", 3)
        assert vfi("assemble", folder, "-o", tmp_path / "out.gif", "--fps", 10).code == 0
        assert len(decoded(tmp_path / "out.gif")) == 3

    def test_a_film_of_every_folder(self, vfi: Vfi, tmp_path: Path) -> None:
        for clip, count in (("b10", 2), ("b9", 3)):
            write_scene(tmp_path / "set" / clip, count)
        (tmp_path / "set" / "readme.txt").write_text("no clip")
        outcome = vfi("assemble", tmp_path / "set", "-o", tmp_path / "films", "--container", "mkv")
        assert outcome.code == 0
        assert "5 images became 2 films" in outcome.out
        assert names(tmp_path / "films") == ["b10.mkv", "b9.mkv"]
        assert [len(decoded(tmp_path / "films" / name)) for name in names(tmp_path / "films")] == [2, 3]
        again = vfi("assemble", tmp_path / "set", "-o", tmp_path / "films", "--container", "mkv", "--resume")
        assert again.out.count("was complete and is kept") == 2

    def test_default_names_of_outputs(
        self, vfi: Vfi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_scene(tmp_path / "set" / "v1.5", 2)
        monkeypatch.chdir(tmp_path / "set" / "v1.5")
        assert vfi("assemble", ".").code == 0
        assert vfi("assemble", tmp_path / "set", "-q").code == 0
        assert names(tmp_path) == ["set", "set_films"]
        assert names(tmp_path / "set") == ["v1.5", "v1.5.mp4"]
        assert names(tmp_path / "set_films") == ["v1.5.mp4"]

    def test_one_image_is_a_film_too(self, vfi: Vfi, tmp_path: Path) -> None:
        assert vfi("assemble", write_scene(tmp_path / "in", 1), "-q") == (0, "", "")
        assert len(decoded(tmp_path / "in.mp4")) == 1

    def test_options_from_a_file(self, vfi: Vfi, tmp_path: Path) -> None:
        config = tmp_path / "film.yaml"
        config.write_text(
            f"input: {write_scene(tmp_path / 'in', 2)}\nfps: 12.5\noutput: {tmp_path / 'o.mkv'}\n"
        )
        printed = vfi("assemble", "--config", config, "--print-config")
        assert "fps: 25/2" in printed.out
        assert vfi("assemble", "--config", config).code == 0
        assert times(tmp_path / "o.mkv")[1] == Fraction(2, 25)

    def test_progress_as_json(self, vfi: Vfi, tmp_path: Path) -> None:
        outcome = vfi("assemble", write_scene(tmp_path / "in", 3), "--json")
        events = [json.loads(line) for line in outcome.out.splitlines()]
        assert events[-2]["done"] == events[-2]["total"] == 3
        assert (events[-1]["event"], events[-1]["frames_out"]) == ("done", 3)


class TestRefusals:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return write_scene(tmp_path / "in", 3)

    def test_different_sizes(self, vfi: Vfi, folder: Path) -> None:
        cv2.imwrite(str(folder / "3.png"), np.zeros((9, 9, 3), np.uint8))
        refused(vfi("assemble", folder), "different sizes", folder / "3.png")
        assert names(folder.parent) == ["in"]

    def test_different_sizes_in_a_later_clip(self, vfi: Vfi, tmp_path: Path) -> None:
        write_scene(tmp_path / "set" / "a", 2)
        cv2.imwrite(str(write_scene(tmp_path / "set" / "b", 2) / "3.png"), np.zeros((9, 9, 3), np.uint8))
        refused(vfi("assemble", tmp_path / "set"), "different sizes")
        assert names(tmp_path) == ["set"]

    def test_an_image_that_is_cut_off(self, vfi: Vfi, folder: Path) -> None:
        image = folder / "1.png"
        image.write_bytes(image.read_bytes()[:-20])
        refused(vfi("assemble", folder), image)
        assert names(folder.parent) == ["in"]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--fps", "0"], ["fps is 0"]),
            (["--codec", "magic"], ["magic"]),
            (["--inter-frames", "3"], ["no option --inter-frames; see: vfi assemble --help"]),
            (["--frames", "3"], ["no option --frames"]),
            (["--containre", "mkv"], ["did you mean --container?"]),
            (["-o", "folder"], ["folder is not the name of a film", ".mp4"]),
            (["-o", "film.xyz"], ["film.xyz", ".mkv"]),
            (["other"], ["other is one file too many: give one folder"]),
            (["--config", "no.yaml"], ["no.yaml"]),
        ],
    )
    def test_options(self, vfi: Vfi, folder: Path, arguments: list[str], words: list[str]) -> None:
        refused(vfi("assemble", folder, *arguments), *words)
        assert names(folder.parent) == ["in"]

    def test_inputs(self, vfi: Vfi, folder: Path, tmp_path: Path) -> None:
        refused(vfi("assemble"), "name a folder of images")
        refused(vfi("assemble", tmp_path / "none"), tmp_path / "none", "does not exist")
        refused(vfi("assemble", folder / "0.png"), "is not a folder")
        (tmp_path / "empty").mkdir()
        refused(vfi("assemble", tmp_path / "empty"), tmp_path / "empty", "no images")
        assert names(tmp_path) == ["empty", "in"]

    def test_existing_outputs(self, vfi: Vfi, folder: Path, tmp_path: Path) -> None:
        film = tmp_path / "film.mp4"
        assert_replaced_only_on_request(vfi, film, "assemble", folder)
        assert len(decoded(film)) == 3

    def test_one_name_for_several_films(self, vfi: Vfi, tmp_path: Path) -> None:
        for clip in "ab":
            write_scene(tmp_path / "set" / clip, 2)
        refused(vfi("assemble", tmp_path / "set", "-o", tmp_path / "all.mp4"), "name a folder")
