"""Whole runs on small files: lengths, timestamps, sound, images, datasets, interruptions, damage."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from weakref import WeakSet

import av
import cv2
import numpy as np
import pytest
from torch import Tensor

from tests.interpolation.conftest import write_images
from tests.io.video.streams.test_copying import make_source, packets
from tests.support.fakes import HEIGHT, WIDTH, Blender, scene_array
from tests.support.media import noise_frame, write_video
from tests.support.outputs import decoded, times, video_packets
from vfi.errors import ConfigError, DamagedInputError, InputError, OutputError, VfiError
from vfi.interpolation import Interrupted, Progress, Report, interpolate_video
from vfi.io.pixels.picture import Picture
from vfi.models.flow.dis import DisFlow
from vfi.types import Window


def run(source: Path, output: Path | None, **options: Any) -> Report:
    """Interpolate with the fake model, quickly; x264 repeats itself bit for bit at this speed only."""
    if output is not None and output.suffix == ".mp4":
        options.setdefault("preset", "ultrafast")
    return interpolate_video(source, output, options.pop("model", None) or Blender(), **options)


def scene_frame(number: int, pixel_format: str) -> av.VideoFrame:
    """A scene that moves, with a cut at frame 12."""
    array = scene_array(1 if number < 12 else 9, number % 12)
    return av.VideoFrame.from_ndarray(array, "rgb24").reformat(format=pixel_format)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read_image(path: Path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def shown(path: Path) -> list[tuple[Fraction, Fraction]]:
    """Time and duration of every frame."""
    return [(f.pts * f.time_base, f.duration * f.time_base) for f in decoded(path)]  # type: ignore[operator]


class TestTime:
    @pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001)])
    def test_twice_the_rate(self, tmp_path: Path, rate: Fraction) -> None:
        film = write_video(tmp_path / "film.mp4", 24, rate=rate, make_frame=scene_frame)
        report = run(film, tmp_path / "out.mp4")
        assert (report.frames_in, report.frames_out, report.cuts) == (24, 48, 1)
        stamps = times(tmp_path / "out.mp4")
        assert stamps == [number / (2 * rate) for number in range(48)]
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert container.streams.video[0].average_rate == 2 * rate

    def test_any_rate(self, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mkv", 24, rate=Fraction(24000, 1001), make_frame=scene_frame)
        run(film, tmp_path / "out.mkv", fps="59.94")
        stamps = times(tmp_path / "out.mkv")
        assert len(stamps) == 60
        assert max(abs(t - n * Fraction(1001, 60000)) for n, t in enumerate(stamps)) < Fraction(1, 1000)

    def test_a_variable_rate_stays_variable(self, tmp_path: Path) -> None:
        stamps = [0, 2, 3, 7, 8, 12]
        film = write_video(
            tmp_path / "film.mp4", 6, stamps=stamps, time_base=Fraction(1, 12), make_frame=scene_frame
        )
        run(film, tmp_path / "out.mp4")
        found = times(tmp_path / "out.mp4")
        assert all(first < second for first, second in pairwise(found))
        assert found[::2] == [Fraction(stamp, 12) for stamp in stamps]
        assert found[1] == Fraction(1, 12)

    @pytest.mark.parametrize("factor", [2, "5/2"])
    def test_slow_motion(self, tmp_path: Path, factor: object) -> None:
        film = write_video(tmp_path / "film.mp4", 24, make_frame=scene_frame, audio_seconds=1)
        run(film, tmp_path / "out.mp4", slow_motion=factor)
        time, duration = shown(tmp_path / "out.mp4")[-1]
        assert abs(time + duration - Fraction(str(factor))) <= Fraction(1, 24)
        with av.open(str(tmp_path / "out.mp4")) as container:
            sound = container.streams.audio[0]
            assert sound.duration is not None
            assert float(sound.duration * sound.time_base) == pytest.approx(
                float(Fraction(str(factor))), abs=0.1
            )

    def test_trimming(self, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mp4", 48, make_frame=scene_frame, audio_seconds=2)
        report = run(film, tmp_path / "out.mp4", start="0.5", end="1.5")
        assert report.frames_in == 24
        stamps = times(tmp_path / "out.mp4")
        assert stamps[0] == 0
        assert len(stamps) == 48

    def test_folders_become_films(self, tmp_path: Path, image_folder: Path) -> None:
        report = run(image_folder, tmp_path / "out.mkv", input_fps=12, codec="ffv1")
        assert report.frames_out == 8
        assert times(tmp_path / "out.mkv")[2] == Fraction(83, 1000)  # Matroska counts milliseconds


def test_all_other_streams_are_kept(tmp_path: Path) -> None:
    film = make_source(tmp_path / "film.mkv", extras=True)
    report = run(film, tmp_path / "out.mkv")
    assert report.notes == ()
    for kind, number in (("audio", 0), ("audio", 1), ("subtitle", 0)):
        assert packets(tmp_path / "out.mkv", kind, number) == packets(film, kind, number)
    with av.open(str(film)) as before, av.open(str(tmp_path / "out.mkv")) as after:
        assert after.chapters() == before.chapters()
        assert after.metadata["title"] == before.metadata["title"]


def test_streams_that_a_container_cannot_hold_are_reported(tmp_path: Path) -> None:
    film = make_source(tmp_path / "film.mkv", extras=True)
    notes = run(film, tmp_path / "out.mp4").notes
    assert any("subtitle" in note and "converted to mov_text" in note for note in notes)
    assert any("attachment" in note and ".mkv" in note for note in notes)
    assert [content for _, _, content in packets(tmp_path / "out.mp4", "audio")] == [
        content for _, _, content in packets(film, "audio")
    ]


class TestImages:
    def test_names_and_untouched_originals(self, tmp_path: Path, image_folder: Path) -> None:
        out = tmp_path / "out"
        report = run(image_folder, out, inter_frames=2)
        assert report.frames_out == 10
        assert names(out) == sorted(
            [f"00{n}.png" for n in range(1, 5)] + [f"00{n}_{k}.png" for n in range(1, 4) for k in range(2)]
        )
        for path in image_folder.iterdir():
            assert (out / path.name).read_bytes() == path.read_bytes()
        middle = read_image(out / "001_0.png")
        wanted = scene_array(1, 0) * (2 / 3) + scene_array(1, 1) / 3
        assert np.abs(middle - wanted).max() <= 0.51

    def test_only_new_images(self, tmp_path: Path, image_folder: Path) -> None:
        run(image_folder, tmp_path / "out", preserve_input=False)
        assert names(tmp_path / "out") == ["001_0.png", "002_0.png", "003_0.png"]

    def test_two_images(self, tmp_path: Path, image_folder: Path) -> None:
        run(image_folder / "002.png", tmp_path / "out", second=image_folder / "004.png", inter_frames=3)
        assert names(tmp_path / "out") == ["002.png", "002_0.png", "002_1.png", "002_2.png", "004.png"]

    def test_films_become_folders(self, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mp4", 4, make_frame=scene_frame)
        report = run(film, tmp_path / "out")
        assert report.frames_out == 7
        found = names(tmp_path / "out")
        assert len(found) == 7
        assert found[1].endswith("_0.png")

    def test_results_of_an_earlier_run_are_no_input(self, tmp_path: Path, image_folder: Path) -> None:
        run(image_folder, tmp_path / "out")
        with pytest.raises(InputError, match="001_0"):
            run(tmp_path / "out", tmp_path / "again")
        assert not (tmp_path / "again").exists()
        assert run(tmp_path / "out", tmp_path / "film.mp4").frames_out == 14

    def test_a_film_needs_its_originals(self, tmp_path: Path, image_folder: Path) -> None:
        with pytest.raises(ConfigError, match="write_originals"):
            run(image_folder, tmp_path / "out.mp4", preserve_input=False)


class TestDatasets:
    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Path:
        for number, clip in enumerate(("a", "b10", "b9")):
            write_images(tmp_path / "set" / clip, 3, seed=number)
        (tmp_path / "set" / "readme.txt").write_text("not a clip")
        return tmp_path / "set"

    def test_the_protocol_of_eqvi(self, tmp_path: Path, dataset: Path) -> None:
        report = interpolate_video(
            model=Blender(),
            testset_root=dataset,
            store_path=tmp_path / "deep" / "results",
            inter_frames=1,
            test_size=(32, 24),
            test_crop_size=[20, 16],
        )
        assert (report.clips, report.frames_in, report.frames_out) == (3, 9, 15)
        out = tmp_path / "deep" / "results"
        assert names(out) == ["a", "b10", "b9"]
        assert names(out / "a") == ["001.png", "001_0.png", "002.png", "002_0.png", "003.png"]
        first, middle, last = (
            read_image(out / "a" / name).astype(int) for name in ("001.png", "001_0.png", "002.png")
        )
        assert first.shape == (16, 20, 3)
        assert (middle <= (first + last) / 2).all(), "the protocol truncates"
        assert np.abs(middle - (first + last) // 2).max() <= 1

    def test_windows_of_four(self, tmp_path: Path) -> None:
        write_images(tmp_path / "set" / "clip", 5)
        model = Blender()
        interpolate_video(tmp_path / "set", tmp_path / "out", model)
        assert model.keys == [(None, 0, 1, 2), (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, None)]

    def test_resuming_keeps_complete_clips(self, tmp_path: Path, dataset: Path) -> None:
        run(dataset, tmp_path / "out")
        before = (tmp_path / "out" / "a" / "001_0.png").stat().st_mtime_ns
        report = run(dataset, tmp_path / "out", resume=True)
        assert len(report.notes) == 3
        assert (tmp_path / "out" / "a" / "001_0.png").stat().st_mtime_ns == before

    @pytest.mark.parametrize("output", ["out.mp4"])
    def test_one_file_is_not_enough(self, tmp_path: Path, dataset: Path, output: str) -> None:
        with pytest.raises(OutputError, match="name a folder"):
            run(dataset, tmp_path / output)

    def test_crops_must_fit(self, tmp_path: Path, dataset: Path) -> None:
        with pytest.raises(ConfigError, match="larger than the frames"):
            run(dataset, tmp_path / "out", test_crop_size=(WIDTH + 1, HEIGHT))
        assert not (tmp_path / "out" / "a").exists()


def test_resizing_works_for_films_too(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", 4, make_frame=scene_frame)
    run(film, tmp_path / "out.mp4", test_size="32x24")
    frame = decoded(tmp_path / "out.mp4")[0]
    assert (frame.width, frame.height) == (32, 24)


def test_the_log_states_every_decision(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", 24, make_frame=scene_frame)
    run(film, tmp_path / "out.mp4", log=tmp_path / "logs" / "run.json")
    log = json.loads((tmp_path / "logs" / "run.json").read_text())
    assert log["run"]["input"] == str(film)
    assert log["run"]["options"]["cuts"] == "repeat"
    assert log["report"]["frames_out"] == 48
    assert len(log["pairs"]) == 23
    assert [pair["first"] for pair in log["pairs"] if pair["action"] == "repeated"] == [11]
    assert log["pairs"][0]["reason"] == "first pair"
    assert names(tmp_path / "logs") == ["run.json"]


class TestProgress:
    def test_it_grows_to_the_total(self, tmp_path: Path, image_folder: Path) -> None:
        reports: list[Progress] = []
        run(image_folder, tmp_path / "out", progress=reports.append)
        assert reports[-1].done == reports[-1].total == 7
        assert reports[-1].remaining == 0
        assert reports[-1].name == "out"
        assert [progress.done for progress in reports] == sorted(progress.done for progress in reports)


class CountingBlender(Blender):
    """Counts the images that are alive while it interpolates."""

    def __init__(self, alive: WeakSet[Picture]) -> None:
        super().__init__()
        self.alive = alive
        self.most = 0

    def interpolate_window(
        self, window: Window, times: Sequence[float | Tensor], **options: Any
    ) -> list[Tensor]:
        self.asked.clear()
        self.most = max(self.most, len(self.alive))
        return super().interpolate_window(window, times, **options)


def test_memory_does_not_grow_with_the_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by gc.get_objects(): it keeps tuples alive that other threads are filling, which is an error there.
    alive: WeakSet[Picture] = WeakSet()
    construct = Picture.__init__

    def noted(image: Picture, *values: Any, **named: Any) -> None:
        construct(image, *values, **named)
        alive.add(image)

    monkeypatch.setattr(Picture, "__init__", noted)
    film = write_video(tmp_path / "film.mp4", 90, make_frame=scene_frame)
    model = CountingBlender(alive)
    run(film, tmp_path / "out.mp4", model=model)
    assert 10 < model.most < 40  # read ahead, window, and the queue of the writer; the film has 180


class StoppingBlender(Blender):
    """Is interrupted at the n-th pair."""

    def __init__(self, pairs: int) -> None:
        super().__init__()
        self.pairs = pairs

    def interpolate_window(
        self, window: Window, times: Sequence[float | Tensor], **options: Any
    ) -> list[Tensor]:
        if len(self.asked) == self.pairs:
            raise KeyboardInterrupt
        return super().interpolate_window(window, times, **options)


StoppingBlender.__qualname__ = "Blender"  # the same model, as far as resuming is concerned


class TestStopping:
    @pytest.fixture
    def film(self, tmp_path: Path) -> Path:
        return write_video(tmp_path / "film.mp4", 90, make_frame=scene_frame, audio_seconds=3)

    def test_a_film_continues_where_it_stopped(self, tmp_path: Path, film: Path) -> None:
        run(film, tmp_path / "whole.mp4")
        with pytest.raises(Interrupted, match="--resume"):
            run(film, tmp_path / "out.mp4", model=StoppingBlender(70))
        assert not (tmp_path / "out.mp4").exists()
        model = Blender()
        report = run(film, tmp_path / "out.mp4", model=model, resume=True)
        assert 0 < len(model.asked) < 40, "what was done is not done again"
        assert (report.frames_in, report.frames_out, report.cuts) == (90, 180, 1)
        assert video_packets(tmp_path / "out.mp4") == video_packets(tmp_path / "whole.mp4")
        assert not list(tmp_path.glob("*.part"))

    def test_images_continue_where_they_stopped(self, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 12)
        run(folder, tmp_path / "whole")
        with pytest.raises(Interrupted):
            run(folder, tmp_path / "out", model=StoppingBlender(6))
        assert not (tmp_path / "out").exists()
        run(folder, tmp_path / "out", resume=True)
        assert names(tmp_path / "out") == names(tmp_path / "whole")
        for path in (tmp_path / "whole").iterdir():
            assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()

    def test_other_settings_are_not_mixed_in(self, tmp_path: Path, film: Path) -> None:
        with pytest.raises(Interrupted):
            run(film, tmp_path / "out.mp4", model=StoppingBlender(80))
        with pytest.raises(VfiError, match="other settings"):
            run(film, tmp_path / "out.mp4", inter_frames=2, resume=True)

    @pytest.mark.slow
    def test_a_killed_run_can_be_resumed(self, tmp_path: Path, film: Path) -> None:
        program = (
            "import os, sys; from tests.support import fakes\n"
            "from vfi.interpolation import interpolate_video\n"
            "class Blender(fakes.Blender):\n"
            "    def interpolate_window(self, *args, **options):\n"
            "        if len(self.asked) == 80: os._exit(9)\n"
            "        return super().interpolate_window(*args, **options)\n"
            "interpolate_video(sys.argv[1], sys.argv[2], Blender(), preset='ultrafast')\n"
        )
        root = Path(__file__).resolve().parents[2]
        out = tmp_path / "out.mp4"
        done = subprocess.run([sys.executable, "-c", program, str(film), str(out)], cwd=root, check=False)
        assert done.returncode == 9
        assert not out.exists()
        model = Blender()
        run(film, out, model=model, resume=True)
        run(film, tmp_path / "whole.mp4")
        assert len(model.asked) < 40
        assert video_packets(out) == video_packets(tmp_path / "whole.mp4")


class TestDamage:
    def test_frames_before_the_damage_are_used(self, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mkv", 48, make_frame=noise_frame)
        film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
        with pytest.raises(DamagedInputError, match=r"film\.mkv") as caught:
            run(film, tmp_path / "out.mp4", cuts="off")
        assert caught.value.exit_code == 3
        assert "out.mp4" in str(caught.value)
        assert 30 < len(decoded(tmp_path / "out.mp4")) < 60

    def test_one_frame_is_not_enough(self, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mp4", 1, make_frame=scene_frame)
        with pytest.raises(InputError, match="only one frame"):
            run(film, tmp_path / "out.mp4")
        assert names(tmp_path) == ["film.mp4"]

    def test_an_empty_range(self, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mp4", 4, make_frame=scene_frame)
        with pytest.raises(InputError, match=r"film\.mp4"):
            run(film, tmp_path / "out.mp4", start=100)
        assert names(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize("model", [DisFlow(), None, Blender])
def test_only_interpolators_are_models(tmp_path: Path, image_folder: Path, model: Any) -> None:
    """A flow estimator, nothing, or a class instead of its instance is refused in one sentence."""
    sentence = rf"Model must be an Interpolator, as vfi.load_model returns, not a {type(model).__name__}\."
    with pytest.raises(ConfigError, match=sentence):
        interpolate_video(image_folder, tmp_path / "out", model)
    assert names(tmp_path) == [image_folder.name]
