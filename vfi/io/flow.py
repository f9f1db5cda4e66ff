"""Optical flow files: Middlebury's ``.flo`` and KITTI's 16-bit png.

In memory a flow is ``[1, 2, H, W]`` float32, channels (x right, y down), pixels; an unknown vector
is NaN in both channels. :func:`known_vectors` gives the mask that :mod:`vfi.evaluation.metrics` takes.

* ``.flo`` (Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011): little-endian;
  the number 202021.25 (which reads ``PIEH``), width and height as int32, then x and y of every pixel as
  float32, row by row. A component beyond 1e9 means "unknown".
* ``.png`` (Menze and Geiger, "Object Scene Flow for Autonomous Vehicles", CVPR 2015): red and green hold
  ``64 x + 2^15`` and ``64 y + 2^15`` in 16 bit, blue is 1 where the vector is known and 0 where not. Steps of
  1/64 px, from -512 to 511.98 px.
"""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from vfi.errors import InputError, OutputError
from vfi.io.images.files import read_image
from vfi.io.partial import synchronise
from vfi.io.pixels import color
from vfi.io.queued_sink import output_errors

FLOW_SUFFIXES = (".flo", ".png")

FLO_MARK = b"PIEH"
FLO_LONGEST_SIDE = 99_999  # pixels, Middlebury's own limit
FLO_UNKNOWN = 1.666666752e9  # written by Middlebury for an unknown vector
UNKNOWN_BEYOND = 1e9  # px
_FLO_HEADER = struct.Struct("<4sii")

KITTI_STEPS = 64.0  # per pixel
KITTI_ZERO = 2**15
KITTI_LARGEST_CODE = 2**16 - 1
# The first 26 bytes of a png: mark, length and name of its first chunk, width, height, depth, kind of colour.
_PNG_HEADER = struct.Struct(">8s4s4sIIBB")
_PNG_MARK = b"\x89PNG\r\n\x1a\n"
_PNG_RGB = 2


def known_vectors(flow: Tensor) -> Tensor:
    """Where a flow is known: both components are numbers of at most 1e9 px.

    Args:
        flow: ``[B, 2, H, W]``, pixels.

    Returns:
        ``[B, 1, H, W]`` bool, the ``valid`` mask of the metrics.
    """
    return (flow.abs() <= UNKNOWN_BEYOND).all(dim=1, keepdim=True)  # false for NaN


def read_flow(path: str | Path) -> Tensor:
    """Read a flow file.

    Args:
        path: Middlebury ``.flo`` or KITTI ``.png`` file.

    Returns:
        ``[1, 2, H, W]`` float32, pixels; NaN where the vector is unknown.

    Raises:
        InputError: If the file is missing, damaged, or of another format than its name says.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FLOW_SUFFIXES:
        raise InputError(f"{path} is no flow by its name: give a Middlebury .flo or a KITTI .png.")
    try:
        with path.open("rb") as file:
            head = file.read(_PNG_HEADER.size)
        vectors = _read_flo(path, head) if suffix == ".flo" else _read_kitti(path, head)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: check the name.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions.") from error
    return torch.from_numpy(vectors).permute(2, 0, 1)[None].contiguous()


def write_flow(path: str | Path, flow: Tensor, *, overwrite: bool = False) -> None:
    """Write a flow file, whole or not at all.

    Args:
        path: Output ``.flo`` (Middlebury) or ``.png`` (KITTI); missing folders are created.
        flow: ``[1, 2, H, W]`` or ``[2, H, W]``, pixels; vectors that are not finite are written as unknown.
        overwrite: Whether an existing file is replaced.

    Raises:
        OutputError: If the suffix is another one, the file exists or cannot be written, or the format cannot
            hold a vector (the first one is named).
        ValueError: If ``flow`` is not one flow.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FLOW_SUFFIXES:
        raise OutputError(f"{path} is no flow by its name: choose .flo (Middlebury) or .png (KITTI).")
    write_whole(path, encode_flo(flow) if suffix == ".flo" else encode_kitti(flow), overwrite=overwrite)


def encode_flo(flow: Tensor) -> bytes:
    """A flow as the content of a ``.flo``. See :func:`write_flow`."""
    vectors = _vectors(flow)
    height, width = vectors.shape[:2]
    if max(height, width) > FLO_LONGEST_SIDE:
        raise OutputError(f"A flow of {width}x{height} is too large for a .flo: make it smaller.")
    known = _finite(vectors)
    _require_range(vectors, known & (np.abs(vectors).max(axis=2) > UNKNOWN_BEYOND), ".flo (1e9 px)")
    content = np.where(known[..., None], vectors, FLO_UNKNOWN).astype("<f4")
    return _FLO_HEADER.pack(FLO_MARK, width, height) + content.tobytes()


