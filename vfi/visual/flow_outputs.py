"""The output files of ``vfi flow``: kinds, names and contents."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vfi.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from torch import Tensor

    from vfi.types import FlowPair

IMAGE_FORMATS = {
    ".png": "png",
    ".jpg": "jpg",
    ".jpeg": "jpg",
    ".tif": "tif",
    ".tiff": "tif",
    ".webp": "webp",
}
SUFFIXES = {
    "flo": (".flo",),
    "kitti": (".png",),
    "color": tuple(IMAGE_FORMATS),
    "occlusion": tuple(IMAGE_FORMATS),
}
TITLES = {
    "flo": "flow, Middlebury",
    "kitti": "flow, KITTI",
    "color": "colours, {largest:.2f} px is full colour",
    "occlusion": "occlusions, white is hidden",
}


@dataclass(frozen=True)
class Output:
    """One file to be written."""

    path: Path
    kind: str
    """A key of :data:`SUFFIXES`."""
    backward: bool = False
    """The flow from the second frame to the first."""
    asked: bool = True
    """Whether the user named this file; otherwise it is left out, with a note, if it cannot be written."""


def plan_outputs(options: argparse.Namespace) -> list[Output]:
    """All files that are to be written.

    Args:
        options: Parsed arguments of ``vfi flow``.

    Raises:
        ConfigError: If a suffix does not fit the kind of output, or two names are equal.
    """
    named = [Output(path, kind) for kind in SUFFIXES if (path := getattr(options, kind)) is not None]
    if options.output is not None:
        named += _outputs_of(options.output)
    elif not named and options.truth is None:
        named = _outputs_of(_default_stem(options.inputs[0]))
    for output in named:
        if output.path.suffix.lower() not in SUFFIXES[output.kind]:
            known = ", ".join(SUFFIXES[output.kind])
            raise ConfigError(f"--{output.kind} writes {known} files: give {output.path} such a name.")
    outputs = [*named, *(_other_direction(output) for output in named if options.backward)]
    paths = [output.path.resolve() for output in outputs]
    for number, path in enumerate(paths):
        if path in paths[:number]:
            raise ConfigError(f"{outputs[number].path} would be written twice: give two names.")
    return outputs


def refuse_outputs(outputs: Sequence[Output], options: argparse.Namespace) -> None:
    """Refuse files that must not be written, before any work is done.

    Raises:
        OutputError: If a file exists and may not be replaced, is a folder, or is one of the inputs.
    """
    inputs = [path.resolve() for path in (*options.inputs, options.truth) if path is not None]
    for path in (output.path for output in outputs):
        if path.is_dir():
            raise OutputError(f"{path} is a folder: choose another name for the output.")
        if path.resolve() in inputs:
            raise OutputError(f"Output and input are the same file, {path}: choose another name.")
        if path.exists() and not options.overwrite:
            raise OutputError(f"{path} exists: give --overwrite to replace it, or choose another name.")


def encode_outputs(
    outputs: Sequence[Output], pair: FlowPair, *, largest: float | None
) -> tuple[list[tuple[Path, str, bytes]], list[str]]:
    """Encode all files first, so that nothing is written if one of them cannot be encoded.

    Args:
        outputs: Files to encode.
        pair: Both flows, with the occlusions if they are an output.
        largest: Motion of full colour in pixels; None: the largest of the flows shown.

    Returns:
        Path, title and content of each file, and a sentence on each that was left out.

    Raises:
        OutputError: If a format that the user asked for cannot hold the flow.
    """
    shown = [_flow_of(output, pair) for output in outputs if output.kind == "color"]
    if largest is None and shown:
        largest = max(float(flow.norm(dim=1).nan_to_num(0, 0).max()) for flow in shown)
    encoded: list[tuple[Path, str, bytes]] = []
    notes: list[str] = []
    for output in outputs:
        try:
            content = _encode(output, pair, largest or 1.0)
        except OutputError as error:
            if output.asked:
                raise
            notes.append(f"{output.path} was left out. {error}")
            continue
        encoded.append((output.path, TITLES[output.kind].format(largest=largest or 0.0), content))
    return encoded, notes


def _outputs_of(name: Path) -> list[Output]:
    """Files of ``--output``: one by its suffix, or one of each kind."""
    suffix = name.suffix.lower()
    if name.is_dir() or not name.name:
        raise ConfigError(f"{name} is a folder: give a name in it, such as {name / 'flow'}.")
    if suffix == ".png":
        raise ConfigError(f"{name} may be an image or KITTI's flow: give --color {name} or --kitti {name}.")
    if suffix == ".flo" or suffix in IMAGE_FORMATS:
        return [Output(name, "flo" if suffix == ".flo" else "color")]
    if suffix:
        raise ConfigError(
            f"vfi does not write a flow as {suffix} ({name}): choose .flo, the name of an image such as "
            ".jpg, or a name without a suffix for all kinds."
        )
    return [
        Output(name.with_name(f"{name.name}{ending}"), kind, asked=False)
        for kind, ending in (("flo", ".flo"), ("kitti", "_kitti.png"), ("color", "_color.png"))
    ]


def _default_stem(source: Path) -> Path:
    """A name in the working folder, since a file beside the input would count as one of its frames."""
    named = source if source.name and source.name != ".." else source.resolve()
    return Path(f"{named.name if named.is_dir() else named.stem}_flow".replace(".", "_"))


def _other_direction(output: Output) -> Output:
    """The same output for the flow from the second frame to the first."""
    ending = next(
        ending
        for ending in ("_kitti.png", "_color.png", output.path.suffix)
        if output.path.name.endswith(ending)
    )
    name = f"{output.path.name.removesuffix(ending)}_backward{ending}"
    return Output(output.path.with_name(name), output.kind, backward=True, asked=output.asked)


def _flow_of(output: Output, pair: FlowPair) -> Tensor:
    return pair.flow_10 if output.backward else pair.flow_01


def _encode(output: Output, pair: FlowPair, largest: float) -> bytes:
    """Encode one file."""
    from vfi.io.flow import encode_flo, encode_kitti
    from vfi.visual.flow_color import flow_to_color

    flow = _flow_of(output, pair)
    if output.kind == "flo":
        return encode_flo(flow)
    if output.kind == "kitti":
        return encode_kitti(flow)
    if output.kind == "color":
        return _encode_image(flow_to_color(flow, largest=largest), output.path)
    occlusion = pair.occlusion_1 if output.backward else pair.occlusion_0
    assert occlusion is not None
    return _encode_image(occlusion.expand(-1, 3, -1, -1), output.path)


def _encode_image(image: Tensor, path: Path) -> bytes:
    """Encode ``[1, 3, H, W]`` in [0, 1] to the image format of the suffix of ``path``."""
    from vfi.io import Picture, SinkOptions
    from vfi.io.images.sink import encode_image
    from vfi.io.queued_sink import output_errors

    with output_errors(path):
        return encode_image(
            Picture.from_tensor(image), IMAGE_FORMATS[path.suffix.lower()], SinkOptions(png_compression=6)
        )
