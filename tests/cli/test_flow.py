"""``vfi flow`` end to end: images, folders and videos, every output, and refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.command_line import Vfi
from tests.support.official_files import SgmKind
from vfi.base.flow import FlowEstimator
from vfi.cli.flow import main
from vfi.data.synthetic import Scene, write_clip
from vfi.errors import ConfigError, InputError, ModelError, OutputError, VfiError
from vfi.io import read_flow, write_flow
from vfi.io.images.files import read_image
from vfi.models.flow.dis import DisFlow
from vfi.models.flow.raft import build_raft_small
from vfi.types import FlowPair
from vfi.visual.flow_color import flow_to_color

HEIGHT, WIDTH = 72, 96
VELOCITY = (5.0, -3.0)  # pixels per frame


class ConstantFlow(FlowEstimator):
    """Estimates the same vector everywhere, whatever the frames."""

    def __init__(self, x: float, y: float, *, occlusion: float = 0.25) -> None:
        super().__init__()
        self.vector, self.occlusion = torch.tensor([x, y]), occlusion

    def match(self, encoded_0: Tensor, encoded_1: Tensor, *, occlusion: bool = False) -> FlowPair:
        flow = self.vector.view(1, 2, 1, 1).expand(1, 2, *encoded_0.shape[-2:])
        if not occlusion:
            return FlowPair(flow, -flow)
        hidden = torch.full_like(flow[:, :1], self.occlusion)
        return FlowPair(flow, -flow, hidden, 1 - hidden)


def write_rgb(path: Path, rgb: np.ndarray) -> Path:
    cv2.imwrite(str(path), rgb[..., [2, 1, 0, 3][: rgb.shape[2]]])
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with ``a.png`` and ``b.png`` and the true flow between them."""
    monkeypatch.chdir(tmp_path)
    scene = Scene.translation(HEIGHT, WIDTH, VELOCITY)
    for number, name in enumerate("ab"):
        write_rgb(tmp_path / f"{name}.png", scene.render_rgb(float(number)))
    truth = torch.tensor(VELOCITY).view(1, 2, 1, 1).repeat(1, 1, HEIGHT, WIDTH)
    truth[..., :8] = truth[..., -8:] = truth[..., :8, :] = truth[..., -8:, :] = math.nan
    write_flow(tmp_path / "truth.png", truth)
    return tmp_path


