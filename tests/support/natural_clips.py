"""Three small clips with the properties of real footage, for tests where no footage is at hand.

============== ============================================================================================
``pan.mkv``    A hand-held pan over a textured scene with sensor noise; Motion JPEG, full range, 24 fps
``object.mp4`` An object before a still background, on twos in its second half; H.264 with sound, 29.97 fps
``cut.avi``    Two moving scenes with a cut between them; MPEG-4 part 2, 25 fps
============== ============================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch.nn.functional as F
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from tests.support.media import write_tone
from vfi.data.synthetic.textures import fractal_noise
from vfi.io import open_source
from vfi.types import Window

REPOSITORY = Path(__file__).resolve().parents[2]
Array = NDArray[np.float32]

HEIGHT, WIDTH = 180, 320
PAN_FRAMES, OBJECT_FRAMES, CUT_FRAMES = 20, 32, 20
FIRST_AFTER_CUT = 11
"""Index of the first frame of the second scene of ``cut.avi``."""
REPEATS = 8
"""Frames of ``object.mp4`` that repeat the one before."""


@dataclass(frozen=True)
class Encoding:
    """How a clip is encoded."""

    codec: str
    rate: Fraction
    pixel_format: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()
    sound: bool = False


ENCODINGS = {
    "pan.mkv": Encoding("mjpeg", Fraction(24), "yuvj420p", (("qmin", "2"), ("qmax", "4"))),
    "object.mp4": Encoding("libx264", Fraction(30000, 1001), options=(("crf", "20"),), sound=True),
    "cut.avi": Encoding("mpeg4", Fraction(25), options=(("qmin", "3"), ("qmax", "5"))),
}
NAMES = tuple(ENCODINGS)


def real_clips(*names: str) -> list[Path]:
    """Clips of real footage in ``VFI_DATA``, else in ``shared/data`` beside the clone; none without it."""
    named = os.environ.get("VFI_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    return [folder / name for name in names if folder.is_dir()]


def clip_id(clip: Path | None) -> str:
    """The part of a test's name that distinguishes real footage from a stand-in."""
    return clip.stem if clip else "stand-in"


def write_natural_clips(folder: Path) -> None:
    """Write the three clips into a folder."""
    for name, frames in (
        ("pan.mkv", pan_frames()),
        ("object.mp4", object_frames()),
        ("cut.avi", cut_frames()),
    ):
        _encode(folder / name, frames, ENCODINGS[name])


def natural_window(path: Path, height: int, width: int) -> Window:
    """The first four frames of a clip, resized."""
    with open_source(path) as source:
        frames = [frame.image.tensor() for frame, _ in zip(source, range(4), strict=False)]
    resized = [F.interpolate(frame, (height, width), mode="bicubic").clamp(0, 1) for frame in frames]
    return Window.from_frames(resized)


def pan_frames() -> Iterator[Array]:
    """Frames of the pan: it accelerates, the hand shakes, and the sensor adds noise."""
    random = np.random.default_rng(1)
    scene = textured_scene(2, HEIGHT + 40, WIDTH + 160)
    shake = np.cumsum(random.normal(0, 0.35, (PAN_FRAMES, 2)), axis=0)
    for number in range(PAN_FRAMES):
        x = 10 + 3.5 * number + 0.12 * number**2
        yield with_noise(view(scene, x + shake[number, 0], 15 + shake[number, 1]), random)


def object_frames() -> Iterator[Array]:
    """Frames of the object, which accelerates; its second half shows every drawing twice."""
    background = view(textured_scene(3, HEIGHT, WIDTH), 0, 0)
    surface = 0.2 + 0.8 * textured_scene(4, HEIGHT, WIDTH + 160)[:, :WIDTH]
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    half = OBJECT_FRAMES - 2 * REPEATS
    for number in range(OBJECT_FRAMES):
        time = number if number < half else half + (number - half) // 2 * 2
        center_x, center_y = 50 + 4 * time + 0.08 * time**2, 90 - 2 * time + 0.07 * time**2
        distance = np.hypot((x - center_x) / 34, (y - center_y) / 26)
        cover = np.clip((1 - distance) * 26 + 0.5, 0, 1)[..., None]
        shift = np.array([[1, 0, center_x - 50], [0, 1, center_y - 90]], np.float32)
        moved = cv2.warpAffine(surface, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        yield np.asarray(background * (1 - cover) + moved * cover, np.float32)


def cut_frames() -> Iterator[Array]:
    """Frames of two scenes, the first panning to the left, the second zooming in."""
    random = np.random.default_rng(5)
    first, second = (textured_scene(seed, HEIGHT + 40, WIDTH + 160) for seed in (6, 7))
    for number in range(CUT_FRAMES):
        if number < FIRST_AFTER_CUT:
            yield with_noise(view(first, 90 - 4 * number, 20), random)
        else:
            yield with_noise(view(second, 40, 20, zoom=1 + 0.01 * (number - FIRST_AFTER_CUT)), random)


def textured_scene(seed: int, height: int, width: int) -> Array:
    """An image whose spectrum falls off like that of photographs, with objects that have edges."""
    random = np.random.Generator(np.random.Philox(seed))
    noise = [fractal_noise(random, height, width, wavelength=90, octaves=6, falloff=0.6) for _ in range(3)]
    scene = np.stack(noise, axis=2) * random.uniform(0.3, 0.6, 3) + random.uniform(0.05, 0.3, 3)
    scene = scene.astype(np.float32)
    for size in np.geomspace(40, 4, 40):
        center = (int(random.integers(0, width)), int(random.integers(0, height)))
        color = tuple(float(value) for value in random.uniform(0.05, 0.95, 3))
        axes = (int(size), max(int(size * random.uniform(0.3, 1)), 1))
        shape = np.zeros((height, width), np.float32)
        cv2.ellipse(shape, center, axes, float(random.uniform(0, 180)), 0, 360, 0.8, -1, cv2.LINE_AA)
        scene += (np.array(color, np.float32) - scene) * shape[..., None]
    return scene


def view(scene: Array, x: float, y: float, zoom: float = 1.0) -> Array:
    """The part of a scene that a camera sees whose top left corner is at (x, y) pixels."""
    transform = np.array([[zoom, 0, -x * zoom], [0, zoom, -y * zoom]], np.float32)
    return np.asarray(
        cv2.warpAffine(scene, transform, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.float32
    )


def with_noise(frame: Array, random: np.random.Generator) -> Array:
    """A frame with the noise of a sensor: read noise, and shot noise that grows with brightness."""
    deviation = np.sqrt(0.004**2 + 0.00012 * np.clip(frame, 0, 1))
    return np.asarray(frame + random.normal(0, 1, frame.shape) * deviation, np.float32)


def _encode(path: Path, frames: Iterator[Array], encoding: Encoding) -> None:
    full_range = encoding.pixel_format.startswith("yuvj")
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(encoding.codec, encoding.rate, options=dict(encoding.options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, encoding.pixel_format
        stream.color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
        sound = container.add_stream("aac", rate=48000, layout="mono") if encoding.sound else None
        for number, frame in enumerate(frames):
            codes = np.clip(np.rint(frame * 255), 0, 255).astype(np.uint8)
            image = av.VideoFrame.from_ndarray(codes, "rgb24").reformat(
                format=encoding.pixel_format,
                dst_colorspace=Colorspace.ITU601,
                dst_color_range=stream.color_range,
            )
            image.pts, image.time_base = number, 1 / encoding.rate
            container.mux(stream.encode(image))
        container.mux(stream.encode())
        if sound is not None:
            write_tone(container, sound, OBJECT_FRAMES / float(encoding.rate))
