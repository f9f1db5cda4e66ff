"""``vfi demo``: leave out every second frame of a clip, make new ones, and compare them with the truth.

Without a file the clip is a computed landscape. With one it is the beginning of that file, and the whole file
is interpolated too.

What is measured is what one sees: the frames of the output video, which went through the same steps as any
video (decoder, model, encoder), against those of the true video. The output is encoded so well (CRF 10) that
this hardly costs anything; blending is computed from the same decoded input and not encoded again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from vfi.cli.progress import ProgressBar
from vfi.data.synthetic import Scene, write_clip
from vfi.errors import ConfigError, InputError, OutputError
from vfi.evaluation.clips import Comparison, compare, read_rgb
from vfi.io import open_source
from vfi.registry import find
from vfi.visual.comparison import comparison_sheet
from vfi.visual.panels import save_sheet

TRUE_RATE = Fraction(48)
ASPECT = Fraction(16, 9)
SMALLEST_HEIGHT = 64
LONGEST_CLIP = 6.0  # seconds; the landscape accelerates, and would become very long
COMPARED_FRAMES = 121  # of the user's file; odd, so that the last one is kept
FALLBACK_RATE = Fraction(24)  # for files whose frame rate is unknown
OUTPUT_CRF = 10.0  # what is compared shall show the model, not the encoder
PICTURE_WIDTH = 1280
PLAYABLE = (".mp4", ".mkv", ".mov", ".webm")


@dataclass(frozen=True)
class Clip:
    """The three videos of a comparison; the last is still to be made."""

    truth: Path
    kept: Path
    output: Path


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi demo`` with the arguments behind it; the exit code.

    Raises:
        VfiError: something is wrong with the arguments, the input or the output.
    """
    options = build_parser().parse_args(arguments)
    _check(options)
    folder: Path = options.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}).") from error
    if options.input is None:
        clip = render_clip(folder, options.height, options.seconds, options.seed)
    else:
        clip = thin_out(options.input, folder)
    name = interpolate(clip.kept, clip.output, options.model, codec="h264", quality=OUTPUT_CRF)
    comparison = compare(clip.truth, clip.kept, clip.output)
    report(comparison, clip, name)
    draw(comparison, name, folder / "demo.png", options.picture)
    if options.input is not None:
        suffix = options.input.suffix.lower()
        whole = folder / f"{options.input.stem}_x2{suffix if suffix in PLAYABLE else '.mp4'}"
        print(f"Now the whole of {options.input}:")
        interpolate(options.input, whole, options.model)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``vfi demo``."""
    parser = argparse.ArgumentParser(
        prog="vfi demo",
        description="Leave out every second frame of a clip, make new ones, and compare them with the truth.",
    )
    add = parser.add_argument
    add("--input", type=Path, metavar="FILE", help="a video of your own; without it a landscape is computed")
    add("-o", "--output", type=Path, default=Path("demo"), metavar="FOLDER", help="default: %(default)s")
    add("--model", default="auto", metavar="NAME", help="see vfi models (default: the best there is)")
    add("--height", type=int, default=480, help="of the computed clip, pixels (default: %(default)s)")
    add("--seconds", type=float, default=2.0, help="of the computed clip (default: %(default)s)")
    add("--seed", type=int, default=0, help="chooses the landscape (default: %(default)s)")
    add("--picture", type=Path, metavar="FILE", help="write the image here too; a .jpg is small")
    return parser


def render_clip(folder: Path, height: int, seconds: float, seed: int) -> Clip:
    """Compute the landscape, and write it whole to ``truth.mp4`` and every second frame to ``input.mp4``.

    Args:
        folder: where to.
        height: pixels; the width follows.
        seconds: length.
        seed: chooses the landscape.
    """
    width = round(height * ASPECT / 2) * 2
    count = round(seconds * TRUE_RATE)
    print(f"Computing {count} frames of {width} x {height} at {TRUE_RATE} per second", flush=True)
    scene = Scene.demo(height, width, seed, duration=seconds)
    frames = [scene.render_rgb(float(number / TRUE_RATE)) for number in range(count)]
    sound = None if scene.sound is None else scene.sound.samples(0.0, seconds)
    clip = Clip(folder / "truth.mp4", folder / "input.mp4", folder / "output.mp4")
    write_clip(clip.truth, frames, TRUE_RATE, sound=sound)
    write_clip(clip.kept, frames[::2], TRUE_RATE / 2, sound=sound)
    return clip


def thin_out(path: Path, folder: Path) -> Clip:
    """Write every second frame of the beginning of a file to ``input.mp4``.

    Raises:
        ConfigError: the file lies where ``input.mp4`` or ``output.mp4`` is to be written.
        InputError: the file cannot be used, or has fewer than three frames.
    """
    with open_source(path) as source:
        rate = source.info.rate or FALLBACK_RATE
    clip = Clip(path, folder / "input.mp4", folder / "output.mp4")
    if path.resolve() in (clip.kept.resolve(), clip.output.resolve()):
        raise ConfigError(f"{path} would be overwritten: choose another folder with --output.")
    count = write_clip(clip.kept, islice(read_rgb(path), 0, COMPARED_FRAMES, 2), rate / 2)
    if count < 2:
        raise InputError(f"{path}: three frames at least are needed to leave one out and compare.")
    print(f"Keeping {count} of the first {2 * count - 1} frames of {path}", flush=True)
    return clip


def interpolate(source: Path, output: Path, model: str, **options: Any) -> str:
    """Double the frame rate of a video with ``interpolate_video``, print a line, and return the model's name.

    Args:
        source: a video.
        output: where to; overwritten.
        model: a name, or ``"auto"``.
        options: further ones of :func:`vfi.interpolate_video`.
    """
    # Only now: importing the networks takes a while, and --help shall not wait.
    from vfi.interpolation import interpolate_video

    with ProgressBar() as bar:
        done = interpolate_video(
            source, output, model=model, inter_frames=1, overwrite=True, progress=bar, **options
        )
    print(f"{source} -> {output}: {done.frames_in} frames became {done.frames_out} in {done.seconds:.1f} s")
    for note in done.notes:
        print(f"  {note}")
    return find("interpolator", model).name


def report(comparison: Comparison, clip: Clip, name: str) -> None:
    """Print the numbers."""
    ours, blending = comparison.ours, comparison.blending
    label = f"vfi ({name})"
    print(f"\nThe {len(ours.psnr)} new frames against the truth, mean:")
    print(f"  {'':<20}{'PSNR':>9}{'SSIM':>9}")
    print(f"  {'frame blending':<20}{blending.mean_psnr:>6.2f} dB{blending.mean_ssim:>9.4f}")
    print(f"  {label:<20}{ours.mean_psnr:>6.2f} dB{ours.mean_ssim:>9.4f}")
    print(f"  (frames of {clip.output} against {clip.truth}, as decoded; blending is not encoded again)\n")


def draw(comparison: Comparison, name: str, path: Path, copy: Path | None) -> None:
    """Write the comparison image of the median frame, and a second time where asked."""
    example = comparison.example
    picture = comparison_sheet(
        comparison.example_gap,
        name=name,
        ours_psnr=comparison.ours.psnr[example],
        blending_psnr=comparison.blending.psnr[example],
        number=2 * example + 1,
        width=PICTURE_WIDTH,
    )
    for target in (path, copy):
        if target is not None:
            save_sheet(picture, target)
            print(f"Image of the frame with our median PSNR: {target}")


def _check(options: argparse.Namespace) -> None:
    """Refuse numbers that make no clip."""
    if options.height < SMALLEST_HEIGHT or options.height % 2:
        raise ConfigError(f"--height {options.height} must be even and at least {SMALLEST_HEIGHT}.")
    if not 4 / TRUE_RATE <= options.seconds <= LONGEST_CLIP:
        raise ConfigError(f"--seconds {options.seconds:g} must lie between 0.1 and {LONGEST_CLIP:g}.")
    if options.seed < 0:
        raise ConfigError(f"--seed {options.seed} must not be negative.")
