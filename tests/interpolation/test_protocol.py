"""EQVI's test protocol from end to end: folders, sizes, names, 8 bits, ensembles, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from tests.interpolation.conftest import write_images
from tests.interpolation.test_video import StoppingBlender, names, read_image, scene_frame
from tests.support.fakes import HEIGHT, WIDTH, Blender, scene_array
from tests.support.media import write_video
from vfi.base.ensemble import SWITCHES, Ensemble, members_of
from vfi.base.interpolator import Interpolator
from vfi.config import InterpolateConfig
from vfi.errors import ConfigError, InputError, VfiError
from vfi.interpolation import Interrupted, Report, interpolate_video, video
from vfi.registry import load_model
from vfi.types import Window


def protocol(root: Path, store: Path, model: Interpolator | None = None, **options: Any) -> Report:
    """Run the protocol with the fake model."""
    return interpolate_video(
        model=model or Blender(), testset_root=root, store_path=store, **{"cuts": "off", **options}
    )


def write_named(folder: Path, *stems: str) -> Path:
    """Images of one scene that moves, with these names."""
    folder.mkdir(parents=True)
    for number, stem in enumerate(stems):
        cv2.imwrite(str(folder / f"{stem}.png"), cv2.cvtColor(scene_array(1, number), cv2.COLOR_RGB2BGR))
    return folder


class Asked(Blender):
    """Counts how often its motion was estimated."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[Window] = []

    def estimate_motion(self, window: Window) -> None:
        self.windows.append(window)


class TestFolders:
    def test_what_is_no_clip_is_skipped(self, tmp_path: Path) -> None:
        root = tmp_path / "set"
        write_images(root / "a", 3)
        cv2.imwrite(str(root / "overview.png"), np.zeros((5, 5, 3), np.uint8))
        (root / "readme.txt").write_text("not a clip")
        (root / "flows").mkdir()
        (root / ".hidden").mkdir()
        report = protocol(root, tmp_path / "out")
        assert names(tmp_path / "out") == ["a"]
        assert report.notes == (f"{root / 'flows'} holds no images and is left out.",)

    def test_frames_are_in_natural_order(self, tmp_path: Path) -> None:
        write_named(tmp_path / "set" / "a", "1", "2", "10")
        protocol(tmp_path / "set", tmp_path / "out", preserve_input=False)
        assert names(tmp_path / "out" / "a") == ["1_0.png", "2_0.png"]

    @pytest.mark.parametrize(
        ("count", "windows"),
        [(2, [(None, 0, 1, None)]), (3, [(None, 0, 1, 2), (0, 1, 2, None)])],
    )
    def test_two_or_three_frames_lack_outer_ones(
        self, tmp_path: Path, count: int, windows: list[tuple[int | None, ...]]
    ) -> None:
        write_images(tmp_path / "set" / "a", count)
        model = Blender()
        protocol(tmp_path / "set", tmp_path / "out", model)
        assert model.keys == windows

    def test_motion_is_linear_in_the_first_and_the_last_pair(self, tmp_path: Path) -> None:
        """With one outer frame missing, the result is that of the pair alone."""
        write_images(tmp_path / "set" / "a", 3)
        protocol(tmp_path / "set", tmp_path / "out", load_model("quadratic", device="cpu"))
        for first in (1, 2):
            pair = [tmp_path / "set" / "a" / f"00{number}.png" for number in (first, first + 1)]
            alone = tmp_path / f"pair{first}"
            interpolate_video(
                pair[0], alone, load_model("quadratic", device="cpu"), second=pair[1],
                rounding="truncate", cuts="off",
            )  # fmt: skip
            name = f"00{first}_0.png"
            assert np.array_equal(read_image(tmp_path / "out" / "a" / name), read_image(alone / name))


