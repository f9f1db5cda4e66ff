"""The front door: interpolate a film, a folder of images, a pair of images, or a folder of such folders."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfi.config import OFFICIAL_MODELS, InterpolateConfig
from vfi.errors import AlreadyComplete, DamagedInputError, InputError, OutputError
from vfi.interpolation import settings
from vfi.interpolation.records import ProgressCallback, Report
from vfi.interpolation.run import interpolate_source
from vfi.io.base import FrameSource
from vfi.io.files import clips_in
from vfi.io.open import find_clips, open_source
from vfi.io.partial import is_complete

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator


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
        progress: Called now and then with a :class:`~vfi.interpolation.records.Progress`.
        options: Any other field of :class:`~vfi.config.commands.InterpolateConfig`, in its friendly spelling.

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
        return _interpolate_clips(config, clips, model, progress)
    with _open(config) as source:
        output = _output(config)
        settings.check_source(config, source.info, output)
        return interpolate_source(source, config, model or _load(config), output, progress)


def _clips(config: InterpolateConfig) -> list[Path]:
    """The clip folders of a dataset; none if the input is no dataset."""
    root = config.testset_root
    if root is None:
        assert config.input is not None
        return [] if config.second is not None else find_clips(config.input)
    if not root.is_dir():
        raise InputError(f"testset_root {root} is not a folder: give the folder that holds the clip folders.")
    clips = clips_in(root)
    if not clips:
        raise InputError(f"{root} holds no folder with images: give the folder that holds the clip folders.")
    return clips


def _interpolate_clips(
    config: InterpolateConfig,
    clips: list[Path],
    model: Interpolator | None,
    progress: ProgressCallback | None,
) -> Report:
    """Interpolate every clip of a dataset into a folder of its own; damage is reported at the end.

    All clips are looked at before the first one is begun, so that mistakes are told at once.
    """
    begin = time.monotonic()
    root = _output(config)
    if not settings.is_image_folder(root):
        raise OutputError(f"{root} is one file, but there are {len(clips)} clips: name a folder.")
    complete = [clip for clip in clips if config.resume and is_complete(root / clip.name)]
    parts = [_clip_config(config, clip) for clip in clips if clip not in complete]
    for part in parts:
        with _open(part) as source:
            settings.check_source(part, source.info, root / source.info.path.name)
    model = model or _load(config)
    reports: list[Report] = []
    damages: list[str] = []
    for part in parts:
        try:
            with _open(part) as source:
                output = root / source.info.path.name
                reports.append(interpolate_source(source, part, model, output, progress))
        except AlreadyComplete:  # killed between the last rename and the cleaning up
            assert part.input is not None
            complete.append(part.input)
        except DamagedInputError as error:
            damages.append(str(error))
    if damages:
        raise DamagedInputError(" ".join(damages))
    notes = [f"{root / clip.name} was complete and is kept." for clip in complete]
    notes += [f"{folder} holds no images and is left out." for folder in _folders_without_images(clips)]
    return Report(
        output=root,
        frames_in=sum(report.frames_in for report in reports),
        frames_out=sum(report.frames_out for report in reports),
        cuts=sum(report.cuts for report in reports),
        seconds=round(time.monotonic() - begin, 3),
        notes=(*notes, *dict.fromkeys(note for report in reports for note in report.notes)),
        clips=len(clips),
    )


def _folders_without_images(clips: list[Path]) -> list[Path]:
    """The folders beside those of the clips; hidden ones are nobody's clips."""
    beside = sorted(clips[0].parent.iterdir())
    return [path for path in beside if path.is_dir() and path not in clips and not path.name.startswith(".")]


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
        config.input,
        second=config.second,
        start=config.start,
        end=config.end,
        rate=config.input_fps,
        mixed_sizes=config.test_size is not None,  # it makes them alike
    )


def _output(config: InterpolateConfig) -> Path:
    return config.output or config.store_path or settings.default_output(config)


def _load(config: InterpolateConfig) -> Interpolator:
    from vfi.registry import load_model  # here, because it loads the networks

    model = load_model(
        OFFICIAL_MODELS.get(config.model, config.model),
        checkpoint=config.checkpoint,
        device=config.device,
        dtype=config.dtype,
        **config.model_options,
    )
    if config.compile or config.channels_last:
        model.accelerate(compile_networks=config.compile, channels_last=config.channels_last)
    return model