def encode_kitti(flow: Tensor) -> bytes:
    """A flow as the content of a KITTI ``.png``; rounds to 1/64 px. See :func:`write_flow`."""
    vectors = _vectors(flow)
    known = _finite(vectors)
    codes = np.rint(vectors.astype(np.float64) * KITTI_STEPS + KITTI_ZERO)
    outside = (codes.min(axis=2) < 0) | (codes.max(axis=2) > KITTI_LARGEST_CODE)
    _require_range(vectors, known & outside, "KITTI's png (-512 to 511.98 px)")
    samples = np.dstack([codes, known])
    samples[~known] = 0
    fine, content = cv2.imencode(".png", color.reversed_channels(samples.astype(np.uint16)))
    if not fine:
        raise OutputError("OpenCV cannot encode a 16-bit png: see whether it is complete.")
    return content.tobytes()


def write_whole(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Write a small file under a temporary name, then rename it; missing folders are created.

    Args:
        path: Final name of the file.
        content: Complete content of the file.
        overwrite: Whether an existing file is replaced.

    Raises:
        OutputError: If the file exists or cannot be written; then nothing has changed.
    """
    with output_errors(path):
        if path.is_dir():
            raise OutputError(f"{path} is a folder: choose another name for the output.")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists: give --overwrite to replace it, or choose another name.")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.part")
        try:
            unfinished.write_bytes(content)
            synchronise(unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _read_flo(path: Path, head: bytes) -> np.ndarray:
    """The vectors ``[H, W, 2]`` of a ``.flo`` that begins with ``head``."""
    if not head.startswith(FLO_MARK):
        raise InputError(f"{path} is no .flo: it begins with {head[:4]!r} instead of {FLO_MARK!r}.")
    size = path.stat().st_size
    if size < _FLO_HEADER.size:
        raise InputError(f"{path} is cut off: it ends within its first line; replace it by the whole file.")
    _, width, height = _FLO_HEADER.unpack_from(head)
    if not (0 < width <= FLO_LONGEST_SIDE and 0 < height <= FLO_LONGEST_SIDE):
        raise InputError(f"{path} claims to be of {width}x{height} pixels: it is damaged, replace it.")
    wanted = _FLO_HEADER.size + 8 * width * height
    if size != wanted:
        what = "is cut off" if size < wanted else "is too long"
        raise InputError(
            f"{path} {what}: {width}x{height} vectors take {wanted} bytes, it has {size}; replace it."
        )
    vectors = np.fromfile(path, "<f4", offset=_FLO_HEADER.size).astype(np.float32, copy=False)
    vectors = vectors.reshape(height, width, 2)
    with np.errstate(invalid="ignore"):
        vectors[~(np.abs(vectors) <= UNKNOWN_BEYOND).all(axis=2)] = np.nan
    return vectors


def _read_kitti(path: Path, head: bytes) -> np.ndarray:
    """The vectors ``[H, W, 2]`` of a KITTI png that begins with ``head``."""
    # Decoders turn other kinds of png into 16-bit RGB without a word, so the header decides.
    fields = _PNG_HEADER.unpack(head) if len(head) == _PNG_HEADER.size else None
    if fields is None or fields[0] != _PNG_MARK or fields[5:] != (16, _PNG_RGB):
        raise InputError(f"{path} is no flow: KITTI's are RGB png of 16 bit; a colour image holds no flow.")
    samples = read_image(path)  # [H, W, 3] uint16
    if samples.shape[2] != 3 or samples[..., 2].max() > 1:
        raise InputError(f"{path} is no flow of KITTI: the blue of every pixel must be 1 (known) or 0.")
    vectors = ((samples[..., :2].astype(np.float32) - KITTI_ZERO) / KITTI_STEPS).astype(np.float32)
    vectors[samples[..., 2] == 0] = np.nan
    return vectors


def _vectors(flow: Tensor) -> np.ndarray:
    """One flow as ``[H, W, 2]`` float32."""
    one = flow[0] if flow.ndim == 4 and flow.shape[0] == 1 else flow
    if one.ndim != 3 or one.shape[0] != 2 or not one.numel():
        raise ValueError(f"wanted one flow [1, 2, H, W] or [2, H, W], got {tuple(flow.shape)}")
    return one.detach().float().cpu().permute(1, 2, 0).numpy()


def _finite(vectors: np.ndarray) -> np.ndarray:
    """Where both components of ``[H, W, 2]`` are numbers, ``[H, W]`` bool."""
    return np.logical_and(*np.moveaxis(np.isfinite(vectors), 2, 0))


def _require_range(vectors: np.ndarray, outside: np.ndarray, limits: str) -> None:
    """Refuse vectors that a format cannot hold, naming the first."""
    if outside.any():
        row, column = np.argwhere(outside)[0]
        x, y = vectors[row, column]
        raise OutputError(
            f"The flow at x = {column}, y = {row} is ({x:g}, {y:g}) px, and {int(outside.sum())} vectors are "
            f"beyond what {limits} holds: write another format."
        )