@pytest.fixture
def constant_flow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces every backbone by :class:`ConstantFlow`."""

    def use(*arguments: float, **options: float) -> None:
        monkeypatch.setattr("vfi.registry.load_flow", lambda *_, **__: ConstantFlow(*arguments, **options))

    return use


def run(arguments: str) -> None:
    assert main(arguments.split()) == 0


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"a.png", "b.png", "truth.png"}


def test_two_images_give_all_kinds(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("a.png b.png")
    assert files(here) == {"a_flow.flo", "a_flow_kitti.png", "a_flow_color.png"}
    flow = read_flow(here / "a_flow.flo")
    assert flow.shape == (1, 2, HEIGHT, WIDTH)
    middle = flow[0, :, 20:-20, 20:-20].mean(dim=(1, 2))
    torch.testing.assert_close(middle, torch.tensor(VELOCITY), atol=0.1, rtol=0)
    assert float((read_flow(here / "a_flow_kitti.png") - flow).abs().max()) <= 1 / 128
    image = torch.from_numpy(read_image(here / "a_flow_color.png")).permute(2, 0, 1)[None]
    torch.testing.assert_close(image / 255, flow_to_color(flow), atol=0.51 / 255, rtol=0)
    out = capsys.readouterr().out.splitlines()
    longest = float(flow.norm(dim=1).max())
    assert out[0].startswith("a.png -> b.png: 96x72, motion ")
    assert f" px on average, {longest:.2f} px at most (dis, " in out[0]
    assert out[1:] == [
        "  a_flow.flo: flow, Middlebury",
        "  a_flow_kitti.png: flow, KITTI",
        f"  a_flow_color.png: colours, {longest:.2f} px is full colour",
    ]


def test_the_flow_is_that_of_the_library(here: Path) -> None:
    run("a.png b.png -o one.flo --backward")
    frames = [
        torch.from_numpy(read_image(here / f"{name}.png")).permute(2, 0, 1)[None] / 255 for name in "ab"
    ]
    expected = DisFlow()(*frames)
    torch.testing.assert_close(read_flow(here / "one.flo"), expected.flow_01)
    torch.testing.assert_close(read_flow(here / "one_backward.flo"), expected.flow_10)
    assert files(here) == {"one.flo", "one_backward.flo"}


def test_a_stem_and_the_other_direction(here: Path) -> None:
    run("a.png b.png -o new/motion --backward")
    assert files(here / "new") == {
        f"motion{direction}{ending}"
        for direction in ("", "_backward")
        for ending in (".flo", "_kitti.png", "_color.png")
    }


def test_each_kind_has_its_own_option(here: Path, constant_flow: Callable[..., None]) -> None:
    constant_flow(3.0, 4.0)
    run("a.png b.png --flo f.flo --kitti k.png --color c.tif --color-max 10 --occlusion o.png --backward")
    assert files(here) == {
        f"{name}{direction}{suffix}"
        for name, suffix in (("f", ".flo"), ("k", ".png"), ("c", ".tif"), ("o", ".png"))
        for direction in ("", "_backward")
    }
    for name in ("f.flo", "k.png"):
        assert read_flow(here / name)[0, :, 0, 0].tolist() == [3.0, 4.0]
    assert read_flow(here / "k_backward.png")[0, :, 0, 0].tolist() == [-3.0, -4.0]
    vector = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    expected = flow_to_color(vector, largest=10).flatten() * 255
    assert np.abs(read_image(here / "c.tif")[5, 5] - expected.numpy()).max() <= 0.51
    assert set(read_image(here / "o.png").ravel()) == {64}  # a quarter
    assert set(read_image(here / "o_backward.png").ravel()) == {191}


def test_an_image_by_its_name(here: Path) -> None:
    run("a.png b.png --output=c.jpg")
    assert files(here) == {"c.jpg"}
    assert read_image(here / "c.jpg").shape == (HEIGHT, WIDTH, 3)


def test_both_directions_have_the_same_colours(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("a.png b.png --color c.png --backward")
    words = [line.split("colours, ")[1] for line in capsys.readouterr().out.splitlines() if "colours" in line]
    assert len(words) == 2
    assert len(set(words)) == 1


def test_frames_of_a_folder_and_of_a_video(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene.translation(HEIGHT, WIDTH, VELOCITY)
    folder = here / "shot"
    folder.mkdir()
    for number in range(4):
        write_rgb(folder / f"{number + 7}.png", scene.render_rgb(float(number)))
    write_clip(here / "shot.mp4", (scene.render_rgb(float(number)) for number in range(4)), Fraction(24))
    run("shot --frames 3 1 --flo folder.flo")
    assert "shot [10] -> shot [8]: " in capsys.readouterr().out
    run("shot.mp4 --frames 3 1 --flo video.flo")
    for name in ("folder.flo", "video.flo"):
        middle = read_flow(here / name)[0, :, 20:-20, 20:-20].mean(dim=(1, 2))
        torch.testing.assert_close(middle, -2 * torch.tensor(VELOCITY), atol=0.3, rtol=0)
    run("shot")
    assert "shot_flow.flo" in files(here)
    with pytest.raises(InputError, match=r"shot has no frame 4: .* are 4 in number"):
        run("shot --frames 0 4 -o x.flo")


def test_comparison_with_the_ground_truth_writes_nothing(
    here: Path, constant_flow: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    constant_flow(5.0, 1.0)  # 4 px off, more than 5 %
    run("a.png b.png --truth truth.png")
    valid = (HEIGHT - 16) * (WIDTH - 16)
    line = capsys.readouterr().out.splitlines()[1]
    percentage = 100 * valid / (HEIGHT * WIDTH)
    assert line == (
        f"  against truth.png: end-point error 4.000 px, Fl 100.00 % of {valid} valid vectors "
        f"({percentage:.1f} % of the frame)"
    )
    assert not files(here)
    run("a.png b.png --truth truth.png -o also.flo")
    assert files(here) == {"also.flo"}


def test_dis_is_near_the_ground_truth(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("a.png b.png --truth truth.png")
    line = capsys.readouterr().out.splitlines()[1]
    assert float(line.split("error ")[1].split()[0]) < 0.1


def test_kitti_is_left_out_where_it_cannot_hold_the_flow(
    here: Path, constant_flow: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    constant_flow(600.0, 0.0)
    run("a.png b.png")
    assert files(here) == {"a_flow.flo", "a_flow_color.png"}
    assert "a_flow_kitti.png was left out. The flow at x = 0, y = 0 is (600, 0) px" in capsys.readouterr().out
    with pytest.raises(OutputError, match="KITTI"):
        run("a.png b.png --flo other.flo --kitti other.png")
    assert files(here) == {"a_flow.flo", "a_flow_color.png"}


def test_vectors_with_nan_are_written_as_invalid(here: Path, constant_flow: Callable[..., None]) -> None:
    constant_flow(math.nan, 0.0)
    run("a.png b.png")
    for name in ("a_flow.flo", "a_flow_kitti.png"):
        assert bool(read_flow(here / name).isnan().all())
    assert read_image(here / "a_flow_color.png").max() == 0


def test_alpha_is_ignored_with_a_note(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("a.png b.png --flo plain.flo")
    rgb = read_image(here / "a.png")
    write_rgb(here / "clear.png", np.dstack([rgb, np.full(rgb.shape[:2], 9, np.uint8)]))
    assert "Transparency" not in capsys.readouterr().out
    run("clear.png b.png --flo alpha.flo")
    assert "Transparency was ignored" in capsys.readouterr().out
    assert torch.equal(read_flow(here / "alpha.flo"), read_flow(here / "plain.flo"))


def test_sixteen_bits_and_other_formats(here: Path) -> None:
    for name in "ab":
        cv2.imwrite(
            f"{name}.tif", cv2.cvtColor(read_image(here / f"{name}.png"), cv2.COLOR_RGB2BGR) * np.uint16(257)
        )
    run("a.png b.png --flo eight.flo")
    run("a.tif b.tif --flo sixteen.flo")
    assert torch.equal(read_flow(here / "sixteen.flo"), read_flow(here / "eight.flo"))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (17, 5)])
def test_any_size(here: Path, size: tuple[int, int]) -> None:
    for name in ("c.png", "d.png"):
        write_rgb(here / name, np.zeros((*size, 3), np.uint8))
    run("c.png d.png")
    assert read_flow(here / "c_flow.flo").shape == (1, 2, *size)
    assert read_image(here / "c_flow_color.png").min() == 255


def test_existing_files_are_kept(here: Path) -> None:
    run("a.png b.png -o m")
    before = {name: (here / name).read_bytes() for name in files(here)}
    with pytest.raises(OutputError, match=r"m\.flo exists: give --overwrite"):
        run("b.png a.png -o m")
    assert {name: (here / name).read_bytes() for name in files(here)} == before
    run("b.png a.png -o m --overwrite")
    assert (here / "m.flo").read_bytes() != before["m.flo"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ("a.png b.png -o x.png", ConfigError, "give --color x.png or --kitti x.png"),
        ("a.png b.png -o x.npy", ConfigError, "does not write a flow as .npy"),
        ("a.png b.png -o .", ConfigError, "is a folder: give a name in it"),
        ("a.png b.png --flo x.png", ConfigError, "--flo writes .flo files"),
        ("a.png b.png --kitti x.flo", ConfigError, "--kitti writes .png files"),
        ("a.png b.png --color x.bmp", ConfigError, "--color writes .png, .jpg"),
        ("a.png b.png --color x.png --kitti ./x.png", ConfigError, "would be written twice"),
        ("a.png b.png --color a.png --overwrite", OutputError, "the same file, a.png"),
        ("a.png b.png --truth truth.png --kitti truth.png --overwrite", OutputError, "the same file"),
        ("a.png b.png a.png", ConfigError, "one file too many"),
        ("a.png b.png --frames 0 1", ConfigError, "leave it out with two images"),
        ("a.png --frames 1 1", ConfigError, "two different numbers"),
        ("a.png --frames -1 1", ConfigError, "counted from 0"),
        ("a.png", InputError, "a.png has no frame 1"),
        ("a.png missing.png", InputError, "missing.png does not exist"),
        ("a.png small.png", InputError, "different sizes: a.png is 96x72, small.png is 20x10"),
        ("a.png b.png --truth a.png", InputError, "a.png is no flow"),
        ("a.png b.png --truth small.flo", InputError, "is a flow of 20x10, the frames are 96x72"),
        ("a.png b.png --truth unknown.flo", InputError, "holds no valid vector"),
        ("a.png b.png --color-max 0", ConfigError, "--color-max 0 must be positive"),
        ("a.png b.png --backbone dos", ModelError, "There is no flow backbone 'dos'"),
        ("a.png b.png --backbone-options {depth:3}", ConfigError, "no option"),
        ("a.png b.png --occlusion o.png", ConfigError, "dis does not estimate occlusions"),
        ("a.png b.png --checkpoint a.png", ModelError, "has no weights"),
    ],
)
def test_wrong_arguments_are_refused(here: Path, arguments: str, error: type[VfiError], message: str) -> None:
    write_rgb(here / "small.png", np.zeros((10, 20, 3), np.uint8))
    write_flow(here / "small.flo", torch.zeros(2, 10, 20))
    write_flow(here / "unknown.flo", torch.full((2, HEIGHT, WIDTH), math.nan))
    before = files(here)
    with pytest.raises(error, match=message):
        main(arguments.split())
    assert files(here) == before


def test_lack_of_memory_is_reported(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> FlowPair:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(DisFlow, "match", fail)
    with pytest.raises(VfiError, match="not enough memory for the flow of 96x72 by dis"):
        run("a.png b.png")


def test_the_command_line_knows_it(here: Path, vfi: Vfi) -> None:
    assert "flow" in vfi("--help").out
    assert vfi("flow", "a.png", "b.png", "-o", "x.flo").code == 0
    outcome = vfi("flow", "a.png", "b.png", "-o", "x.flo")
    assert outcome.code == 2
    assert outcome.err.startswith("vfi: x.flo exists: ")


def test_raft_from_a_file_of_weights(here: Path) -> None:
    estimator = build_raft_small(iterations=2).eval()
    torch.save(estimator.state_dict(), here / "weights.pth")
    run(
        "a.png b.png --backbone raft.small --checkpoint weights.pth -o r.flo --device cpu "
        '--backbone-options {"iterations":2}'
    )
    frames = [
        torch.from_numpy(read_image(here / f"{name}.png")).permute(2, 0, 1)[None] / 255 for name in "ab"
    ]
    with torch.inference_mode():
        torch.testing.assert_close(
            read_flow(here / "r.flo"), estimator(*frames).flow_01, atol=1e-4, rtol=1e-4
        )


def test_scopeflow_from_the_authors_file_estimates_occlusions(here: Path, official_scopeflow: Path) -> None:
    run(f"a.png b.png --backbone scopeflow --checkpoint {official_scopeflow} --occlusion o.png --flo s.flo")
    assert read_flow(here / "s.flo").shape == (1, 2, HEIGHT, WIDTH)
    assert read_image(here / "o.png").shape == (HEIGHT, WIDTH, 3)


def test_gmflow_from_the_authors_file_estimates_occlusions(
    here: Path, official_sgm: Callable[[SgmKind], Path]
) -> None:
    file = official_sgm("gmflow_1scale")
    run(f"a.png b.png --backbone gmflow --checkpoint {file} --occlusion o.png --flo g.flo --backward")
    assert read_flow(here / "g.flo").shape == (1, 2, HEIGHT, WIDTH)
    assert read_flow(here / "g_backward.flo").shape == (1, 2, HEIGHT, WIDTH)
    assert set(np.unique(read_image(here / "o.png"))) <= {0, 255}
