"""Interpolation as a job: from the options to the generator of output frames that the runner writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vfi.base.ensemble import Ensemble, members_of
from vfi.config import InterpolateConfig
from vfi.devices import total_memory
from vfi.errors import ConfigError, InputError
from vfi.interpolation.checks import build_timing, one_frame_only
from vfi.interpolation.eqvi_protocol import Transform
from vfi.interpolation.render import Renderer, RenderRules, check_names
from vfi.interpolation.schedule import MOST_FRAMES, MOST_PER_INTERVAL, Plan, Timestamp, Timing
from vfi.interpolation.windows import DistinctFrame, SceneRules, mark_changes, pair_up
from vfi.io.base import FrameSource, SinkOptions
from vfi.io.frames import OutputFrame, SourceFrame, SourceInfo
from vfi.io.open import is_image_folder
from vfi.jobs.identity import fingerprint, model_identity, model_names
from vfi.jobs.journal import Journal
from vfi.jobs.runner import Job
from vfi.version import __version__

if TYPE_CHECKING:
    from vfi.base.interpolator import Interpolator

MEMORY_SHARE = 0.6
"""Fraction of the device's memory that a model may use where nothing is said: decoder, encoder and everything
else on the machine want some too."""


class InterpolationJob(Job):
    """Puts new frames between those of one source."""

    def __init__(
        self, source: FrameSource, config: InterpolateConfig, model: Interpolator, output: Path
    ) -> None:
        """Decide everything that does not depend on the frames.

        Args:
            source: An open source that has passed :func:`~vfi.interpolation.checks.check_source`.
            config: All options.
            model: Interpolates the new frames.
            output: A film, an animation, or a folder for images.

        Raises:
            ConfigError: If the options do not fit the source, or ask for more than is possible.
            InputError: If a gap in the source would take too many frames.
        """
        info = source.info
        self.model = _with_ensemble(model, config)
        self.timing = build_timing(config, info, hold_last=not is_image_folder(output))
        self._transform = Transform(config.resize, config.crop)
        height, width = self._transform.output_size(info.height, info.width)
        tile, notes = choose_tile(config, self.model, height, width)
        identity = {"options": config.pixel_values(), "tile": tile, **model_identity(self.model)}
        sources = [info.path, *([config.second] if config.second else [])]
        options = _sink_options(config, info, self.timing, (height, width), fingerprint(sources, identity))
        expected = self.timing.estimate_count(info.frame_count, info.duration)
        super().__init__(source, output, options, expected=expected)
        self.notes += notes
        self.log = config.log
        self.description = _description(config, info, self.model, output, tile)
        self._scenes = SceneRules(config.cuts != "off", config.cut_threshold, config.duplicates)
        self._rules = RenderRules(
            blend_cuts=config.cuts == "blend",
            rounding="truncate" if config.rounding == "truncate" else "nearest",
            tile=tile,
        )
        self._check_amount()
        self.plan = self._planned()

    def full_plan(self) -> Plan:
        """The plan of the whole output, from all timestamps of the source."""
        return self._planned(self.source.timestamps())

    def count(self) -> int:
        """Number of output frames, from all timestamps of the source."""
        return len(self.full_plan())

    def frames(self, first: int, journal: Journal, since: int = 0) -> Iterator[OutputFrame]:
        """The output frames from number ``first`` on; see :meth:`vfi.jobs.runner.Job.frames`."""
        begin, noted = self._seek(first, journal, since)
        renderer = Renderer(self.model, self.plan, self._rules)
        distinct = mark_changes(self._read(begin), self._scenes, self.plan.pauses)
        for part in pair_up(distinct, self.model.window):
            if isinstance(part, DistinctFrame):
                yield from renderer.last(part, first)
                continue
            if is_image_folder(self.output):
                check_names(part, self.timing.inter_frames)
            decision, frames = renderer.pair(part, first)
            if decision.first >= noted:
                journal.add(decision)
            yield from frames
            self.plan.forget(part.start.frame.index)

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """The number of threads that suits the model beside a decoder and an encoder; restored afterwards.

        Measured with the quadratic model on two busy cores: 13 instead of 22 to 94 seconds for a run, because
        threads that wait for each other hold the cores.
        """
        before = torch.get_num_threads()
        wanted = before if self.model.cpu_threads is None else min(self.model.cpu_threads, before)
        torch.set_num_threads(wanted)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _planned(self, timestamps: Iterable[tuple[Fraction, Fraction]] | None = None) -> Plan:
        """The plan of a source with these timestamps; None: of a stream that begins."""
        rate = self.source.info.rate
        stamps = None if timestamps is None else (Timestamp(*stamp) for stamp in timestamps)
        return Plan(self.timing, stamps, interval=None if rate is None else 1 / rate)

    def _check_amount(self) -> None:
        """Refuse at once what would never end.

        Raises:
            ConfigError: If there would be too many output frames.
            InputError: If a gap in the source would take too many.
        """
        if self.expected is None or self.expected <= MOST_PER_INTERVAL:
            return
        if self.expected > MOST_FRAMES:
            raise ConfigError(
                f"{self.output} would have about {self.expected} frames, but {MOST_FRAMES} are the most: "
                "ask for a lower --fps or fewer --inter-frames, or choose a part with --start and --end."
            )
        if self.timing.rate is not None and self.source.info.kind == "video":
            self.full_plan()

    def _seek(self, first: int, journal: Journal, since: int) -> tuple[int, int]:
        """Where reading has to begin for an output frame, and from which pair on decisions are noted.

        The plan then knows all timestamps before. Without a journal of the decisions before, reading begins
        where the journal does.
        """
        if first == 0:
            return 0, 0
        stamps = self.source.timestamps()
        plan = self._planned(stamps)
        end = journal.end()
        start = plan.source_of(since) if end is None else min(end, plan.source_of(first))
        begin = max(0, start - self._scenes.context)
        for time, duration in stamps[:begin]:
            self.plan.append(Timestamp(time, duration))
        return begin, start - self._scenes.reach

    def _read(self, begin: int) -> Iterator[SourceFrame]:
        """The source's frames from a number on, transformed; each is added to the plan before it is yielded.

        Raises:
            InputError: If there are not two frames.
        """
        for frame in self.source.stream(begin):
            self.frames_in = frame.index + 1
            self.plan.append(Timestamp(frame.time, frame.duration, frame.name))
            yield replace(frame, image=self._transform.apply(frame.image))
        self.plan.end()
        if self.frames_in < 2:
            raise _too_few(self.source, self.frames_in)


def _too_few(source: FrameSource, count: int) -> InputError:
    """The error for a source without a second frame."""
    if source.damage:
        return InputError(source.damage)
    if count == 0:
        return InputError(
            f"{source.info.path} holds no frame in the wanted range: choose another --start and --end."
        )
    return one_frame_only(source.info)


def _with_ensemble(model: Interpolator, config: InterpolateConfig) -> Interpolator:
    """The model itself, or the ensemble of it that is wanted."""
    if config.ensemble:
        return Ensemble(model, members_of(config.ensemble))
    model.reserve_cache(1)  # an ensemble of an earlier run may have made it keep more
    return model


def choose_tile(
    config: InterpolateConfig, model: Interpolator, height: int, width: int
) -> tuple[int | None, list[str]]:
    """Tile height in rows (None: no tiles), and a note on it.

    Nothing said, the model gets :data:`MEMORY_SHARE` of the device's memory. It is a fraction of all memory,
    not of what is free, so that a run that is resumed chooses as it did before.

    Args:
        config: All options.
        model: Interpolates the frames.
        height: Frame height in pixels.
        width: Frame width in pixels.

    Raises:
        ConfigError: If the memory does not hold the smallest tile.
    """
    if config.tile is not None:
        return config.tile, []
    limit = config.max_memory or int(MEMORY_SHARE * total_memory(model.device))
    tile = model.choose_tile(height, width, limit)
    if tile is None:
        return None, []
    return tile, [
        f"Frames were made in tiles of {tile} rows, to stay within {limit / 2**30:.1f} GiB of memory "
        "(--max-memory)."
    ]


def _sink_options(
    config: InterpolateConfig, info: SourceInfo, timing: Timing, size: tuple[int, int], identity: str
) -> SinkOptions:
    """How the output is written.

    Args:
        config: All options.
        info: The source.
        timing: Number and speed of the output frames.
        size: Height and width of the output in pixels.
        identity: Fingerprint of the run.
    """
    slowed = timing.time_scale != 1
    audio = ("stretch" if slowed else "copy") if config.audio == "auto" else config.audio
    options = SinkOptions(
        codec=config.codec,
        quality=config.quality,
        preset=config.preset,
        pixel_format=config.pixel_format,
        time_scale=timing.time_scale,
        rate=timing.output_rate(info.rate),
        divisions=(timing.inter_frames or 0) + 1,
        overwrite=config.overwrite,
        resume=config.resume,
        fingerprint=identity,
        start=config.start,
        end=config.end,
        size=None if size == (info.height, info.width) else size,
        image_format=config.image_format,
    )
    if audio == "stretch" or audio == "drop":
        return replace(options, audio=audio)
    return options


def _description(
    config: InterpolateConfig, info: SourceInfo, model: Interpolator, output: Path, tile: int | None
) -> dict[str, object]:
    """What was asked for and with what, for the head of the log: plain JSON values."""
    name, *members = model_names(model)
    return {
        "vfi": __version__,
        "input": str(info.path),
        "output": str(output),
        "size": [info.width, info.height],
        "rate": None if info.rate is None else str(info.rate),
        "model": name,
        "ensemble": members,
        "device": str(model.device),
        "dtype": str(model.precision).removeprefix("torch."),
        "tile": tile,
        "options": config.to_values(),
    }
