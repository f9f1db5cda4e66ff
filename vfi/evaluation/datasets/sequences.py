"""Data sets of whole sequences: X-TEST, REDS_VTSR, DAVIS, and any videos or folders of frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from vfi.errors import InputError
from vfi.evaluation.datasets.files import data_folder, existing, frame_number, no_data, relative_name, sibling
from vfi.evaluation.samples import FrameRef, Sample, Target
from vfi.io import open_source
from vfi.io.files import clips_in, images_in, videos_in

X_TEST_FRAMES = 33


def x_test(root: Path, *, interval: int = 16, all_between: bool = False) -> list[Sample]:
    """Read X-TEST of X4K1000FPS (Sim et al. 2021): ``Type1/TEST01_.../0000.png`` to ``0032.png``.

    Args:
        root: Folder of the clips, at any depth.
        interval: Distance of the ground-truth frames, in frames; the two inputs are twice as far apart, or,
            with ``all_between``, at the ends of the clip.
        all_between: Whether all frames at multiples of ``interval`` between frames 0 and 32 are compared,
            instead of the one in the middle of each two that are two intervals apart.

    Raises:
        InputError: If there is no clip, or one has fewer than 33 frames.
    """
    clips = sorted({path.parent for path in data_folder(root).rglob("0000.png")})
    if not clips:
        raise no_data(root, "clips of 33 frames, 0000.png to 0032.png")
    samples: list[Sample] = []
    for clip in clips:
        frames = images_in(clip)
        if len(frames) < X_TEST_FRAMES:
            raise InputError(f"{clip} has {len(frames)} frames, but a clip of X-TEST has {X_TEST_FRAMES}.")
        step = X_TEST_FRAMES - 1 if all_between else 2 * interval
        samples += [
            _in_clip(root, frames, start, start + step, range(start + interval, start + step, interval))
            for start in range(0, X_TEST_FRAMES - step, step)
        ]
    return samples


def reds_vtsr(root: Path, *, multi: int = 2, clips: int | None = None) -> list[Sample]:
    """Read the validation clips of REDS_VTSR (AIM 2020): frames of 60 per second, numbered in steps of 2.

    The inputs are those of 15 frames per second, whose numbers are multiples of 8.

    Args:
        root: Folder with a folder of frames for every clip, ``000/00000000.png`` ...
        multi: 2 compares the frames in the middle (15 to 30 frames per second), 4 those at the quarters too.
        clips: Number of clips that there must be; None: any.

    Raises:
        InputError: If there is no clip, another number of them, or a frame is missing.
    """
    folders = clips_in(data_folder(root))
    if not folders or (clips is not None and len(folders) != clips):
        wanted = "a folder of frames for every clip" if clips is None else f"{clips} folders of frames"
        raise no_data(root, wanted)
    return [sample for folder in folders for sample in _reds_clip(root, folder, multi)]


def davis(root: Path) -> list[Sample]:
    """Read DAVIS at 480p (Perazzi et al. 2016): odd frames of every sequence between their even neighbors.

    Args:
        root: Folder ``DAVIS``, or that of the sequences.

    Raises:
        InputError: If there is no sequence, or one is too short.
    """
    inner = root / "JPEGImages" / "480p"
    return clips(inner if inner.is_dir() else root, factor=2)


def clips(root: Path, *, factor: int = 2) -> list[Sample]:
    """Read videos or folders of frames: every ``factor``-th frame goes in, those between are compared.

    Args:
        root: Folder of videos and of folders of images, or one such video or folder.
        factor: Distance of the frames that go in, in frames: 2 or more.

    Raises:
        InputError: If there is no clip, or one is too short.
    """
    found = _clips_below(root)
    if not found:
        raise no_data(root, "videos or folders of frames")
    return [sample for clip in found for sample in _clip_samples(root, clip, factor)]


def _in_clip(root: Path, frames: Sequence[Path], start: int, end: int, between: Iterable[int]) -> Sample:
    """A sample of a folder of frames, whose indices are given; neighbors lie as far away as its inputs."""
    gap = end - start
    outer = [FrameRef(frames[at]) if 0 <= at < len(frames) else None for at in (start - gap, end + gap)]
    clip = relative_name(root, frames[0].parent)
    return Sample(
        f"{clip} {start}-{end}",
        clip,
        FrameRef(frames[start]),
        FrameRef(frames[end]),
        tuple(Target(Fraction(at - start, gap), FrameRef(frames[at])) for at in between),
        *outer,
    )


def _reds_clip(root: Path, folder: Path, multi: int) -> list[Sample]:
    frames = {frame_number(path): path for path in images_in(folder)}
    inputs = sorted(number for number in frames if number % 8 == 0)
    samples: list[Sample] = []
    for start, end in pairwise(inputs):
        if end - start != 8:
            raise InputError(f"{folder} lacks frame {start + 8:08d}: inputs are 8 numbers apart.")
        step = 8 // multi
        existing(sibling(frames[start], at) for at in range(start + step, end, step))
        samples.append(
            Sample(
                f"{relative_name(root, folder)} {start:08d}-{end:08d}",
                relative_name(root, folder),
                FrameRef(frames[start]),
                FrameRef(frames[end]),
                tuple(
                    Target(Fraction(at - start, 8), FrameRef(frames[at]))
                    for at in range(start + step, end, step)
                ),
                *(FrameRef(frames[at]) if at in frames else None for at in (start - 8, end + 8)),
            )
        )
    if not samples:
        raise InputError(f"{folder} has no two frames whose numbers are multiples of 8.")
    return samples


def _clips_below(root: Path) -> list[Path]:
    """Videos and folders of frames: the path itself, those in it, or in its folders."""
    if root.is_file() or images_in(data_folder(root)):
        return [root]
    inner = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and videos_in(folder)]
    return [*videos_in(root), *clips_in(root), *(video for folder in inner for video in videos_in(folder))]


def _clip_samples(root: Path, clip: Path, factor: int) -> list[Sample]:
    if clip.is_dir():
        frames = [FrameRef(path) for path in images_in(clip)]
    else:
        with open_source(clip) as source:
            frames = [FrameRef(clip, number) for number in range(len(source.timestamps()))]
    if len(frames) <= factor:
        raise InputError(f"{clip} has {len(frames)} frames: {factor + 1} are needed to leave some out.")
    name = clip.name if clip == root else relative_name(root, clip)
    samples: list[Sample] = []
    for start in range(0, len(frames) - factor, factor):
        prev, following = (
            frames[at] if 0 <= at < len(frames) else None for at in (start - factor, start + 2 * factor)
        )
        targets = tuple(Target(Fraction(step, factor), frames[start + step]) for step in range(1, factor))
        title = f"{name} {start}-{start + factor}"
        samples.append(Sample(title, name, frames[start], frames[start + factor], targets, prev, following))
    return samples