class TestSizes:
    def test_lanczos_then_the_top_left_part(self, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "set" / "a", 2)
        protocol(tmp_path / "set", tmp_path / "out", test_size=(40, 30), test_crop_size=(24, 20))
        for name in ("001.png", "002.png"):
            with Image.open(folder / name) as image:
                resized = np.asarray(image.resize((40, 30), Image.Resampling.LANCZOS))
            assert np.array_equal(read_image(tmp_path / "out" / "a" / name), resized[:20, :24])
        assert read_image(tmp_path / "out" / "a" / "001_0.png").shape == (20, 24, 3)

    def test_a_size_that_matches_changes_nothing(self, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "set" / "a", 2)
        protocol(
            tmp_path / "set", tmp_path / "out", test_size=(WIDTH, HEIGHT), test_crop_size=(WIDTH, HEIGHT)
        )
        for name in ("001.png", "002.png"):
            assert (tmp_path / "out" / "a" / name).read_bytes() == (folder / name).read_bytes()

    def test_images_of_different_sizes_get_one_size(self, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "set" / "a", 3)
        cv2.imwrite(str(folder / "002.png"), cv2.resize(scene_array(1, 1), (53, 37)))
        protocol(tmp_path / "set", tmp_path / "out", test_size=(WIDTH, HEIGHT))
        written = tmp_path / "out" / "a"
        assert all(read_image(path).shape == (HEIGHT, WIDTH, 3) for path in written.iterdir())
        assert (written / "001.png").read_bytes() == (folder / "001.png").read_bytes()
        with Image.open(folder / "002.png") as image:
            resized = np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))
        assert np.array_equal(read_image(written / "002.png"), resized)

    def test_crops_that_do_not_fit_any_clip(self, tmp_path: Path) -> None:
        write_images(tmp_path / "set" / "a", 2)
        model = Blender()
        with pytest.raises(ConfigError, match="larger than the frames"):
            protocol(tmp_path / "set", tmp_path / "out", model, test_size=(40, 30), test_crop_size=(41, 30))
        assert not model.asked


@pytest.mark.parametrize(
    ("rounding", "rule"), [("auto", np.floor), ("truncate", np.floor), ("nearest", np.rint)]
)
def test_samples_are_truncated_unless_asked_otherwise(tmp_path: Path, rounding: str, rule: Any) -> None:
    write_images(tmp_path / "set" / "a", 2)
    protocol(tmp_path / "set", tmp_path / "out", rounding=rounding)
    first, second = (torch.from_numpy(scene_array(1, shift)).float() / 255 for shift in (0, 1))
    exact = torch.lerp(first, second, 0.5).numpy() * 255
    assert np.array_equal(read_image(tmp_path / "out" / "a" / "001_0.png"), rule(exact))


