"""``vfi flow``: estimate the optical flow between two frames, write it, and measure its error."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vfi.cli.parser import CommandParser
from vfi.cli.printing import print_lines
from vfi.errors import ConfigError, InputError, VfiError
from vfi.visual.flow_outputs import encode_outputs, plan_outputs, refuse_outputs

# torch takes long to import and --help does not need it: it is imported within the functions.
if TYPE_CHECKING:
    from torch import Tensor

    from vfi.base.flow import FlowEstimator
    from vfi.types import FlowPair

EXAMPLES = """examples:
  vfi flow frame_0.png frame_1.png                     frame_0_flow.flo, _kitti.png and _color.png
  vfi flow a.png b.png -o motion.flo                   one file
  vfi flow a.png b.png --color motion.jpg --color-max 20
  vfi flow film.mp4 --frames 100 101 -o motion         two frames of a video or of a folder of images
  vfi flow a.png b.png --truth flow_gt.png             compare with the ground truth, write nothing
  vfi flow a.png b.png --backbone scopeflow --backward --occlusion hidden.png
"""


class Frames(NamedTuple):
    """The two frames of a flow."""

    first: Tensor
    """``[1, 3, H, W]`` RGB in [0, 1]."""
    second: Tensor
    """Frame of the same shape."""
    names: tuple[str, str]
    """Names of the two frames for messages."""
    notes: tuple[str, ...]
    """Remarks for the user."""


def main(arguments: Sequence[str]) -> int:
    """Run ``vfi flow`` and return its exit code.

    Args:
        arguments: Arguments after the name of the command.

    Raises:
        VfiError: If the arguments, the input or the output are unusable.
    """
    options = build_parser().parse_args(arguments)
    _check(options)
    outputs = plan_outputs(options)
    refuse_outputs(outputs, options)
    from vfi.io.flow import write_whole
    from vfi.registry import find, load_flow

    spec = find("flow", options.backbone)
    frames = read_frames(options.inputs, options.frames)
    truth = None if options.truth is None else read_truth(options.truth, frames.first)
    estimator = load_flow(spec.name, options.checkpoint, options.device, **options.backbone_options)
    pair, seconds = estimate(estimator, frames, spec.name, occlusion=options.occlusion is not None)
    print_lines(f"{summary(pair.flow_01, frames.names)} ({spec.name}, {seconds:.2f} s)")
    if options.backward:
        print_lines(summary(pair.flow_10, (frames.names[1], frames.names[0])))
    if truth is not None:
        print_lines(f"  against {options.truth}: {comparison(pair.flow_01, truth)}")
    print_lines(*(f"  {note}" for note in frames.notes))
    encoded, notes = encode_outputs(outputs, pair, largest=options.color_max)
    for path, title, content in encoded:
        write_whole(path, content, overwrite=options.overwrite)
        print_lines(f"  {path}: {title}")
    print_lines(*(f"  {note}" for note in notes))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``vfi flow``."""
    parser = CommandParser(
        "vfi flow",
        usage="vfi flow A B [-o OUT] [options]\n       vfi flow VIDEO --frames N M [-o OUT] [options]",
        description="Estimate the optical flow from one frame to another.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="INPUT", help="two images; or a video or a folder of images")
    add("--frames", nargs=2, type=int, metavar=("N", "M"), help="indices of the two frames (default: 0 1)")
    add = parser.add_argument_group("output").add_argument
    add(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="a .flo file or a colour-coded image; without a suffix: OUT.flo, OUT_kitti.png, OUT_color.png",
    )
    add("--flo", type=Path, metavar="FILE", help="write Middlebury .flo, float32")
    add("--kitti", type=Path, metavar="FILE", help="write KITTI 16-bit .png, in steps of 1/64 pixel")
    add("--color", type=Path, metavar="FILE", help="write an image: hue is direction, saturation is length")
    add("--color-max", type=float, metavar="PIXELS", help="length at full saturation (default: the largest)")
    add("--occlusion", type=Path, metavar="FILE", help="write a mask: white is occluded in the other frame")
    add("--backward", action="store_true", help="write the flow from B to A too, as NAME_backward")
    add("--overwrite", action="store_true", help="replace existing files")
    add = parser.add_argument_group("estimation").add_argument
    add("--backbone", default="auto", metavar="NAME", help="dis, scopeflow, raft, gmflow, ... (default: dis)")
    add("--checkpoint", type=Path, metavar="FILE", help="file with the backbone's weights")
    add("--backbone-options", default={}, type=_mapping, metavar="MAPPING", help="such as '{iterations: 24}'")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")
    add("--truth", type=Path, metavar="FILE", help="ground-truth flow (.flo or KITTI .png) to compare with")
    return parser


def read_frames(inputs: Sequence[Path], numbers: Sequence[int] | None) -> Frames:
    """Read the two frames.

    Args:
        inputs: Two images, or one video or folder.
        numbers: Indices of the frames of a video or folder; None means the first two.

    Raises:
        InputError: If a file cannot be decoded, the images differ in size, or a frame does not exist.
    """
    from vfi.io import open_source

    pair = len(inputs) == 2
    wanted = (0, 1) if numbers is None else tuple(numbers)
    found: dict[int, Tensor] = {}
    names: dict[int, str] = {}
    count = 0
    with open_source(inputs[0], second=inputs[1] if pair else None) as source:
        for frame in source:
            count += 1
            if frame.index in wanted:
                found[frame.index] = frame.image.upright().tensor()[:, :3]
                names[frame.index] = str(inputs[frame.index]) if pair else f"{inputs[0]} [{frame.name}]"
            if len(found) == len(wanted):
                break
        damage, has_alpha = source.damage, source.info.has_alpha
    missing = next((number for number in wanted if number not in found), None)
    if missing is not None:
        reason = f" ({damage})" if damage else ""
        raise InputError(
            f"{inputs[0]} has no frame {missing}: its frames, counted from 0, are {count} in number{reason}; "
            "choose others with --frames, or give two images."
        )
    notes = ("Transparency was ignored: the flow is that of the colours.",) if has_alpha else ()
    first, second = wanted
    return Frames(found[first], found[second], (names[first], names[second]), notes)


def read_truth(path: Path, frame: Tensor) -> Tensor:
    """Return the ground-truth flow ``[1, 2, H, W]`` in pixels, NaN where it is invalid.

    Args:
        path: File of the flow.
        frame: First frame ``[1, 3, H, W]``, whose size the flow must have.

    Raises:
        InputError: If the file is no flow, holds no valid vector, or differs in size from the frames.
    """
    from vfi.io import known_vectors, read_flow

    truth = read_flow(path)
    (height, width), (frame_height, frame_width) = truth.shape[-2:], frame.shape[-2:]
    if (height, width) != (frame_height, frame_width):
        raise InputError(
            f"{path} is a flow of {width}x{height}, the frames are {frame_width}x{frame_height}: "
            "give the ground truth of these frames."
        )
    if not bool(known_vectors(truth).any()):
        raise InputError(f"{path} holds no valid vector: there is nothing to compare with.")
    return truth


def estimate(
    estimator: FlowEstimator, frames: Frames, name: str, *, occlusion: bool
) -> tuple[FlowPair, float]:
    """Return both flows on the CPU, and the run time in seconds.

    Args:
        estimator: Flow estimator.
        frames: Frames to match.
        name: Name of the backbone for messages.
        occlusion: Whether occlusions are estimated too.

    Raises:
        ConfigError: If the backbone does not estimate occlusions.
        VfiError: If there is not enough memory.
    """
    import inspect
    from time import perf_counter

    import torch

    matching = {"occlusion": True} if occlusion else {}
    if not matching.keys() <= inspect.signature(estimator.match).parameters.keys():
        raise ConfigError(
            f"The flow backbone {name} does not estimate occlusions: use --backbone scopeflow or gmflow."
        )
    parameter = next(estimator.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    start = perf_counter()
    try:
        with torch.inference_mode():
            first, second = (estimator.encode(frame.to(device)) for frame in frames[:2])
            pair = estimator.match(first, second, **matching)
            pair = pair._make(None if part is None else part.cpu() for part in pair)
    except RuntimeError as error:  # torch raises this on the CPU too
        if "memory" not in str(error):
            raise
        height, width = frames.first.shape[-2:]
        raise VfiError(
            f"There is not enough memory for the flow of {width}x{height} by {name}: give smaller frames, "
            "or another --backbone or --device."
        ) from error
    return pair, perf_counter() - start


def summary(flow: Tensor, names: tuple[str, str]) -> str:
    """Return the size and the motion in one line."""
    length = flow.norm(dim=1)
    height, width = length.shape[-2:]
    return (
        f"{names[0]} -> {names[1]}: {width}x{height}, "
        f"motion {float(length.mean()):.2f} px on average, {float(length.max()):.2f} px at most"
    )


def comparison(flow: Tensor, truth: Tensor) -> str:
    """Return the errors of a flow in one line."""
    from vfi.evaluation.metrics import epe, flow_outliers
    from vfi.io import known_vectors

    valid = known_vectors(truth)
    error, outliers = epe(flow, truth, valid=valid), flow_outliers(flow, truth, valid=valid)
    return (
        f"end-point error {float(error):.3f} px, Fl {100 * float(outliers):.2f} % "
        f"of {int(valid.sum())} valid vectors ({100 * float(valid.double().mean()):.1f} % of the frame)"
    )


def _mapping(text: str) -> dict[str, object]:
    """Return names and values, raising the error that argparse expects."""
    from vfi.config import parsers

    try:
        return parsers.mapping(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _check(options: argparse.Namespace) -> None:
    """Refuse wrong combinations of arguments before any file is read.

    Raises:
        ConfigError: If the arguments contradict each other.
    """
    if len(options.inputs) > 2:
        raise ConfigError(
            f"{options.inputs[2]} is one file too many: give two images, or one video or folder."
        )
    if options.frames is not None:
        if len(options.inputs) == 2:
            raise ConfigError("--frames chooses frames of a video or folder: leave it out with two images.")
        first, second = options.frames
        if min(first, second) < 0 or first == second:
            raise ConfigError(f"--frames {first} {second}: give two different numbers, counted from 0.")
    if options.color_max is not None and not 0 < options.color_max < float("inf"):
        raise ConfigError(f"--color-max {options.color_max:g} must be positive.")
