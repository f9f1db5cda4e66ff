"""Files of flow: their bytes, round trips, what is not known, and files that are none."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from vfi.errors import InputError, OutputError
from vfi.io import known_vectors, read_flow, write_flow

# 2 x 3 pixels: row by row, x before y.
VECTORS = [[(1.0, -2.0), (0.5, 0.25), (-300.0, 400.0)], [(0.0, 0.0), (7.0, 8.0), (9.0, -10.0)]]


def flow_of(vectors: list[list[tuple[float, float]]]) -> Tensor:
    return torch.tensor(vectors).permute(2, 0, 1)[None]


def flo_bytes(width: int = 3, height: int = 2, mark: bytes = b"PIEH") -> bytes:
    numbers = [number for row in VECTORS for vector in row for number in vector]
    return mark + struct.pack("<ii12f", width, height, *numbers)


def write_png(path: Path, rgb: np.ndarray) -> Path:
    cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb)
    return path


def test_a_hand_written_flo_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hand.flo"
    path.write_bytes(flo_bytes())
    assert struct.unpack("<f", b"PIEH")[0] == 202021.25
    flow = read_flow(path)
    assert flow.dtype == torch.float32
    assert flow.is_contiguous()
    assert torch.equal(flow, flow_of(VECTORS))


def test_a_flo_has_the_bytes_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "flow.FLO"
    write_flow(path, flow_of(VECTORS))
    assert path.read_bytes() == flo_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["flow.FLO"]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (33, 17)])
def test_flo_round_trip_is_exact(tmp_path: Path, size: tuple[int, int]) -> None:
    flow = torch.randn(1, 2, *size) * 300
    write_flow(tmp_path / "a.flo", flow)
    assert torch.equal(read_flow(tmp_path / "a.flo"), flow)


def test_kitti_samples_are_those_of_the_formula(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_flow(path, flow_of(VECTORS)[0])
    content = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert content is not None
    samples = content[..., ::-1]  # to RGB
    assert samples.dtype == np.uint16
    for row in range(2):
        for column in range(3):
            x, y = VECTORS[row][column]
            assert samples[row, column].tolist() == [x * 64 + 2**15, y * 64 + 2**15, 1]


def test_a_hand_written_kitti_file_is_read(tmp_path: Path) -> None:
    samples = np.array([[[32768 + 64, 32768 - 128, 1], [0, 65535, 1], [12345, 999, 0]]], np.uint16)
    flow = read_flow(write_png(tmp_path / "a.png", samples))
    assert flow[0, :, 0, 0].tolist() == [1.0, -2.0]
    assert flow[0, :, 0, 1].tolist() == [-512.0, 511.984375]
    assert flow[0, :, 0, 2].isnan().all()
    assert known_vectors(flow).tolist() == [[[[True, True, False]]]]


def test_kitti_round_trip_rounds_to_the_nearest_step(tmp_path: Path) -> None:
    flow = torch.empty(1, 2, 20, 31).uniform_(-511, 511)
    write_flow(tmp_path / "a.png", flow)
    again = read_flow(tmp_path / "a.png")
    assert float((again - flow).abs().max()) <= 1 / 128
    write_flow(tmp_path / "b.png", again)
    assert torch.equal(read_flow(tmp_path / "b.png"), again)


@pytest.mark.parametrize("suffix", [".flo", ".png"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_known_stays_so(tmp_path: Path, suffix: str, value: float) -> None:
    flow = flow_of(VECTORS)
    flow[0, 1, 0, 2] = value
    write_flow(tmp_path / f"a{suffix}", flow)
    again = read_flow(tmp_path / f"a{suffix}")
    assert again[0, :, 0, 2].isnan().all()
    assert int(known_vectors(again).sum()) == 5
    assert torch.equal(again[..., :2], flow[..., :2])


def test_middleburys_mark_of_the_unknown(tmp_path: Path) -> None:
    path = tmp_path / "a.flo"
    path.write_bytes(b"PIEH" + struct.pack("<ii4f", 2, 1, 1.666666752e9, 1.666666752e9, 3.0, -1.1e9))
    assert read_flow(path).isnan().all()
    write_flow(path, torch.full((2, 1, 2), torch.nan), overwrite=True)
    assert path.read_bytes()[12:] == struct.pack("<4f", *[1.666666752e9] * 4)


@pytest.mark.parametrize("vector", [(512.0, 0.0), (0.0, -512.01), (1e6, 3.0)])
def test_kitti_refuses_what_it_cannot_hold_and_says_where(
    tmp_path: Path, vector: tuple[float, float]
) -> None:
    flow = flow_of(VECTORS)
    flow[0, :, 1, 2] = torch.tensor(vector)
    with pytest.raises(OutputError, match=r"x = 2, y = 1 is \(.*\) px, and 1 vectors .* KITTI"):
        write_flow(tmp_path / "a.png", flow)
    assert not list(tmp_path.iterdir())


def test_kittis_outermost_vectors_are_kept(tmp_path: Path) -> None:
    flow = torch.tensor([-512.0, 511.984375]).view(1, 2, 1, 1)
    write_flow(tmp_path / "a.png", flow)
    assert torch.equal(read_flow(tmp_path / "a.png"), flow)


def test_a_flo_refuses_what_would_be_read_as_unknown(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"x = 0, y = 0 is \(2e\+09, 0\) px"):
        write_flow(tmp_path / "a.flo", torch.tensor([2e9, 0.0]).view(2, 1, 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "instead of b'PIEH'"),
        (flo_bytes(mark=b"HEIP"), r"begins with b'HEIP' instead"),
        (b"PIEH\x03", "is cut off"),
        (flo_bytes()[:-1], "is cut off: 3x2 vectors take 60 bytes, it has 59"),
        (flo_bytes() + b"\0", "is too long"),
        (flo_bytes(width=0), "claims to be of 0x2"),
        (flo_bytes(height=-2), "claims to be of 3x-2"),
        (flo_bytes(width=100_000), "claims to be of 100000x2"),
        (flo_bytes(width=99_999, height=99_999), "is cut off"),
    ],
)
def test_damaged_flo_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.flo"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_flow(path)


def test_images_are_not_taken_for_flow(tmp_path: Path) -> None:
    rgb = np.full((4, 5, 3), 32768, np.uint16)
    with pytest.raises(InputError, match="RGB png of 16 bit"):
        read_flow(write_png(tmp_path / "eight.png", rgb.astype(np.uint8)))
    with pytest.raises(InputError, match="RGB png of 16 bit"):
        read_flow(write_png(tmp_path / "gray.png", rgb[..., 0]))
    with pytest.raises(InputError, match="blue of every pixel must be 1"):
        read_flow(write_png(tmp_path / "photo.png", rgb))
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match="is no flow"):
        read_flow(tmp_path / "text.png")


def test_a_kitti_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_flow(path, torch.zeros(2, 30, 30))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match="is cut off"):
        read_flow(path)


def test_names_that_are_no_flow(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.npy is no flow by its name"):
        read_flow(tmp_path / "x.npy")
    with pytest.raises(OutputError, match=r"x\.npy is no flow by its name"):
        write_flow(tmp_path / "x.npy", torch.zeros(2, 1, 1))
    for suffix in ("flo", "png"):
        with pytest.raises(InputError, match="does not exist"):
            read_flow(tmp_path / f"missing.{suffix}")
    (tmp_path / "folder.flo").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_flow(tmp_path / "folder.flo")
    with pytest.raises(OutputError, match="is a folder"):
        write_flow(tmp_path / "folder.flo", torch.zeros(2, 1, 1))


def test_existing_files_are_kept_unless_overwriting_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.flo"
    write_flow(path, torch.zeros(2, 1, 1))
    with pytest.raises(OutputError, match="exists: give --overwrite"):
        write_flow(path, torch.ones(2, 1, 1))
    assert float(read_flow(path).max()) == 0
    write_flow(path, torch.ones(2, 1, 1), overwrite=True)
    assert float(read_flow(path).max()) == 1


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vfi.io.flow.synchronise", refuse)
    with pytest.raises(OutputError, match="free some space"):
        write_flow(tmp_path / "a.flo", torch.zeros(2, 1, 1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(2, 2, 4, 4), (3, 4, 4), (4, 4), (1, 2, 0, 4)])
def test_anything_but_one_flow_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="wanted one flow"):
        write_flow(tmp_path / "a.flo", torch.zeros(shape))