class TestRedsNames:
    CLIP = ("00000008", "00000016", "00000024")

    @pytest.mark.parametrize(
        ("count", "wanted"),
        [
            (1, [12, 20]),
            (3, [10, 12, 14, 18, 20, 22]),  # m - 2, m, m + 2, as EQVI's script has them
            (7, [9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23]),
        ],
    )
    @pytest.mark.parametrize("preserve_input", [False, True])
    def test_numbers_in_between(
        self, tmp_path: Path, count: int, wanted: list[int], preserve_input: bool
    ) -> None:
        write_named(tmp_path / "set" / "000", *self.CLIP)
        protocol(
            tmp_path / "set", tmp_path / "out",
            naming="reds_vtsr", inter_frames=count, preserve_input=preserve_input,
        )  # fmt: skip
        originals = [int(stem) for stem in self.CLIP] if preserve_input else []
        assert names(tmp_path / "out" / "000") == [f"{n:08d}.png" for n in sorted([*wanted, *originals])]

    def test_each_number_shows_its_time(self, tmp_path: Path) -> None:
        write_named(tmp_path / "set" / "a", "0", "4")
        protocol(tmp_path / "set", tmp_path / "out", naming="reds_vtsr", inter_frames=3)
        for number in (1, 2, 3):
            exact = scene_array(1, 0) * (1 - number / 4) + scene_array(1, 1) * (number / 4)
            written = read_image(tmp_path / "out" / "a" / f"{number:08d}.png")
            assert np.abs(written + 0.5 - exact).max() <= 0.51

    def test_two_images(self, tmp_path: Path) -> None:
        folder = write_named(tmp_path / "in", "7", "9")
        interpolate_video(
            folder / "7.png", tmp_path / "out", Blender(), second=folder / "9.png", naming="reds_vtsr"
        )
        assert names(tmp_path / "out") == ["00000008.png", "7.png", "9.png"]

    def test_a_whole_slow_motion_counts_too(self, tmp_path: Path) -> None:
        folder = write_named(tmp_path / "in", "0", "4")
        interpolate_video(folder, tmp_path / "out", Blender(), slow_motion=2, naming="reds_vtsr")
        assert names(tmp_path / "out") == ["0.png", "00000002.png", "4.png"]

    def test_repeated_frames_have_numbers_of_their_own(self, tmp_path: Path) -> None:
        folder = tmp_path / "in"
        folder.mkdir()
        for number, shift in ((0, 0), (2, 0), (4, 3), (6, 3)):
            image = cv2.cvtColor(scene_array(1, shift), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / f"{number:08d}.png"), image)
        interpolate_video(
            folder, tmp_path / "out", Blender(), naming="reds_vtsr", duplicates=True, cuts="off"
        )
        assert names(tmp_path / "out") == [f"{number:08d}.png" for number in range(7)]

    @pytest.mark.parametrize(
        ("stems", "count", "words"),
        [
            (("008", "016", "x24"), 3, "'x24' is not a whole number"),
            (("008", "016", "-24"), 3, "'-24' is not a whole number"),
            (("008", "016", "019"), 3, "from 016 to 019 is not a multiple of 4, which inter_frames 3 needs"),
            (("008", "016", "017"), 1, "from 016 to 017 is not a multiple of 2"),
            (("08", "8", "16"), 1, "8 is not larger than 08"),
        ],
    )
    def test_unsuitable_names_are_reported_before_anything_is_computed(
        self, tmp_path: Path, stems: tuple[str, ...], count: int, words: str
    ) -> None:
        write_named(tmp_path / "set" / "a", *self.CLIP)
        write_named(tmp_path / "set" / "b", *stems)
        model = Blender()
        with pytest.raises(InputError, match=words) as caught:
            protocol(tmp_path / "set", tmp_path / "out", model, naming="reds_vtsr", inter_frames=count)
        assert str(tmp_path / "set" / "b") in str(caught.value)
        assert "naming: generic" in str(caught.value)
        assert not model.asked
        assert names(tmp_path) == ["set"]

    def test_films_have_no_such_names(self, tmp_path: Path) -> None:
        film = write_video(tmp_path / "film.mp4", 4, make_frame=scene_frame)
        with pytest.raises(ConfigError, match="for images with numbers for names"):
            interpolate_video(film, tmp_path / "out", Blender(), naming="reds_vtsr")
        folder = write_named(tmp_path / "in", "0", "2")
        with pytest.raises(ConfigError, match=r"for folders of images, but .*out\.mp4 is a film"):
            interpolate_video(folder, tmp_path / "out.mp4", Blender(), naming="reds_vtsr")
        with pytest.raises(ConfigError, match="give inter_frames"):
            interpolate_video(folder, tmp_path / "out", Blender(), naming="reds_vtsr", slow_motion="5/2")
        assert names(tmp_path) == ["film.mp4", "in"]


