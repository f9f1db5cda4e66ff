"""``vfi demo``: drop every second frame of a clip, interpolate it, and compare with the ground truth.

Without an input file the clip is a rendered landscape. With one, the clip is the beginning of that file, and
the whole file is interpolated too.

The measured frames are those of the output video, after the same steps as for any video (decoder, model,
encoder), against those of the original video. The output is encoded at CRF 10, which hardly affects the
figures; the blended frames are computed from the same decoded input and are not encoded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from vfi.cli.parser import CommandParser
from vfi.cli.printing import print_lines
from vfi.cli.progress import ProgressBar
from vfi.data.synthetic import Scene, write_clip
from vfi.errors import ConfigError, InputError, OutputError
from vfi.evaluation.clips import Comparison, compare, read_rgb
from vfi.io import open_source
from vfi.registry import find
from vfi.visual.comparison import comparison_sheet
from vfi.visual.panels import save_sheet

TRUE_RATE = Fraction(48)
"""Frame rate of the rendered clip."""
ASPECT = Fraction(16, 9)
SMALLEST_HEIGHT = 64  # pixels
LONGEST_CLIP = 6.0  # seconds; the camera accelerates: the landscape grows with the square of the length
COMPARED_FRAMES = 121  # of the input file; odd, so that the last one is kept
FALLBACK_RATE = Fraction(24)  # for files whose frame rate is unknown
OUTPUT_CRF = 10.0  # so that the comparison measures the model, not the encoder
IMAGE_WIDTH = 1280
PLAYABLE = (".mp4", ".mkv", ".mov", ".webm")


@dataclass(frozen=True)
class Clip:
    """Paths of the three videos of a comparison."""

    truth: Path
    """Video with all frames."""
    kept: Path
    """Video with every second frame, the input of the model."""
    output: Path
    """Interpolated video."""


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi demo`` and return its exit code.

    Args:
        arguments: Arguments after the name of the command.

    Raises:
        VfiError: If the arguments, the input or the output are unusable.
    """
    options = build_parser().parse_args(arguments)
    _check(options)
    folder: Path = options.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be created ({error.strerror}).") from error
    if options.input is None:
        clip = render_clip(folder, options.height, options.seconds, options.seed)
    else:
        clip = thin_out(options.input, folder)
    name = interpolate(clip.kept, clip.output, options.model, codec="h264", quality=OUTPUT_CRF)
    comparison = compare(clip.truth, clip.kept, clip.output)
    report(comparison, clip, name)
    draw(comparison, name, folder / "demo.png", options.image)
    if options.input is not None:
        suffix = options.input.suffix.lower()
        whole = folder / f"{options.input.stem}_x2{suffix if suffix in PLAYABLE else '.mp4'}"
        print_lines(f"Interpolating the whole of {options.input}:")
        interpolate(options.input, whole, options.model)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``vfi demo``."""
    parser = CommandParser(
        "vfi demo",
        description="Drop every second frame of a clip, interpolate it, and compare with the ground truth.",
    )
    add = parser.add_argument
    add("--input", type=Path, metavar="FILE", help="video to use (default: a rendered landscape)")
    add("-o", "--output", type=Path, default=Path("demo"), metavar="FOLDER", help="default: demo")
    add("--model", default="auto", metavar="NAME", help="name of the model, see: vfi models")
    add("--height", type=int, default=480, help="height of the rendered clip (default: %(default)s px)")
    add("--seconds", type=float, default=2.0, help="length of the rendered clip (default: %(default)s s)")
    add("--seed", type=int, default=0, help="seed of the landscape (default: %(default)s)")
    add("--image", type=Path, metavar="FILE", help="write the comparison image to this file too")
    return parser


def render_clip(folder: Path, height: int, seconds: float, seed: int) -> Clip:
    """Render the landscape; write all frames to ``truth.mp4`` and every second one to ``input.mp4``.

    Args:
        folder: Folder of the two files.
        height: Height in pixels; the aspect ratio is 16:9.
        seconds: Length of the clip.
        seed: Seed of the landscape.
    """
    width = round(height * ASPECT / 2) * 2
    count = round(seconds * TRUE_RATE)
    print_lines(f"Rendering {count} frames of {width}x{height} at {TRUE_RATE} fps")
    scene = Scene.demo(height, width, seed, duration=seconds)
    frames = [scene.render_rgb(float(number / TRUE_RATE)) for number in range(count)]
    sound = None if scene.sound is None else scene.sound.samples(0.0, seconds)
    clip = Clip(folder / "truth.mp4", folder / "input.mp4", folder / "output.mp4")
    write_clip(clip.truth, frames, TRUE_RATE, sound=sound)
    write_clip(clip.kept, frames[::2], TRUE_RATE / 2, sound=sound)
    return clip


def thin_out(path: Path, folder: Path) -> Clip:
    """Write every second frame of the beginning of a file to ``input.mp4``.

    Args:
        path: Video to use.
        folder: Folder of ``input.mp4``.

    Raises:
        ConfigError: If ``input.mp4`` or ``output.mp4`` would overwrite the file.
        InputError: If the file cannot be decoded or has fewer than three frames.
    """
    with open_source(path) as source:
        rate = source.info.rate or FALLBACK_RATE
    clip = Clip(path, folder / "input.mp4", folder / "output.mp4")
    if path.resolve() in (clip.kept.resolve(), clip.output.resolve()):
        raise ConfigError(f"{path} would be overwritten: choose another folder with --output.")
    count = write_clip(clip.kept, islice(read_rgb(path), 0, COMPARED_FRAMES, 2), rate / 2)
    if count < 2:
        raise InputError(f"{path}: at least three frames are needed to drop one and compare.")
    print_lines(f"Keeping {count} of the first {2 * count - 1} frames of {path}")
    return clip


def interpolate(source: Path, output: Path, model: str, **options: Any) -> str:
    """Double the frame rate of a video, print a summary, and return the name of the model.

    Args:
        source: Path of the video.
        output: Path of the interpolated video, which is overwritten.
        model: Name of the model, or ``"auto"``.
        options: Further options of :func:`vfi.interpolate_video`.
    """
    # Imported here because the networks take long to import and --help does not need them.
    from vfi.interpolation import interpolate_video

    with ProgressBar() as bar:
        done = interpolate_video(
            source, output, model=model, inter_frames=1, overwrite=True, progress=bar, **options
        )
    print_lines(
        f"{source} -> {output}: {done.frames_in} frames became {done.frames_out} in {done.seconds:.1f} s"
    )
    print_lines(*(f"  {note}" for note in done.notes))
    return find("interpolator", model).name


def report(comparison: Comparison, clip: Clip, name: str) -> None:
    """Print PSNR and SSIM of the model and of frame blending."""
    ours, blending = comparison.ours, comparison.blending
    label = f"vfi ({name})"
    print_lines(
        "",
        f"Mean of the {len(ours.psnr)} new frames against the ground truth:",
        f"  {'':<20}{'PSNR':>9}{'SSIM':>9}",
        f"  {'frame blending':<20}{blending.mean_psnr:>6.2f} dB{blending.mean_ssim:>9.4f}",
        f"  {label:<20}{ours.mean_psnr:>6.2f} dB{ours.mean_ssim:>9.4f}",
        f"  (decoded frames of {clip.output} and {clip.truth}; blended frames are not encoded)",
        "",
    )


def draw(comparison: Comparison, name: str, path: Path, copy: Path | None) -> None:
    """Write the comparison image of the frame with the median PSNR.

    Args:
        comparison: Measured frames.
        name: Name of the model.
        path: Path of the image.
        copy: Path of a second copy, if any.
    """
    example = comparison.example
    sheet = comparison_sheet(
        comparison.example_gap,
        name=name,
        ours_psnr=comparison.ours.psnr[example],
        blending_psnr=comparison.blending.psnr[example],
        number=2 * example + 1,
        width=IMAGE_WIDTH,
    )
    for target in (path, copy):
        if target is not None:
            save_sheet(sheet, target)
            print_lines(f"Comparison of the frame with the median PSNR: {target}")


def _check(options: argparse.Namespace) -> None:
    """Refuse numbers outside their ranges.

    Raises:
        ConfigError: If a number is outside its range.
    """
    if options.height < SMALLEST_HEIGHT or options.height % 2:
        raise ConfigError(f"--height {options.height} must be even and at least {SMALLEST_HEIGHT}.")
    if not 4 / TRUE_RATE <= options.seconds <= LONGEST_CLIP:
        raise ConfigError(f"--seconds {options.seconds:g} must lie between 0.1 and {LONGEST_CLIP:g}.")
    if options.seed < 0:
        raise ConfigError(f"--seed {options.seed} must not be negative.")
