"""``vfi interpolate`` end to end: outputs, messages and refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import SmallBlender
from tests.interpolation.conftest import write_images
from tests.interpolation.test_video import read_image, scene_frame
from tests.support.command_line import Vfi, assert_replaced_only_on_request, names, refused
from tests.support.media import noise_frame, write_video
from tests.support.outputs import decoded
from vfi.config import InterpolateConfig, load_config

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_video(tmp_path / "film.mp4", 8, make_frame=scene_frame)


class TestOutputs:
    def test_a_film_of_twice_the_rate(self, vfi: Vfi, film: Path) -> None:
        outcome = vfi("interpolate", film)
        assert outcome.code == 0
        assert outcome.out == (
            f"{film.with_name('film_x2.mp4')}: 8 frames became 16 in {outcome.out.split(' in ')[1]}"
        )
        assert "no cuts" in outcome.out
        assert len(decoded(film.with_name("film_x2.mp4"))) == 16

    @pytest.mark.parametrize(
        "name", ["two words.mp4", 'it\'s "quoted".mp4', "фильм 映画 ünï.mp4", "-dash.mp4"]
    )
    def test_unusual_names(self, vfi: Vfi, film: Path, name: str) -> None:
        unusual = film.rename(film.with_name(name))
        output = unusual.with_name(f"new {name}")
        assert vfi("interpolate", unusual, "-o", output, "--quiet").code == 0
        assert names(film.parent) == sorted([name, output.name])

    def test_two_images(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 2)
        assert vfi("interpolate", folder / "001.png", folder / "002.png", "-o", tmp_path / "out").code == 0
        assert names(tmp_path / "out") == ["001.png", "001_0.png", "002.png"]

    @pytest.mark.parametrize(
        ("options", "count"),
        [
            (["--multi", 4], 32),
            (["-x", "3"], 24),
            (["--factor=2"], 16),
            (["--set", "rate.inter_frames=2"], 24),
            (["--rate.inter-frames", "2"], 24),
        ],
    )
    def test_aliases_of_other_programs(self, vfi: Vfi, film: Path, options: list[Any], count: int) -> None:
        output = film.with_name("out.mkv")
        output.write_text("old")
        assert vfi("interpolate", "-i", film, "-y", "-o", output, *options).code == 0
        assert len(decoded(output)) == count

    def test_switches_take_a_value_or_none(self, vfi: Vfi, film: Path) -> None:
        shown = vfi(
            "interpolate", "--overwrite", film, "--resume", "false", "--duplicates=no", "--network.compile",
            "--images.write-originals", "false", "--print-config",
        ).out  # fmt: skip
        assert f"input: {film}" in shown
        assert "overwrite: true" in shown
        assert "resume: false" in shown
        assert "duplicates: false" in shown
        assert "compile: true" in shown
        assert "write_originals: false" in shown

    @pytest.mark.parametrize("suffix", ["gif", "webp"])
    def test_animations_stay_animations(self, vfi: Vfi, tmp_path: Path, suffix: str) -> None:
        """Films have no transparency: an animation's result is one, where no name is given."""
        images = [Image.new("RGBA", (32, 24), (200, 10 * n, 0, 255 if n else 0)) for n in range(3)]
        path = tmp_path / f"moving.{suffix}"
        images[0].save(path, save_all=True, append_images=images[1:], duration=100)
        assert vfi("interpolate", path).code == 0
        assert names(tmp_path) == [path.name, f"moving_x2.{suffix}"]

    def test_options_override_the_file(self, vfi: Vfi, film: Path, tmp_path: Path) -> None:
        config = tmp_path / "some.yaml"
        config.write_text(f"input: {film}\noutput: {tmp_path / 'out.mkv'}\ninter_frames: 3\ncodec: ffv1\n")
        assert vfi("interpolate", "--config", config, "--inter-frames", 2).code == 0
        assert len(decoded(tmp_path / "out.mkv")) == 24

    def test_another_frame_rate_overrides_too(self, vfi: Vfi, film: Path, tmp_path: Path) -> None:
        config = tmp_path / "some.yaml"
        config.write_text("inter_frames: 3\n")
        assert vfi("interpolate", film, "--config", config, "--fps", 60).code == 0
        config.write_text("fps: 60\n")
        assert vfi("interpolate", film, "--config", config, "--inter_frames=1").code == 0
        assert names(tmp_path) == ["film.mp4", "film_60fps.mp4", "film_x2.mp4", "some.yaml"]
        refused(vfi("interpolate", film, "--fps", 60, "--inter-frames", 1), "either")

    def test_eqvi_users_find_their_keys(self, vfi: Vfi, tmp_path: Path) -> None:
        write_images(tmp_path / "set" / "clip", 3)
        config = tmp_path / "eqvi.yaml"
        config.write_text(
            f"testset_root: {tmp_path / 'set'}\nstore_path: {tmp_path / 'out'}\ntest_size: [32, 24]\n"
            "test_crop_size: [32, 16]\ninter_frames: 3\npreserve_input: false\n"
            "mean: [0, 0, 0]\nstd: [1, 1, 1]\n"
        )
        assert vfi("interpolate", "--config", config).code == 0
        assert names(tmp_path / "out" / "clip") == [f"00{n}_{k}.png" for n in (1, 2) for k in range(3)]
        assert read_image(tmp_path / "out" / "clip" / "001_0.png").shape == (16, 32, 3)

    @pytest.mark.parametrize("key", ["MS_test", "ms_test"])
    def test_ensembles(self, vfi: Vfi, tmp_path: Path, key: str) -> None:
        folder = write_images(tmp_path / "in", 3)
        config = tmp_path / "some.yaml"
        config.write_text(f"{key}: true\nreverse_flip: false\n")
        log = tmp_path / "log.json"
        outcome = vfi(
            "interpolate", folder, "-o", tmp_path / "out", "--config", config, "--tta", "flip", "--log", log
        )
        assert outcome.code == 0
        members = json.loads(log.read_text())["run"]["ensemble"]
        assert members == ["plain", "half size", "flipped left-right", "flipped up-down"]
        assert vfi("interpolate", folder, "-o", tmp_path / "two", "--set", f"{key}=true", "-q").code == 0

    def test_numbered_names(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 2)
        for number in (1, 2):
            (folder / f"00{number}.png").rename(folder / f"{8 * number:08d}.png")
        outcome = vfi(
            "interpolate", folder, "-o", tmp_path / "out",
            "--naming", "reds_vtsr", "--inter-frames", 3, "--set", "images.write_originals=false",
        )  # fmt: skip
        assert outcome.code == 0
        assert names(tmp_path / "out") == [f"000000{number}.png" for number in (10, 12, 14)]

    def test_print_config(self, vfi: Vfi, film: Path, tmp_path: Path) -> None:
        outcome = vfi("interpolate", film, "--fps", "23.976", "--print-config")
        (tmp_path / "printed.yaml").write_text(outcome.out)
        wanted = InterpolateConfig.from_values({"input": film, "fps": "24000/1001"})
        assert load_config(tmp_path / "printed.yaml") == wanted
        assert names(tmp_path) == ["film.mp4", "printed.yaml"]

    def test_the_example_configuration(self, vfi: Vfi, film: Path) -> None:
        example = REPOSITORY / "configs" / "interpolate" / "quadratic.yaml"
        assert vfi("interpolate", film, "--config", example).code == 0


