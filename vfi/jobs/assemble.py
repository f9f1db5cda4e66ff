"""From images to a film: the frames of a folder, in natural order, at a constant rate.

Images are read, encoded and forgotten one by one; films appear under their names when they are complete.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

from vfi.config import AssembleConfig
from vfi.errors import AlreadyComplete, ConfigError, InputError, OutputError
from vfi.interpolation import settings
from vfi.interpolation.records import ProgressCallback, Report
from vfi.interpolation.run import ProgressMeter, stopping
from vfi.io.base import FrameSource, SinkOptions
from vfi.io.frames import OutputFrame
from vfi.io.images.animation import ANIMATION_SUFFIXES
from vfi.io.open import find_clips, open_sink, open_source
from vfi.io.partial import is_complete
from vfi.io.video.encoders import VIDEO_SUFFIXES
from vfi.version import __version__


def assemble_video(
    input: str | Path,
    output: str | Path | None = None,
    fps: object = 24,
    *,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Report:
    """Make a film of a folder of images, or one of every folder in a folder.

    Args:
        input: A folder of images of one size, or a folder of such folders. Names count as people read them:
            ``001.png``, ``001_0.png``, ``001_2.png``, ``001_10.png``, ``002.png``.
        output: A video or an animation; for a folder of folders, a folder; None: beside the input.
        fps: Images per second.
        progress: Called now and then with a :class:`~vfi.interpolation.records.Progress`.
        options: Any other field of :class:`~vfi.config.commands.AssembleConfig`, in its friendly spelling.

    Returns:
        Frames in and out, seconds, and notes on what was not kept.

    Raises:
        VfiError: with one clear sentence; see :mod:`vfi.errors`.
    """
    values = {**options, "input": input, "output": output, "fps": fps}
    return assemble(AssembleConfig.from_values(values), progress)


def assemble(config: AssembleConfig, progress: ProgressCallback | None = None) -> Report:
    """Do what a configuration asks for; arguments and errors as :func:`assemble_video`."""
    assert config.input is not None
    if config.input.exists() and not config.input.is_dir():
        raise InputError(f"{config.input} is not a folder: name a folder of images.")
    clips = find_clips(config.input)
    if clips:
        return _assemble_clips(config, clips, progress)
    with _open(config) as source:
        return _assemble_source(source, config, _film(config), progress)


def _assemble_clips(config: AssembleConfig, clips: list[Path], progress: ProgressCallback | None) -> Report:
    """A film of every clip; all clips are looked at before the first film is begun."""
    begin = time.monotonic()
    assert config.input is not None
    root = config.output or _beside(config.input, "_films")
    if not settings.is_image_folder(root):
        raise OutputError(f"{root} is one film, but there are {len(clips)} clips: name a folder.")
    films = {clip: root / f"{clip.name}.{config.container}" for clip in clips}
    complete = [clip for clip in clips if config.resume and is_complete(films[clip])]
    parts = [dataclasses.replace(config, input=clip) for clip in clips if clip not in complete]
    for part in parts:
        _open(part).close()
    reports: list[Report] = []
    for part in parts:
        assert part.input is not None
        with _open(part) as source:
            try:
                reports.append(_assemble_source(source, part, films[part.input], progress))
            except AlreadyComplete:  # killed between the last rename and the cleaning up
                complete.append(part.input)
    kept = [f"{films[clip]} was complete and is kept." for clip in complete]
    count = sum(report.frames_out for report in reports)
    return Report(
        output=root,
        frames_in=count,
        frames_out=count,
        cuts=0,
        seconds=round(time.monotonic() - begin, 3),
        notes=(*kept, *dict.fromkeys(note for report in reports for note in report.notes)),
        clips=len(clips),
    )


def _assemble_source(
    source: FrameSource, config: AssembleConfig, output: Path, progress: ProgressCallback | None
) -> Report:
    """Encode the images of an open folder one by one.

    Raises:
        VfiError: see :mod:`vfi.errors`.
        Interrupted: the user stopped the run.
    """
    options = SinkOptions(
        codec=config.codec,
        quality=config.quality,
        preset=config.preset,
        pixel_format=config.pixel_format,
        rate=config.fps,
        overwrite=config.overwrite,
        resume=config.resume,
        fingerprint=_fingerprint(source, config.fps),
    )
    with open_sink(output, source, options) as sink:
        meter = ProgressMeter(output.name, source.info.frame_count, sink.completed, progress)
        meter.tell(sink.completed)
        count = 0
        with stopping(sink):
            for frame in source:
                count = frame.index + 1
                if frame.index >= sink.completed:
                    shown = frame.time, frame.duration, frame.picture, frame.name
                    sink.write(OutputFrame(frame.index, *shown))
                    meter.tell(count)
            notes = sink.finish()
        meter.tell(count, finished=True)
    return Report(output, count, count, cuts=0, seconds=round(meter.seconds, 3), notes=tuple(notes))


def _open(config: AssembleConfig) -> FrameSource:
    assert config.input is not None
    return open_source(config.input, rate=config.fps)


def _film(config: AssembleConfig) -> Path:
    """Where the film of one folder goes.

    Raises:
        ConfigError: the output is no film.
    """
    assert config.input is not None
    output = config.output or _beside(config.input, f".{config.container}")
    if not output.suffix or output.is_dir():
        known = ", ".join(f".{suffix}" for suffix in (*VIDEO_SUFFIXES, *ANIMATION_SUFFIXES))
        raise ConfigError(f"{output} is not the name of a film: give one that ends in {known}.")
    return output


def _beside(folder: Path, ending: str) -> Path:
    """A name beside the folder; ``.`` and ``..`` have names only when they are resolved."""
    folder = folder if folder.name not in ("", "..") else folder.resolve()
    return folder.with_name(folder.name + ending)


def _fingerprint(source: FrameSource, fps: Fraction) -> str:
    """A hash of everything that the film's frames depend on."""
    identity = {"version": __version__, "source": settings.file_identity(source.info.path), "fps": str(fps)}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