class TestMistakesAreReportedFirst:
    """One bad clip, the last, and nothing is computed."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        write_images(tmp_path / "set" / "a", 3)
        return tmp_path / "set"

    def refused(self, root: Path, error: type[VfiError], words: str, **options: Any) -> None:
        model = Blender()
        with pytest.raises(error, match=words):
            protocol(root, root.parent / "out", model, **options)
        assert not model.asked
        assert names(root.parent) == ["set"]

    def test_one_image(self, root: Path) -> None:
        write_images(root / "b", 1)
        self.refused(root, InputError, "b holds only one frame")

    def test_images_of_different_sizes(self, root: Path) -> None:
        cv2.imwrite(str(write_images(root / "b", 2) / "003.png"), np.zeros((9, 9, 3), np.uint8))
        self.refused(root, InputError, r"different sizes.*003\.png", test_crop_size=(8, 8))

    def test_an_image_that_cannot_be_read(self, root: Path) -> None:
        (write_images(root / "b", 2) / "002.png").write_text("nothing")
        self.refused(root, InputError, r"002\.png")

    def test_a_film_for_several_clips(self, root: Path) -> None:
        write_images(root / "b", 2)
        model = Blender()
        with pytest.raises(VfiError, match="name a folder"):
            protocol(root, root.parent / "out.mp4", model)
        assert not model.asked

    def test_no_clips(self, tmp_path: Path) -> None:
        (tmp_path / "set").mkdir()
        self.refused(tmp_path / "set", InputError, "holds no folder with images")

    def test_an_image_in_place_of_the_root(self, root: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is not a folder"):
            protocol(root / "a" / "001.png", tmp_path / "out")


class TestEnsembles:
    def test_every_member_is_asked(self, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 3)
        model = Asked()
        switches: dict[str, Any] = dict.fromkeys(SWITCHES, True)
        interpolate_video(folder, tmp_path / "out", model, **switches, inter_frames=3)
        assert len(model.windows) == 2 * 13

    def test_the_result_is_their_mean(self, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 4)
        switches: dict[str, Any] = {"flip_test": True, "reverse_rotation": True}
        options: dict[str, Any] = {"rounding": "truncate", "cuts": "off"}
        quadratic = load_model("quadratic", device="cpu")
        interpolate_video(folder, tmp_path / "by_option", quadratic, **switches, **options)
        wrapped = Ensemble(load_model("quadratic", device="cpu"), members_of(switches))
        interpolate_video(folder, tmp_path / "by_hand", wrapped, **options)
        interpolate_video(folder, tmp_path / "plain", quadratic, **options)
        by_option, by_hand, plain = (
            read_image(tmp_path / output / "002_0.png") for output in ("by_option", "by_hand", "plain")
        )
        assert np.array_equal(by_option, by_hand)
        assert not np.array_equal(by_option, plain)

    def test_the_log_names_them(self, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 2)
        log = tmp_path / "log.json"
        interpolate_video(folder, tmp_path / "out", Blender(), log=log, reverse_test=True, flip_test=True)
        run = json.loads(log.read_text())["run"]
        assert run["model"] == "Blender"
        assert run["ensemble"] == ["plain", "flipped left-right", "flipped up-down", "plain, reversed"]
        assert run["options"]["tta"] == ["flip", "reverse"]
        interpolate_video(folder, tmp_path / "again", Blender(), log=tmp_path / "other.json")
        assert json.loads((tmp_path / "other.json").read_text())["run"]["ensemble"] == []

    @pytest.mark.parametrize("change", [{"reverse_test": True}, {"naming": "reds_vtsr"}])
    def test_runs_of_different_kind_are_not_mixed(self, tmp_path: Path, change: dict[str, Any]) -> None:
        folder = write_named(tmp_path / "in", *(str(2 * number) for number in range(12)))
        with pytest.raises(Interrupted):
            interpolate_video(folder, tmp_path / "out", StoppingBlender(6))
        with pytest.raises(VfiError, match="other settings"):
            interpolate_video(folder, tmp_path / "out", Blender(), resume=True, **change)
        interpolate_video(folder, tmp_path / "out", Blender(), resume=True)

    def test_the_cache_shrinks_again_afterwards(self, tmp_path: Path) -> None:
        folder = write_images(tmp_path / "in", 2)
        kept: list[int] = []

        class Keeping(Blender):
            def reserve_cache(self, variants: int) -> None:
                kept.append(variants)

        model = Keeping()
        interpolate_video(folder, tmp_path / "a", model, flip_test=True)
        interpolate_video(folder, tmp_path / "b", model)
        assert kept == [3, 1]


class TestOfficialSpellings:
    def config(self, **values: object) -> InterpolateConfig:
        return InterpolateConfig.from_values({"testset_root": "set", **values})

    def test_ms_test(self) -> None:
        assert self.config(MS_test=True).ensemble == ("ms_test",)
        assert self.config(MS_test=False, flip_test="yes").ensemble == ("flip_test",)

    @pytest.mark.parametrize(
        ("name", "meant"),
        [("EQVI", "eqvi.stage123"), ("MS-Fusion", "eqvi.stage4"), ("quadratic", "quadratic")],
    )
    def test_models(self, monkeypatch: pytest.MonkeyPatch, name: str, meant: str) -> None:
        loaded: list[str] = []
        monkeypatch.setattr("vfi.registry.load_model", lambda name, **options: loaded.append(name))
        video._load(self.config(model=name, checkpoint="weights.ckpt"))
        assert loaded == [meant]

    def test_eqvi_alone_does_not_name_the_weights(self) -> None:
        with pytest.raises(ConfigError, match=r"as checkpoint, or choose the model eqvi\.stage3"):
            self.config(model="EQVI")
        assert self.config(model="MS-Fusion").model == "eqvi.stage4"