class TestProgress:
    def test_quiet(self, vfi: Vfi, film: Path) -> None:
        assert vfi("interpolate", film, "--quiet") == (0, "", "")

    def test_json(self, vfi: Vfi, film: Path) -> None:
        outcome = vfi("interpolate", film, "--json")
        events = [json.loads(line) for line in outcome.out.splitlines()]
        assert {event["event"] for event in events[:-1]} == {"progress"}
        assert events[-1]["event"] == "done"
        assert (events[-1]["frames_in"], events[-1]["frames_out"]) == (8, 16)
        assert events[-2]["done"] == events[-2]["total"] == 16

    def test_json_reports_errors_too(self, vfi: Vfi, tmp_path: Path) -> None:
        outcome = vfi("interpolate", tmp_path / "nothing.mp4", "--json")
        refused(outcome, "nothing.mp4")
        assert "nothing.mp4" in json.loads(outcome.out)["message"]


class TestBadInput:
    @pytest.fixture(autouse=True)
    def nothing_is_left(self, tmp_path: Path) -> Iterator[None]:
        """Whatever is refused leaves nothing half-written."""
        yield
        assert not list(tmp_path.rglob("*.part")), names(tmp_path)
        assert not (tmp_path / "out.mp4").exists()

    def test_a_missing_file(self, vfi: Vfi, tmp_path: Path) -> None:
        refused(vfi("interpolate", tmp_path / "none.mp4"), tmp_path / "none.mp4")

    def test_an_empty_folder(self, vfi: Vfi, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        refused(vfi("interpolate", tmp_path / "empty", "-o", tmp_path / "out"), tmp_path / "empty")
        assert names(tmp_path) == ["empty"]

    def test_mixed_sizes(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 2)
        cv2.imwrite(str(folder / "003.png"), np.zeros((30, 30, 3), np.uint8))
        refused(vfi("interpolate", folder, "-o", tmp_path / "out"), "003.png")
        assert not (tmp_path / "out").exists()

    def test_an_image_that_is_not_one(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 4)
        (folder / "003.png").write_text("not an image")
        refused(vfi("interpolate", folder, "-o", tmp_path / "out"), "003.png")
        assert not (tmp_path / "out").exists()

    def test_a_text_file(self, vfi: Vfi, tmp_path: Path) -> None:
        (tmp_path / "notes.mp4").write_text("not a film")
        refused(vfi("interpolate", tmp_path / "notes.mp4", "-o", tmp_path / "out.mp4"), "notes.mp4")

    def test_audio_only(self, vfi: Vfi, tmp_path: Path) -> None:
        film = write_video(tmp_path / "both.mp4", 2, audio_seconds=1)
        sound = tmp_path / "sound.m4a"
        av = pytest.importorskip("av")
        with av.open(str(film)) as source, av.open(str(sound), "w", format="mp4") as target:
            stream = target.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(audio=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        refused(vfi("interpolate", sound, "-o", tmp_path / "out.mp4"), "sound.m4a")

    def test_one_frame_only(self, vfi: Vfi, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mp4", 1)
        refused(vfi("interpolate", film, "-o", tmp_path / "out.mp4"), film, "one frame")

    def test_one_image_only(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 1)
        refused(vfi("interpolate", folder, "-o", tmp_path / "out"), folder)


class TestBadOptions:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--model", "quadratik"], ["quadratik", "'quadratic'"]),
            (["--codec", "magic"], ["magic"]),
            (["--inter-frames", "0"], ["inter_frames is 0"]),
            (["--inter-frames", "-3"], ["inter_frames is -3"]),
            (["--inter-frame", "3"], ["did you mean --inter-frames?"]),
            (["--fps", "0"], ["fps is 0"]),
            (["--cuts", "never"], ["repeat, blend or off"]),
            (["--max-memory", "1KB"], ["--max-memory"]),
            (["--slow-motion", "2", "--audio", "copy"], ["--audio"]),
            (["--naming", "reds"], ["naming: generic or reds_vtsr"]),
            (["--naming", "reds_vtsr", "-o", "out"], ["reds_vtsr", "film.mp4 is a film"]),
            (["--naming", "reds_vtsr"], ["reds_vtsr", "film_x2.mp4 is a film"]),
            (["--code", "h264"], ["did you mean --codec?"]),
            (["--model", "EQVI"], ["EQVI", "name their file as checkpoint"]),
            (["--set", "mean=0.5"], ["mean must be 0 and std must be 1"]),
            (["--set", "testset_root"], ["write a key and a value"]),
            (["--testset-root", "clips"], ["no option --testset-root: give --set testset_root=VALUE"]),
            (["--flip-test"], ["use --tta flip"]),
            (["--crop", "8x8"], ["--set images.crop=VALUE"]),
            (["--scale", "0.5"], ["--model-options '{down_scale: 0.5}'"]),
            (["--fp16"], ["--dtype float16"]),
            (["--crf", "18"], ["--quality"]),
            (["--exp", "2"], ["--exp 2 is --multi 4"]),
            (["--multi", "1"], ["multi is 1, but it must lie between 2 and 1 001"]),
            (["--multi", "2.5"], ["multi: a whole number is expected"]),
            (["--multi", "2", "--inter-frames", "1"], ["either inter_frames or multi"]),
            (["--fps", "1e9"], ["fps is 1e9, but it must lie between 0.001 and 10 000"]),
            (["--fps", "1e5000"], ["fps is 1e5000, but it must lie between 0.001 and 10 000"]),
            (["--slow-motion", "1e-5000"], ["slow_motion is 1e-5000, but it must lie between"]),
            (["--slow-motion", "1e-999999999"], ["slow_motion is 1e-999999999, but"]),
            (["--inter-frames", "9" * 5000], ["inter_frames is 999", "must lie between 1 and 1 000"]),
            (["--max-memory", "9" * 99 + "TB"], ["max_memory is 999"]),
            (["--input", "a.mp4"], ["film.mp4 is one file too many: --input names one already"]),
            (["--wibble", "3"], ["no option --wibble; see: vfi interpolate --help"]),
            (["--preserve-input"], ["no option --preserve-input"]),
            (["-o"], ["expected"]),
            (["second.png", "third.png"], ["third.png"]),
        ],
    )
    def test_one_sentence(self, vfi: Vfi, film: Path, arguments: list[str], words: list[str]) -> None:
        refused(vfi("interpolate", film, *arguments), *words)
        assert names(film.parent) == ["film.mp4"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [("inter_frame: 3", ["did you mean inter_frames"]), ("inter_frames: [", ["bad.yaml", "YAML"])],
    )
    def test_bad_configurations(
        self, vfi: Vfi, film: Path, tmp_path: Path, text: str, words: list[str]
    ) -> None:
        (tmp_path / "bad.yaml").write_text(text)
        refused(vfi("interpolate", film, "--config", tmp_path / "bad.yaml"), *words)


class TestBadOutput:
    def test_an_existing_one(self, vfi: Vfi, film: Path, tmp_path: Path) -> None:
        assert_replaced_only_on_request(vfi, tmp_path / "out.mp4", "interpolate", film)

    def test_the_input_itself(self, vfi: Vfi, film: Path) -> None:
        before = film.read_bytes()
        refused(vfi("interpolate", film, "-o", film, "--overwrite"), film)
        assert film.read_bytes() == before

    def test_a_folder_that_cannot_be_created(self, vfi: Vfi, film: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        refused(vfi("interpolate", film, "-o", tmp_path / "file" / "out.mp4"), tmp_path / "file")

    def test_an_unknown_container(self, vfi: Vfi, film: Path, tmp_path: Path) -> None:
        refused(vfi("interpolate", film, "-o", tmp_path / "out.xyz"), "out.xyz", ".mkv")

    def test_odd_sizes_that_an_encoder_refuses(self, vfi: Vfi, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 2)
        outcome = vfi(
            "interpolate", folder, "-o", tmp_path / "out.mp4", "--set", "images.resize=33x21",
            "--codec", "h264", "--pixel-format", "yuv420p",
        )  # fmt: skip
        refused(outcome, "33x21")
        assert names(tmp_path) == ["in"]

    def test_a_full_disk(self, vfi: Vfi, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mkv", 48, make_frame=noise_frame)
        with file_size_limit(50_000):
            outcome = vfi("interpolate", film, "-o", tmp_path / "out.mkv", "--cuts", "off", "--codec", "ffv1")
        refused(outcome, tmp_path / "out.mkv")
        assert not (tmp_path / "out.mkv").exists()

    def test_a_log_that_cannot_be_written(self, vfi: Vfi, film: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        refused(vfi("interpolate", film, "--log", tmp_path / "file" / "log.json"), "log.json")
        assert names(tmp_path) == ["file", "film.mp4"]

    def test_a_log_in_place_of_something_else(self, vfi: Vfi, film: Path, tmp_path: Path) -> None:
        precious, output = tmp_path / "precious.json", tmp_path / "out.mp4"
        precious.write_text("precious")
        refused(vfi("interpolate", film, "-o", output, "--log", precious), precious, "--overwrite")
        refused(vfi("interpolate", film, "-o", output, "--log", film, "--overwrite"), film, "--log")
        refused(vfi("interpolate", film, "-o", output, "--log", output), output, "--log")
        assert names(tmp_path) == ["film.mp4", "precious.json"]
        assert precious.read_text() == "precious"
        assert vfi("interpolate", film, "-o", output, "--log", precious, "--overwrite").code == 0
        assert json.loads(precious.read_text())["report"]["frames_in"] == 8


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file grow beyond this many bytes, as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_truncated_film(vfi: Vfi, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mkv", 48, make_frame=noise_frame)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    outcome = vfi("interpolate", film, "-o", tmp_path / "out.mp4", "--cuts", "off")
    refused(outcome, film, tmp_path / "out.mp4", code=3)
    assert len(decoded(tmp_path / "out.mp4")) > 20


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as in a terminal: a shell starts background jobs with it ignored, which the tests inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class TestStopping:
    @pytest.mark.usefixtures("ctrl_c")
    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "kill"]
    )
    def test_the_message_says_how_to_resume(
        self,
        vfi: Vfi,
        model: SmallBlender,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        number: int,
        code: int,
    ) -> None:
        folder = write_images(tmp_path / "in", 8)
        ask = model.interpolate_window

        def stop(*arguments: Any, **options: Any) -> Any:
            if len(model.asked) == 4:
                monkeypatch.setattr(model, "interpolate_window", ask)
                os.kill(os.getpid(), number)
            return ask(*arguments, **options)

        monkeypatch.setattr(model, "interpolate_window", stop)
        outcome = vfi("interpolate", folder, "-o", tmp_path / "out")
        refused(outcome, "Stopped.", "--resume", code=code)
        assert not (tmp_path / "out").exists()
        assert vfi("interpolate", folder, "-o", tmp_path / "out", "--resume").code == 0
        assert len(names(tmp_path / "out")) == 15
        assert names(tmp_path) == ["in", "out"]


def test_the_script_is_the_same_program(tmp_path: Path) -> None:
    """Tried with a wrong option, which is refused before the networks are imported."""
    for command in (["interpolate.py"], ["-m", "vfi", "interpolate"]):
        done = subprocess.run(
            [sys.executable, *command, str(tmp_path / "none.mp4"), "--fps", "none"],
            cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("vfi: ")
        assert "fps: a number" in done.stderr
