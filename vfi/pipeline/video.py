"""The front door: interpolate a film, a folder of images, a pair of images, or a folder of such folders."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfi.config import InterpolateConfig
from vfi.errors import DamagedInputError, InputError, OutputError
from vfi.io.reader import FrameSource
from vfi.io.source import find_clips, open_source
from vfi.pipeline import settings
from vfi.pipeline.records import ProgressCallback, Report
from vfi.pipeline.run import interpolate_source

if TYPE_CHECKING:
    from vfi.interpolator import Interpolator


def interpolate_video(
    input: str | Path | None = None,
    output: str | Path | None = None,
    model: str | Interpolator = "auto",
    inter_frames: int = 1,
    *,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Report:
    """Put new frames between those of a film, a folder of images, or two images.

    Args:
        input: A video file, a folder of images, or a folder of such folders.
        output: A video file, an animation, or a folder for images; None: beside the input.
        model: A name (see :func:`vfi.registry.list_models`) or a loaded model.
        inter_frames: New frames between each two. The 1 gives way where ``fps`` or ``slow_motion`` is among
            the options, which say for themselves how many frames there are to be.
        progress: Called now and then with a :class:`~vfi.pipeline.records.Progress`.
        options: Any other field of :class:`~vfi.config.InterpolateConfig`, in its friendly spelling.

    Returns:
        Frames in and out, cuts, seconds, and notes on what was not carried over.

    Raises:
        VfiError: with one clear sentence; see :mod:`vfi.errors`.
    """
    amount_given = any(options.get(name) is not None for name in ("fps", "slow_motion"))
    count = None if amount_given and inter_frames == 1 else inter_frames
    values: dict[str, Any] = {**options, "input": input, "output": output, "inter_frames": count}
    if isinstance(model, str):
        return interpolate(InterpolateConfig.from_values({**values, "model": model}), progress=progress)
    config = InterpolateConfig.from_values({**values, "model": type(model).__name__})
    return interpolate(config, model, progress)


def interpolate(
    config: InterpolateConfig, model: Interpolator | None = None, progress: ProgressCallback | None = None
) -> Report:
    """Do what a configuration asks for; arguments and errors as :func:`interpolate_video`."""
    clips = _clips(config)
    if clips:
        return _interpolate_clips(config, clips, model or _load(config), progress)
    with _open(config) as source:
        return interpolate_source(source, config, model or _load(config), _output(config), progress)


def _clips(config: InterpolateConfig) -> list[Path]:
    """The clip folders of a dataset; none if the input is no dataset."""
    root = config.testset_root or config.input
    assert root is not None
    if config.testset_root is not None and not root.is_dir():
        raise InputError(f"testset_root {root} is not a folder: give the folder that holds the clip folders.")
    clips = [] if config.second is not None else find_clips(root)
    if not clips and config.testset_root is not None:
        raise InputError(f"{root} holds no folder with images: give the folder that holds the clip folders.")
    return clips


def _interpolate_clips(
    config: InterpolateConfig, clips: list[Path], model: Interpolator, progress: ProgressCallback | None
) -> Report:
    """Interpolate every clip of a dataset into a folder of its own; damage is reported at the end."""
    begin = time.monotonic()
    root = _output(config)
    if not settings.is_image_folder(root):
        raise OutputError(f"{root} is one file, but there are {len(clips)} clips: name a folder.")
    reports: list[Report] = []
    damages: list[str] = []
    notes: list[str] = []
    for clip in clips:
        if config.resume and (root / clip.name).is_dir():
            notes.append(f"{root / clip.name} was complete and is kept.")
            continue
        part = _clip_config(config, clip)
        try:
            with _open(part) as source:
                reports.append(interpolate_source(source, part, model, root / clip.name, progress))
        except DamagedInputError as error:
            damages.append(str(error))
    if damages:
        raise DamagedInputError(" ".join(damages))
    return Report(
        output=root,
        frames_in=sum(report.frames_in for report in reports),
        frames_out=sum(report.frames_out for report in reports),
        cuts=sum(report.cuts for report in reports),
        seconds=round(time.monotonic() - begin, 3),
        notes=(*notes, *dict.fromkeys(note for report in reports for note in report.notes)),
        clips=len(clips),
    )


def _clip_config(config: InterpolateConfig, clip: Path) -> InterpolateConfig:
    """The configuration for one clip of a dataset; EQVI's protocol truncates sample values."""
    truncate = config.rounding == "auto" and config.testset_root is not None
    log = config.log
    return dataclasses.replace(
        config,
        input=clip,
        testset_root=None,
        rounding="truncate" if truncate else config.rounding,
        log=log and log.with_name(f"{log.stem}_{clip.name}{log.suffix}"),
    )


def _open(config: InterpolateConfig) -> FrameSource:
    assert config.input is not None
    return open_source(
        config.input, second=config.second, start=config.start, end=config.end, rate=config.input_fps
    )


def _output(config: InterpolateConfig) -> Path:
    return config.output or config.store_path or settings.default_output(config)


def _load(config: InterpolateConfig) -> Interpolator:
    from vfi.registry import load_model  # here, because it loads the networks

    return load_model(
        config.model,
        checkpoint=config.checkpoint,
        device=config.device,
        dtype=config.dtype,
        **config.model_options,
    )
