"""The names of new images between those of a source."""

from __future__ import annotations

REDS_NAME_DIGITS = 8  # as the files of the REDS_VTSR set have them


def image_name(name: str, next_name: str, step: int, inter_frames: int, naming: str = "generic") -> str:
    """The name (without suffix) of a new image.

    The k-th of N new images after image a is, by ``naming``:

    * ``"generic"``: ``<a>_<k-1>``; k - 1 gets leading zeros where a pair has more than ten, so that natural
      and plain order agree;
    * ``"reds_vtsr"``: the number that lies as far between a and the next image as the new image does.

    Args:
        name: Name of the source image before it.
        next_name: Name of the source image after it; empty after the last one.
        step: Number k of the new image, from 1 on.
        inter_frames: Number N of new images.
        naming: ``"generic"`` or ``"reds_vtsr"``.

    Raises:
        ValueError: If the names have no whole numbers between them, see :func:`number_between`.
    """
    if naming == "reds_vtsr" and next_name:
        return f"{number_between(name, next_name, step, inter_frames):0{REDS_NAME_DIGITS}d}"
    digits = len(str(inter_frames - 1))
    return f"{name}_{step - 1:0{digits}d}"


def number_between(name: str, next_name: str, step: int, inter_frames: int) -> int:
    """The number a + k (b - a) / (N + 1) of the k-th of N new frames between the frames a and b.

    With N = 3 and frames 8 apart these are m - 2, m and m + 2 around the middle m, as in EQVI's script for
    the REDS_VTSR set; here the rule holds for every N that divides the distance.

    Args:
        name: Name of frame a, a whole number.
        next_name: Name of frame b, a whole number.
        step: Number k of the new frame, from 1 to N.
        inter_frames: Number N of new frames.

    Raises:
        ValueError: If a name is no whole number, b is not larger than a, or the numbers are not whole; the
            message is a part of a sentence.
    """
    for text in (name, next_name):
        if not (text.isascii() and text.isdecimal()):
            raise ValueError(f"{text!r} is not a whole number")
    first, second = int(name), int(next_name)
    if second <= first:
        raise ValueError(f"{next_name} is not larger than {name}")
    distance, rest = divmod(second - first, inter_frames + 1)
    if rest:
        raise ValueError(
            f"the step from {name} to {next_name} is not a multiple of {inter_frames + 1}, "
            f"which inter_frames {inter_frames} needs"
        )
    return first + step * distance
