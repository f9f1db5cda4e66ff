"""Which frames of a data set are measured, in each layout."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.support import datasets as tiny
from tests.support.media import write_video
from vfi.errors import InputError
from vfi.evaluation.datasets import sequences, triplets
from vfi.evaluation.samples import FrameRef, Sample


def numbers(sample: Sample) -> list[str | None]:
    """Names of the four frames of a sample, without folder."""
    frames = (sample.prev, sample.start, sample.end, sample.next)
    return [None if frame is None else frame.path.stem for frame in frames]


def targets(sample: Sample) -> list[tuple[Fraction, str]]:
    """Times and names of the ground-truth frames."""
    return [(target.t, target.frame.path.stem) for target in sample.targets]


class TestXTest:
    def test_the_middle_of_each_clip(self, tmp_path: Path) -> None:
        samples = sequences.x_test(tiny.write_x_test(tmp_path), interval=16)
        assert [sample.group for sample in samples] == ["Type1/TEST01_003_f0433", "Type2/TEST06_001_f0273"]
        assert numbers(samples[0]) == [None, "0000", "0032", None]
        assert targets(samples[0]) == [(Fraction(1, 2), "0016")]

    def test_a_smaller_interval_counts_no_sample_twice(self, tmp_path: Path) -> None:
        samples = sequences.x_test(tiny.write_x_test(tmp_path), interval=4)
        assert [numbers(sample) for sample in samples[:4]] == [
            [None, "0000", "0008", "0016"],
            ["0000", "0008", "0016", "0024"],
            ["0008", "0016", "0024", "0032"],
            ["0016", "0024", "0032", None],
        ]
        assert len(samples) == 8

    def test_all_frames_between(self, tmp_path: Path) -> None:
        sample = sequences.x_test(tiny.write_x_test(tmp_path), interval=4, all_between=True)[0]
        assert targets(sample) == [(Fraction(k, 8), f"{4 * k:04d}") for k in range(1, 8)]

    def test_a_clip_that_is_too_short(self, tmp_path: Path) -> None:
        tiny.write_x_test(tmp_path)
        (tmp_path / "Type1/TEST01_003_f0433/0032.png").unlink()
        with pytest.raises(InputError, match="TEST01_003_f0433 has 32 frames, but a clip of X-TEST has 33"):
            sequences.x_test(tmp_path)


class TestSnuFilm:
    def test_the_list_decides(self, tmp_path: Path) -> None:
        samples = triplets.snu_film(tiny.write_snu_film(tmp_path), split="hard")
        assert len(samples) == 4
        assert numbers(samples[1]) == ["000001", "000009", "000017", "000025"]
        assert targets(samples[1]) == [(Fraction(1, 2), "000013")]
        assert numbers(samples[0])[0] is None

    def test_all_frames_between(self, tmp_path: Path) -> None:
        sample = triplets.snu_film(tiny.write_snu_film(tmp_path), split="hard", all_between=True)[0]
        assert targets(sample) == [(Fraction(k, 8), f"{1 + k:06d}") for k in range(1, 8)]

    def test_another_list(self, tmp_path: Path) -> None:
        tiny.write_snu_film(tmp_path)
        chosen = tmp_path / "mine.txt"
        folder = "test/GOPRO_test/GOPR0384_11_00"
        chosen.write_text(f"{folder}/000002.png {folder}/000003.png {folder}/000004.png\n", encoding="utf-8")
        (sample,) = triplets.snu_film(tmp_path, split="hard", list_file=str(chosen))
        assert numbers(sample) == [None, "000002", "000004", "000006"]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("a.png b.png", "line 1: three paths are needed, not 2"),
            ("x/a.png x/b.png x/c.png", "line 1: x/a.png is not below"),
            ("", "is empty"),
        ],
    )
    def test_bad_lists(self, tmp_path: Path, line: str, message: str) -> None:
        tiny.write_snu_film(tmp_path)
        (tmp_path / "bad.txt").write_text(line, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            triplets.snu_film(tmp_path, split="hard", list_file="bad.txt")

    def test_a_missing_list(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"has no list test-easy\.txt: put it there, or name another"):
            triplets.snu_film(tmp_path, split="easy")


class TestXiph:
    def test_even_frames_from_odd_ones(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(triplets, "XIPH_SEQUENCES", ("FoodMarket", "FoodMarket2"))
        samples = triplets.xiph(tiny.write_xiph(tmp_path, ("FoodMarket", "FoodMarket2")))
        assert len(samples) == 2 * 49
        assert [sample.group for sample in samples[48:50]] == ["FoodMarket", "FoodMarket2"]
        assert numbers(samples[0]) == [None, "FoodMarket-001", "FoodMarket-003", "FoodMarket-005"]
        assert targets(samples[48]) == [(Fraction(1, 2), "FoodMarket-098")]

    def test_a_list(self, tmp_path: Path) -> None:
        tiny.write_xiph(tmp_path, ["Tango"])
        samples = triplets.xiph(tmp_path, list_file="top-half-motion-sufficiency-gap2.txt")
        assert (len(samples), samples[0].group) == (49, "Tango")

    def test_a_missing_frame(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(triplets, "XIPH_SEQUENCES", ("Tango",))
        tiny.write_xiph(tmp_path, ["Tango"])
        (tmp_path / "Tango-050.png").unlink()
        with pytest.raises(InputError, match="lacks frame 50 of Tango"):
            triplets.xiph(tmp_path)


class TestReds:
    def test_twice_the_frame_rate(self, tmp_path: Path) -> None:
        samples = sequences.reds_vtsr(tiny.write_reds(tmp_path), multi=2)
        assert len(samples) == 5 * 4
        assert numbers(samples[1]) == ["00000000", "00000008", "00000016", "00000024"]
        assert targets(samples[1]) == [(Fraction(1, 2), "00000012")]

    def test_four_times_the_frame_rate(self, tmp_path: Path) -> None:
        sample = sequences.reds_vtsr(tiny.write_reds(tmp_path), multi=4)[0]
        assert targets(sample) == [(Fraction(k, 4), f"{2 * k:08d}") for k in (1, 2, 3)]

    def test_five_clips_are_five(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="wanted 5 folders of frames"):
            sequences.reds_vtsr(tiny.write_reds(tmp_path, clips=4), clips=5)

    def test_a_missing_ground_truth(self, tmp_path: Path) -> None:
        (tiny.write_reds(tmp_path) / "002" / "00000012.png").unlink()
        with pytest.raises(InputError, match=r"00000012\.png is missing"):
            sequences.reds_vtsr(tmp_path)


def test_vimeo_triplets(tmp_path: Path) -> None:
    samples = triplets.vimeo_triplets(tiny.write_vimeo(tmp_path, 3))
    assert [sample.name for sample in samples] == ["00001/0389", "00002/0001"]
    assert numbers(samples[0]) == [None, "im1", "im3", None]
    assert targets(samples[0]) == [(Fraction(1, 2), "im2")]


def test_vimeo_septuplets(tmp_path: Path) -> None:
    sample = triplets.vimeo_septuplets(tiny.write_vimeo(tmp_path, 7))[0]
    assert numbers(sample) == ["im1", "im3", "im5", "im7"]
    assert targets(sample) == [(Fraction(1, 2), "im4")]


def test_ucf101(tmp_path: Path) -> None:
    samples = triplets.ucf101(tiny.write_ucf101(tmp_path))
    assert [sample.name for sample in samples] == ["1", "2", "11"]
    assert numbers(samples[0]) == [None, "frame_00", "frame_02", None]
    assert targets(samples[0]) == [(Fraction(1, 2), "frame_01_gt")]


def test_middlebury(tmp_path: Path) -> None:
    beanbags, dimetrodon = triplets.middlebury(tiny.write_middlebury(tmp_path))
    assert numbers(beanbags) == [None, "frame10", "frame11", None]
    assert numbers(dimetrodon) == ["frame09", "frame10", "frame11", "frame12"]
    assert targets(beanbags) == [(Fraction(1, 2), "frame10i11")]


def test_davis(tmp_path: Path) -> None:
    samples = sequences.davis(tiny.write_davis(tmp_path))
    assert [sample.group for sample in samples] == ["bear"] * 4 + ["camel"] * 3
    assert numbers(samples[-1]) == ["00002", "00004", "00006", None]


class TestClips:
    def test_every_fourth_frame(self, tmp_path: Path) -> None:
        for number in range(10):
            tiny.write_frame(tmp_path / "walk" / f"{number}.png", number)
        first, second = sequences.clips(tmp_path, factor=4)
        assert numbers(first) == [None, "0", "4", "8"]
        assert targets(second) == [(Fraction(k, 4), str(4 + k)) for k in (1, 2, 3)]

    def test_a_video_counts_its_frames(self, tmp_path: Path) -> None:
        video = write_video(tmp_path / "a.mkv", count=5)
        first, second = sequences.clips(tmp_path)
        assert (first.start, first.end, first.next) == tuple(FrameRef(video, at) for at in (0, 2, 4))
        assert second.targets[0].frame == FrameRef(video, 3)

    def test_too_short(self, tmp_path: Path) -> None:
        tiny.write_frame(tmp_path / "walk" / "0.png", 0)
        with pytest.raises(InputError, match="walk has 1 frames: 3 are needed"):
            sequences.clips(tmp_path)


@pytest.mark.parametrize(
    "layout",
    [sequences.x_test, sequences.reds_vtsr, sequences.clips, triplets.ucf101, triplets.middlebury],
)
def test_a_folder_without_the_data_set(layout: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not hold this data set: wanted"):
        layout(tmp_path)  # pyright: ignore[reportCallIssue]
    with pytest.raises(InputError, match="is not a folder"):
        layout(tmp_path / "missing")  # pyright: ignore[reportCallIssue]
