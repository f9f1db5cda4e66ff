"""Whole benchmarks on tiny data sets: every protocol, averages, resuming, several processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support import datasets as tiny
from vfi.errors import ConfigError, InputError
from vfi.evaluation.datasets import triplets
from vfi.evaluation.measuring import Row
from vfi.evaluation.methods import Blend, Repeat
from vfi.evaluation.protocols import PROTOCOLS, Protocol, find_protocol
from vfi.evaluation.runner import Result, Rows, in_order, run_benchmark

SPLITS = (("easy", 1), ("medium", 2), ("hard", 4), ("extreme", 8))
WRITERS: dict[str, Callable[[Path], Path]] = {
    "x_test": tiny.write_x_test,
    "snu_film": lambda root: tiny.write_snu_film(root, SPLITS),
    "xiph": lambda root: tiny.write_xiph(root, ["Tango"]),
    "reds_vtsr": tiny.write_reds,
    "vimeo_triplets": lambda root: tiny.write_vimeo(root, 3),
    "vimeo_septuplets": lambda root: tiny.write_vimeo(root, 7),
    "ucf101": tiny.write_ucf101,
    "middlebury": tiny.write_middlebury,
    "davis": tiny.write_davis,
    "clips": lambda root: tiny.write_davis(root) / "JPEGImages" / "480p",
}


@pytest.fixture(autouse=True)
def one_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triplets, "XIPH_SEQUENCES", ("Tango",))


def reduced(protocol: Protocol) -> Protocol:
    """The protocol with sizes that suit tiny frames."""
    return replace(
        protocol,
        resize=protocol.resize and (16, 12),
        crop=protocol.crop and (0, 2),
    )


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_from_folder_to_means(name: str, tmp_path: Path) -> None:
    protocol = reduced(PROTOCOLS[name])
    root = WRITERS[protocol.layout](tmp_path)
    samples = protocol.samples(root)[:3]
    result = run_benchmark(protocol, samples, [Blend(), Repeat()])
    assert result.complete
    assert len(result.rows) == 2 * sum(len(sample.targets) for sample in samples)
    means = result.means("blend")
    assert list(means) == list(protocol.metrics)
    assert 5 < means["psnr"] <= 100
    json.dumps(result.to_json())


def row(index: int, group: str, t: str, value: float) -> Row:
    return Row(index, str(index), group, Fraction(t), "blend", True, {"psnr": value})


@pytest.mark.parametrize(
    ("average", "mean"),
    [
        ("samples", (10 + 20 + 60 + 30) / 4),
        ("groups", ((10 + 20 + 60) / 3 + 30) / 2),
        ("times", ((10 + 20 + 30) / 3 + 60) / 2),
    ],
)
def test_averages(average: str, mean: float) -> None:
    rows = [row(0, "a", "1/2", 10), row(1, "a", "1/2", 20), row(1, "a", "1/4", 60), row(2, "b", "1/2", 30)]
    protocol = replace(PROTOCOLS["clips"], average=average)
    assert Result(protocol, ["psnr"], ["blend"], rows, 3).means("blend")["psnr"] == pytest.approx(mean)


def test_an_equal_frame_counts_as_100_db() -> None:
    rows = [row(0, "a", "1/2", float("inf")), row(1, "a", "1/2", 20)]
    result = Result(PROTOCOLS["ucf101"], ["psnr"], ["blend"], rows, 2)
    assert result.means("blend")["psnr"] == 60


def test_parts_together_equal_the_whole(tmp_path: Path) -> None:
    protocol = PROTOCOLS["davis_x2"]
    samples = protocol.samples(tiny.write_davis(tmp_path))
    methods = [Blend(), Repeat()]
    whole = run_benchmark(protocol, samples, methods)
    parts = [run_benchmark(protocol, samples, methods, part=(index, 3)) for index in range(3)]
    rows = in_order([one for part in parts for one in part.rows], whole.methods)
    assert rows == whole.rows
    assert not parts[0].complete
    assert replace(parts[0], rows=rows).to_json() == whole.to_json()


class TestResuming:
    @staticmethod
    def run(path: Path, root: Path, *, resume: bool, count: int | None = None) -> Result:
        protocol = PROTOCOLS["davis_x2"]
        samples = protocol.samples(root)[:count]
        rows = Rows(path, {"protocol": protocol.name}, resume=resume)
        return run_benchmark(protocol, samples, [Blend()], rows=rows)

    def test_what_is_there_is_not_measured_again(self, tmp_path: Path) -> None:
        root, path = tiny.write_davis(tmp_path / "data"), tmp_path / "rows.jsonl"
        whole = self.run(path, root, resume=False)
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        kept = [
            replace(Row.from_json(json.loads(line)), values={"psnr": -1, "ssim": 0}) for line in lines[:3]
        ]
        kept_lines = [json.dumps(one.to_json()) for one in kept]
        path.write_text("\n".join([head, *kept_lines, lines[3][:20]]), encoding="utf-8")
        resumed = self.run(path, root, resume=True)
        assert [one.values["psnr"] == -1 for one in resumed.rows] == [True] * 3 + [False] * 4
        assert [one.sample for one in resumed.rows] == [one.sample for one in whole.rows]

    def test_a_broken_image_keeps_what_was_measured(self, tmp_path: Path) -> None:
        root, path = tiny.write_davis(tmp_path / "data"), tmp_path / "rows.jsonl"
        (root / "JPEGImages/480p/bear/00005.png").write_bytes(b"no image")
        with pytest.raises(InputError, match=r"00005\.png is not an image"):
            self.run(path, root, resume=False)
        assert len(path.read_text(encoding="utf-8").splitlines()) == 1 + 2

    def test_rows_of_another_run_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        Rows(path, {"protocol": "clips"}, resume=False)
        with pytest.raises(ConfigError, match=r"add --resume, or remove it"):
            Rows(path, {"protocol": "clips"}, resume=False)
        with pytest.raises(ConfigError, match="rows of another protocol"):
            Rows(path, {"protocol": "davis_x2"}, resume=True)

    @pytest.mark.parametrize(("content", "message"), [("", "no file of rows"), ("{}\nx\n\n", "is damaged")])
    def test_a_damaged_file(self, tmp_path: Path, content: str, message: str) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            Rows(path, {}, resume=True)


def test_a_method_is_compared_once() -> None:
    with pytest.raises(ConfigError, match="blend, blend repeats one"):
        run_benchmark(PROTOCOLS["clips"], [], [Blend(), Blend()])


def test_an_unknown_protocol_is_answered_with_a_similar_one() -> None:
    with pytest.raises(ConfigError, match="did you mean xiph_2k_l_sgm"):
        find_protocol("xiph_2k_sgm")


def test_a_choice_the_layout_lacks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="The protocol ucf101 has no choice of factor"):
        PROTOCOLS["ucf101"].samples(tmp_path, factor=4)
