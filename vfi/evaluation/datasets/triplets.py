"""Data sets of triplets: SNU-FILM, Xiph, Vimeo90K, UCF101, Middlebury.

Lists that a data set comes with are read as they are: their order and number decide.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from vfi.errors import InputError
from vfi.evaluation.datasets.files import (
    data_folder,
    existing,
    find_list,
    frame_number,
    neighbor,
    no_data,
    read_triplets,
    relative_name,
    sibling,
    triplet,
)
from vfi.evaluation.samples import FrameRef, Sample, Target
from vfi.io.files import clips_in

XIPH_SEQUENCES = (
    "BoxingPractice",
    "Crosswalk",
    "DrivingPOV",
    "FoodMarket",
    "FoodMarket2",
    "RitualDance",
    "SquareAndTimelapse",
    "Tango",
)
"""The eight sequences of Netflix that interpolation papers call Xiph."""


def snu_film(
    root: Path, *, split: str, list_file: str | None = None, all_between: bool = False
) -> list[Sample]:
    """Read SNU-FILM (Choi et al. 2020): lists of three paths, ``eval_modes/test-hard.txt`` or the like.

    Args:
        root: Folder that holds the list, and the folder ``test`` with the frames.
        split: ``"easy"``, ``"medium"``, ``"hard"`` or ``"extreme"``.
        list_file: Name or path of another list; None: that of the split.
        all_between: Whether all frames between the first and the last of a line are compared instead of the
            one in the middle (SNU-FILM-arb).

    Raises:
        InputError: If the list or a frame is missing, or a line does not hold three paths.
    """
    name = list_file or f"test-{split}.txt"
    samples: list[Sample] = []
    for number, (start, middle, end) in enumerate(read_triplets(find_list(root, name), root)):
        first, last = frame_number(start), frame_number(end)
        between = [sibling(start, at) for at in range(first + 1, last)] if all_between else [middle]
        missing = next((path for path in between if not path.is_file()), None)
        if missing is not None:
            raise InputError(f"{missing} is missing: it lies between the frames of {name}.")
        samples.append(
            Sample(
                f"{number:04d} {relative_name(root, middle)}",
                relative_name(root, middle.parent),
                FrameRef(start),
                FrameRef(end),
                tuple(
                    Target(Fraction(index, len(between) + 1), FrameRef(path))
                    for index, path in enumerate(between, 1)
                ),
                prev=neighbor(start, first - (last - first)),
                next=neighbor(end, last + (last - first)),
            )
        )
    return samples


def xiph(root: Path, *, list_file: str | None = None) -> list[Sample]:
    """Read Xiph's eight 4K sequences: even frames 2 to 98, each between its odd neighbors.

    Args:
        root: Folder of ``BoxingPractice-001.png`` ... or of folders ``BoxingPractice/001.png`` ...
        list_file: Name or path of a list of three paths per line; None: all 8 x 49 samples.

    Raises:
        InputError: If frames are missing or a line of the list does not hold three paths.
    """
    if list_file is not None:
        lines = list(read_triplets(find_list(root, list_file), root))
        return [_xiph_sample(root, number, *paths) for number, paths in enumerate(lines)]
    samples: list[Sample] = []
    for sequence in XIPH_SEQUENCES:
        frames = _xiph_frames(root, sequence)
        for middle in range(2, 99, 2):
            paths = [frames.get(at) for at in (middle - 1, middle, middle + 1)]
            missing = next((middle - 1 + at for at, path in enumerate(paths) if path is None), None)
            if missing is not None:
                raise InputError(f"{root} lacks frame {missing} of {sequence}: frames 1 to 99 are needed.")
            start, target, end = (path for path in paths if path is not None)
            samples.append(_xiph_sample(root, len(samples), start, target, end, sequence))
    return samples


def vimeo_triplets(root: Path) -> list[Sample]:
    """Read the test set of Vimeo90K triplets (Xue et al. 2019): ``tri_testlist.txt`` and ``sequences``.

    Args:
        root: Folder ``vimeo_triplet``.

    Raises:
        InputError: If the list or a frame is missing.
    """
    samples: list[Sample] = []
    for clip in _vimeo_clips(root, "tri_testlist.txt"):
        start, middle, end = existing(root / "sequences" / clip / f"im{number}.png" for number in (1, 2, 3))
        samples.append(triplet(clip, clip.partition("/")[0], start, middle, end))
    return samples


def vimeo_septuplets(root: Path) -> list[Sample]:
    """Read the test set of Vimeo90K septuplets: frame 4 between 3 and 5, with 1 and 7 as outer neighbors.

    Args:
        root: Folder ``vimeo_septuplet``.

    Raises:
        InputError: If the list or a frame is missing.
    """
    samples: list[Sample] = []
    for clip in _vimeo_clips(root, "sep_testlist.txt"):
        numbers = (1, 3, 4, 5, 7)
        prev, start, middle, end, following = existing(
            root / "sequences" / clip / f"im{number}.png" for number in numbers
        )
        samples.append(
            triplet(clip, clip.partition("/")[0], start, middle, end, FrameRef(prev), FrameRef(following))
        )
    return samples


def ucf101(root: Path) -> list[Sample]:
    """Read the 379 triplets of UCF101 (Liu et al. 2017): ``1/frame_00.png``, ``frame_01_gt.png`` and so on.

    Args:
        root: Folder with the folders of the triplets.

    Raises:
        InputError: If there is no triplet or one is incomplete.
    """
    folders = [folder for folder in clips_in(data_folder(root)) if (folder / "frame_01_gt.png").is_file()]
    if not folders:
        raise no_data(root, "folders with frame_00.png, frame_01_gt.png and frame_02.png")
    samples: list[Sample] = []
    for folder in folders:
        start, end = existing((folder / "frame_00.png", folder / "frame_02.png"))
        samples.append(triplet(folder.name, folder.name, start, folder / "frame_01_gt.png", end))
    return samples


def middlebury(root: Path) -> list[Sample]:
    """Read Middlebury's "other" set (Baker et al. 2011) with ground truth of the frame in the middle.

    Args:
        root: Folder of ``other-data`` (or ``other-color-allframes``) and ``other-gt-interp``.

    Raises:
        InputError: If a folder or a frame is missing.
    """
    truths = sorted(data_folder(root).glob("other-gt-interp/*/frame10i11.png"))
    if not truths:
        raise no_data(root, "other-gt-interp with a folder of frame10i11.png for every sequence")
    samples: list[Sample] = []
    for truth in truths:
        sequence = truth.parent.name
        candidates = (root / "other-data" / sequence, root / "other-color-allframes" / sequence)
        folder = next((place for place in candidates if place.is_dir()), candidates[0])
        start, end = existing((folder / "frame10.png", folder / "frame11.png"))
        outer = [neighbor(folder / "frame10.png", number) for number in (9, 12)]
        samples.append(triplet(sequence, sequence, start, truth, end, *outer))
    return samples


def _xiph_frames(root: Path, sequence: str) -> dict[int, Path]:
    """The frames of a sequence by number, in either layout; ``FoodMarket`` does not match ``FoodMarket2``."""
    pattern = re.compile(rf"{sequence}[-_/](\d+)\.png")
    paths = [*data_folder(root).glob(f"{sequence}[-_]*.png"), *root.glob(f"{sequence}/*.png")]
    found = ((pattern.fullmatch(relative_name(root, path)), path) for path in paths)
    return {int(match[1]): path for match, path in found if match}


def _xiph_sample(
    root: Path, number: int, start: Path, middle: Path, end: Path, sequence: str | None = None
) -> Sample:
    gap = frame_number(end) - frame_number(start)
    return triplet(
        f"{number:03d} {relative_name(root, middle)}",
        sequence or re.split(r"[-_/]", relative_name(root, middle))[0],
        start,
        middle,
        end,
        neighbor(start, frame_number(start) - gap),
        neighbor(end, frame_number(end) + gap),
    )


def _vimeo_clips(root: Path, name: str) -> list[str]:
    lines = find_list(root, name).read_text(encoding="utf-8").split()
    if not lines:
        raise InputError(f"{root / name} is empty: it should hold a clip per line.")
    return lines
