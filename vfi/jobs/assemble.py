"""From images to a film: the frames of a folder, in natural order, at a constant rate.

Images are read, encoded and released one by one; a film gets its name when it is complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from vfi.config import AssembleConfig
from vfi.errors import ConfigError, InputError, OutputError
from vfi.io.base import FrameSource
from vfi.io.frames import OutputFrame
from vfi.io.images.animation import ANIMATION_SUFFIXES
from vfi.io.open import find_clips, is_image_folder, open_source
from vfi.io.video.writing.encoders import VIDEO_SUFFIXES
from vfi.jobs.clips import run_clips
from vfi.jobs.identity import fingerprint
from vfi.jobs.journal import Journal
from vfi.jobs.report import ProgressCallback, Report
from vfi.jobs.runner import Job, run, sink_options


class AssemblyJob(Job):
    """Encodes the images of a folder one by one."""

    def __init__(self, source: FrameSource, config: AssembleConfig, output: Path) -> None:
        """Decide how the film is written.

        Args:
            source: Open folder of images.
            config: All options.
            output: Video or animation to write.
        """
        options = sink_options(config, fingerprint([source.info.path], {"fps": str(config.fps)}))
        super().__init__(source, output, replace(options, rate=config.fps), expected=source.info.frame_count)
        self._read = 0

    @property
    def frames_in(self) -> int:
        """Number of images read so far, those before a resumed run included."""
        return self._read

    def count(self) -> int:
        """Number of output frames."""
        return len(self.source.timestamps())

    def frames(self, first: int, journal: Journal, since: int = 0) -> Iterator[OutputFrame]:
        """The images from number ``first`` on, as frames; see :meth:`vfi.jobs.runner.Job.frames`."""
        self._read = first
        for frame in self.source.stream(first):
            self._read = frame.index + 1
            yield OutputFrame(frame.index, frame.time, frame.duration, frame.image, frame.name)


def assemble_video(
    input: str | Path,
    output: str | Path | None = None,
    fps: object = 24,
    *,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Report:
    """Encode a folder of images as a film, or every folder in a folder as a film of its own.

    Args:
        input: Folder of images of one size, or folder of such folders. Images are taken in natural order:
            ``001.png``, ``001_0.png``, ``001_2.png``, ``001_10.png``, ``002.png``.
        output: Video or animation to write; for a folder of folders, a folder; None: beside the input.
        fps: Frame rate in images per second.
        progress: Callback that receives a :class:`~vfi.jobs.report.Progress` now and then.
        options: Further options of :class:`~vfi.config.AssembleConfig`, spelled as on the command line.

    Returns:
        Numbers of frames in and out, seconds, and notes on what was not kept.

    Raises:
        VfiError: If something is wrong, in one clear sentence; see :mod:`vfi.errors`.
    """
    values = {**options, "input": input, "output": output, "fps": fps}
    return assemble(AssembleConfig.from_values(values), progress)


def assemble(config: AssembleConfig, progress: ProgressCallback | None = None) -> Report:
    """Assemble films as a configuration states; returns and raises what :func:`assemble_video` does.

    Args:
        config: All options.
        progress: Callback that receives a :class:`~vfi.jobs.report.Progress` now and then.
    """
    assert config.input is not None
    if config.input.exists() and not config.input.is_dir():
        raise InputError(f"{config.input} is not a folder: name a folder of images.")
    clips = find_clips(config.input)
    if clips:
        return _assemble_clips(config, clips, progress)
    with _open(config, config.input) as source:
        return run(AssemblyJob(source, config, _film(config)), progress)


def _assemble_clips(config: AssembleConfig, clips: list[Path], progress: ProgressCallback | None) -> Report:
    """Assemble a film of every clip."""
    assert config.input is not None
    root = config.output or _beside(config.input, "_films")
    if not is_image_folder(root):
        raise OutputError(f"{root} is one film, but there are {len(clips)} clips: name a folder.")
    films = {clip: root / f"{clip.name}.{config.container}" for clip in clips}
    return run_clips(
        root,
        films,
        resume=config.resume,
        check=lambda clip: _open(config, clip).close(),
        open_job=lambda clip: AssemblyJob(_open(config, clip), config, films[clip]),
        progress=progress,
    )


def _open(config: AssembleConfig, folder: Path) -> FrameSource:
    return open_source(folder, rate=config.fps)


def _film(config: AssembleConfig) -> Path:
    """The path of the film of one folder.

    Raises:
        ConfigError: If the output has not the suffix of a film.
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
